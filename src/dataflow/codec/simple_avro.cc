#include "dataflow/codec/simple_avro.h"

#include <algorithm>
#include <array>

#include "dataflow/codec/avro_binary.h"
#include "dataflow/codec/mysql_type_name.h"
#include "dataflow/codec/simple_schema.h"
#include "model/value_text.h"

namespace cdc {
namespace {

constexpr int64_t kVersion = 1;

// Positions in the protocol's schema: of Message in the union of all records, and of the payloads
// in that of Message, which are those of its types too.
constexpr int64_t kMessage = 11;
constexpr int64_t kWatermark = 0;
constexpr int64_t kBootstrap = 1;
constexpr int64_t kDdl = 2;
constexpr int64_t kDml = 3;
// Of the kinds of changes of rows.
constexpr int64_t kInsert = 0;
constexpr int64_t kUpdate = 1;
constexpr int64_t kDelete = 2;
// Of values in a row's map.
constexpr int64_t kNullValue = 0;
constexpr int64_t kLongValue = 1;
constexpr int64_t kFloatValue = 2;
constexpr int64_t kDoubleValue = 3;
constexpr int64_t kStringValue = 4;
constexpr int64_t kBytesValue = 5;
constexpr int64_t kTimestampValue = 6;
constexpr int64_t kUnsignedBigintValue = 7;

void AppendNull(std::string* out) { AppendAvroLong(0, out); }
// The other branch of a union with null.
void AppendPresent(std::string* out) { AppendAvroLong(1, out); }

// Type and payload of a message, and the version that each payload starts with.
void AppendHead(int64_t type, std::string* out) {
  AppendAvroLong(kMessage, out);
  AppendAvroLong(type, out);
  AppendAvroLong(type, out);
  AppendAvroLong(kVersion, out);
}

// An array, of which each item is appended by `append`.
template <typename List, typename Append>
void AppendArray(const List& list, const Append& append, std::string* out) {
  if (!list.empty()) AppendAvroLong(static_cast<int64_t>(list.size()), out);
  for (const auto& item : list) append(item);
  AppendAvroLong(0, out);
}

void AppendNames(const std::vector<std::string>& names, std::string* out) {
  AppendArray(names, [&](const std::string& name) { AppendAvroBytes(name, out); }, out);
}

void AppendOptionalBoolean(bool present, bool value, std::string* out) {
  if (!present) return AppendNull(out);
  AppendPresent(out);
  AppendAvroBoolean(value, out);
}

void AppendType(const FieldType& type, bool is_array, std::string* out) {
  AppendAvroBytes(is_array ? "json" : MysqlTypeName(type), out);
  AppendAvroBytes(type.charset, out);
  AppendAvroBytes(type.collation, out);
  AppendAvroLong(type.length, out);
  const bool decimal = type.type == MysqlType::kNewDecimal;
  if (decimal || type.type == MysqlType::kTimestamp) {
    AppendPresent(out);
    AppendAvroLong(type.decimal, out);
  } else {
    AppendNull(out);
  }
  if (type.type == MysqlType::kEnum || type.type == MysqlType::kSet) {
    AppendPresent(out);
    AppendNames(type.elems, out);
  } else {
    AppendNull(out);
  }
  constexpr std::array kNumbers = {MysqlType::kTiny,   MysqlType::kShort,    MysqlType::kInt24,
                                   MysqlType::kLong,   MysqlType::kLonglong, MysqlType::kFloat,
                                   MysqlType::kDouble, MysqlType::kBit,      MysqlType::kYear};
  const bool number =
      !is_array && (decimal || std::ranges::find(kNumbers, type.type) != kNumbers.end());
  AppendOptionalBoolean(number, type.is_unsigned(), out);
  AppendOptionalBoolean(number, type.flags & column_flag::kZerofill, out);
}

void AppendColumn(const TableInfo& table, const ColumnInfo& column, std::string* out) {
  AppendAvroBytes(column.name, out);
  AppendType(column.type, IsArrayColumn(table, column), out);
  AppendAvroBoolean(!column.type.not_null(), out);
  if (!column.default_value) return AppendNull(out);
  AppendPresent(out);
  AppendAvroBytes(*column.default_value, out);
}

void AppendIndex(const SimpleIndex& index, std::string* out) {
  AppendAvroBytes(index.name, out);
  AppendAvroBoolean(index.unique, out);
  AppendAvroBoolean(index.primary, out);
  AppendAvroBoolean(index.nullable, out);
  AppendNames(index.columns, out);
}

void AppendTable(const TableInfo& table, std::string* out) {
  AppendAvroBytes(table.schema, out);
  AppendAvroBytes(table.name, out);
  AppendAvroLong(Raw(table.id), out);
  AppendAvroLong(static_cast<int64_t>(SimpleSchemaVersion(table)), out);
  AppendArray(
      table.all_columns, [&](const ColumnInfo& column) { AppendColumn(table, column, out); }, out);
  AppendArray(
      SimpleIndexes(table), [&](const SimpleIndex& index) { AppendIndex(index, out); }, out);
}

int64_t DdlTypeNumber(DdlType type) {
  constexpr std::array<std::string_view, 8> kNames = {"CREATE",   "ALTER",  "ERASE",  "RENAME",
                                                      "TRUNCATE", "CINDEX", "DINDEX", "QUERY"};
  return std::ranges::find(kNames, SimpleDdlType(type)) - kNames.begin();
}

}  // namespace

SimpleAvroEncoder::Layout SimpleAvroEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout;
  AppendHead(kDml, &layout.head);
  AppendAvroBytes(table.schema, &layout.head);
  AppendAvroBytes(table.name, &layout.head);
  layout.schema_version = SimpleSchemaVersion(table);
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (options_.selects_column && !options_.selects_column(table, *table.columns[i])) continue;
    const int position = static_cast<int>(i);
    const bool handle = std::ranges::find(table.handle_key, position) != table.handle_key.end();
    Column& column =
        layout.columns.emplace_back(Column{.position = position, .handle = handle, .name = {}});
    AppendAvroBytes(table.columns[i]->name, &column.name);
    layout.handle_columns += handle ? 1 : 0;
  }
  return layout;
}

void SimpleAvroEncoder::AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      return AppendAvroLong(kNullValue, out);
    case Datum::Kind::kInt:
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
      AppendAvroLong(kLongValue, out);
      return AppendAvroLong(value.as_int(), out);
    case Datum::Kind::kUint:
      AppendAvroLong(type.type == MysqlType::kLonglong ? kUnsignedBigintValue : kLongValue, out);
      return AppendAvroLong(value.as_int(), out);
    case Datum::Kind::kFloat:
      AppendAvroLong(kFloatValue, out);
      return AppendAvroFloat(static_cast<float>(value.as_double()), out);
    case Datum::Kind::kDouble:
      AppendAvroLong(kDoubleValue, out);
      return AppendAvroFloat(value.as_double(), out);
    case Datum::Kind::kBytes:
      AppendAvroLong(type.flags & column_flag::kBinary ? kBytesValue : kStringValue, out);
      return AppendAvroBytes(value.as_view(), out);
    default:
      break;
  }
  scratch_.clear();
  AppendText(value, type, &scratch_);
  if (type.type == MysqlType::kTimestamp) {
    AppendAvroLong(kTimestampValue, out);
    AppendAvroBytes(options_.time_zone, out);
  } else {
    AppendAvroLong(kStringValue, out);
  }
  AppendAvroBytes(scratch_, out);
}

void SimpleAvroEncoder::AppendValues(const RowChange& row, const Layout& layout,
                                     std::span<const Datum> values, bool only_handle_key,
                                     std::string* out) {
  AppendPresent(out);
  const int64_t count =
      only_handle_key ? layout.handle_columns : static_cast<int64_t>(layout.columns.size());
  if (count != 0) AppendAvroLong(count, out);
  for (const Column& column : layout.columns) {
    if (only_handle_key && !column.handle) continue;
    out->append(column.name);
    AppendValue(row.table->columns[column.position]->type, values[column.position], out);
  }
  AppendAvroLong(0, out);
}

void SimpleAvroEncoder::AppendRow(const RowChange& row, const Layout& layout, const RowForm& form,
                                  std::string* out) {
  out->append(layout.head);
  AppendAvroLong(Raw(row.physical_id), out);
  AppendAvroLong(row.is_delete() ? kDelete : row.is_insert() ? kInsert : kUpdate, out);
  AppendAvroLong(static_cast<int64_t>(row.commit_ts.raw()), out);
  AppendAvroLong(NowMs(options_), out);
  AppendAvroLong(static_cast<int64_t>(layout.schema_version), out);
  if (form.claim_location.empty()) {
    AppendNull(out);
  } else {
    AppendPresent(out);
    AppendAvroBytes(form.claim_location, out);
  }
  AppendOptionalBoolean(form.only_handle_key, true, out);
  if (options_.row_checksum && row.checksum.exists()) {
    AppendPresent(out);
    AppendAvroLong(row.checksum.version, out);
    AppendAvroBoolean(row.checksum.corrupted, out);
    AppendAvroLong(row.checksum.after, out);
    AppendAvroLong(row.checksum.before, out);
  } else {
    AppendNull(out);
  }
  if (row.is_delete()) {
    AppendNull(out);
  } else {
    AppendValues(row, layout, row.after, form.only_handle_key, out);
  }
  if (row.is_insert()) {
    AppendNull(out);
  } else {
    const bool reduce = row.is_delete() && options_.delete_only_output_handle_key_columns;
    AppendValues(row, layout, row.before, form.only_handle_key || reduce, out);
  }
}

Status SimpleAvroEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                     std::vector<Message>* out) {
  return messages_.Encode(
      rows, out, [&](const RowChange& row, const RowForm& form, Message* message) {
        const Layout& layout =
            tables_.Get(*row.table, [this](const TableInfo& table) { return MakeLayout(table); });
        AppendRow(row, layout, form, &*message->value);
        return Status::Ok();
      });
}

Status SimpleAvroEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string value;
    AppendHead(kDdl, &value);
    AppendAvroLong(DdlTypeNumber(part.type), &value);
    AppendAvroBytes(part.query, &value);
    AppendAvroLong(static_cast<int64_t>(ddl.commit_ts.raw()), &value);
    AppendAvroLong(NowMs(options_), &value);
    const SimpleDdlTables tables = SimpleTablesOf(part);
    for (const TableInfo* table : {tables.table, tables.before}) {
      if (table == nullptr) {
        AppendNull(&value);
        continue;
      }
      AppendPresent(&value);
      AppendTable(*table, &value);
    }
    out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ddl.commit_ts});
    RETURN_IF_ERROR(PackMessage(options_, &out->back()));
  }
  return Status::Ok();
}

Status SimpleAvroEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  std::string value;
  AppendHead(kWatermark, &value);
  AppendAvroLong(static_cast<int64_t>(ts.raw()), &value);
  AppendAvroLong(NowMs(options_), &value);
  out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ts});
  return PackMessage(options_, &out->back());
}

Status SimpleAvroEncoder::EncodeBootstrap(const TableInfo& table, std::vector<Message>* out) {
  std::string value;
  AppendHead(kBootstrap, &value);
  AppendAvroLong(NowMs(options_), &value);
  AppendTable(table, &value);
  out->push_back({.key = "", .value = std::move(value)});
  return PackMessage(options_, &out->back());
}

}  // namespace cdc
