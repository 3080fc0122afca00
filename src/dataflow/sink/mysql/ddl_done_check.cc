#include "dataflow/sink/mysql/ddl_done_check.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "dataflow/sink/mysql/sql_writer.h"

namespace cdc {
namespace {

// `… OR …`, a condition for each name.
template <typename Condition>
std::string AnyOf(const std::set<TableName>& names, const Condition& condition) {
  std::string any;
  for (const TableName& name : names)
    any += (any.empty() ? "" : " OR ") + condition(QuoteText(name.first), QuoteText(name.second));
  return any;
}

std::string NamedIn(const std::set<TableName>& names) {
  return AnyOf(names, [](const std::string& schema, const std::string& table) {
    return fmt::format("(TABLE_SCHEMA={} AND TABLE_NAME={})", schema, table);
  });
}

// InnoDB's dictionary has a row per table and per partition, under the name of its file:
// schema/table#P#partition (#p# in MySQL 8), each part encoded for file systems.
std::string InnodbIds(const std::set<TableName>& names, ServerKind server) {
  const std::string tables = AnyOf(names, [](const std::string& schema, const std::string& table) {
    const auto file = [](const std::string& text) {
      return "CAST(CONVERT(" + text + " USING filename) AS BINARY)";
    };
    return fmt::format("file=CONCAT({},'/',{})", file(schema), file(table));
  });
  return fmt::format(
      "SELECT CONCAT(NAME,'=',TABLE_ID) AS line FROM (SELECT NAME,TABLE_ID,"
      "CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(NAME,'#P#',1),'#p#',1) AS BINARY) AS file "
      "FROM information_schema.{}) AS ids WHERE {}",
      server == ServerKind::kMariaDb ? "INNODB_SYS_TABLES" : "INNODB_TABLES", tables);
}

std::string TidbIds(const std::set<TableName>& names) {
  const std::string named = NamedIn(names);
  return fmt::format(
      "SELECT CONCAT(TABLE_SCHEMA,'/',TABLE_NAME,'=',TIDB_TABLE_ID) AS line "
      "FROM information_schema.TABLES WHERE {0} UNION ALL "
      "SELECT CONCAT(TABLE_SCHEMA,'/',TABLE_NAME,'#',PARTITION_NAME,'=',TIDB_PARTITION_ID) "
      "FROM information_schema.PARTITIONS WHERE PARTITION_NAME IS NOT NULL AND ({0})",
      named);
}

}  // namespace

std::string RenameDoneCheck(const std::vector<TableRename>& renames) {
  std::set<TableName> gone, there;
  for (const auto& [from, to] : renames) there.insert(to);
  for (const auto& [from, to] : renames)
    if (!there.contains(from)) gone.insert(from);
  if (gone.empty()) return "";
  const auto count = [](const std::set<TableName>& names) {
    return "(SELECT COUNT(*) FROM information_schema.TABLES WHERE " + NamedIn(names) + ")";
  };
  return fmt::format("SELECT 1 FROM DUAL WHERE {}=0 AND {}={}", count(gone), count(there),
                     there.size());
}

std::string RepartitionDoneCheck(const DdlEvent& ddl) {
  if (ddl.tables.empty()) return "";
  const TableInfo* before = ddl.tables.front().before.get();
  const TableInfo* after = ddl.tables.front().after.get();
  if (before == nullptr || after == nullptr) return "";
  if (std::ranges::equal(before->partitions, after->partitions, {}, &PartitionInfo::name,
                         &PartitionInfo::name))
    return "";
  const std::string from = "SELECT 1 FROM information_schema.PARTITIONS WHERE " +
                           NamedIn({{before->schema, before->name}});
  if (after->partitions.empty()) return from + " AND PARTITION_NAME IS NULL";
  std::string names;
  for (const PartitionInfo& partition : after->partitions)
    names += (names.empty() ? "" : ",") + QuoteText(partition.name);
  return fmt::format("{} HAVING COUNT(*)={} AND SUM(PARTITION_NAME IN ({}))={}", from,
                     after->partitions.size(), names, after->partitions.size());
}

bool GivesNamesToOtherColumns(const DdlEvent& ddl) {
  return std::ranges::any_of(ddl.tables, [](const TableDelta& delta) {
    if (delta.before == nullptr || delta.after == nullptr) return false;
    return std::ranges::any_of(delta.after->all_columns, [&](const ColumnInfo& column) {
      return std::ranges::any_of(delta.before->all_columns, [&](const ColumnInfo& old) {
        return old.name == column.name && old.id != column.id;
      });
    });
  });
}

std::string IdentityQuery(const DdlEvent& ddl, ServerKind server) {
  std::set<TableName> names;
  for (const TableDelta& delta : ddl.tables) {
    if (delta.before != nullptr) names.emplace(delta.before->schema, delta.before->name);
    if (delta.after != nullptr) names.emplace(delta.after->schema, delta.after->name);
  }
  if (names.empty()) return "";
  return fmt::format(
      "{} UNION ALL SELECT CONCAT(TABLE_SCHEMA,'/',TABLE_NAME,'.',ORDINAL_POSITION,'=',COLUMN_NAME,"
      "' ',COLUMN_TYPE) FROM information_schema.COLUMNS WHERE {}",
      server == ServerKind::kTiDb ? TidbIds(names) : InnodbIds(names, server), NamedIn(names));
}

}  // namespace cdc
