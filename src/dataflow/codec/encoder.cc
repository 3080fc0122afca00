#include "dataflow/codec/encoder.h"

#include "base/check.h"
#include "dataflow/codec/canal_json.h"
#include "dataflow/codec/csv.h"
#include "dataflow/codec/open_protocol.h"
#include "dataflow/codec/simple_json.h"

namespace cdc {

Result<std::unique_ptr<EventEncoder>> EventEncoder::Create(const CodecOptions& options) {
  RETURN_UNEXPECTED_IF_ERROR(options.Validate());
  const bool needs_clock =
      options.protocol == Protocol::kCanalJson || options.protocol == Protocol::kSimple;
  CDC_CHECK(!needs_clock || options.clock != nullptr, "protocol {} needs a clock",
            static_cast<int>(options.protocol));
  switch (options.protocol) {
    case Protocol::kOpen:
      return std::make_unique<OpenProtocolEncoder>(options);
    case Protocol::kCanalJson:
      return std::make_unique<CanalJsonEncoder>(options);
    case Protocol::kCsv:
      return std::make_unique<CsvEncoder>(options);
    case Protocol::kSimple:
      return std::make_unique<SimpleJsonEncoder>(options);
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

}  // namespace cdc
