// How messages shall look: what a changefeed's configuration and sink URI say about its protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "model/table_info.h"

namespace cdc {

enum class Protocol : uint8_t { kOpen, kCanalJson, kSimple, kCsv };

// By the names of `sink.protocol`: "open-protocol", "canal-json", "simple", "csv" and the old names
// of each. Errors: kSinkConfig for a name that is none, kNotSupported for a protocol that is not
// there yet.
Result<Protocol> ProtocolFromName(std::string_view name);

// What to do with a row whose message is larger than max_message_bytes.
enum class LargeMessage : uint8_t {
  kFail,           // "none"
  kHandleKeyOnly,  // send the columns of the handle key, and say so
};

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

  bool enable_tidb_extension = false;  // canal-json: "_tidb" with the commit ts; watermarks
  bool content_compatible = false;     // canal-json: types as the official Canal writes them
  bool only_output_updated_columns = false;
  bool delete_only_output_handle_key_columns = false;
  bool open_output_old_value = true;  // sink.open.output-old-value

  CsvOptions csv;

  // sink.column-selectors: whether the column is sent. Empty: all are.
  std::function<bool(const TableInfo&, const ColumnInfo&)> selects_column;
  std::string time_zone = "UTC";  // simple: the zone that TIMESTAMP values are in
  Clock* clock = nullptr;  // for the formats that hold the time of encoding; outlives the encoder

  // Relations between the fields. Errors: kSinkConfig.
  Status Validate() const;
};

}  // namespace cdc
