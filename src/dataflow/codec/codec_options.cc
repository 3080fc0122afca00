#include "dataflow/codec/codec_options.h"

#include <array>
#include <utility>

namespace cdc {
namespace {

constexpr std::array<std::pair<std::string_view, Protocol>, 5> kProtocols = {{
    {"default", Protocol::kOpen},
    {"open-protocol", Protocol::kOpen},
    {"canal-json", Protocol::kCanalJson},
    {"flat-canal", Protocol::kCanalJson},
    {"simple", Protocol::kSimple},
}};

}  // namespace

Result<Protocol> ProtocolFromName(std::string_view name) {
  for (const auto& [known, protocol] : kProtocols)
    if (known == name) return protocol;
  for (const std::string_view known :
       {"canal", "avro", "flat-avro", "maxwell", "craft", "debezium", "csv"})
    if (known == name) return Error(Code::kNotSupported, "protocol {} is not there yet", name);
  return Error(Code::kSinkConfig, "protocol {} is unknown", name);
}

Status CodecOptions::Validate() const {
  if (max_message_bytes == 0) return Status(Code::kSinkConfig, "max-message-bytes must not be 0");
  if (max_batch_rows == 0) return Status(Code::kSinkConfig, "max-batch-size must not be 0");
  if (content_compatible && protocol != Protocol::kCanalJson)
    return Status(Code::kSinkConfig, "content-compatible is for the protocol canal-json only");
  return Status::Ok();
}

}  // namespace cdc
