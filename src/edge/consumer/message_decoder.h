// Messages of a protocol back to what they say.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/codec/codec_options.h"
#include "edge/consumer/consumed_event.h"

namespace cdc {

// Holds no state between messages: any partition may be read from any offset on. Input is foreign:
// what is malformed is an error (kDecode), never a crash.
class MessageDecoder {
 public:
  // Errors: kNotSupported for protocols that cannot be replayed.
  static Result<std::unique_ptr<MessageDecoder>> Create(const CodecOptions& options);
  virtual ~MessageDecoder() = default;

  // Appends the events of one message. nullopt: null.
  virtual Status Decode(std::optional<std::string_view> key, std::optional<std::string_view> value,
                        std::vector<ConsumedEvent>* out) = 0;
};

// Each is a MessageDecoder of one protocol.
std::unique_ptr<MessageDecoder> MakeOpenProtocolDecoder(
    MessageCompression packing = MessageCompression::kNone);
std::unique_ptr<MessageDecoder> MakeCanalJsonDecoder();
std::unique_ptr<MessageDecoder> MakeSimpleJsonDecoder();
std::unique_ptr<MessageDecoder> MakeSimpleAvroDecoder();
std::unique_ptr<MessageDecoder> MakeDebeziumDecoder();

// The error for a row whose other columns are in no message (handle-key-only).
Status OnlyHandleKey(const ConsumedRow& row);

// What a statement does, told by its words, for protocols whose own types are coarser than TiDB's.
DdlType DdlTypeOfQuery(std::string_view query);
// The database that a CREATE, DROP or ALTER DATABASE names, for protocols that do not name it
// beside the statement; "" for other statements.
std::string DatabaseOfQuery(std::string_view query);
// What a RENAME TABLE of one table renames, with all names quoted and with their databases, as a
// changefeed sends it; nullopt for other statements.
struct QueriedRename {
  std::string schema, table, new_schema, new_table;
};
std::optional<QueriedRename> RenameOfQuery(std::string_view query);

}  // namespace cdc
