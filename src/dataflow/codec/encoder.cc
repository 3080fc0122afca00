#include "dataflow/codec/encoder.h"

#include <chrono>

#include "base/bytes.h"
#include "base/check.h"
#include "dataflow/codec/avro.h"
#include "dataflow/codec/canal.h"
#include "dataflow/codec/canal_json.h"
#include "dataflow/codec/claim_check.h"
#include "dataflow/codec/csv.h"
#include "dataflow/codec/debezium.h"
#include "dataflow/codec/maxwell.h"
#include "dataflow/codec/message_compression.h"
#include "dataflow/codec/open_protocol.h"
#include "dataflow/codec/simple_avro.h"
#include "dataflow/codec/simple_json.h"

namespace cdc {

Result<std::unique_ptr<EventEncoder>> EventEncoder::Create(const CodecOptions& options) {
  RETURN_UNEXPECTED_IF_ERROR(options.Validate());
  const bool needs_no_clock =
      options.protocol == Protocol::kOpen || options.protocol == Protocol::kCsv ||
      options.protocol == Protocol::kMaxwell || options.protocol == Protocol::kCanal ||
      options.protocol == Protocol::kAvro;
  CDC_CHECK(needs_no_clock || options.clock != nullptr, "protocol {} needs a clock",
            static_cast<int>(options.protocol));
  CDC_CHECK(options.protocol != Protocol::kAvro || options.schema_registry != nullptr,
            "OpenCodecResources comes first");
  CDC_CHECK(options.large_message != LargeMessage::kClaimCheck || options.claim_check != nullptr,
            "OpenCodecResources comes first");
  switch (options.protocol) {
    case Protocol::kOpen:
      return std::make_unique<OpenProtocolEncoder>(options);
    case Protocol::kCanalJson:
      return std::make_unique<CanalJsonEncoder>(options);
    case Protocol::kCsv:
      return std::make_unique<CsvEncoder>(options);
    case Protocol::kSimple:
      if (options.simple_encoding == SimpleEncoding::kAvro)
        return std::make_unique<SimpleAvroEncoder>(options);
      return std::make_unique<SimpleJsonEncoder>(options);
    case Protocol::kDebezium:
      return std::make_unique<DebeziumEncoder>(options);
    case Protocol::kMaxwell:
      return std::make_unique<MaxwellEncoder>(options);
    case Protocol::kCanal:
      return std::make_unique<CanalEncoder>(options);
    case Protocol::kAvro:
      return std::make_unique<AvroEncoder>(options);
  }
  return Error(Code::kNotSupported, "no encoder for protocol {}",
               static_cast<int>(options.protocol));
}

size_t Message::Size() const {
  return (key ? key->size() : 0) + (value ? value->size() : 0) + kRecordOverhead;
}

Status MessageTooLarge(const RowChange& row, size_t bytes, const CodecOptions& options) {
  return Status(
      Code::kMessageTooLarge,
      "a row of {}.{} with commit ts {} makes a message of {} bytes, max-message-bytes is "
      "{}",
      row.table->schema, row.table->name, row.commit_ts, bytes, options.max_message_bytes);
}

int64_t NowMs(const CodecOptions& options) {
  const auto since_epoch = options.clock->WallNow().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

Status PackMessage(const CodecOptions& options, Message* message) {
  // avro's readers know the registry's wire format and nothing around it.
  if (options.compression == MessageCompression::kNone || options.protocol == Protocol::kAvro)
    return Status::Ok();
  for (std::optional<std::string>* part : {&message->key, &message->value}) {
    if (!*part || (*part)->empty()) continue;
    ASSIGN_OR_RETURN_STATUS(**part, CompressMessage(options.compression, **part));
  }
  return Status::Ok();
}

Result<RowForm> ReduceRow(const CodecOptions& options, const RowChange& row,
                          const Message& message) {
  const bool kept = options.large_message == LargeMessage::kFail || !row.table->eligible();
  if (kept) return Unexpected(MessageTooLarge(row, message.Size(), options));
  RowForm form{.only_handle_key = true};
  if (options.large_message == LargeMessage::kHandleKeyOnly) return form;
  const std::string& value = *message.value;
  if (options.claim_check_raw_value) {
    ASSIGN_OR_RETURN(form.claim_location, options.claim_check->Put(value));
    return form;
  }
  const std::string key =
      message.key && !message.key->empty() ? "\"" + ToBase64(*message.key) + "\"" : "null";
  ASSIGN_OR_RETURN(form.claim_location,
                   options.claim_check->Put(
                       fmt::format("{{\"key\":{},\"value\":\"{}\"}}", key, ToBase64(value))));
  return form;
}

}  // namespace cdc
