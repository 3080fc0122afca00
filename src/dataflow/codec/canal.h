// canal: batches of rows as the protobuf packets of Alibaba's Canal.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

// A message is a Packet of Messages, each of which is an Entry with one row or schema change:
// com.alibaba.otter.canal.protocol, CanalProtocol.proto and EntryProtocol.proto.
class CanalEncoder final : public EventEncoder {
 public:
  explicit CanalEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  // Canal knows none.
  Status EncodeWatermark(Ts, std::vector<Message>*) override { return Status::Ok(); }

 private:
  struct Column {
    int position;
    bool handle;
    bool java_type_varies;
    int java_type;
    std::string name;        // name and isKey, as fields
    std::string mysql_type;  // mysqlType, as a field
  };
  struct Layout {
    std::string names;  // schemaName and tableName, as fields
    std::vector<Column> columns;
  };

  Layout MakeLayout(const TableInfo& table) const;
  // Leaves the Entry in entry_.
  void FillEntry(const RowChange& row, const Layout& layout);
  void AppendColumns(int field, const RowChange& row, const Layout& layout,
                     std::span<const Datum> values, bool only_handle_key);
  void AppendPacket(std::string_view messages, std::string* out) const;

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  // One for each level of nesting, of the row at hand and of the batch.
  std::string value_;
  std::string column_;
  std::string row_data_;
  std::string row_change_;
  std::string header_;
  std::string entry_;
  std::string messages_;
};

}  // namespace cdc
