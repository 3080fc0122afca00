// A message as a line of JSON: {"topic":…,"partition":…,"offset":…,"key":base64|null,
// "value":base64|null,"headers":{}}. The form that recordings of TiCDC's output have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cdc {

// `key` and `value`: nullopt is null. Appends a line with its end.
void AppendMessageLine(std::string_view topic, int32_t partition, int64_t offset,
                       std::optional<std::string_view> key, std::optional<std::string_view> value,
                       std::string* out);

}  // namespace cdc
