#include "dataflow/codec/codec_options.h"

#include <array>
#include <utility>

namespace cdc {
namespace {

constexpr std::array<std::pair<std::string_view, Protocol>, 6> kProtocols = {{
    {"default", Protocol::kOpen},
    {"open-protocol", Protocol::kOpen},
    {"canal-json", Protocol::kCanalJson},
    {"flat-canal", Protocol::kCanalJson},
    {"simple", Protocol::kSimple},
    {"csv", Protocol::kCsv},
}};

}  // namespace

Result<Protocol> ProtocolFromName(std::string_view name) {
  for (const auto& [known, protocol] : kProtocols)
    if (known == name) return protocol;
  for (const std::string_view known :
       {"canal", "avro", "flat-avro", "maxwell", "craft", "debezium"})
    if (known == name) return Error(Code::kNotSupported, "protocol {} is not there yet", name);
  return Error(Code::kSinkConfig, "protocol {} is unknown", name);
}

Status CsvOptions::Validate() const {
  const auto breaks_line = [](std::string_view text) {
    return text.find_first_of("\r\n") != std::string_view::npos;
  };
  if (quote.size() > 1)
    return Status(Code::kSinkConfig, "csv.quote has more than one character: {}", quote);
  if (breaks_line(quote)) return Status(Code::kSinkConfig, "csv.quote must not be a line break");
  if (delimiter.empty() || delimiter.size() > 3)
    return Status(Code::kSinkConfig, "csv.delimiter needs one to three characters: \"{}\"",
                  delimiter);
  if (breaks_line(delimiter))
    return Status(Code::kSinkConfig, "csv.delimiter must not contain line breaks");
  if (!quote.empty() && delimiter.find(quote) != std::string::npos)
    return Status(Code::kSinkConfig, "csv.delimiter contains csv.quote");
  return Status::Ok();
}

Status CodecOptions::Validate() const {
  if (max_message_bytes == 0) return Status(Code::kSinkConfig, "max-message-bytes must not be 0");
  if (max_batch_rows == 0) return Status(Code::kSinkConfig, "max-batch-size must not be 0");
  if (content_compatible && protocol != Protocol::kCanalJson)
    return Status(Code::kSinkConfig, "content-compatible is for the protocol canal-json only");
  if (large_message == LargeMessage::kHandleKeyOnly) {
    // The others have no place to say that columns are missing.
    if (protocol == Protocol::kCsv)
      return Status(Code::kSinkConfig, "csv has no large-message-handle");
    if (protocol == Protocol::kCanalJson && !enable_tidb_extension)
      return Status(Code::kSinkConfig,
                    "canal-json needs enable-tidb-extension for large-message-handle");
  }
  return csv.Validate();
}

}  // namespace cdc
