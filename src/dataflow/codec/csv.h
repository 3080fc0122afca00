// csv: rows as the lines of files. For storage sinks; there are no messages for schema changes and
// watermarks, which those sinks keep in files of their own.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

// A line: operation (I, U, D), table, schema, [commit ts], [is part of an update], columns. A
// message holds all adjacent rows of one table version; its key is the line of field names, if
// asked for.
class CsvEncoder final : public EventEncoder {
 public:
  explicit CsvEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent&, std::vector<Message>*) override { return Status::Ok(); }
  Status EncodeWatermark(Ts, std::vector<Message>*) override { return Status::Ok(); }

 private:
  struct Layout {
    std::string names;           // ,"table","schema"
    std::vector<int> positions;  // of the columns to write
    std::optional<std::string> header;
  };

  Layout MakeLayout(const TableInfo& table) const;
  std::string Header(const TableInfo& table, const std::vector<int>& positions) const;
  void AppendRow(const RowChange& row, const Layout& layout, std::string* out);
  void AppendLine(const RowChange& row, const Layout& layout, char operation,
                  std::span<const Datum> values, std::string* out);
  void AppendValue(const FieldType& type, const Datum& value, std::string* out);
  void AppendField(std::string_view text, std::string* out) const;
  void AppendEscaped(std::string_view text, std::string* out) const;

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  std::string scratch_;
};

}  // namespace cdc
