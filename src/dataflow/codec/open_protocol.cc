#include "dataflow/codec/open_protocol.h"

#include <algorithm>

#include "base/bytes.h"
#include "dataflow/codec/go_quote.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/message_compression.h"
#include "model/value_text.h"

namespace cdc {
namespace {

constexpr uint64_t kVersion = 1;
constexpr int kTypeRow = 1;
constexpr int kTypeDdl = 2;
constexpr int kTypeResolved = 3;
// What a row adds to a message beside its key and value: two lengths and the version.
constexpr size_t kFraming = 16 + 8;

// The protocol's own column flags.
constexpr uint64_t kFlagBinary = 1 << 0;
constexpr uint64_t kFlagHandleKey = 1 << 1;
constexpr uint64_t kFlagGenerated = 1 << 2;
constexpr uint64_t kFlagPrimaryKey = 1 << 3;
constexpr uint64_t kFlagUniqueKey = 1 << 4;
constexpr uint64_t kFlagMultipleKey = 1 << 5;
constexpr uint64_t kFlagNullable = 1 << 6;
constexpr uint64_t kFlagUnsigned = 1 << 7;

uint64_t FlagsOfType(const ColumnInfo& column, bool pk_is_handle) {
  const uint64_t type_flags = column.type.flags;
  uint64_t flags = 0;
  if (column.type.is_binary_charset()) flags |= kFlagBinary;
  if (column.is_generated()) flags |= kFlagGenerated;
  if (type_flags & column_flag::kUniqueKey) flags |= kFlagUniqueKey;
  if (type_flags & column_flag::kPriKey) {
    flags |= kFlagPrimaryKey;
    if (pk_is_handle) flags |= kFlagHandleKey;
  }
  if (!column.type.not_null()) flags |= kFlagNullable;
  if (type_flags & column_flag::kMultipleKey) flags |= kFlagMultipleKey;
  if (type_flags & column_flag::kUnsigned) flags |= kFlagUnsigned;
  return flags;
}

bool Contains(const std::vector<int>& list, int item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// MySQL marks the first column of an index only; here all of them are. Generated columns keep the
// flags of their type.
std::vector<uint64_t> ColumnFlags(const TableInfo& table) {
  std::vector<uint64_t> flags;
  flags.reserve(table.columns.size());
  for (const ColumnInfo* column : table.columns)
    flags.push_back(FlagsOfType(*column, table.pk_is_handle));
  for (const IndexInfo& index : table.indexes) {
    for (const IndexColumn& part : index.columns) {
      const ColumnInfo& column = table.all_columns[part.offset];
      const auto found = table.position_by_id.find(column.id);
      if (found == table.position_by_id.end() || column.is_generated()) continue;
      uint64_t& flag = flags[found->second];
      if (index.primary) {
        flag |= kFlagPrimaryKey;
      } else if (index.unique) {
        flag |= kFlagUniqueKey;
      }
      if (index.columns.size() > 1) flag |= kFlagMultipleKey;
      if (Contains(table.handle_key, found->second)) flag |= kFlagHandleKey;
    }
  }
  return flags;
}

void AppendFramed(std::string_view bytes, std::string* out) {
  AppendBigEndian64(out, bytes.size());
  out->append(bytes);
}

Message Framed(std::string_view key, std::string_view value) {
  Message message{.key = "", .value = ""};
  AppendBigEndian64(&*message.key, kVersion);
  AppendFramed(key, &*message.key);
  AppendFramed(value, &*message.value);
  return message;
}

}  // namespace

OpenProtocolEncoder::Shape OpenProtocolEncoder::ShapeOf(const FieldType& type) {
  switch (type.type) {
    case MysqlType::kTinyBlob:
    case MysqlType::kMediumBlob:
    case MysqlType::kLongBlob:
    case MysqlType::kBlob:
      return Shape::kBase64;
    case MysqlType::kVarchar:
    case MysqlType::kVarString:
    case MysqlType::kString:
      return type.flags & column_flag::kBinary ? Shape::kBinaryText : Shape::kText;
    case MysqlType::kDate:
    case MysqlType::kNewDate:
    case MysqlType::kDatetime:
    case MysqlType::kTimestamp:
    case MysqlType::kDuration:
    case MysqlType::kNewDecimal:
    case MysqlType::kVector:
      return Shape::kQuoted;
    case MysqlType::kJson:
      return Shape::kJson;
    case MysqlType::kFloat:
    case MysqlType::kDouble:
      return Shape::kFloat;
    default:
      return Shape::kNumber;
  }
}

OpenProtocolEncoder::Layout OpenProtocolEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout;
  layout.key_middle = ",\"scm\":";
  AppendJsonString(table.schema, &layout.key_middle);
  layout.key_middle += ",\"tbl\":";
  AppendJsonString(table.name, &layout.key_middle);
  layout.key_middle += fmt::format(",\"t\":{}", kTypeRow);

  const std::vector<uint64_t> flags = ColumnFlags(table);
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnInfo& info = *table.columns[i];
    if (options_.selects_column && !options_.selects_column(table, info)) continue;
    Column column{.position = static_cast<int>(i),
                  .handle = Contains(table.handle_key, static_cast<int>(i)),
                  .shape = ShapeOf(info.type),
                  .head = {}};
    AppendJsonString(info.name, &column.head);
    column.head += fmt::format(":{{\"t\":{},{}\"f\":{},\"v\":", static_cast<int>(info.type.type),
                               column.handle ? "\"h\":true," : "", flags[i]);
    layout.columns.push_back(std::move(column));
  }
  return layout;
}

void OpenProtocolEncoder::AppendValue(Shape shape, const FieldType& type, const Datum& value,
                                      std::string* out) {
  if (value.is_null()) {
    out->append("null");
    return;
  }
  switch (shape) {
    case Shape::kNumber:
      if (value.kind() == Datum::Kind::kInt) return AppendInteger(value.as_int(), out);
      return AppendInteger(value.as_uint(), out);
    case Shape::kFloat:
      return AppendJsonDouble(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    case Shape::kQuoted:
      out->push_back('"');
      AppendText(value, type, out);
      out->push_back('"');
      return;
    case Shape::kText:
      return AppendJsonString(value.as_view(), out);
    case Shape::kBinaryText:
      scratch_.clear();
      AppendGoQuoted(value.as_view(), &scratch_);
      return AppendJsonString(scratch_, out);
    case Shape::kBase64:
      return AppendJsonBase64(value.as_view(), out);
    case Shape::kJson:
      scratch_.clear();
      AppendJson(value.as_view(), &scratch_);
      return AppendJsonString(scratch_, out);
  }
}

void OpenProtocolEncoder::AppendColumns(const RowChange& row, const Layout& layout,
                                        std::span<const Datum> values, bool only_handle_key,
                                        bool only_changed, std::string* out) {
  out->push_back('{');
  bool first = true;
  for (const Column& column : layout.columns) {
    const Datum& value = values[column.position];
    if (only_handle_key && !column.handle) continue;
    if (only_changed && SameValue(value, row.after[column.position])) continue;
    if (!first) out->push_back(',');
    first = false;
    out->append(column.head);
    AppendValue(column.shape, row.table->columns[column.position]->type, value, out);
    out->push_back('}');
  }
  out->push_back('}');
}

void OpenProtocolEncoder::AppendRow(const RowChange& row, const Layout& layout, const RowForm& form,
                                    std::string* key, std::string* value) {
  key->append("{\"ts\":");
  AppendInteger(row.commit_ts.raw(), key);
  key->append(layout.key_middle);
  if (!form.claim_location.empty()) {
    key->append(",\"ohk\":false,\"ccl\":");
    AppendJsonString(form.claim_location, key);
  } else if (form.only_handle_key) {
    key->append(",\"ohk\":true");
  }
  if (row.table->is_partitioned()) {
    key->append(",\"ptn\":");
    AppendInteger(Raw(row.physical_id), key);
  }
  key->push_back('}');

  if (row.is_delete()) {
    value->append("{\"d\":");
    AppendColumns(row, layout, row.before,
                  form.only_handle_key || options_.delete_only_output_handle_key_columns, false,
                  value);
  } else {
    value->append("{\"u\":");
    AppendColumns(row, layout, row.after, form.only_handle_key, false, value);
    if (row.is_update() && options_.open_output_old_value) {
      value->append(",\"p\":");
      AppendColumns(row, layout, row.before, form.only_handle_key,
                    options_.only_output_updated_columns, value);
    }
  }
  value->push_back('}');
}

Status OpenProtocolEncoder::FillRow(const RowChange& row, const Layout& layout,
                                    const RowForm& form) {
  key_.clear();
  value_.clear();
  AppendRow(row, layout, form, &key_, &value_);
  if (options_.compression == MessageCompression::kNone) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(value_, CompressMessage(options_.compression, value_));
  return Status::Ok();
}

// Leaves the row in key_ and value_.
Status OpenProtocolEncoder::EncodeRow(const RowChange& row, const Layout& layout) {
  const auto too_large = [&] {
    return key_.size() + value_.size() + kFraming + kRecordOverhead > options_.max_message_bytes;
  };
  RETURN_IF_ERROR(FillRow(row, layout, RowForm{}));
  if (!too_large()) return Status::Ok();
  ASSIGN_OR_RETURN_STATUS(const RowForm form, ReduceRow(options_, row, Framed(key_, value_)));
  RETURN_IF_ERROR(FillRow(row, layout, form));
  if (!too_large()) return Status::Ok();
  return MessageTooLarge(row, key_.size() + value_.size(), options_);
}

Status OpenProtocolEncoder::EncodeRows(std::span<const RowChange* const> rows,
                                       std::vector<Message>* out) {
  Message* batch = nullptr;
  for (const RowChange* row : rows) {
    const Layout& layout =
        tables_.Get(*row->table, [this](const TableInfo& table) { return MakeLayout(table); });
    RETURN_IF_ERROR(EncodeRow(*row, layout));
    const bool fits = batch != nullptr && batch->rows < options_.max_batch_rows &&
                      batch->Size() + key_.size() + value_.size() + 16 <= options_.max_batch_bytes;
    if (fits) {
      AppendFramed(key_, &*batch->key);
      AppendFramed(value_, &*batch->value);
    } else {
      batch = &out->emplace_back(Framed(key_, value_));
    }
    ++batch->rows;
    batch->ts = row->commit_ts;
  }
  return Status::Ok();
}

Status OpenProtocolEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string key = fmt::format("{{\"ts\":{},\"scm\":", ddl.commit_ts);
    AppendJsonString(part.schema, &key);
    key += ",\"tbl\":";
    AppendJsonString(part.table, &key);
    key += fmt::format(",\"t\":{}}}", kTypeDdl);
    std::string value = "{\"q\":";
    AppendJsonString(part.query, &value);
    value += fmt::format(",\"t\":{}}}", static_cast<int>(part.type));
    ASSIGN_OR_RETURN_STATUS(value, CompressMessage(options_.compression, value));
    out->push_back(Framed(key, value));
    out->back().ts = ddl.commit_ts;
  }
  return Status::Ok();
}

Status OpenProtocolEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  out->push_back(Framed(fmt::format("{{\"ts\":{},\"t\":{}}}", ts, kTypeResolved), ""));
  out->back().ts = ts;
  return Status::Ok();
}

}  // namespace cdc
