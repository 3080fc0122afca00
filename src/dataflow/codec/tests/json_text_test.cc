#include "dataflow/codec/json_text.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dataflow/codec/go_quote.h"

namespace cdc {
namespace {

template <typename Append, typename... Args>
std::string Made(Append append, Args... args) {
  std::string out;
  append(args..., &out);
  return out;
}

TEST(JsonText, EscapesWhatJsonReserves) {
  EXPECT_EQ(Made(AppendJsonString, "a\"b\\c\n\r\t\x01\x1f\x7f中"),
            "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7f中\"");
  EXPECT_EQ(Made(AppendJsonString, ""), "\"\"");
}

TEST(JsonText, EscapesAtEveryPlaceOfAWord) {
  for (size_t length = 0; length < 20; ++length) {
    for (size_t at = 0; at < length; ++at) {
      for (const char special : {'"', '\\', '\x1f', '\0'}) {
        std::string text(length, '~');
        text[at] = special;
        EXPECT_EQ(nlohmann::json::parse(Made(AppendJsonString, std::string_view(text))), text);
      }
    }
  }
}

TEST(JsonText, WritesBytesAsLatin1AndBase64) {
  EXPECT_EQ(Made(AppendJsonLatin1, std::string_view("a\0\xff\"", 4)), "\"a\\u0000\xc3\xbf\\\"\"");
  EXPECT_EQ(Made(AppendJsonBase64, ""), "\"\"");
  EXPECT_EQ(Made(AppendJsonBase64, "f"), "\"Zg==\"");
  EXPECT_EQ(Made(AppendJsonBase64, "fo"), "\"Zm8=\"");
  EXPECT_EQ(Made(AppendJsonBase64, "foob"), "\"Zm9vYg==\"");
}

TEST(JsonText, WritesNumbersAsGoDoes) {
  EXPECT_EQ(Made(AppendJsonDouble, 0.1, false), "0.1");
  EXPECT_EQ(Made(AppendJsonDouble, 1e20, false), "100000000000000000000");
  EXPECT_EQ(Made(AppendJsonDouble, 1e21, false), "1e+21");
  EXPECT_EQ(Made(AppendJsonDouble, -1.5e-7, false), "-1.5e-07");
  EXPECT_EQ(Made(AppendJsonDouble, 0.0, false), "0");
  EXPECT_EQ(Made(AppendJsonDouble, static_cast<double>(3.14f), true), "3.14");
}

TEST(JsonText, WritesNumbersAsGoPrintsThem) {
  EXPECT_EQ(Made(AppendGoDouble, 999999.5, false), "999999.5");
  EXPECT_EQ(Made(AppendGoDouble, 1e6, false), "1e+06");
  EXPECT_EQ(Made(AppendGoDouble, -0.0001, false), "-0.0001");
  EXPECT_EQ(Made(AppendGoDouble, 0.00001, false), "1e-05");
}

TEST(GoQuote, KeepsPrintableTextAndEscapesTheRest) {
  EXPECT_EQ(Made(AppendGoQuoted, "ab c中é"), "ab c中é");
  EXPECT_EQ(Made(AppendGoQuoted, std::string_view("\0\x1f\x7f\"\\\n", 6)),
            "\\x00\\x1f\\x7f\\\"\\\\\\n");
  EXPECT_EQ(Made(AppendGoQuoted, "\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(Made(AppendGoQuoted, "\u200b\u00a0"), "\\u200b\\u00a0");
  EXPECT_EQ(Made(AppendGoQuoted, "\xe4\xb8"), "\\xe4\\xb8");  // cut off
}

}  // namespace
}  // namespace cdc
