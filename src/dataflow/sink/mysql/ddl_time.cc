#include "dataflow/sink/mysql/ddl_time.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "model/packed_time.h"
#include "model/value_text.h"

namespace cdc {
namespace {

bool IsNowDefault(const ColumnInfo& column) {
  return (column.type.type == MysqlType::kTimestamp || column.type.type == MysqlType::kDatetime ||
          column.type.type == MysqlType::kDate) &&
         column.default_value &&
         (column.default_value->starts_with("CURRENT_") || column.default_is_expr);
}

// Seconds since 1970 of 'YYYY-MM-DD[ hh:mm:ss[…]]', whatever its zone.
std::optional<int64_t> SecondsOf(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const int fields = std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d", &year, &month, &day,
                                 &hour, &minute, &second);
  if ((fields != 3 && fields != 6) || year == 0 || month == 0 || day == 0) return std::nullopt;
  return ((DaysFromCivil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

// The literal behind the column's name and DEFAULT in the statement.
std::optional<int64_t> TypedDefault(const std::vector<SqlToken>& tokens,
                                    const std::string& column) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == SqlToken::Kind::kString || tokens[i].Unquoted() != column) continue;
    for (size_t j = i + 1; j + 1 < tokens.size(); ++j) {
      if (tokens[j].IsSymbol(',') && tokens[j].depth <= tokens[i].depth) break;
      if (tokens[j].Is("DEFAULT") && tokens[j + 1].kind == SqlToken::Kind::kString)
        return SecondsOf(tokens[j + 1].Unquoted());
    }
  }
  return std::nullopt;
}

}  // namespace

bool HasPublicColumn(const TableInfo& table, int64_t id) {
  return std::ranges::any_of(table.all_columns, [id](const ColumnInfo& column) {
    return column.id == id && column.state == SchemaState::kPublic;
  });
}

std::string SessionTimestamp(const DdlEvent& ddl) {
  const ColumnInfo* finest = nullptr;
  for (const TableDelta& delta : ddl.tables) {
    if (delta.before == nullptr || delta.after == nullptr) continue;
    for (const ColumnInfo& column : delta.after->all_columns) {
      const bool is_new = !HasPublicColumn(*delta.before, column.id);
      if (!is_new || !IsNowDefault(column) || column.origin_default.kind() != Datum::Kind::kTime)
        continue;
      if (finest == nullptr || column.type.decimal > finest->type.decimal) finest = &column;
    }
  }
  if (finest == nullptr)
    return fmt::format("{}.{:03}", ddl.commit_ts.unix_ms() / 1000, ddl.commit_ts.unix_ms() % 1000);
  std::string text;
  AppendTime(finest->origin_default, finest->type.type,
             static_cast<int>(std::max<int64_t>(finest->type.decimal, 0)), &text);
  return finest->type.type == MysqlType::kTimestamp
             ? fmt::format("UNIX_TIMESTAMP(CONVERT_TZ('{}','+00:00',@@time_zone))", text)
             : fmt::format("UNIX_TIMESTAMP('{}')", text);
}

std::string ZoneOfDefaults(const DdlEvent& ddl, const std::vector<SqlToken>& tokens) {
  for (const TableDelta& delta : ddl.tables) {
    if (delta.after == nullptr) continue;
    for (const ColumnInfo& column : delta.after->all_columns) {
      if (column.type.type != MysqlType::kTimestamp || !column.default_value) continue;
      const auto utc = SecondsOf(*column.default_value);
      const auto typed = TypedDefault(tokens, column.name);
      if (!utc || !typed) continue;
      const int64_t minutes = (*typed - *utc) / 60;
      if (std::abs(minutes) > 14 * 60) continue;
      return fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                         std::abs(minutes) % 60);
    }
  }
  return "";
}

}  // namespace cdc
