#include "dataflow/codec/canal.h"

#include <algorithm>

#include "dataflow/codec/canal_event_type.h"
#include "dataflow/codec/java_type.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/mysql_type_name.h"
#include "dataflow/codec/proto_wire.h"
#include "model/float_text.h"
#include "model/value_text.h"

namespace cdc {
namespace {

// Field numbers of the protocol.
namespace packet {
constexpr int kVersion = 2;
constexpr int kType = 3;
constexpr int kBody = 5;
constexpr uint64_t kTypeMessages = 7;
}  // namespace packet
namespace messages {
constexpr int kMessages = 2;
}
namespace entry {
constexpr int kHeader = 1;
constexpr int kType = 2;
constexpr int kStoreValue = 3;
constexpr uint64_t kTypeRowData = 2;
}  // namespace entry
namespace header {
constexpr int kVersion = 1;
constexpr int kServerEncode = 5;
constexpr int kExecuteTime = 6;
constexpr int kSourceType = 7;
constexpr int kSchemaName = 8;
constexpr int kTableName = 9;
constexpr int kEventType = 11;
constexpr int kProps = 12;
constexpr uint64_t kSourceMysql = 2;
}  // namespace header
namespace row_change {
constexpr int kEventType = 2;
constexpr int kIsDdl = 10;
constexpr int kSql = 11;
constexpr int kRowDatas = 12;
constexpr int kDdlSchemaName = 14;
}  // namespace row_change
namespace row_data {
constexpr int kBefore = 1;
constexpr int kAfter = 2;
}  // namespace row_data
namespace column {
constexpr int kSqlType = 2;
constexpr int kName = 3;
constexpr int kIsKey = 4;
constexpr int kUpdated = 5;
constexpr int kIsNull = 6;
constexpr int kValue = 8;
constexpr int kMysqlType = 10;
}  // namespace column

constexpr uint64_t kVersion = 1;
// Of a packet around its messages, at most.
constexpr size_t kPacketFraming = 16;

void AppendLatin1(std::string_view bytes, std::string* out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out->push_back(c);
    } else {
      out->push_back(static_cast<char>(0xc0 | byte >> 6));
      out->push_back(static_cast<char>(0x80 | (byte & 0x3f)));
    }
  }
}

// All values are text; bytes are read as ISO 8859-1.
void AppendValue(const FieldType& type, const Datum& value, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kBytes:
      if (type.flags & column_flag::kBinary) return AppendLatin1(value.as_view(), out);
      out->append(value.as_view());
      return;
    case Datum::Kind::kInt:  // a YEAR without zeros in front
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
      return AppendInteger(value.as_uint(), out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendFixed(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    default:
      AppendText(value, type, out);
  }
}

void AppendHeader(Ts commit_ts, std::string_view names, CanalEventType type, std::string* out) {
  AppendVarintField(header::kVersion, kVersion, out);
  AppendBytesField(header::kServerEncode, "UTF-8", out);
  AppendVarintField(header::kExecuteTime, commit_ts.unix_ms(), out);
  AppendVarintField(header::kSourceType, header::kSourceMysql, out);
  out->append(names);
  AppendVarintField(header::kEventType, static_cast<uint64_t>(type), out);
}

std::string NameFields(std::string_view schema, std::string_view table) {
  std::string fields;
  AppendTextField(header::kSchemaName, schema, &fields);
  AppendTextField(header::kTableName, table, &fields);
  return fields;
}

void AppendEntry(std::string_view header, std::string_view change, std::string* out) {
  AppendBytesField(entry::kHeader, header, out);
  AppendVarintField(entry::kType, entry::kTypeRowData, out);
  AppendBytesField(entry::kStoreValue, change, out);
}

}  // namespace

CanalEncoder::Layout CanalEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout{.names = NameFields(table.schema, table.name), .columns = {}};
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnInfo& info = *table.columns[i];
    if (options_.selects_column && !options_.selects_column(table, info)) continue;
    const int position = static_cast<int>(i);
    Column& column = layout.columns.emplace_back(
        Column{.position = position,
               .handle = std::ranges::find(table.handle_key, position) != table.handle_key.end(),
               .java_type_varies = JavaTypeVaries(info.type),
               .java_type = JavaType(info.type),
               .name = {},
               .mysql_type = {}});
    AppendTextField(column::kName, info.name, &column.name);
    if (info.type.flags & column_flag::kPriKey) AppendVarintField(column::kIsKey, 1, &column.name);
    AppendTextField(column::kMysqlType, MysqlTypeWithSign(info.type), &column.mysql_type);
  }
  return layout;
}

void CanalEncoder::AppendColumns(int field, const RowChange& row, const Layout& layout,
                                 std::span<const Datum> values, bool only_handle_key) {
  for (const Column& column : layout.columns) {
    if (only_handle_key && !column.handle) continue;
    const Datum& value = values[column.position];
    const FieldType& type = row.table->columns[column.position]->type;
    const int java_type = column.java_type_varies ? JavaTypeOf(type, value) : column.java_type;
    value_.clear();
    AppendValue(type, value, &value_);
    column_.clear();
    AppendVarintField(column::kSqlType, static_cast<uint64_t>(int64_t{java_type}), &column_);
    column_.append(column.name);
    if (!row.is_delete()) AppendVarintField(column::kUpdated, 1, &column_);
    AppendVarintField(column::kIsNull, value.is_null() ? 1 : 0, &column_);
    AppendTextField(column::kValue, value_, &column_);
    column_.append(column.mysql_type);
    AppendBytesField(field, column_, &row_data_);
  }
}

void CanalEncoder::FillEntry(const RowChange& row, const Layout& layout) {
  const CanalEventType type = row.is_delete()   ? CanalEventType::kDelete
                              : row.is_insert() ? CanalEventType::kInsert
                                                : CanalEventType::kUpdate;
  row_data_.clear();
  if (!row.is_insert()) {
    const bool reduce = row.is_delete() && options_.delete_only_output_handle_key_columns;
    AppendColumns(row_data::kBefore, row, layout, row.before, reduce);
  }
  if (!row.is_delete()) AppendColumns(row_data::kAfter, row, layout, row.after, false);
  row_change_.clear();
  AppendVarintField(row_change::kEventType, static_cast<uint64_t>(type), &row_change_);
  AppendVarintField(row_change::kIsDdl, 0, &row_change_);
  AppendBytesField(row_change::kRowDatas, row_data_, &row_change_);
  header_.clear();
  AppendHeader(row.commit_ts, layout.names, type, &header_);
  // The Pair "rowsCount": "1".
  AppendBytesField(header::kProps,
                   "\n\trowsCount\x12\x01"
                   "1",
                   &header_);
  entry_.clear();
  AppendEntry(header_, row_change_, &entry_);
}

void CanalEncoder::AppendPacket(std::string_view messages, std::string* out) const {
  AppendVarintField(packet::kVersion, kVersion, out);
  AppendVarintField(packet::kType, packet::kTypeMessages, out);
  AppendBytesField(packet::kBody, messages, out);
}

Status CanalEncoder::EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) {
  const size_t batch_bytes = std::min(options_.max_batch_bytes, options_.max_message_bytes);
  uint32_t count = 0;
  Ts last;
  messages_.clear();
  const auto flush = [&] {
    if (count == 0) return;
    Message& message =
        out->emplace_back(Message{.key = "", .value = "", .rows = count, .ts = last});
    AppendPacket(messages_, &*message.value);
    messages_.clear();
    count = 0;
  };
  for (const RowChange* row : rows) {
    FillEntry(*row, tables_.Get(*row->table,
                                [this](const TableInfo& table) { return MakeLayout(table); }));
    const size_t alone = entry_.size() + 2 * kPacketFraming + kRecordOverhead;
    if (alone > options_.max_message_bytes) return MessageTooLarge(*row, alone, options_);
    const bool fits = count < options_.max_batch_rows && messages_.size() + alone <= batch_bytes;
    if (!fits) flush();
    AppendBytesField(messages::kMessages, entry_, &messages_);
    ++count;
    last = row->commit_ts;
  }
  flush();
  return Status::Ok();
}

Status CanalEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    const CanalEventType type = CanalEventTypeOf(part.type);
    row_change_.clear();
    AppendVarintField(row_change::kEventType, static_cast<uint64_t>(type), &row_change_);
    AppendVarintField(row_change::kIsDdl, 1, &row_change_);
    AppendTextField(row_change::kSql, part.query, &row_change_);
    AppendTextField(row_change::kDdlSchemaName, part.whole_schema(), &row_change_);
    header_.clear();
    AppendHeader(ddl.commit_ts, NameFields(part.whole_schema(), part.whole_table()), type,
                 &header_);
    entry_.clear();
    AppendEntry(header_, row_change_, &entry_);
    messages_.clear();
    AppendBytesField(messages::kMessages, entry_, &messages_);
    Message& message = out->emplace_back(Message{.value = "", .ts = ddl.commit_ts});
    AppendPacket(messages_, &*message.value);
  }
  return Status::Ok();
}

}  // namespace cdc
