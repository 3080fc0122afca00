#include "dataflow/codec/codec_options.h"

#include <array>
#include <utility>

#include "dataflow/codec/claim_check.h"
#include "dataflow/codec/schema_registry.h"

namespace cdc {
namespace {

constexpr std::array<std::pair<std::string_view, Protocol>, 11> kProtocols = {{
    {"default", Protocol::kOpen},
    {"open-protocol", Protocol::kOpen},
    {"canal-json", Protocol::kCanalJson},
    {"flat-canal", Protocol::kCanalJson},
    {"simple", Protocol::kSimple},
    {"csv", Protocol::kCsv},
    {"debezium", Protocol::kDebezium},
    {"maxwell", Protocol::kMaxwell},
    {"canal", Protocol::kCanal},
    {"avro", Protocol::kAvro},
    {"flat-avro", Protocol::kAvro},
}};

}  // namespace

Result<Protocol> ProtocolFromName(std::string_view name) {
  for (const auto& [known, protocol] : kProtocols)
    if (known == name) return protocol;
  if (name == "craft")
    return Error(Code::kNotSupported, "protocol craft is not there: use open-protocol or simple");
  return Error(Code::kSinkConfig, "protocol {} is unknown", name);
}

std::string_view ProtocolName(Protocol protocol) {
  // The old names stand before and behind.
  std::string_view name = "open-protocol";
  for (const auto& [known, value] : kProtocols)
    if (value == protocol && known != "default" && known.substr(0, 5) != "flat-") name = known;
  return name;
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

Status OpenCodecResources(CodecOptions* options, Clock& clock) {
  if (options->protocol == Protocol::kAvro && options->schema_registry == nullptr) {
    ASSIGN_OR_RETURN_STATUS(options->schema_registry,
                            ConnectSchemaRegistry({.url = options->schema_registry_url}, clock));
  }
  const bool claim_check = options->large_message == LargeMessage::kClaimCheck;
  if (claim_check && options->claim_check == nullptr) {
    ASSIGN_OR_RETURN_STATUS(options->claim_check, ClaimCheckStore::Open(options->claim_check_uri));
  }
  return Status::Ok();
}

namespace {

// The other protocols have no place to say that columns are missing, or where they are.
Status ValidateLargeMessage(const CodecOptions& options) {
  switch (options.protocol) {
    case Protocol::kOpen:
    case Protocol::kSimple:
      break;
    case Protocol::kCanalJson:
      if (options.enable_tidb_extension) break;
      return Status(Code::kSinkConfig,
                    "canal-json needs enable-tidb-extension for large-message-handle");
    default:
      return Status(Code::kSinkConfig,
                    "large-message-handle is for open-protocol, canal-json and simple, not {}",
                    ProtocolName(options.protocol));
  }
  if (options.large_message == LargeMessage::kClaimCheck && options.claim_check == nullptr &&
      options.claim_check_uri.empty())
    return Status(Code::kSinkConfig, "claim-check needs claim-check-storage-uri");
  if (options.claim_check_raw_value && options.protocol == Protocol::kOpen)
    return Status(Code::kSinkConfig,
                  "claim-check-raw-value excludes open-protocol, whose keys hold part of the row");
  return Status::Ok();
}

}  // namespace

Status CodecOptions::Validate() const {
  if (max_message_bytes == 0) return Status(Code::kSinkConfig, "max-message-bytes must not be 0");
  if (max_batch_rows == 0) return Status(Code::kSinkConfig, "max-batch-size must not be 0");
  if (content_compatible && protocol != Protocol::kCanalJson)
    return Status(Code::kSinkConfig, "content-compatible is for the protocol canal-json only");
  if (large_message != LargeMessage::kFail) RETURN_IF_ERROR(ValidateLargeMessage(*this));
  if (protocol == Protocol::kAvro && schema_registry == nullptr && schema_registry_url.empty())
    return Status(Code::kSinkConfig, "avro needs a schema-registry");
  // Consumers compute it from the values, which must be there as they are.
  const bool exact_avro = enable_tidb_extension && avro_decimal == AvroDecimal::kString &&
                          avro_unsigned_bigint == AvroUnsignedBigint::kString;
  if (protocol == Protocol::kAvro && row_checksum && !exact_avro)
    return Status(
        Code::kSinkConfig,
        "avro with integrity-check-level=correctness needs enable-tidb-extension=true, "
        "avro-decimal-handling-mode=string and avro-bigint-unsigned-handling-mode=string");
  if (protocol != Protocol::kAvro && !schema_registry_url.empty())
    return Status(Code::kSinkConfig, "schema-registry is for the protocol avro only");
  if (debezium_include_start_ts && protocol != Protocol::kDebezium)
    return Status(Code::kSinkConfig, "debezium-include-start-ts is for the protocol debezium only");
  return csv.Validate();
}

}  // namespace cdc
