// Values in Avro's binary encoding, appended to a string.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "dataflow/codec/proto_wire.h"

namespace cdc {

// int and long; also the branch of a union.
inline void AppendAvroLong(int64_t value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63), out);
}

// string and bytes.
inline void AppendAvroBytes(std::string_view bytes, std::string* out) {
  AppendAvroLong(static_cast<int64_t>(bytes.size()), out);
  out->append(bytes);
}

inline void AppendAvroBoolean(bool value, std::string* out) { out->push_back(value ? 1 : 0); }

// Little endian, as are the machines we run on.
template <typename Float>
void AppendAvroFloat(Float value, std::string* out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out->append(bytes, sizeof value);
}

// A number's decimal text ("-12.50") as the logical type decimal: an integer of so many bytes as it
// needs, in two's complement, big endian, that counts units of the last digit.
void AppendAvroDecimal(std::string_view text, int scale, std::string* out);

}  // namespace cdc
