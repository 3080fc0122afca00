// One column value, as the mounter hands it to encoders and sinks.
#pragma once

#include <cstdint>
#include <string_view>

namespace cdc {

// A value of one column: 16 bytes, views foreign memory (the row's batch, or the table info for
// default values). What a kind means is fixed by the column's type; text forms are in
// model/value_text.h.
class Datum {
 public:
  enum class Kind : uint8_t {
    kNull,
    kInt,       // signed integer types and YEAR
    kUint,      // unsigned integer types
    kFloat,     // FLOAT, widened to double
    kDouble,    // DOUBLE
    kBytes,     // CHAR … BLOB: utf8mb4 text, or bytes for the binary charset
    kDecimal,   // [precision byte][frac byte][MySQL's binary decimal], TiDB's stored form
    kTime,      // DATE, DATETIME, TIMESTAMP: TiDB's packed uint (years … microseconds); TIMESTAMP
                // already in the changefeed's zone
    kDuration,  // TIME: signed nanoseconds
    kEnum,      // 1-based index into the column's elems; 0 is the error value ''
    kSet,       // bit mask over the column's elems
    kBit,       // BIT(n)
    kJson,      // TiDB's binary JSON: [type byte][value]
    kVector,    // VECTOR: [4-byte LE count][float32 LE …]
  };

  constexpr Datum() = default;  // NULL
  static constexpr Datum Null() { return {}; }
  static constexpr Datum Int(int64_t v) { return Datum(Kind::kInt, static_cast<uint64_t>(v)); }
  static constexpr Datum Uint(uint64_t v) { return Datum(Kind::kUint, v); }
  static Datum Double(double v, Kind kind = Kind::kDouble) {
    return Datum(kind, __builtin_bit_cast(uint64_t, v));
  }
  static constexpr Datum Time(uint64_t packed) { return Datum(Kind::kTime, packed); }
  static constexpr Datum DurationNs(int64_t ns) {
    return Datum(Kind::kDuration, static_cast<uint64_t>(ns));
  }
  // kEnum, kSet, kBit.
  static constexpr Datum Number(Kind kind, uint64_t v) { return Datum(kind, v); }
  // kBytes, kDecimal, kJson, kVector. At most 4 GiB.
  static constexpr Datum View(Kind kind, std::string_view v) { return Datum(kind, v); }

  constexpr Kind kind() const { return kind_; }
  constexpr bool is_null() const { return kind_ == Kind::kNull; }
  constexpr int64_t as_int() const { return static_cast<int64_t>(number_); }
  constexpr uint64_t as_uint() const { return number_; }
  double as_double() const { return __builtin_bit_cast(double, number_); }
  constexpr std::string_view as_view() const { return {data_, size_}; }

 private:
  constexpr Datum(Kind kind, uint64_t number) : kind_(kind), number_(number) {}
  constexpr Datum(Kind kind, std::string_view view)
      : kind_(kind), size_(static_cast<uint32_t>(view.size())), data_(view.data()) {}

  Kind kind_ = Kind::kNull;
  uint32_t size_ = 0;
  union {
    uint64_t number_ = 0;
    const char* data_;
  };
};
static_assert(sizeof(Datum) == 16);

// Byte-wise equality of two values of the same column (what "unchanged" means for an update).
inline bool SameValue(const Datum& a, const Datum& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Datum::Kind::kNull:
      return true;
    case Datum::Kind::kBytes:
    case Datum::Kind::kDecimal:
    case Datum::Kind::kJson:
    case Datum::Kind::kVector:
      return a.as_view() == b.as_view();
    default:
      return a.as_uint() == b.as_uint();
  }
}

}  // namespace cdc
