// open-protocol (also "default"): batches of rows, each with a JSON key and a JSON value behind
// eight-byte lengths.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

// Message key: version (u64, 1), then (length: u64, JSON) per row; value: the same without the
// version. All integers are big endian.
class OpenProtocolEncoder final : public EventEncoder {
 public:
  explicit OpenProtocolEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;

 private:
  enum class Shape : uint8_t { kNumber, kFloat, kQuoted, kText, kBinaryText, kBase64, kJson };
  static Shape ShapeOf(const FieldType& type);
  struct Column {
    int position;
    bool handle;
    Shape shape;
    std::string head;  // "name":{"t":3,"h":true,"f":11,"v":
  };
  struct Layout {
    std::string key_middle;  // ,"scm":"…","tbl":"…","t":1
    std::vector<Column> columns;
  };

  Layout MakeLayout(const TableInfo& table) const;
  void AppendRow(const RowChange& row, const Layout& layout, const RowForm& form, std::string* key,
                 std::string* value);
  void AppendColumns(const RowChange& row, const Layout& layout, std::span<const Datum> values,
                     bool only_handle_key, bool only_changed, std::string* out);
  void AppendValue(Shape shape, const FieldType& type, const Datum& value, std::string* out);
  Status EncodeRow(const RowChange& row, const Layout& layout);
  // EncodeRow's one try.
  Status FillRow(const RowChange& row, const Layout& layout, const RowForm& form);

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  std::string key_;  // of the row at hand, and its value
  std::string value_;
  std::string scratch_;
};

}  // namespace cdc
