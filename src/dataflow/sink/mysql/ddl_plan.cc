#include "dataflow/sink/mysql/ddl_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "dataflow/sink/mysql/create_table_sql.h"
#include "dataflow/sink/mysql/ddl_done_check.h"
#include "dataflow/sink/mysql/ddl_rewriter.h"
#include "dataflow/sink/mysql/ddl_time.h"
#include "dataflow/sink/mysql/sql_writer.h"
#include "model/sql_lexer.h"

namespace cdc {
namespace {

constexpr const char* kUtc = "+00:00";

// Changes of things that only TiDB has.
bool IsTidbOnly(DdlType type) {
  switch (type) {
    case DdlType::kShardRowId:
    case DdlType::kSetTiFlashReplica:
    case DdlType::kUpdateTiFlashReplicaStatus:
    case DdlType::kModifyTableAutoIdCache:
    case DdlType::kRebaseAutoRandomBase:
    case DdlType::kAlterTableAttributes:
    case DdlType::kAlterTablePartitionAttributes:
    case DdlType::kCreatePlacementPolicy:
    case DdlType::kAlterPlacementPolicy:
    case DdlType::kDropPlacementPolicy:
    case DdlType::kAlterTablePartitionPlacement:
    case DdlType::kModifySchemaDefaultPlacement:
    case DdlType::kAlterTablePlacement:
    case DdlType::kAlterCacheTable:
    case DdlType::kAlterNoCacheTable:
    case DdlType::kAlterTableStatsOptions:
    case DdlType::kAlterTtlInfo:
    case DdlType::kAlterTtlRemove:
    case DdlType::kCreateResourceGroup:
    case DdlType::kAlterResourceGroup:
    case DdlType::kDropResourceGroup:
    case DdlType::kAddVectorIndex:
      return true;
    default:
      return false;
  }
}

std::string QualifiedName(const TableInfo& table) {
  return QuoteIdentifier(table.schema) + "." + QuoteIdentifier(table.name);
}

// The session modes that decide how a statement is read and how strictly it is run; not the ones
// that object to dates which the upstream has accepted.
std::string SqlModeOf(uint64_t mode) {
  constexpr std::pair<int, const char*> kKept[] = {
      {0, "REAL_AS_FLOAT"},        {1, "PIPES_AS_CONCAT"},         {2, "ANSI_QUOTES"},
      {3, "IGNORE_SPACE"},         {6, "NO_UNSIGNED_SUBTRACTION"}, {20, "NO_BACKSLASH_ESCAPES"},
      {21, "STRICT_TRANS_TABLES"}, {22, "STRICT_ALL_TABLES"},      {29, "HIGH_NOT_PRECEDENCE"}};
  std::string out = "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";
  for (const auto& [bit, name] : kKept)
    if (mode >> bit & 1) out.append(",").append(name);
  return out;
}

class Planner {
 public:
  Planner(const DdlEvent& ddl, const Downstream& downstream, const MySqlSinkConfig& config)
      : ddl_(ddl),
        downstream_(downstream),
        config_(config),
        tokens_(LexSql(ddl.query, ddl.sql_mode)) {}

  Result<DdlPlan> Run() {
    if (!downstream_.is_tidb()) {
      if (IsTidbOnly(ddl_.type)) return Skip("only TiDB has such objects");
      if (downstream_.kind == ServerKind::kMySql && IsSequence())
        return Skip("MySQL has no sequences");
      if (IsTemporary()) return Skip("temporary tables hold no replicated rows");
      if (auto refused = RefuseRecovery(); !refused.ok()) return Unexpected(std::move(refused));
    }
    switch (ddl_.type) {
      case DdlType::kCreateSchema:
      case DdlType::kModifySchemaCharsetAndCollate:
        return Schema();
      case DdlType::kDropSchema:
      case DdlType::kRecoverSchema:
        return Typed("");
      case DdlType::kCreateTable:
        return CreateTable();
      case DdlType::kCreateTables:
        return CreateTables();
      case DdlType::kDropTable:
        return ForEachBefore("DROP TABLE IF EXISTS ");
      case DdlType::kDropView:
        return ForEachBefore("DROP VIEW IF EXISTS ");
      case DdlType::kDropSequence:
        return ForEachBefore("DROP SEQUENCE IF EXISTS ");
      case DdlType::kTruncateTable:
        return ForEachBefore("TRUNCATE TABLE ");
      case DdlType::kRenameTable:
      case DdlType::kRenameTables:
        return Rename();
      case DdlType::kAddColumn:
      case DdlType::kAddColumns:
      case DdlType::kAddIndex:
      case DdlType::kMultiSchemaChange:
        return AddOrTyped();
      case DdlType::kExchangeTablePartition:
        return Exchange();
      case DdlType::kReorganizePartition:
      case DdlType::kAlterTablePartitioning:
      case DdlType::kRemovePartitioning:
        return Repartition();
      default:
        return Typed(ddl_.schema);
    }
  }

 private:
  static DdlPlan Skip(const char* reason) { return {.skip_reason = reason}; }

  bool IsSequence() const {
    return ddl_.type == DdlType::kCreateSequence || ddl_.type == DdlType::kAlterSequence ||
           ddl_.type == DdlType::kDropSequence;
  }

  bool IsTemporary() const {
    return std::ranges::any_of(ddl_.tables, [](const TableDelta& delta) {
      const TableInfo* table = delta.after ? delta.after.get() : delta.before.get();
      return table != nullptr && (table->kind == TableInfo::Kind::kGlobalTemporary ||
                                  table->kind == TableInfo::Kind::kLocalTemporary);
    });
  }

  Status RefuseRecovery() const {
    const bool recovers = ddl_.type == DdlType::kRecoverTable ||
                          ddl_.type == DdlType::kRecoverSchema ||
                          ddl_.type == DdlType::kFlashbackCluster;
    if (!recovers) return Status::Ok();
    return Status(Code::kExecDdl,
                  "the downstream is no TiDB and can't bring back what was dropped; query: {}",
                  ddl_.query);
  }

  std::string Rewritten(std::string_view sql) const {
    return RewriteForServer(sql, ddl_.sql_mode, downstream_.kind, config_.has_vector_type);
  }

  // The statement as it was typed, in a session like the one it was typed in.
  DdlPlan Typed(const std::string& schema) const {
    DdlPlan plan;
    plan.statements.push_back(Rewritten(ddl_.query));
    plan.use_schema = schema;
    plan.sql_mode = SqlModeOf(ddl_.sql_mode);
    // A MODIFY to fewer digits rounds in TiDB; MariaDB cuts them off unless it is told not to.
    if (downstream_.kind == ServerKind::kMariaDb) plan.sql_mode += ",TIME_ROUND_FRACTIONAL";
    plan.time_zone = ZoneOfDefaults(ddl_, tokens_);
    if (plan.time_zone.empty() && !ddl_.time_zone.empty())
      plan.time_zone = ServerTimeZone(ddl_.time_zone);
    plan.timestamp = SessionTimestamp(ddl_);
    if (GivesNamesToOtherColumns(ddl_)) plan.identity = Identity();
    return plan;
  }

  // Statements made here: in our own quoting, with all names in full and times in UTC.
  static DdlPlan Made() { return {.time_zone = kUtc, .sql_mode = kLenientRowSqlMode}; }

  DdlPlan Schema() const {
    DdlPlan plan = Typed(ddl_.type == DdlType::kCreateSchema ? "" : ddl_.schema);
    const auto names_charset = [](const SqlToken& token) {
      return token.Is("CHARSET") || token.Is("CHARACTER") || token.Is("COLLATE");
    };
    if (ddl_.type == DdlType::kCreateSchema && !downstream_.is_tidb() &&
        std::ranges::none_of(tokens_, names_charset))
      plan.statements = {"CREATE DATABASE IF NOT EXISTS " + QuoteIdentifier(ddl_.schema) +
                         " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"};
    return plan;
  }

  bool IsLike() const {
    return std::ranges::any_of(
        tokens_, [](const SqlToken& token) { return token.Is("LIKE") && token.depth <= 1; });
  }

  Result<DdlPlan> CreateTable() const {
    const TableInfo* after = ddl_.tables.size() == 1 ? ddl_.tables.front().after.get() : nullptr;
    const bool described = after != nullptr && after->json != nullptr;
    if (!described || (downstream_.is_tidb() && !IsLike())) return Typed(ddl_.schema);
    DdlPlan plan = Made();
    RETURN_UNEXPECTED_IF_ERROR(AddCreate(*after, &plan));
    return plan;
  }

  Status AddCreate(const TableInfo& table, DdlPlan* plan) const {
    ASSIGN_OR_RETURN_STATUS(TableSql made,
                            CreateTableSql(table, downstream_.kind, config_.has_vector_type));
    plan->statements.push_back(std::move(made.sql));
    std::ranges::move(made.left_out, std::back_inserter(plan->left_out));
    return Status::Ok();
  }

  // The name in `CREATE [TEMPORARY …] TABLE [IF NOT EXISTS] [schema.]name`.
  std::string CreatedName(std::string_view statement) const {
    const std::vector<SqlToken> tokens = LexSql(statement, ddl_.sql_mode);
    size_t i = 0;
    while (i < tokens.size() && !tokens[i].Is("TABLE")) ++i;
    ++i;
    if (i + 3 < tokens.size() && tokens[i].Is("IF")) i += 3;
    if (i + 2 < tokens.size() && tokens[i + 1].IsSymbol('.')) i += 2;
    return i < tokens.size() ? tokens[i].Unquoted() : "";
  }

  // Several statements in one job; the filter may have let only some of their tables through.
  Result<DdlPlan> CreateTables() const {
    if (ddl_.tables.empty()) return Typed(ddl_.schema);
    DdlPlan plan = downstream_.is_tidb() ? Typed(ddl_.schema) : Made();
    plan.statements.clear();
    const auto statements = SplitStatements(ddl_.query, ddl_.sql_mode);
    for (const TableDelta& delta : ddl_.tables) {
      if (delta.after == nullptr) continue;
      if (!downstream_.is_tidb() && delta.after->json != nullptr) {
        RETURN_UNEXPECTED_IF_ERROR(AddCreate(*delta.after, &plan));
        continue;
      }
      const auto typed = std::ranges::find_if(statements, [&](std::string_view statement) {
        return CreatedName(statement) == delta.after->name;
      });
      if (typed == statements.end())
        return Error(Code::kExecDdl, "no statement for table {}.{} in query: {}",
                     delta.after->schema, delta.after->name, ddl_.query);
      plan.statements.push_back(Rewritten(*typed));
    }
    return plan;
  }

  DdlPlan ForEachBefore(std::string_view verb) const {
    DdlPlan plan = Made();
    for (const TableDelta& delta : ddl_.tables)
      if (delta.before != nullptr)
        plan.statements.push_back(std::string(verb) + QualifiedName(*delta.before));
    return plan.statements.empty() ? Typed(ddl_.schema) : plan;
  }

  static std::string Quote(const TableName& name) {
    return QuoteIdentifier(name.first) + "." + QuoteIdentifier(name.second);
  }

  Result<DdlPlan> Rename() const {
    std::vector<TableRename> renames;
    for (const TableDelta& delta : ddl_.tables) {
      if (delta.before == nullptr && delta.after == nullptr) continue;
      if (delta.before == nullptr)
        return Error(Code::kExecDdl,
                     "table {}.{} was not replicated before it got this name, its rows are not "
                     "downstream; query: {}",
                     delta.after->schema, delta.after->name, ddl_.query);
      if (delta.after == nullptr) continue;  // its new name is filtered out; the old table stays
      renames.push_back(
          {{delta.before->schema, delta.before->name}, {delta.after->schema, delta.after->name}});
    }
    std::erase_if(renames, [](const auto& rename) { return rename.first == rename.second; });
    if (ddl_.tables.empty()) return Typed(ddl_.schema);
    if (renames.empty()) return Skip("no replicated table has a new name");
    DdlPlan plan = Made();
    plan.done_check = RenameDoneCheck(renames);
    if (plan.done_check.empty()) plan.identity = Identity();
    plan.statements.push_back(RenameSql(std::move(renames)));
    return plan;
  }

  // One statement, so that it happens as a whole: a name is freed before it is taken; a table in a
  // circle of names steps aside first.
  std::string RenameSql(std::vector<TableRename> renames) const {
    std::string sql = "RENAME TABLE ";
    int aside = 0;
    const auto emit = [&](const TableName& from, const TableName& to) {
      if (sql.back() != ' ') sql += ", ";
      sql += Quote(from) + " TO " + Quote(to);
    };
    while (!renames.empty()) {
      const auto is_free = [&](const auto& rename) {
        return std::ranges::none_of(
            renames, [&](const auto& other) { return other.first == rename.second; });
      };
      const auto next = std::ranges::find_if(renames, is_free);
      if (next != renames.end()) {
        emit(next->first, next->second);
        renames.erase(next);
        continue;
      }
      TableName& stuck = renames.front().first;
      const TableName temporary{stuck.first, fmt::format("_tidewire_{}_{}", ddl_.job_id, aside++)};
      emit(stuck, temporary);
      stuck = temporary;
    }
    return sql;
  }

  static bool SameDefinition(const ColumnInfo& a, const ColumnInfo& b) {
    constexpr uint64_t kDefining = column_flag::kNotNull | column_flag::kUnsigned |
                                   column_flag::kZerofill | column_flag::kAutoIncrement;
    return a.id == b.id && a.name == b.name && a.type.type == b.type.type &&
           a.type.length == b.type.length && a.type.decimal == b.type.decimal &&
           a.type.collation == b.type.collation && a.type.elems == b.type.elems &&
           (a.type.flags & kDefining) == (b.type.flags & kDefining) &&
           a.default_value == b.default_value && a.generated_expr == b.generated_expr &&
           a.comment == b.comment;
  }
  static std::vector<const ColumnInfo*> VisibleColumns(const TableInfo& table) {
    std::vector<const ColumnInfo*> columns;
    for (const ColumnInfo& column : table.all_columns)
      if (!column.hidden && column.state == SchemaState::kPublic) columns.push_back(&column);
    return columns;
  }
  static bool OnlyAddsColumns(const TableInfo& before, const TableInfo& after) {
    const std::vector<const ColumnInfo*> old = VisibleColumns(before);
    size_t kept = 0;
    for (const ColumnInfo* column : VisibleColumns(after))
      if (kept < old.size() && SameDefinition(*old[kept], *column)) ++kept;
    return kept == old.size();
  }
  static bool KeepsIndexes(const TableInfo& before, const TableInfo& after) {
    return std::ranges::all_of(before.indexes, [&](const IndexInfo& old) {
      return std::ranges::any_of(after.indexes, [&](const IndexInfo& index) {
        return index.id == old.id && index.name == old.name;
      });
    });
  }
  // Clauses of an ALTER TABLE that the comparison of two descriptions would not show.
  bool AltersOnlyColumnsAndIndexes() const {
    return std::ranges::none_of(tokens_, [](const SqlToken& token) {
      constexpr std::array kOthers = {"FOREIGN", "CHECK", "CONSTRAINT", "REFERENCES", "MODIFY",
                                      "CHANGE",  "DROP",  "RENAME",     "CONVERT",    "PARTITION"};
      return token.depth == 0 &&
             std::ranges::any_of(kOthers, [&](const char* word) { return token.Is(word); });
    });
  }

  // ALTER TABLE that does nothing but add columns and indexes is made anew: without what the server
  // can't hold, with names for indexes that were typed without, and with the defaults that TiDB
  // took.
  Result<DdlPlan> AddOrTyped() const {
    if (downstream_.is_tidb() || ddl_.tables.size() != 1) return Typed(ddl_.schema);
    const TableDelta& delta = ddl_.tables.front();
    if (delta.before == nullptr || delta.after == nullptr || delta.after->json == nullptr ||
        !OnlyAddsColumns(*delta.before, *delta.after) ||
        !KeepsIndexes(*delta.before, *delta.after) || !AltersOnlyColumnsAndIndexes())
      return Typed(ddl_.schema);
    ASSIGN_OR_RETURN(TableSql made, AdditionsSql(*delta.before, *delta.after, downstream_.kind,
                                                 config_.has_vector_type));
    if (made.sql.empty() && made.left_out.empty()) return Typed(ddl_.schema);
    DdlPlan plan = Made();
    plan.timestamp = SessionTimestamp(ddl_);
    plan.left_out = std::move(made.left_out);
    if (made.sql.empty())
      plan.skip_reason = "the downstream can't hold such an index";
    else
      plan.statements.push_back(std::move(made.sql));
    FillJson(delta, &plan);
    return plan;
  }

  // MariaDB fills a new JSON NOT NULL column with '', which is no JSON.
  void FillJson(const TableDelta& delta, DdlPlan* plan) const {
    if (!downstream_.is_mariadb()) return;
    for (const ColumnInfo* column : VisibleColumns(*delta.after)) {
      if (HasPublicColumn(*delta.before, column->id) || column->type.type != MysqlType::kJson ||
          !column->type.not_null() || column->default_value || column->is_generated())
        continue;
      const std::string name = QuoteIdentifier(column->name);
      plan->statements.push_back(fmt::format("UPDATE {} SET {}='null' WHERE {}=''",
                                             QualifiedName(*delta.after), name, name));
    }
  }

  std::string Identity() const { return IdentityQuery(ddl_, downstream_.kind); }

  DdlPlan Exchange() const {
    DdlPlan plan = Typed(ddl_.schema);
    plan.identity = Identity();
    return plan;
  }

  // TiDB merges partitions that other servers only take side by side; they can be given all of the
  // partitions instead.
  Result<DdlPlan> Repartition() const {
    DdlPlan plan = Typed(ddl_.schema);
    plan.done_check = RepartitionDoneCheck(ddl_);
    if (plan.done_check.empty()) plan.identity = Identity();
    if (downstream_.is_tidb() || ddl_.tables.empty()) return plan;
    const TableInfo* after = ddl_.tables.front().after.get();
    if (after == nullptr || after->json == nullptr || after->partitions.empty()) return plan;
    ASSIGN_OR_RETURN(plan.fallback, RepartitionSql(*after, downstream_.kind));
    return plan;
  }

  const DdlEvent& ddl_;
  const Downstream& downstream_;
  const MySqlSinkConfig& config_;
  const std::vector<SqlToken> tokens_;
};

}  // namespace

Result<DdlPlan> PlanDdl(const DdlEvent& ddl, const Downstream& downstream,
                        const MySqlSinkConfig& config) {
  return Planner(ddl, downstream, config).Run();
}

}  // namespace cdc
