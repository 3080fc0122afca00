#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "dataflow/mounter/datum_codec.h"
#include "dataflow/mounter/key_codec.h"
#include "model/decimal.h"
#include "model/kv_event.h"

namespace cdc {
namespace {

TEST(KeyCodec, TellsRecordsFromIndexesAndTheRest) {
  RecordKey record;
  const std::string key = RecordKeyOf(TableId{42}, -7);
  ASSERT_EQ(ParseTableKey(key, &record), KeyKind::kRecord);
  EXPECT_EQ(record.table, TableId{42});
  ASSERT_TRUE(record.has_int_handle());
  EXPECT_EQ(record.int_handle(), -7);
  EXPECT_GE(key, RecordRange(TableId{42}).start);
  EXPECT_LT(key, RecordRange(TableId{42}).end);

  std::string index = key;
  index[10] = 'i';
  EXPECT_EQ(ParseTableKey(index, &record), KeyKind::kIndex);
  EXPECT_EQ(ParseTableKey("mDB:1", &record), KeyKind::kOther);
  for (size_t size = 0; size < key.size(); ++size)
    EXPECT_EQ(ParseTableKey(std::string_view(key).substr(0, size), &record), KeyKind::kOther);
}

TEST(KeyCodec, HandlesSortAsTheirKeys) {
  const int64_t handles[] = {INT64_MIN, -1, 0, 1, 255, 256, INT64_MAX};
  for (size_t i = 1; i < std::size(handles); ++i)
    EXPECT_LT(RecordKeyOf(TableId{1}, handles[i - 1]), RecordKeyOf(TableId{1}, handles[i]));
}

// Takes one value off `bytes`, which must be used up.
FlaggedValue Take(std::string_view bytes, std::pmr::memory_resource* arena) {
  FlaggedValue value;
  std::string_view rest = bytes;
  EXPECT_TRUE(TakeFlagged(&rest, arena, &value)) << ToHex(bytes);
  EXPECT_TRUE(rest.empty());
  return value;
}

TEST(DatumCodec, ComparableBytesRoundTripAndKeepTheirOrder) {
  std::pmr::monotonic_buffer_resource arena;
  std::mt19937 random(1);
  std::string last_bytes, last_encoded;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 0 : random());
    std::string encoded = "\x01";
    AppendComparableBytes(bytes, &encoded);
    EXPECT_EQ(Take(encoded, &arena).view, bytes);
    if (i > 0) {
      EXPECT_EQ(bytes < last_bytes, encoded < last_encoded);
    }
    for (size_t cut = 0; cut < encoded.size(); ++cut) {
      std::string_view rest = std::string_view(encoded).substr(0, cut);
      EXPECT_FALSE(SkipFlagged(&rest));
    }
    std::tie(last_bytes, last_encoded) = std::tie(bytes, encoded);
  }
}

TEST(DatumCodec, DoublesRoundTripAndKeepTheirOrder) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double values[] = {-kInfinity, -1e300, -1.5, -1e-300, 0, 1e-300, 0.1, 1, 1e300, kInfinity};
  for (size_t i = 0; i < std::size(values); ++i) {
    EXPECT_EQ(DoubleFromOrdered(OrderedFromDouble(values[i])), values[i]);
    if (i > 0) {
      EXPECT_LT(OrderedFromDouble(values[i - 1]), OrderedFromDouble(values[i]));
    }
  }
}

TEST(DatumCodec, ReadsEachFlag) {
  using Kind = FlaggedValue::Kind;
  std::pmr::monotonic_buffer_resource arena;
  const auto take = [&](std::string_view hex) {
    thread_local std::string bytes;
    bytes = *FromHex(hex);
    return Take(bytes, &arena);
  };
  EXPECT_EQ(take("00").kind, Kind::kNull);
  EXPECT_EQ(static_cast<int64_t>(take("037ffffffffffffffe").number), -2);
  EXPECT_EQ(take("04ffffffffffffffff").number, UINT64_MAX);
  EXPECT_EQ(static_cast<int64_t>(take("077fffffffffffffff").number), -1);  // duration
  EXPECT_EQ(static_cast<int64_t>(take("0803").number), -2);                // varint
  EXPECT_EQ(take("09ac02").number, 300u);                                  // uvarint
  EXPECT_EQ(std::bit_cast<double>(take("05bff8000000000000").number), 1.5);
  EXPECT_EQ(take("0206616263").view, "abc");  // compact bytes
  EXPECT_EQ(take("06" + ToHex(*DecimalFromText("-1.5", 3, 1))).view,
            *DecimalFromText("-1.5", 3, 1));
  EXPECT_EQ(take("0a0c0161").kind, Kind::kJson);
  EXPECT_EQ(take("0a0401").kind, Kind::kJson);
  EXPECT_EQ(take("0a09ffffffffffffffff").view.size(), 9u);
  EXPECT_EQ(take("14"
                 "01000000"
                 "0000803f")
                .view.size(),
            8u);
}

TEST(DatumCodec, RefusesWhatIsNoWholeValue) {
  for (const char* hex :
       {"", "03", "03ffffffffffffff", "08", "0880", "0208", "0603", "060300", "0a", "0a0c05",
        "0a01", "0a0100000000ffffffff", "14ffffffff", "fa", "0b"}) {
    const std::string bytes = *FromHex(hex);
    std::string_view rest = bytes;
    EXPECT_FALSE(SkipFlagged(&rest)) << hex;
  }
}

}  // namespace
}  // namespace cdc
