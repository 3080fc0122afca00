// avro: keys and values in Avro's binary encoding, in the wire format of Confluent's registry.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/codec/avro_schema.h"
#include "dataflow/codec/encoder.h"
#include "dataflow/codec/row_messages.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

// Schemas are registered under <topic>-key and <topic>-value before the first row that needs them;
// EncodeRows waits for the registry then, and may return its kSchemaRegistry. A topic must be in
// use. A deletion's value is null.
class AvroEncoder final : public EventEncoder {
 public:
  explicit AvroEncoder(const CodecOptions& options) : options_(options) { UseTopic(""); }

  void UseTopic(std::string_view topic) override;
  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  // Both only with the extension and `avro_enable_watermark`, in a form that is TiCDC's own.
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;

 private:
  struct Layout {
    std::vector<AvroColumn> key_columns;
    std::vector<AvroColumn> columns;
    // What a message starts with; "": the schema is not registered yet.
    mutable std::string key_header;
    mutable std::string value_header;
  };
  struct Topic {
    std::string name;  // as subjects have it
    TableCache<Layout> tables;
  };

  Layout MakeLayout(const TableInfo& table) const;
  Status FillKey(const RowChange& row, const Layout& layout, std::string* out);
  Status FillValue(const RowChange& row, const Layout& layout, std::string* out);
  // The header that names the schema of `columns` in a message.
  Result<std::string> Header(const std::string& subject, const std::string& schema) const;
  std::string ExtensionFields(const TableInfo& table, const Layout& layout) const;
  void AppendRecord(const TableInfo& table, const std::vector<AvroColumn>& columns,
                    std::span<const Datum> values, std::string* out);
  void AppendValue(const AvroColumn& column, const FieldType& type, const Datum& value,
                   std::string* out);

  const CodecOptions& options_;
  std::map<std::string, Topic, std::less<>> topics_;
  Topic* topic_ = nullptr;  // the one in use
  std::string scratch_;
  RowMessages messages_{options_};
};

}  // namespace cdc
