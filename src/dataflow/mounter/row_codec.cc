#include "dataflow/mounter/row_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "dataflow/mounter/default_value.h"
#include "model/decimal.h"

namespace cdc {
namespace {

constexpr unsigned char kVersion2 = 128;
constexpr uint8_t kLargeFlag = 1;
constexpr uint8_t kChecksumFlag = 2;
constexpr uint8_t kChecksumVersionMask = 7;
constexpr uint8_t kExtraChecksumFlag = 8;
constexpr size_t kHeaderBytes = 6;

// Stands in `out` for a handle's column that the row did not bring.
constexpr auto kAwaitsHandle = static_cast<Datum::Kind>(0xff);

template <typename T>
T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);  // little endian, as this machine
  return value;
}
static_assert(std::endian::native == std::endian::little);

// Integers are stored in as few bytes as hold them.
bool LoadInt(std::string_view bytes, int64_t* value) {
  switch (bytes.size()) {
    case 1:
      *value = (Load<uint8_t>(bytes.data()) ^ 0x80) - 0x80;  // sign-extended
      return true;
    case 2:
      *value = Load<int16_t>(bytes.data());
      return true;
    case 4:
      *value = Load<int32_t>(bytes.data());
      return true;
    case 8:
      *value = Load<int64_t>(bytes.data());
      return true;
    default:
      return false;
  }
}

bool LoadUint(std::string_view bytes, uint64_t* value) {
  switch (bytes.size()) {
    case 1:
      *value = Load<uint8_t>(bytes.data());
      return true;
    case 2:
      *value = Load<uint16_t>(bytes.data());
      return true;
    case 4:
      *value = Load<uint32_t>(bytes.data());
      return true;
    case 8:
      *value = Load<uint64_t>(bytes.data());
      return true;
    default:
      return false;
  }
}

bool IsDecimal(std::string_view bytes) {
  if (bytes.size() < 3) return false;
  const size_t digits =
      DecimalDigitBytes(static_cast<unsigned char>(bytes[0]), static_cast<unsigned char>(bytes[1]));
  return digits != 0 && bytes.size() == 2 + digits;
}

bool IsVector(std::string_view bytes) {
  return bytes.size() >= 4 && uint64_t{Load<uint32_t>(bytes.data())} * 4 == bytes.size() - 4;
}

}  // namespace

bool ParseRowV2(std::string_view bytes, RowV2* row) {
  if (bytes.size() < kHeaderBytes || static_cast<unsigned char>(bytes[0]) != kVersion2)
    return false;
  const auto flags = static_cast<uint8_t>(bytes[1]);
  row->large = flags & kLargeFlag;
  row->has_checksum = flags & kChecksumFlag;
  row->not_null_count = Load<uint16_t>(bytes.data() + 2);
  row->null_count = Load<uint16_t>(bytes.data() + 4);
  const size_t id_bytes = size_t{row->not_null_count + row->null_count} * (row->large ? 4 : 1);
  const size_t offset_bytes = size_t{row->not_null_count} * (row->large ? 4 : 2);
  if (bytes.size() - kHeaderBytes < id_bytes + offset_bytes) return false;
  row->ids = bytes.data() + kHeaderBytes;
  row->offsets = row->ids + id_bytes;
  size_t values_bytes = 0;
  if (row->not_null_count > 0) {
    const char* const end = row->offsets + offset_bytes;
    values_bytes = row->large ? Load<uint32_t>(end - 4) : Load<uint16_t>(end - 2);
  }
  const size_t values_start = kHeaderBytes + id_bytes + offset_bytes;
  if (bytes.size() - values_start < values_bytes) return false;
  row->values = bytes.substr(values_start, values_bytes);
  if (!row->has_checksum) return true;

  std::string_view rest = bytes.substr(values_start + values_bytes);
  if (rest.size() < 1 + sizeof row->checksum) return false;
  row->checksum_version = static_cast<uint8_t>(rest[0]) & kChecksumVersionMask;
  row->checksum = Load<uint32_t>(rest.data() + 1);
  const bool extra = static_cast<uint8_t>(rest[0]) & kExtraChecksumFlag;
  rest.remove_prefix(1 + (extra ? sizeof row->checksum : 0));
  if (rest.size() < sizeof row->checksum) return false;
  row->extra_checksum = Load<uint32_t>(rest.data());
  row->checked = bytes.substr(0, values_start + values_bytes + 1);
  return true;
}

RowDecoder::RowDecoder(const TableInfo& table, const TimeZone& zone) : table_(table), zone_(zone) {
  const int count = static_cast<int>(table.columns.size());
  storage_.resize(table.columns.size());
  columns_.reserve(table.columns.size());
  missing_.reserve(table.columns.size());
  for (int position = 0; position < count; ++position) AddColumn(table, position);
  FindHandleColumns();
  std::sort(columns_.begin(), columns_.end(),
            [](const Column& a, const Column& b) { return a.id < b.id; });
}

RowDecoder::Shape RowDecoder::ShapeOf(const FieldType& type) {
  switch (type.type) {
    case MysqlType::kTiny:
    case MysqlType::kShort:
    case MysqlType::kLong:
    case MysqlType::kLonglong:
    case MysqlType::kInt24:
      return type.is_unsigned() ? Shape::kUint : Shape::kInt;
    case MysqlType::kYear:
      return Shape::kInt;
    case MysqlType::kFloat:
      return Shape::kFloat;
    case MysqlType::kDouble:
      return Shape::kDouble;
    case MysqlType::kNewDecimal:
      return Shape::kDecimal;
    case MysqlType::kDate:
    case MysqlType::kNewDate:
    case MysqlType::kDatetime:
      return Shape::kTime;
    case MysqlType::kTimestamp:
      return Shape::kTimestamp;
    case MysqlType::kDuration:
      return Shape::kDuration;
    case MysqlType::kEnum:
      return Shape::kEnum;
    case MysqlType::kSet:
      return Shape::kSet;
    case MysqlType::kBit:
      return Shape::kBit;
    case MysqlType::kJson:
      return Shape::kJson;
    case MysqlType::kVector:
      return Shape::kVector;
    default:
      return Shape::kBytes;
  }
}

void RowDecoder::AddColumn(const TableInfo& table, int position) {
  const ColumnInfo& column = *table.columns[position];
  columns_.push_back({.id = column.id,
                      .position = position,
                      .shape = ShapeOf(column.type),
                      .elems = static_cast<uint32_t>(column.type.elems.size())});
  if (!column.origin_default.is_null()) {
    Datum value = column.origin_default;
    if (column.type.type == MysqlType::kTimestamp)
      value = Datum::Time(zone_.FromUtc(value.as_uint()));
    missing_.push_back(value);
  } else if (!column.type.not_null()) {
    missing_.push_back(Datum::Null());
  } else {
    missing_.push_back(ZeroValue(column.type, &storage_[position]));
  }
}

// Called while columns_ is still in order of position.
void RowDecoder::FindHandleColumns() {
  const auto add = [&](int64_t offset) {
    const auto found = table_.position_by_id.find(table_.all_columns[offset].id);
    if (found == table_.position_by_id.end()) {
      handle_.push_back({.id = 0, .position = -1, .shape = Shape::kBytes, .elems = 0});
      return;
    }
    handle_.push_back(columns_[found->second]);
    missing_[found->second] = Datum::Number(kAwaitsHandle, 0);
  };
  if (table_.pk_is_handle) {
    for (size_t i = 0; i < table_.all_columns.size(); ++i)
      if (table_.all_columns[i].type.flags & column_flag::kPriKey)
        return add(static_cast<int64_t>(i));
  }
  if (!table_.is_common_handle) return;
  for (const IndexInfo& index : table_.indexes) {
    if (!index.primary) continue;
    for (const IndexColumn& part : index.columns) add(part.offset);
    return;
  }
}

Status RowDecoder::Decode(std::string_view value, const RecordKey& key,
                          std::pmr::memory_resource* arena, Datum* out) {
  std::copy(missing_.begin(), missing_.end(), out);
  if (!value.empty() && static_cast<unsigned char>(value[0]) == kVersion2) {
    RowV2 row;
    if (!ParseRowV2(value, &row))
      return {Code::kDecodeRow, "{}.{}: a broken row: {}", table_.schema, table_.name,
              ToHex(value.substr(0, 64))};
    RETURN_IF_ERROR(row.large ? (DecodeV2<uint32_t, uint32_t>(row, out))
                              : (DecodeV2<uint8_t, uint16_t>(row, out)));
  } else {
    RETURN_IF_ERROR(DecodeV1(value, arena, out));
  }
  return handle_.empty() ? Status::Ok() : FillHandle(key, arena, out);
}

inline Datum RowDecoder::EnumValue(const Column& column, uint64_t value) const {
  return Datum::Number(Datum::Kind::kEnum, value <= column.elems ? value : 0);
}

inline bool RowDecoder::FromBytes(const Column& column, std::string_view bytes, Datum* out) {
  int64_t signed_value = 0;
  uint64_t number = 0;
  switch (column.shape) {
    case Shape::kInt:
      if (!LoadInt(bytes, &signed_value)) return false;
      *out = Datum::Int(signed_value);
      return true;
    case Shape::kUint:
      if (!LoadUint(bytes, &number)) return false;
      *out = Datum::Uint(number);
      return true;
    case Shape::kFloat:
    case Shape::kDouble:
      if (bytes.size() != 8) return false;
      *out =
          Datum::Double(DoubleFromOrdered(LoadBigEndian64(bytes.data())),
                        column.shape == Shape::kFloat ? Datum::Kind::kFloat : Datum::Kind::kDouble);
      return true;
    case Shape::kBytes:
      *out = Datum::View(Datum::Kind::kBytes, bytes);
      return true;
    case Shape::kDecimal:
      *out = Datum::View(Datum::Kind::kDecimal, bytes);
      return IsDecimal(bytes);
    case Shape::kTime:
      if (!LoadUint(bytes, &number)) return false;
      *out = Datum::Time(number);
      return true;
    case Shape::kTimestamp:
      if (!LoadUint(bytes, &number)) return false;
      *out = Datum::Time(zone_.FromUtc(number));
      return true;
    case Shape::kDuration:
      if (!LoadInt(bytes, &signed_value)) return false;
      *out = Datum::DurationNs(signed_value);
      return true;
    case Shape::kEnum:
      if (!LoadUint(bytes, &number)) return false;
      *out = EnumValue(column, number);
      return true;
    case Shape::kSet:
    case Shape::kBit:
      if (!LoadUint(bytes, &number)) return false;
      *out = Datum::Number(column.shape == Shape::kSet ? Datum::Kind::kSet : Datum::Kind::kBit,
                           number);
      return true;
    case Shape::kJson:
      *out = Datum::View(Datum::Kind::kJson, bytes);
      return !bytes.empty();
    case Shape::kVector:
      *out = Datum::View(Datum::Kind::kVector, bytes);
      return IsVector(bytes);
  }
  return false;
}

// Both the row's ids and columns_ are sorted: one pass over each group of ids.
template <typename Id, typename Offset>
Status RowDecoder::DecodeV2(const RowV2& row, Datum* out) {
  auto column = columns_.begin();
  const auto end = columns_.end();
  size_t start = 0;
  for (uint32_t i = 0; i < row.not_null_count; ++i) {
    const int64_t id = Load<Id>(row.ids + i * sizeof(Id));
    const size_t stop = Load<Offset>(row.offsets + i * sizeof(Offset));
    if (stop < start || stop > row.values.size())
      return {Code::kDecodeRow, "{}.{}: value offsets are not in order", table_.schema,
              table_.name};
    const std::string_view bytes = row.values.substr(start, stop - start);
    start = stop;
    while (column != end && column->id < id) ++column;
    if (column == end || column->id != id) continue;  // dropped, or not public yet
    if (!FromBytes(*column, bytes, &out[column->position])) [[unlikely]]
      return BadColumn(*column, bytes);
  }
  column = columns_.begin();
  const char* const null_ids = row.ids + row.not_null_count * sizeof(Id);
  for (uint32_t i = 0; i < row.null_count; ++i) {
    const int64_t id = Load<Id>(null_ids + i * sizeof(Id));
    while (column != end && column->id < id) ++column;
    if (column != end && column->id == id) out[column->position] = Datum::Null();
  }
  return Status::Ok();
}

Status RowDecoder::DecodeV1(std::string_view value, std::pmr::memory_resource* arena, Datum* out) {
  const auto broken = [&] {
    return Status(Code::kDecodeRow, "{}.{}: a broken row: {}", table_.schema, table_.name,
                  ToHex(value.substr(0, 64)));
  };
  std::string_view rest = value;
  if (rest.size() == 1 && rest[0] == 0) return Status::Ok();  // no columns
  while (!rest.empty()) {
    FlaggedValue id;
    FlaggedValue stored;
    if (!TakeFlagged(&rest, arena, &id) || id.kind != FlaggedValue::Kind::kInt) return broken();
    const std::string_view bytes = rest;
    if (!TakeFlagged(&rest, arena, &stored)) return broken();
    const auto column =
        std::lower_bound(columns_.begin(), columns_.end(), static_cast<int64_t>(id.number),
                         [](const Column& c, int64_t wanted) { return c.id < wanted; });
    if (column == columns_.end() || column->id != static_cast<int64_t>(id.number)) continue;
    if (!FromFlagged(*column, stored, &out[column->position]))
      return BadColumn(*column, bytes.substr(0, bytes.size() - rest.size()));
  }
  return Status::Ok();
}

// What the row brings goes first: of strings the key may hold only a prefix or the sort key of
// their collation, and then the row has the full value.
Status RowDecoder::FillHandle(const RecordKey& key, std::pmr::memory_resource* arena, Datum* out) {
  if (table_.pk_is_handle) {
    const Column& column = handle_.front();
    if (column.position < 0 || out[column.position].kind() != kAwaitsHandle) return Status::Ok();
    if (!key.has_int_handle())
      return {Code::kInvalidRecordKey, "{}.{}: handle {} is no integer", table_.schema, table_.name,
              ToHex(key.handle)};
    const int64_t handle = key.int_handle();
    out[column.position] = column.shape == Shape::kUint ? Datum::Uint(static_cast<uint64_t>(handle))
                                                        : Datum::Int(handle);
    return Status::Ok();
  }
  std::string_view rest = key.handle;
  for (const Column& column : handle_) {
    FlaggedValue value;
    const std::string_view bytes = rest;
    const bool wanted = column.position >= 0 && out[column.position].kind() == kAwaitsHandle;
    if (!wanted) {
      if (!SkipFlagged(&rest)) return BadColumn(column, bytes);
      continue;
    }
    if (!TakeFlagged(&rest, arena, &value) || !FromFlagged(column, value, &out[column.position]))
      return BadColumn(column, bytes);
  }
  return Status::Ok();
}

bool RowDecoder::FromFlagged(const Column& column, const FlaggedValue& value, Datum* out) {
  using Kind = FlaggedValue::Kind;
  const bool integer = value.kind == Kind::kInt || value.kind == Kind::kUint;
  if (value.kind == Kind::kNull) {
    *out = Datum::Null();
    return true;
  }
  switch (column.shape) {
    case Shape::kInt:
      *out = Datum::Int(static_cast<int64_t>(value.number));
      return integer;
    case Shape::kUint:
      *out = Datum::Uint(value.number);
      return integer;
    case Shape::kFloat:
    case Shape::kDouble:
      *out =
          Datum::Double(std::bit_cast<double>(value.number),
                        column.shape == Shape::kFloat ? Datum::Kind::kFloat : Datum::Kind::kDouble);
      return value.kind == Kind::kDouble;
    case Shape::kBytes:
      *out = Datum::View(Datum::Kind::kBytes, value.view);
      return value.kind == Kind::kBytes;
    case Shape::kDecimal:
      *out = Datum::View(Datum::Kind::kDecimal, value.view);
      return value.kind == Kind::kDecimal;
    case Shape::kTime:
      *out = Datum::Time(value.number);
      return integer;
    case Shape::kTimestamp:
      *out = Datum::Time(integer ? zone_.FromUtc(value.number) : 0);
      return integer;
    case Shape::kDuration:
      *out = Datum::DurationNs(static_cast<int64_t>(value.number));
      return integer;
    case Shape::kEnum:
      *out = EnumValue(column, value.number);
      return integer;
    case Shape::kSet:
    case Shape::kBit:
      *out = Datum::Number(column.shape == Shape::kSet ? Datum::Kind::kSet : Datum::Kind::kBit,
                           value.number);
      return integer;
    case Shape::kJson:
      *out = Datum::View(Datum::Kind::kJson, value.view);
      return value.kind == Kind::kJson;
    case Shape::kVector:
      *out = Datum::View(Datum::Kind::kVector, value.view);
      return value.kind == Kind::kVector;
  }
  return false;
}

Status RowDecoder::BadColumn(const Column& column, std::string_view bytes) const {
  const std::string_view name =
      column.position < 0 ? std::string_view("?") : table_.columns[column.position]->name;
  return {Code::kDecodeRow,
          "{}.{}: column {}: no value of its type: {}",
          table_.schema,
          table_.name,
          name,
          ToHex(bytes.substr(0, 64))};
}

}  // namespace cdc
