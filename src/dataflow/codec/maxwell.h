// maxwell: JSON as Zendesk's Maxwell has it, several rows one behind another in a message.
#pragma once

#include <string>
#include <vector>

#include "dataflow/codec/encoder.h"
#include "dataflow/codec/table_cache.h"

namespace cdc {

class MaxwellEncoder final : public EventEncoder {
 public:
  explicit MaxwellEncoder(const CodecOptions& options) : options_(options) {}

  Status EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) override;
  Status EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) override;
  // Maxwell knows none.
  Status EncodeWatermark(Ts, std::vector<Message>*) override { return Status::Ok(); }

 private:
  struct Column {
    int position;
    bool handle;
    std::string name;  // "name":
  };
  struct Layout {
    std::string head;  // {"database":"…","table":"…","type":"
    std::vector<Column> columns;
  };
  enum class Which : uint8_t { kAll, kHandleKey, kChanged };

  Layout MakeLayout(const TableInfo& table) const;
  void AppendRow(const RowChange& row, const Layout& layout, std::string* out);
  void AppendValues(const char* member, const RowChange& row, const Layout& layout,
                    std::span<const Datum> values, Which which, std::string* out);
  void AppendValue(const FieldType& type, const Datum& value, std::string* out);

  const CodecOptions& options_;
  TableCache<Layout> tables_;
  std::string row_;  // the one at hand
  std::string scratch_;
};

}  // namespace cdc
