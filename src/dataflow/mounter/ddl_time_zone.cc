#include "dataflow/mounter/ddl_time_zone.h"

#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace cdc {
namespace {

using std::chrono::seconds;

// Time since the epoch of "2020-06-01 08:00:00", any fraction left out, or of a date.
std::optional<seconds> ParseTime(std::string_view text) {
  const std::string copy(text.substr(0, 32));
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const int fields = std::sscanf(copy.c_str(), "%4d-%2u-%2u%*1[ T]%2d:%2d:%2d", &year, &month, &day,
                                 &hour, &minute, &second);
  if (fields != 3 && fields != 6) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + seconds(second);
}

// The quoted texts of a statement that are dates or times.
std::vector<seconds> TimeLiterals(std::string_view query) {
  std::vector<seconds> literals;
  for (size_t open = query.find_first_of("'\""); open != std::string_view::npos;) {
    const size_t close = query.find(query[open], open + 1);
    if (close == std::string_view::npos) break;
    if (const auto time = ParseTime(query.substr(open + 1, close - open - 1)))
      literals.push_back(*time);
    open = query.find_first_of("'\"", close + 1);
  }
  return literals;
}

const ColumnInfo* FindById(const TableInfo* table, int64_t id) {
  if (table != nullptr)
    for (const ColumnInfo& column : table->all_columns)
      if (column.id == id) return &column;
  return nullptr;
}

// The TIMESTAMP defaults that the DDL set, in UTC.
std::vector<seconds> NewDefaults(const std::vector<TableDelta>& tables) {
  std::vector<seconds> defaults;
  for (const TableDelta& delta : tables) {
    if (!delta.after) continue;
    for (const ColumnInfo& column : delta.after->all_columns) {
      if (column.type.type != MysqlType::kTimestamp || !column.default_value) continue;
      const ColumnInfo* before = FindById(delta.before.get(), column.id);
      if (before != nullptr && before->default_value == column.default_value) continue;
      if (const auto time = ParseTime(*column.default_value)) defaults.push_back(*time);
    }
  }
  return defaults;
}

// Offsets of time zones: multiples of 15 minutes, from -12:00 to +14:00.
bool IsZoneOffset(seconds offset) {
  return offset.count() % 900 == 0 && offset >= std::chrono::hours(-12) &&
         offset <= std::chrono::hours(14);
}

std::string OffsetName(seconds offset) {
  const int64_t minutes = std::abs(offset.count()) / 60;
  return fmt::format("{}{:02}:{:02}", offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace

std::string InferTimeZone(std::string_view query, const std::vector<TableDelta>& tables) {
  const std::vector<seconds> defaults = NewDefaults(tables);
  if (defaults.empty()) return "";
  const std::vector<seconds> literals = TimeLiterals(query);
  std::optional<std::set<seconds>> offsets;  // that explain all defaults so far
  for (const seconds value : defaults) {
    std::set<seconds> possible;
    for (const seconds literal : literals)
      if (const seconds offset = literal - value;
          IsZoneOffset(offset) && (!offsets || offsets->contains(offset)))
        possible.insert(offset);
    offsets = std::move(possible);
  }
  return offsets->size() == 1 ? OffsetName(*offsets->begin()) : "";
}

}  // namespace cdc
