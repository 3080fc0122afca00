// canal-json: one flat JSON message per row, as Alibaba's Canal has it, all values as text.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/row_messages.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

class CanalJsonEncoder final : public EventEncoder {
 public:
  explicit CanalJsonEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  // Nothing without the extension.
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;

 private:
  struct Column {
    int position;
    bool java_type_varies;  // an unsigned integer: the type grows with the value
    int java_type;
    std::string name;  // "name":
  };
  // The parts of a row's message that don't depend on its values, for all columns or for the handle
  // key's only.
  struct Shape {
    std::vector<Column> columns;
    std::string mysql_types;  // ,"mysqlType":{…}
    std::string java_types;   // "id":4,"v":12}, used if no type varies
    bool java_types_vary = false;
  };
  struct Layout {
    std::string head;  // {"id":0,"database":"…","table":"…","pkNames":["id"],"isDdl":false,"type":"
    Shape all;
    Shape handle_only;
  };

  Layout MakeLayout(const TableInfo& table) const;
  Shape MakeShape(const TableInfo& table, bool only_handle_key) const;
  void AppendRow(const RowChange& row, const Layout& layout, const RowForm& form, std::string* out);
  void AppendValues(const RowChange& row, const Shape& shape, std::span<const Datum> values,
                    bool only_changed, std::string* out);
  void AppendValue(const FieldType& type, const Datum& value, std::string* out);

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  std::string scratch_;
  RowMessages messages_{options_};
};

}  // namespace cdc
