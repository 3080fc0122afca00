// debezium: JSON messages as Debezium's connector for MySQL has them, each with its schema unless
// that is turned off.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/row_messages.h"
#include "dataflow/codec/table_cache.h"
#include "dataflow/codec/utc_text.h"

namespace cdc {

class DebeziumEncoder final : public EventEncoder {
 public:
  explicit DebeziumEncoder(const CodecOptions& options)
      : options_(options), utc_(options.time_zone) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  // Nothing for changes that the format has no name for.
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  // Nothing without the extension.
  Status EncodeWatermark(Ts ts, std::vector<Message>* out) override;

 private:
  struct Column {
    int position;
    std::string name;  // "name":
  };
  // What of a row's message does not depend on its values, in its order.
  struct Layout {
    std::vector<Column> key_columns;
    std::string key_tail;  // },"schema":{…}} or }}
    std::vector<Column> columns;
    std::string names;  // ,"snapshot":"false","db":"…","table":"…", … ,"commit_ts":
    std::string tail;   // },"schema":{…}} or }}
  };

  Layout MakeLayout(const TableInfo& table) const;
  std::string KeySchema(const TableInfo& table) const;
  std::string ValueSchema(const TableInfo& table) const;
  std::string SourceNames(std::string_view schema, std::string_view table) const;
  // {"version": … ,"ts_ms":…
  void AppendSource(Ts commit_ts, const std::string& names, Ts start_ts, std::string* out) const;
  void AppendRow(const RowChange& row, const Layout& layout, Message* message);
  void AppendValues(const TableInfo& table, const std::vector<Column>& columns,
                    std::span<const Datum> values, std::string* out);
  void AppendDdl(const DdlPart& part, Ts commit_ts, std::string* out) const;

  const CodecOptions& options_;
  UtcText utc_;
  TableCache<Layout> tables_;
  std::string scratch_;
  RowMessages messages_{options_};
};

}  // namespace cdc
