// simple, in its Avro form: one schema for all messages, which the protocol fixes.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/row_messages.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

class SimpleAvroEncoder final : public EventEncoder {
 public:
  explicit SimpleAvroEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;
  Status EncodeBootstrap(const TableInfo& table, std::vector<Message>* out) override;

 private:
  struct Column {
    int position;
    bool handle;
    std::string name;  // encoded
  };
  struct Layout {
    std::string head;  // up to the table's id
    uint64_t schema_version = 0;
    std::vector<Column> columns;
    int64_t handle_columns = 0;  // how many of them are handle
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
