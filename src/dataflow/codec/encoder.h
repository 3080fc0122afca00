// Rows, schema changes and watermarks as the messages of a protocol.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/codec/codec_options.h"
#include "model/ddl_event.h"
#include "model/row.h"

namespace cdc {

// Bytes that Kafka's record format may add to a message.
inline constexpr size_t kRecordOverhead = 36;

// What a broker gets. Which topic and partition is the caller's business.
struct Message {
  std::optional<std::string> key;  // nullopt: null, not ""
  std::optional<std::string> value;
  uint32_t rows = 0;  // 0: a schema change or a watermark
  Ts ts;              // commit ts of the (last) row or DDL, or the watermark

  // What the message counts against max-message-bytes, as Kafka's record format adds to it.
  size_t Size() const;
};

// One protocol's encoder. A function of its input (and of the injected clock, where a format holds
// the time of encoding); it only remembers what follows from a table's description.
// Threads: not thread-safe, one per worker.
// Errors: kMessageTooLarge names table and size; kEncode: a value that the format cannot hold.
class EventEncoder {
 public:
  // `options` are validated, outlive the encoder, and have what OpenCodecResources opens.
  static Result<std::unique_ptr<EventEncoder>> Create(const CodecOptions& options);
  virtual ~EventEncoder() = default;

  // The topic of the rows that come next. Only avro asks: it names schemas by it.
  virtual void UseTopic(std::string_view /*topic*/) {}
  // Appends the messages of these rows, which go to the same partition, in their order. Some
  // protocols put several rows into a message.
  virtual Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) = 0;
  // Nothing is appended where the protocol has no such message.
  virtual Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) = 0;
  virtual Status EncodeWatermark(Ts ts, std::vector<Message>* out) = 0;
  // The table's schema, for protocols whose consumers must know it before they can read rows: sent
  // before a table's first row and from time to time.
  virtual Status EncodeBootstrap(const TableInfo& /*table*/, std::vector<Message>* /*out*/) {
    return Status::Ok();
  }
};

// For encoders: the parts of a schema change that protocols send as messages of their own. One,
// except where a statement creates or renames several tables, which has one per table (unless names
// are passed from table to table: then only the whole statement does it). Names are those after the
// change.
struct DdlPart {
  DdlType type = DdlType::kNone;
  std::string schema;
  std::string table;  // "" for changes of a database
  std::string query;
  TableDelta tables;            // of the (first) table; both may be null
  TableInfoPtr exchanged_with;  // EXCHANGE PARTITION: the table whose partition it is

  // For formats that name the partitioned table then.
  const std::string& whole_schema() const {
    return exchanged_with != nullptr ? exchanged_with->schema : schema;
  }
  const std::string& whole_table() const {
    return exchanged_with != nullptr ? exchanged_with->name : table;
  }
};
std::vector<DdlPart> DdlParts(const DdlEvent& ddl);

// For encoders: the error for a row whose message cannot be made small enough.
Status MessageTooLarge(const RowChange& row, size_t bytes, const CodecOptions& options);

// For encoders: the time of encoding, in milliseconds after 1970.
int64_t NowMs(const CodecOptions& options);

// For encoders: compresses key and value as `options` say.
Status PackMessage(const CodecOptions& options, Message* message);

// For encoders: what to do with a row whose packed message is too large: how to write it instead.
// Puts the message into the store where the options say so.
struct RowForm {
  bool only_handle_key = false;  // and to say so
  std::string claim_location;    // where all of the row is; "": nowhere else
};
Result<RowForm> ReduceRow(const CodecOptions& options, const RowChange& row,
                          const Message& message);

}  // namespace cdc
