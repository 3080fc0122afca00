// Pieces of JSON text, appended to a string.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace cdc {

// "text" with quotes. Bytes from 0x80 on stay as they are: column values are UTF-8 already.
void AppendJsonString(std::string_view text, std::string* out);
// The same without the quotes.
void AppendJsonEscaped(std::string_view text, std::string* out);
// Bytes as the characters U+0000 to U+00FF (ISO 8859-1), with quotes.
void AppendJsonLatin1(std::string_view bytes, std::string* out);
// Standard base64 with padding, with quotes.
void AppendJsonBase64(std::string_view bytes, std::string* out);
// A finite number's shortest text; an exponent outside of [1e-6, 1e21), as Go's encoders do.
void AppendJsonDouble(double value, bool is_float32, std::string* out);

// The same with an exponent outside of [1e-4, 1e6), two digits at least, as Go prints values.
void AppendGoDouble(double value, bool is_float32, std::string* out);

template <typename Integer>
void AppendInteger(Integer value, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace cdc
