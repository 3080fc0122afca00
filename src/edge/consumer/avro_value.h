// Values in Avro's binary encoding, by their schema. Private to the decoders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "edge/consumer/consumed_event.h"

namespace cdc {

// Takes values off the front of foreign bytes. Errors: kDecode.
class AvroReader {
 public:
  explicit AvroReader(std::string_view bytes) : rest_(bytes) {}

  // The branch of a union that was taken; `type` itself where it is no union.
  Result<const nlohmann::json*> Branch(const nlohmann::json& type);
  // A value of a type that is no record and no union.
  Result<ConsumedValue> Value(const nlohmann::json& type);
  Result<int64_t> Long();
  Result<std::string_view> Bytes();
  Result<bool> Boolean();
  bool AtEnd() const { return rest_.empty(); }

 private:
  template <typename Float>
  Result<ConsumedValue> FloatValue();
  static ConsumedValue BytesValue(std::string_view bytes, const nlohmann::json& type);

  std::string_view rest_;
};

// An integer in two's complement, big endian, in units of the last of `scale` digits.
std::string AvroDecimalText(std::string_view bytes, int scale);

}  // namespace cdc
