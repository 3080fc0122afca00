// Self-describing values: a flag byte, then the value. In the columns of common handles (where the
// encoding keeps the order of values: "memcomparable") and in rows of format v1.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace cdc {

// One value as its flag says, not yet what its column's type makes of it.
struct FlaggedValue {
  enum class Kind : uint8_t { kNull, kInt, kUint, kDouble, kBytes, kDecimal, kJson, kVector };
  Kind kind = Kind::kNull;
  uint64_t number = 0;    // kInt, kUint; kDouble: its bits
  std::string_view view;  // the rest, as Datum holds them
};

// Takes one value off the front of `bytes`. Views point into `bytes`, or into `arena` where the
// bytes are not contiguous. False if `bytes` does not start with a whole value.
bool TakeFlagged(std::string_view* bytes, std::pmr::memory_resource* arena, FlaggedValue* value);

// Skips one value: TakeFlagged without the copy.
bool SkipFlagged(std::string_view* bytes);

// Memcomparable bytes: groups of eight, each with a ninth byte that says how much of it counts.
// Without flag.
void AppendComparableBytes(std::string_view bytes, std::string* out);

// The double whose memcomparable form is `ordered`, and back.
double DoubleFromOrdered(uint64_t ordered);
uint64_t OrderedFromDouble(double value);

}  // namespace cdc
