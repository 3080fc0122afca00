#include "dataflow/mounter/ddl_query.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <re2/re2.h>
#include <strings.h>

#include "model/sql_lexer.h"

namespace cdc {
namespace {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string Unquote(std::string_view name) {
  if (!name.starts_with('`')) return std::string(name);
  std::string plain;
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    plain += name[i];
    if (name[i] == '`') ++i;
  }
  return plain;
}

std::string DropQuery(const DdlEvent& event) {
  const TableInfo& table = *event.tables.front().before;
  const char* kind = table.kind == TableInfo::Kind::kView              ? "VIEW"
                     : table.kind == TableInfo::Kind::kGlobalTemporary ? "GLOBAL TEMPORARY TABLE"
                                                                       : "TABLE";
  return fmt::format("DROP {} {}", kind, QuoteTable(table.schema, table.name));
}

std::string RenameQuery(const TableDelta& delta) {
  return fmt::format("RENAME TABLE {} TO {}", QuoteTable(delta.before->schema, delta.before->name),
                     QuoteTable(delta.after->schema, delta.after->name));
}

// In the order of the statement, in which one table may be renamed twice (to swap two).
std::string RenamesQuery(const DdlJob& job, const DdlEvent& event) {
  std::string query;
  for (const DdlJob::Rename& rename : job.renames) {
    const auto delta = std::ranges::find_if(event.tables, [&](const TableDelta& candidate) {
      return candidate.after && candidate.after->id == rename.table;
    });
    if (delta == event.tables.end() || rename.old_name.empty() || !delta->before) continue;
    // Between the databases before and after; a table that moves twice stays in the new one.
    const std::string& old_schema =
        rename.old_schema.empty() ? delta->before->schema : rename.old_schema;
    const std::string& new_schema =
        delta->after->schema_id == rename.new_schema ? delta->after->schema : delta->before->schema;
    query += fmt::format("{}{} TO {}", query.empty() ? "RENAME TABLE " : ", ",
                         QuoteTable(old_schema, rename.old_name),
                         QuoteTable(new_schema, rename.new_name));
  }
  if (!query.empty()) return query;
  // Jobs of TiDB before 5.3 don't carry the old names.
  if (event.tables.size() == 1) return RenameQuery(event.tables.front());
  return job.query;
}

// CREATE TABLE db2.t LIKE s, typed in db1, runs in db2 downstream: qualifies `s`.
std::string CreateQuery(const DdlJob& job, const DdlEvent& event) {
  static const RE2 kLike(
      "(?is)^\\s*CREATE\\s+TABLE\\s+(IF\\s+NOT\\s+EXISTS\\s+)?"
      "(?:(?:`(?:[^`]|``)+`|[^\\s`.()]+)\\s*\\.\\s*)?(?:`(?:[^`]|``)+`|[^\\s`.()]+)"
      "\\s*\\(?\\s*LIKE\\s+(`(?:[^`]|``)+`|[^\\s`.()]+)\\s*\\)?\\s*;?\\s*$");
  std::string exists;
  std::string like;
  if (!RE2::FullMatch(job.query, kLike, &exists, &like)) return job.query;
  const std::string source = Unquote(like);
  for (const DdlJob::Involved& involved : std::views::reverse(job.involved)) {
    if (!EqualsIgnoreCase(involved.table, source)) continue;
    if (EqualsIgnoreCase(involved.schema, event.schema)) return job.query;
    return fmt::format("CREATE TABLE {}{} LIKE {}", exists.empty() ? "" : "IF NOT EXISTS ",
                       QuoteTable(event.schema, event.table), QuoteTable(involved.schema, source));
  }
  return job.query;
}

// A batch of CREATE TABLEs is one job with all their texts; only those of event.tables are kept.
std::string BatchCreateQuery(const DdlJob& job, const DdlEvent& event) {
  static const RE2 kName(
      "(?is)^\\s*CREATE\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?"
      "(?:(?:`(?:[^`]|``)+`|[^\\s`.()]+)\\s*\\.\\s*)?(`(?:[^`]|``)+`|[^\\s`.()]+)");
  std::string query;
  for (const std::string_view statement : SplitStatements(job.query, job.sql_mode)) {
    std::string name;
    if (!RE2::PartialMatch(statement, kName, &name)) continue;
    name = Unquote(name);
    const bool wanted = std::ranges::any_of(event.tables, [&](const TableDelta& delta) {
      return delta.after && EqualsIgnoreCase(delta.after->name, name);
    });
    if (wanted) query.append(statement).append(";");
  }
  return query;
}

std::string ExchangeQuery(const DdlJob& job, const DdlEvent& event) {
  const TableDelta& partitioned = event.tables.front();
  if (event.tables.size() != 2 || !partitioned.before || !event.tables[1].before) return job.query;
  const TableInfo& plain = *event.tables[1].before;
  if (EqualsIgnoreCase(partitioned.before->schema, plain.schema)) return job.query;
  for (const PartitionInfo& partition : partitioned.after->partitions) {
    if (partition.id != plain.id) continue;
    static const RE2 kUnchecked("(?is)WITHOUT\\s+VALIDATION\\s*;?\\s*$");
    return fmt::format("ALTER TABLE {} EXCHANGE PARTITION {} WITH TABLE {}{}",
                       QuoteTable(partitioned.before->schema, partitioned.before->name),
                       QuoteName(partition.name), QuoteTable(plain.schema, plain.name),
                       RE2::PartialMatch(job.query, kUnchecked) ? " WITHOUT VALIDATION" : "");
  }
  return job.query;
}

// RECOVER TABLE BY JOB n: the job's number means nothing elsewhere.
std::string RecoverQuery(const DdlJob& job, const DdlEvent& event) {
  static const RE2 kByJob("(?is)^\\s*RECOVER\\s+TABLE\\s+BY\\s+JOB\\b");
  if (!RE2::PartialMatch(job.query, kByJob)) return job.query;
  return "RECOVER TABLE " + QuoteTable(event.schema, event.table);
}

}  // namespace

std::string QuoteName(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) quoted.append(c == '`' ? 2 : 1, c);
  return quoted + "`";
}

std::string QuoteTable(std::string_view schema, std::string_view table) {
  return QuoteName(schema) + "." + QuoteName(table);
}

std::string ReplicatedQuery(const DdlJob& job, const DdlEvent& event, bool all_tables) {
  if (event.tables.empty()) return job.query;
  switch (job.type) {
    case DdlType::kDropTable:
    case DdlType::kDropView:
      return event.tables.front().before ? DropQuery(event) : job.query;
    case DdlType::kRenameTable: {
      const TableDelta& delta = event.tables.front();
      return delta.before && delta.after ? RenameQuery(delta) : job.query;
    }
    case DdlType::kRenameTables:
      return RenamesQuery(job, event);
    case DdlType::kCreateTable:
      return CreateQuery(job, event);
    case DdlType::kCreateTables:
      return all_tables ? job.query : BatchCreateQuery(job, event);
    case DdlType::kExchangeTablePartition:
      return ExchangeQuery(job, event);
    case DdlType::kRecoverTable:
      return RecoverQuery(job, event);
    default:
      return job.query;
  }
}

}  // namespace cdc
