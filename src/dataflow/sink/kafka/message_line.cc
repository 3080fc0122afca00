#include "dataflow/sink/kafka/message_line.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace cdc {
namespace {

void AppendField(std::string_view name, std::optional<std::string_view> bytes, std::string* out) {
  fmt::format_to(std::back_inserter(*out), ",\"{}\":", name);
  if (bytes)
    fmt::format_to(std::back_inserter(*out), "\"{}\"", ToBase64(*bytes));
  else
    *out += "null";
}

}  // namespace

void AppendMessageLine(std::string_view topic, int32_t partition, int64_t offset,
                       std::optional<std::string_view> key, std::optional<std::string_view> value,
                       std::string* out) {
  // A topic's name needs no escapes.
  fmt::format_to(std::back_inserter(*out), "{{\"topic\":\"{}\",\"partition\":{},\"offset\":{}",
                 topic, partition, offset);
  AppendField("key", key, out);
  AppendField("value", value, out);
  *out += ",\"headers\":{}}\n";
}

}  // namespace cdc
