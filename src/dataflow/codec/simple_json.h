// simple, in its JSON form: TiDB's own protocol, whose consumers keep the tables' schemas.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/row_messages.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

class SimpleJsonEncoder final : public EventEncoder {
 public:
  explicit SimpleJsonEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;
  Status EncodeBootstrap(const TableInfo& table, std::vector<Message>* out) override;

 private:
  struct Column {
    int position;
    bool handle;
    std::string name;  // "name":
  };
  struct Layout {
    std::string head;     // {"version":1,"database":"…","table":"…","tableID":
    std::string version;  // ,"schemaVersion":
    std::vector<Column> columns;
  };

  Layout MakeLayout(const TableInfo& table) const;
  void AppendRow(const RowChange& row, const Layout& layout, const RowForm& form, std::string* out);
  void AppendValues(const RowChange& row, const Layout& layout, std::span<const Datum> values,
                    bool only_handle_key, std::string* out);
  void AppendValue(const FieldType& type, const Datum& value, std::string* out);

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  std::string scratch_;
  RowMessages messages_{options_};
};

}  // namespace cdc
