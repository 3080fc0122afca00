#include "dataflow/codec/avro.h"

#include <algorithm>

#include "base/bytes.h"
#include "dataflow/codec/avro_binary.h"
#include "dataflow/codec/json_text.h"
#include "dataflow/codec/schema_registry.h"
#include "model/value_text.h"

namespace cdc {
namespace {

// The first byte of messages: of the registry's format, and of TiCDC's own.
constexpr char kMagic = 0;
constexpr char kDdl = 1;
constexpr char kWatermark = 2;

// All bytes of a BIT's width, most significant first.
std::string_view BitBytes(uint64_t value, int64_t bits, char (&buffer)[8]) {
  value = __builtin_bswap64(value);
  std::memcpy(buffer, &value, sizeof value);
  const auto width = static_cast<size_t>(std::clamp<int64_t>((bits + 7) / 8, 1, sizeof value));
  return {buffer + sizeof value - width, width};
}

}  // namespace

void AvroEncoder::UseTopic(std::string_view topic) {
  if (topic_ != nullptr && topic_->name == topic) return;
  const auto found = topics_.find(topic);
  topic_ = found != topics_.end() ? &found->second : &topics_[std::string(topic)];
  // Dots mean something to consumers of schemas.
  topic_->name = topic;
  std::ranges::replace(topic_->name, '.', '_');
}

AvroEncoder::Layout AvroEncoder::MakeLayout(const TableInfo& table) const {
  Layout layout;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const int position = static_cast<int>(i);
    AvroColumn column = MakeAvroColumn(*table.columns[i], position, options_);
    if (std::ranges::find(table.handle_key, position) != table.handle_key.end())
      layout.key_columns.push_back(column);
    if (!options_.selects_column || options_.selects_column(table, *table.columns[i]))
      layout.columns.push_back(std::move(column));
  }
  if (options_.row_checksum)  // which is computed in this order
    std::ranges::sort(layout.columns, {},
                      [&](const AvroColumn& column) { return table.columns[column.position]->id; });
  return layout;
}

std::string AvroEncoder::ExtensionFields(const TableInfo& table, const Layout& layout) const {
  std::string fields;
  if (options_.avro_include_before_value)
    fields += R"(,{"default":null,"name":"_ticdc_before","type":["null",)" +
              AvroRecordSchema(table, layout.columns, "", "_before", options_) + "]}";
  if (options_.enable_tidb_extension || options_.avro_include_before_value)
    fields += R"(,{"default":"","name":"_tidb_op","type":"string"})";
  if (options_.enable_tidb_extension)
    fields += R"(,{"default":0,"name":"_tidb_commit_ts","type":"long"})"
              R"(,{"default":0,"name":"_tidb_commit_physical_time","type":"long"})";
  if (options_.row_checksum)
    fields += R"(,{"default":"","name":"_tidb_row_level_checksum","type":"string"})"
              R"(,{"default":false,"name":"_tidb_corrupted","type":"boolean"})"
              R"(,{"default":0,"name":"_tidb_checksum_version","type":"int"})";
  return fields;
}

Result<std::string> AvroEncoder::Header(const std::string& subject,
                                        const std::string& schema) const {
  ASSIGN_OR_RETURN(uint32_t id, options_.schema_registry->Register(subject, schema));
  id = __builtin_bswap32(id);
  std::string header(1, kMagic);
  header.append(reinterpret_cast<const char*>(&id), sizeof id);
  return header;
}

void AvroEncoder::AppendValue(const AvroColumn& column, const FieldType& type, const Datum& value,
                              std::string* out) {
  if (column.nullable) {
    AppendAvroLong(value.is_null() ? column.null_branch : 1 - column.null_branch, out);
    if (value.is_null()) return;
  }
  switch (column.shape) {
    case AvroShape::kLong:
      return AppendAvroLong(value.as_int(), out);
    case AvroShape::kFloat:
      return AppendAvroFloat(static_cast<float>(value.as_double()), out);
    case AvroShape::kDouble:
      return AppendAvroFloat(value.as_double(), out);
    case AvroShape::kBits: {
      char buffer[8];
      return AppendAvroBytes(BitBytes(value.as_uint(), type.length, buffer), out);
    }
    case AvroShape::kDecimal:
      scratch_.clear();
      AppendDecimal(value.as_view(), &scratch_);
      return AppendAvroDecimal(scratch_, column.scale, out);
    case AvroShape::kBytes:
      return AppendAvroBytes(value.as_view(), out);
    case AvroShape::kText:
      if (value.kind() == Datum::Kind::kBytes) return AppendAvroBytes(value.as_view(), out);
      scratch_.clear();
      AppendText(value, type, &scratch_);
      return AppendAvroBytes(scratch_, out);
  }
}

void AvroEncoder::AppendRecord(const TableInfo& table, const std::vector<AvroColumn>& columns,
                               std::span<const Datum> values, std::string* out) {
  for (const AvroColumn& column : columns)
    AppendValue(column, table.columns[column.position]->type, values[column.position], out);
}

Status AvroEncoder::FillKey(const RowChange& row, const Layout& layout, std::string* out) {
  if (layout.key_header.empty()) {
    ASSIGN_OR_RETURN_STATUS(
        layout.key_header,
        Header(topic_->name + "-key",
               AvroRecordSchema(*row.table, layout.key_columns, "", "", options_)));
  }
  out->append(layout.key_header);
  AppendRecord(*row.table, layout.key_columns, row.is_delete() ? row.before : row.after, out);
  return Status::Ok();
}

Status AvroEncoder::FillValue(const RowChange& row, const Layout& layout, std::string* out) {
  if (layout.value_header.empty()) {
    ASSIGN_OR_RETURN_STATUS(
        layout.value_header,
        Header(topic_->name + "-value",
               AvroRecordSchema(*row.table, layout.columns, ExtensionFields(*row.table, layout), "",
                                options_)));
  }
  out->append(layout.value_header);
  AppendRecord(*row.table, layout.columns, row.is_delete() ? row.before : row.after, out);
  if (options_.avro_include_before_value) {
    AppendAvroLong(row.is_insert() ? 0 : 1, out);
    if (!row.is_insert()) AppendRecord(*row.table, layout.columns, row.before, out);
  }
  if (options_.enable_tidb_extension || options_.avro_include_before_value)
    AppendAvroBytes(row.is_insert() ? "c" : row.is_delete() ? "d" : "u", out);
  if (options_.enable_tidb_extension) {
    AppendAvroLong(static_cast<int64_t>(row.commit_ts.raw()), out);
    AppendAvroLong(static_cast<int64_t>(row.commit_ts.unix_ms()), out);
  }
  if (options_.row_checksum) {
    scratch_.clear();
    if (row.checksum.exists())
      AppendInteger(row.is_delete() ? row.checksum.before : row.checksum.after, &scratch_);
    AppendAvroBytes(scratch_, out);
    AppendAvroBoolean(row.checksum.corrupted, out);
    AppendAvroLong(row.checksum.version, out);
  }
  return Status::Ok();
}

Status AvroEncoder::EncodeRows(std::span<const RowChange* const> rows, std::vector<Message>* out) {
  return messages_.Encode(
      rows, out, [&](const RowChange& row, const RowForm&, Message* message) -> Status {
        const Layout& layout = topic_->tables.Get(
            *row.table, [this](const TableInfo& table) { return MakeLayout(table); });
        if (layout.key_columns.empty()) {
          message->key.reset();
        } else {
          RETURN_IF_ERROR(FillKey(row, layout, &*message->key));
        }
        const bool no_value = row.is_delete() && !options_.avro_include_before_value;
        if (no_value || layout.columns.empty()) {
          message->value.reset();
          return Status::Ok();
        }
        return FillValue(row, layout, &*message->value);
      });
}

Status AvroEncoder::EncodeDdl(const DdlEvent& ddl, std::vector<Message>* out) {
  if (!options_.enable_tidb_extension || !options_.avro_enable_watermark) return Status::Ok();
  for (const DdlPart& part : DdlParts(ddl)) {
    std::string value(1, kDdl);
    value += "{\"query\":";
    AppendJsonString(part.query, &value);
    value += fmt::format(",\"type\":{},\"schema\":", static_cast<int>(part.type));
    AppendJsonString(part.whole_schema(), &value);
    value += ",\"table\":";
    AppendJsonString(part.whole_table(), &value);
    value += fmt::format(",\"commitTs\":{}}}", ddl.commit_ts);
    out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ddl.commit_ts});
  }
  return Status::Ok();
}

Status AvroEncoder::EncodeWatermark(Ts ts, std::vector<Message>* out) {
  if (!options_.enable_tidb_extension || !options_.avro_enable_watermark) return Status::Ok();
  std::string value(1, kWatermark);
  AppendBigEndian64(&value, ts.raw());
  out->push_back({.key = std::nullopt, .value = std::move(value), .ts = ts});
  return Status::Ok();
}

}  // namespace cdc
