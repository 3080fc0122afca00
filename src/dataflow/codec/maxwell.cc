#include "dataflow/codec/maxwell.h"

#include <algorithm>

#include "base/bytes.h"
#include "dataflow/codec/json_text.h"
#include "model/value_text.h"

namespace cdc {
namespace {

constexpr uint64_t kVersion = 1;
constexpr int kTypeDdl = 2;

std::string_view TypeName(MysqlType type) {
  switch (type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kLong:
    case MysqlType::kInt24:
      return "int";
    case MysqlType::kLonglong:
      return "bigint";
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return "date";
    case MysqlType::kTimestamp:
    case MysqlType::kDatetime:
      return "datetime";
    case MysqlType::kDuration:
      return "time";
    case MysqlType::kYear:
      return "year";
    case MysqlType::kEnum:
      return "enum";
    case MysqlType::kSet:
      return "set";
    case MysqlType::kBit:
      return "bit";
    case MysqlType::kJson:
      return "json";
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return "float";
    case MysqlType::kNewDecimal:
      return "decimal";
    default:
      return "string";
  }
}

// Maxwell's names; for what it does not know, those that TiDB gives the change.
std::string_view DdlTypeName(DdlType type) {
  switch (type) {
    case DdlType::kCreateTable:
      return "table-create";
    case DdlType::kDropTable:
      return "table-drop";
    case DdlType::kCreateSchema:
      return "database-create";
    case DdlType::kDropSchema:
      return "database-drop";
    case DdlType::kModifySchemaCharsetAndCollate:
      return "database-alter";
    case DdlType::kCreateView:
      return "create view";
    case DdlType::kDropView:
      return "drop view";
    case DdlType::kRecoverTable:
      return "recover table";
    case DdlType::kAddPrimaryKey:
      return "add primary key";
    case DdlType::kRenameTables:
      return "rename tables";
    case DdlType::kMultiSchemaChange:
      return "alter table multi-schema change";
    case DdlType::kReorganizePartition:
      return "alter table reorganize partition";
    case DdlType::kAlterTablePartitioning:
      return "alter table partition by";
    case DdlType::kRemovePartitioning:
      return "alter table remove partitioning";
    default:
      return "table-alter";
  }
}

void AppendTable(const TableInfo* table, std::string* out) {
  out->append("{\"database\":");
  AppendJsonString(table == nullptr ? "" : table->schema, out);
  out->append(",\"table\":");
  AppendJsonString(table == nullptr ? "" : table->name, out);
  out->append(",\"columns\":");
  if (table == nullptr) {
    out->append("null");
  } else {
    char separator = '[';
    for (const ColumnInfo& column : table->all_columns) {
      if (column.state != SchemaState::kPublic) continue;
      out->push_back(separator);
      separator = ',';
      out->append("{\"type\":\"");
      out->append(TypeName(column.type.type));
      out->append("\",\"name\":");
      AppendJsonString(column.name, out);
      out->push_back('}');
    }
    out->push_back(']');
  }
  out->append(",\"primary-key\":null}");
}

}  // namespace

MaxwellEncoder::Layout MaxwellEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout{.head = "{\"database\":", .columns = {}};
  AppendJsonString(table.schema, &layout.head);
  layout.head += ",\"table\":";
  AppendJsonString(table.name, &layout.head);
  layout.head += ",\"type\":\"";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (options_.selects_column && !options_.selects_column(table, *table.columns[i])) continue;
    const int position = static_cast<int>(i);
    Column& column = layout.columns.emplace_back(
        Column{.position = position,
               .handle = std::ranges::find(table.handle_key, position) != table.handle_key.end(),
               .name = {}});
    AppendJsonString(table.columns[i]->name, &column.name);
    column.name += ':';
  }
  return layout;
}

void MaxwellEncoder::AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      out->append("null");
      return;
    case Datum::Kind::kInt:
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kUint:
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
    case Datum::Kind::kBit:
      return AppendInteger(value.as_uint(), out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendJsonDouble(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    case Datum::Kind::kBytes:
      if (type.flags & column_flag::kBinary) return AppendJsonBase64(value.as_view(), out);
      return AppendJsonString(value.as_view(), out);
    case Datum::Kind::kJson:
      scratch_.clear();
      AppendJson(value.as_view(), &scratch_);
      return AppendJsonString(scratch_, out);
    default:
      out->push_back('"');
      AppendText(value, type, out);  // times, decimals, vectors: nothing to escape
      out->push_back('"');
  }
}

// The member is left out when it would be empty.
void MaxwellEncoder::AppendValues(const char* member, const RowChange& row, const Layout& layout,
                                  std::span<const Datum> values, Which which, std::string* out) {
  bool first = true;
  for (const Column& column : layout.columns) {
    const Datum& value = values[column.position];
    if (which == Which::kHandleKey && !column.handle) continue;
    if (which == Which::kChanged && SameValue(value, row.after[column.position])) continue;
    out->append(first ? member : ",");
    first = false;
    out->append(column.name);
    AppendValue(row.table->columns[column.position]->type, value, out);
  }
  if (!first) out->push_back('}');
}

void MaxwellEncoder::AppendRow(const RowChange& row, const Layout& layout, std::string* out) {
  constexpr const char* kData = ",\"data\":{";
  constexpr const char* kOld = ",\"old\":{";
  out->append(layout.head);
  out->append(row.is_delete() ? "delete" : row.is_insert() ? "insert" : "update");
  out->append("\",\"ts\":");
  AppendInteger(row.commit_ts.unix_ms() / 1000, out);
  if (row.is_delete()) {
    const bool reduce = options_.delete_only_output_handle_key_columns;
    AppendValues(kOld, row, layout, row.before, reduce ? Which::kHandleKey : Which::kAll, out);
  } else {
    AppendValues(kData, row, layout, row.after, Which::kAll, out);
    if (row.is_update()) AppendValues(kOld, row, layout, row.before, Which::kChanged, out);
  }
  out->push_back('}');
}

Status MaxwellEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                  std::vector<Message>* out) {
  const size_t batch_bytes = std::min(options_.max_batch_bytes, options_.max_message_bytes);
  Message* batch = nullptr;
  for (const RowChange* row : rows) {
    row_.clear();
    AppendRow(
        *row,
        tables_.Get(*row->table, [this](const TableInfo& table) { return MakeLayout(table); }),
        &row_);
    const size_t alone = row_.size() + sizeof kVersion + kRecordOverhead;
    if (alone > options_.max_message_bytes) return MessageTooLarge(*row, alone, options_);
    const bool fits = batch != nullptr && batch->rows < options_.max_batch_rows &&
                      batch->Size() + row_.size() <= batch_bytes;
    if (!fits) {
      batch = &out->emplace_back(Message{.key = "", .value = ""});
      AppendBigEndian64(&*batch->key, kVersion);
    }
    batch->value->append(row_);
    ++batch->rows;
    batch->ts = row->commit_ts;
  }
  return Status::Ok();
}

Status MaxwellEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string key = fmt::format("{{\"ts\":{},\"scm\":", ddl.commit_ts);
    std::string value = fmt::format("{{\"type\":\"{}\",\"database\":", DdlTypeName(part.type));
    AppendJsonString(part.schema, &key);
    AppendJsonString(part.schema, &value);
    key += ",\"tbl\":";
    value += ",\"table\":";
    AppendJsonString(part.table, &key);
    AppendJsonString(part.table, &value);
    key += fmt::format(",\"t\":{}}}", kTypeDdl);
    const TableInfo* before = part.table.empty() ? nullptr : part.tables.before.get();
    const TableInfo* after = part.table.empty() ? nullptr : part.tables.after.get();
    value += ",\"old\":";
    AppendTable(after == nullptr ? nullptr : before, &value);
    value += ",\"def\":";
    AppendTable(after == nullptr ? before : after, &value);
    value += fmt::format(",\"ts\":{},\"sql\":", ddl.commit_ts);
    AppendJsonString(part.query, &value);
    value += '}';
    out->push_back({.key = std::move(key), .value = std::move(value), .ts = ddl.commit_ts});
  }
  return Status::Ok();
}

}  // namespace cdc
