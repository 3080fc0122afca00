// How messages shall look: what a changefeed's configuration and sink URI say about its protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "model/table_info.h"

namespace cdc {

class ClaimCheckStore;
class SchemaRegistry;

enum class Protocol : uint8_t {
  kOpen,
  kCanalJson,
  kSimple,
  kCsv,
  kDebezium,
  kMaxwell,
  kCanal,
  kAvro,
};

// By the names of `sink.protocol`: "open-protocol", "canal-json", "simple" … and the old names of
// each. Errors: kSinkConfig for a name that is none, kNotSupported for "craft", which nobody reads
// any more.
Result<Protocol> ProtocolFromName(std::string_view name);
std::string_view ProtocolName(Protocol protocol);

// What to do with a row whose message is larger than max_message_bytes.
enum class LargeMessage : uint8_t {
  kFail,           // "none"
  kHandleKeyOnly,  // send the columns of the handle key, and say so
  kClaimCheck,     // put the message into a store, send the handle key and where it is
};

// How a message's key and value are packed, whatever the broker does with its batches.
enum class MessageCompression : uint8_t { kNone, kSnappy, kLz4, kZstd };

// avro: what a DECIMAL and a BIGINT UNSIGNED become.
enum class AvroDecimal : uint8_t { kPrecise, kString };
enum class AvroUnsignedBigint : uint8_t { kLong, kString };

enum class SimpleEncoding : uint8_t { kJson, kAvro };  // encoding-format

struct CsvOptions {             // sink.csv
  std::string delimiter = ",";  // one to three characters
  std::string quote = "\"";     // one character; empty: special characters are escaped instead
  std::string null_string = "\\N";
  std::string terminator = "\r\n";  // sink.terminator
  bool include_commit_ts = false;
  bool binary_as_hex = false;     // sink.csv.binary-encoding-method: hex, else base64
  bool output_old_value = false;  // an update is two lines
  bool output_field_header = false;

  Status Validate() const;
};

struct CodecOptions {
  Protocol protocol = Protocol::kOpen;
  size_t max_message_bytes = size_t{10} << 20;  // a message is never larger
  size_t max_batch_bytes = size_t{10} << 20;    // several rows in a message, up to this
  size_t max_batch_rows = 16;                   // and up to this many: `max-batch-size`
  LargeMessage large_message = LargeMessage::kFail;

  MessageCompression compression = MessageCompression::kNone;
  std::string claim_check_uri;         // for kClaimCheck
  bool claim_check_raw_value = false;  // the store holds the value alone, not {"key","value"}
  std::shared_ptr<ClaimCheckStore> claim_check;  // see OpenCodecResources

  // canal-json: "_tidb" with the commit ts; watermarks. avro, debezium: the same in their ways.
  bool enable_tidb_extension = false;
  bool row_checksum = false;        // avro, simple: with the rows' checksums (`integrity`)
  bool content_compatible = false;  // canal-json: types as the official Canal writes them
  bool only_output_updated_columns = false;
  bool delete_only_output_handle_key_columns = false;
  bool open_output_old_value = true;      // sink.open.output-old-value
  bool debezium_output_old_value = true;  // sink.debezium.output-old-value
  bool debezium_disable_schema = false;
  bool debezium_include_start_ts = false;
  std::string cluster_id = "default";  // debezium: names the source

  AvroDecimal avro_decimal = AvroDecimal::kPrecise;
  AvroUnsignedBigint avro_unsigned_bigint = AvroUnsignedBigint::kLong;
  bool avro_enable_watermark = false;      // DDLs and watermarks in a form of TiCDC's own
  bool avro_include_before_value = false;  // the row before the change, also of deletions
  std::string avro_namespace = "default";  // the changefeed's
  std::string schema_registry_url;
  std::shared_ptr<SchemaRegistry> schema_registry;  // see OpenCodecResources

  SimpleEncoding simple_encoding = SimpleEncoding::kJson;

  CsvOptions csv;

  // sink.column-selectors: whether the column is sent. Empty: all are.
  std::function<bool(const TableInfo&, const ColumnInfo&)> selects_column;
  std::string time_zone = "UTC";  // simple, debezium: the zone that TIMESTAMP values are in
  Clock* clock = nullptr;  // for the formats that hold the time of encoding; outlives the encoder

  // Relations between the fields. Errors: kSinkConfig.
  Status Validate() const;
};

// Connects to the schema registry and opens the claim-check store that the options name, unless
// they are there. Copies of the options share them. Errors: those of the two.
Status OpenCodecResources(CodecOptions* options, Clock& clock);

// Sets what a sink URI's parameter of this name says about messages ("max-batch-size",
// "avro-decimal-handling-mode" …). Parameters that other parts know are none of them. Errors:
// kSinkConfig, kNotSupported.
bool IsCodecParameter(std::string_view name);
Status SetCodecParameter(std::string_view name, const std::string& value, CodecOptions* options);

}  // namespace cdc
