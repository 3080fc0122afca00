#include "dataflow/codec/debezium_schema.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "dataflow/codec/json_text.h"
#include "dataflow/codec/mysql_type_name.h"
#include "dataflow/mounter/default_value.h"
#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

constexpr uint64_t kFirstTimestamp = PackTime({1970, 1, 1, 0, 0, 1, 0});
constexpr std::string_view kZeroTimestamp = "\"1970-01-01T00:00:00Z\"";

bool IsBinary(const FieldType& type) { return type.flags & column_flag::kBinary; }

bool IsDate(const CivilTime& t) {
  if (t.month == 0 || t.day == 0) return false;
  const CivilTime back = CivilFromDays(DaysFromCivil(t.year, t.month, t.day));
  return back.month == t.month && back.day == t.day;
}

// Years of two digits, as MySQL reads them.
int FullYear(int year) { return year < 70 ? year + 2000 : year < 100 ? year + 1900 : year; }

// A DATE or DATETIME that the calendar does not know is 0 where NULL is not allowed.
void AppendNoDate(const FieldType& type, std::string* out) {
  out->append(type.not_null() ? "0" : "null");
}

void AppendDays(const FieldType& type, const Datum& value, std::string* out) {
  const CivilTime t = UnpackTime(value.as_uint());
  if (!IsDate(t)) return AppendNoDate(type, out);
  AppendInteger(DaysFromCivil(FullYear(t.year), t.month, t.day), out);
}

void AppendMoment(const FieldType& type, const Datum& value, std::string* out) {
  const CivilTime t = UnpackTime(value.as_uint());
  if (!IsDate(t)) return AppendNoDate(type, out);
  const int64_t seconds = DaysFromCivil(FullYear(t.year), t.month, t.day) * 86400 + t.hour * 3600 +
                          t.minute * 60 + t.second;
  if (type.decimal <= 3) {
    AppendInteger(seconds * 1000 + t.microsecond / 1000, out);
  } else {
    AppendInteger(seconds * 1'000'000 + t.microsecond, out);
  }
}

void AppendTimestamp(const FieldType& type, uint64_t packed, std::string* out) {
  if (packed < kFirstTimestamp) {
    out->append(kZeroTimestamp);
    return;
  }
  out->push_back('"');
  const size_t start = out->size();
  AppendTime(Datum::Time(packed), type.type, static_cast<int>(std::max<int64_t>(type.decimal, 0)),
             out);
  (*out)[start + 10] = 'T';
  out->append("Z\"");
}

// A BIT's bytes, the lowest first.
void AppendBits(const FieldType& type, uint64_t value, std::string* out) {
  if (type.length == 1) {
    out->append(value != 0 ? "true" : "false");
    return;
  }
  char bytes[8];
  std::memcpy(bytes, &value, sizeof bytes);
  AppendJsonBase64({bytes, static_cast<size_t>(std::clamp<int64_t>((type.length + 7) / 8, 1, 8))},
                   out);
}

void AppendDecimalNumber(const Datum& value, std::string* scratch, std::string* out) {
  scratch->clear();
  AppendDecimal(value.as_view(), scratch);
  double number = 0;
  std::from_chars(scratch->data(), scratch->data() + scratch->size(), number);
  AppendJsonDouble(number, false, out);
}

struct FieldKind {
  std::string_view type;
  std::string_view name = "";  // of the logical type; "": none
  bool versioned = true;
};

FieldKind KindOf(const FieldType& type) {
  switch (type.type) {
    case MysqlType::kBit:
      if (type.length == 1) return {"boolean"};
      return {"bytes", "io.debezium.data.Bits"};
    case MysqlType::kEnum:
      return {"string", "io.debezium.data.Enum"};
    case MysqlType::kSet:
      return {"string", "io.debezium.data.EnumSet"};
    case MysqlType::kDate:
    case MysqlType::kNewDate:
      return {"int32", "io.debezium.time.Date"};
    case MysqlType::kDatetime:
      return {"int64",
              type.decimal <= 3 ? "io.debezium.time.Timestamp" : "io.debezium.time.MicroTimestamp"};
    case MysqlType::kTimestamp:
      return {"string", "io.debezium.time.ZonedTimestamp"};
    case MysqlType::kDuration:
      return {"int64", "io.debezium.time.MicroTime"};
    case MysqlType::kJson:
      return {"string", "io.debezium.data.Json"};
    case MysqlType::kYear:
      return {"int32", "io.debezium.time.Year"};
    case MysqlType::kVector:
      return {"string", "io.debezium.data.TiDBVectorFloat32", false};
    case MysqlType::kTiny:
      return {"int16"};
    case MysqlType::kShort:
      return {type.is_unsigned() ? "int32" : "int16"};
    case MysqlType::kInt24:
      return {"int32"};
    case MysqlType::kLong:
      return {type.is_unsigned() ? "int64" : "int32"};
    case MysqlType::kLonglong:
      return {"int64"};
    case MysqlType::kFloat:
      return {type.decimal != -1 ? "double" : "float"};
    case MysqlType::kDouble:
    case MysqlType::kNewDecimal:
      return {"double"};
    default:
      return {"string"};
  }
}

// "a,b": the names of an ENUM, with its commas escaped, or of a SET.
std::string AllowedNames(const FieldType& type) {
  std::string names;
  for (const std::string& elem : type.elems) {
    if (&elem != type.elems.data()) names += ',';
    for (size_t i = 0; i < elem.size(); ++i) {
      const bool escaped_quote = elem[i] == '\\' && elem.substr(i, 2) == "\\'";
      const bool doubled_quote = elem.substr(i, 2) == "''";
      if (type.type == MysqlType::kEnum) {
        if (elem[i] == ',') names += '\\';
        if (escaped_quote || doubled_quote) ++i;
      }
      names += elem[i];
    }
  }
  return names;
}

void AppendParameters(const FieldType& type, std::string* out) {
  if (type.type == MysqlType::kBit && type.length != 1)
    out->append(fmt::format(",\"parameters\":{{\"length\":\"{}\"}}", type.length));
  if (type.type == MysqlType::kEnum || type.type == MysqlType::kSet) {
    out->append(",\"parameters\":{\"allowed\":");
    AppendJsonString(AllowedNames(type), out);
    out->push_back('}');
  }
}

// A column's default as a value of the column. One that is computed has none; for DATE and TIME
// neither is there one that reads as none.
void AppendDefault(const ColumnInfo& column, std::string* out) {
  if (!column.default_value) return;
  const FieldType& type = column.type;
  const std::string& text = *column.default_value;
  const bool now = text.starts_with("CURRENT_TIMESTAMP") &&
                   (type.type == MysqlType::kDatetime || type.type == MysqlType::kTimestamp);
  if (type.type == MysqlType::kDate && text.starts_with("CURRENT_DATE")) {
    if (type.not_null()) out->append(",\"default\":0");
    return;
  }
  std::string storage;
  const Result<Datum> value =
      now ? Datum::Time(0) : ParseDefault(text, type, Ts::FromUnixMs(0), &storage);
  std::string json;
  std::string scratch;
  switch (KindOf(type).type.front()) {
    case 's':  // string
      if (type.type != MysqlType::kTimestamp) {
        AppendJsonString(text, &json);
      } else if (value && (type.not_null() || value->as_uint() >= kFirstTimestamp)) {
        AppendTimestamp(type, value->as_uint(), &json);
      }
      break;
    default:
      if (type.type == MysqlType::kYear && value) {
        AppendInteger(FullYear(static_cast<int>(value->as_int())), &json);
      } else if (now) {
        json = "0";
      } else if (value && !value->is_null()) {
        UtcText utc("UTC");
        AppendDebeziumValue(type, *value, &utc, &scratch, &json);
        if (json == "null") return;
      }
  }
  if (!json.empty()) {
    out->append(",\"default\":");
    out->append(json);
  }
}

}  // namespace

void AppendDebeziumField(const ColumnInfo& column, bool with_tidb_type, std::string* out) {
  const FieldType& type = column.type;
  out->push_back('{');
  if (with_tidb_type) {
    const bool bare = type.type == MysqlType::kYear || type.type == MysqlType::kBit ||
                      type.type == MysqlType::kVarchar || type.type == MysqlType::kString ||
                      type.type == MysqlType::kNewDecimal;
    out->append(fmt::format("\"tidb_type\":\"{}{}\",", MysqlTypeName(type),
                            type.is_unsigned() && !bare ? " unsigned" : ""));
  }
  const FieldKind kind = KindOf(type);
  out->append(fmt::format("\"type\":\"{}\",\"optional\":{}", kind.type, !type.not_null()));
  if (!kind.name.empty()) out->append(fmt::format(",\"name\":\"{}\"", kind.name));
  if (!kind.name.empty() && kind.versioned) out->append(",\"version\":1");
  AppendParameters(type, out);
  out->append(",\"field\":");
  AppendJsonString(column.name, out);
  AppendDefault(column, out);
  out->push_back('}');
}

void AppendDebeziumValue(const FieldType& type, const Datum& value, UtcText* utc,
                         std::string* scratch, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      out->append("null");
      return;
    case Datum::Kind::kInt:
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kUint:
      // There is no type for it: TiCDC has -1 for the largest one.
      if (type.type == MysqlType::kLonglong && value.as_uint() == UINT64_MAX) {
        out->append("-1");
        return;
      }
      return AppendInteger(static_cast<int64_t>(value.as_uint()), out);
    case Datum::Kind::kFloat:
    case Datum::Kind::kDouble:
      return AppendJsonDouble(value.as_double(), value.kind() == Datum::Kind::kFloat, out);
    case Datum::Kind::kBytes:
      if (IsBinary(type)) return AppendJsonBase64(value.as_view(), out);
      return AppendJsonString(value.as_view(), out);
    case Datum::Kind::kDecimal:
      return AppendDecimalNumber(value, scratch, out);
    case Datum::Kind::kTime:
      if (type.type == MysqlType::kDatetime) return AppendMoment(type, value, out);
      if (type.type == MysqlType::kTimestamp)
        return AppendTimestamp(type, utc->ToUtc(value.as_uint()), out);
      return AppendDays(type, value, out);
    case Datum::Kind::kDuration:
      return AppendInteger(value.as_int() / 1000, out);
    case Datum::Kind::kBit:
      return AppendBits(type, value.as_uint(), out);
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
    case Datum::Kind::kJson:
    case Datum::Kind::kVector:
      scratch->clear();
      AppendText(value, type, scratch);
      return AppendJsonString(*scratch, out);
  }
}

std::string SafeName(std::string_view name, bool first_digit, bool dots) {
  std::string safe;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if ((c & 0xc0) == 0x80) continue;  // one '_' for a character, whatever its bytes
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (i == 0 && digit && !first_digit) safe += '_';
    safe += letter || c == '_' || digit || (dots && c == '.') ? name[i] : '_';
  }
  return safe;
}

std::string DebeziumSourceSchema(bool with_tidb_fields, bool with_start_ts) {
  std::string fields;
  const auto add = [&](const char* name, const char* type, bool optional) {
    fields += fmt::format(R"({{"type":"{}","optional":{},"field":"{}"}},)", type, optional, name);
  };
  add("version", "string", false);
  add("connector", "string", false);
  add("name", "string", false);
  add("ts_ms", "int64", false);
  fields +=
      R"({"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":)"
      R"({"allowed":"true,last,false,incremental"},"default":"false","field":"snapshot"},)";
  add("db", "string", false);
  add("sequence", "string", true);
  add("table", "string", true);
  add("server_id", "int64", false);
  add("gtid", "string", true);
  add("file", "string", false);
  add("pos", "int64", false);
  add("row", "int32", false);
  add("thread", "int64", true);
  add("query", "string", true);
  if (with_tidb_fields) {
    add("commit_ts", "int64", false);
    add("cluster_id", "string", false);
  }
  if (with_start_ts) add("start_ts", "int64", false);
  fields.pop_back();
  return R"({"type":"struct","fields":[)" + fields +
         R"(],"optional":false,"name":"io.debezium.connector.mysql.Source","field":"source"})";
}

}  // namespace cdc
