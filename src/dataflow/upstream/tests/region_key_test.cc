#include "dataflow/upstream/region_key.h"

#include <random>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace cdc {
namespace {

// Examples from the documentation of TiDB's codec.
TEST(RegionKey, EncodesAsTiDbDoes) {
  EXPECT_EQ(EncodeRegionKey(""), "");
  EXPECT_EQ(ToHex(EncodeRegionKey("\x01\x02\x03")), "0102030000000000fa");
  EXPECT_EQ(ToHex(EncodeRegionKey("\x01\x02\x03\x04\x05\x06\x07\x08")),
            "0102030405060708ff0000000000000000f7");
}

TEST(RegionKey, RoundTripsAndKeepsTheOrder) {
  std::mt19937 random(1);
  std::string last;
  for (int i = 0; i < 2000; ++i) {
    std::string key(1 + random() % 30, '\0');
    for (char& c : key) c = static_cast<char>(random() % 3 == 0 ? 0 : random());
    EXPECT_EQ(DecodeRegionKey(EncodeRegionKey(key)).value(), key);
    EXPECT_EQ(key < last, EncodeRegionKey(key) < EncodeRegionKey(last));
    last = key;
  }
}

TEST(RegionKey, RefusesOtherBytes) {
  for (const char* key : {"x", "12345678", "12345678\xff", "12345678\x01"}) {
    EXPECT_EQ(DecodeRegionKey(key).error().code(), Code::kDecode) << key;
  }
}

}  // namespace
}  // namespace cdc
