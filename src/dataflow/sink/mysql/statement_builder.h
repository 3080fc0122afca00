// Row changes as SQL: the statements of one downstream transaction, with the row counts that prove
// they met the rows they were meant for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataflow/sink/mysql/net_rows.h"
#include "dataflow/sink/mysql/session.h"
#include "dataflow/sink/mysql/sql_writer.h"
#include "model/row.h"

namespace cdc {

struct Statement {
  static constexpr int64_t kAnyCount = -1;

  size_t begin = 0;  // in the text, without the ';' behind it
  size_t end = 0;
  int64_t rows_expected = kAnyCount;
  const TableInfo* table = nullptr;  // null: not about rows
};

// A downstream transaction as text. Statements are separated by ';', so any run of them can be sent
// as one.
struct TransactionSql {
  const std::string* text = nullptr;  // the builder's; until its next Build
  std::vector<Statement> statements;
  // Where the row counts must be checked before COMMIT, because writing the rows twice would show:
  // tables without a key. COMMIT is the last statement then.
  bool check_before_commit = false;
};

// Not thread-safe; reuses its buffers.
class StatementBuilder {
 public:
  struct Options {
    bool batch = true;  // several rows a statement, versions of a row merged
    size_t multi_update_rows_max = 40;
    size_t multi_update_row_bytes_max = 1024;  // on average
    size_t statement_bytes_max = 1 << 20;
    ServerKind server = ServerKind::kMySql;
  };
  enum class Mode {
    kPlain,    // INSERT, UPDATE, DELETE
    kReplace,  // REPLACE instead of INSERT: rows that may be there already
    kSafe,     // DELETE and REPLACE only: right from whatever state, if replayed in order
  };

  explicit StatementBuilder(Options options) : options_(options) {}

  // The rows in commit order per key. The result views this builder and the rows' tables.
  const TransactionSql& Build(std::span<const RowChange* const> rows, Mode mode);

 private:
  // What is to be written of one version of one table.
  void BuildTable(std::span<const RowChange* const> rows, Mode mode);
  void BuildKeylessTable(const TableInfo& table, std::span<const RowChange* const> rows, Mode mode);
  void ChangeKeyless(const RowChange& row, Mode mode);
  void Deletes(const TableInfo& table, std::span<const NetRow* const> rows, bool checked);
  void Updates(const TableInfo& table, std::span<const NetRow* const> rows);
  void UpdateOne(const TableInfo& table, const NetRow& row);
  void UpdateMany(const TableInfo& table, std::span<const NetRow* const> rows);
  void Inserts(const TableInfo& table, std::span<const std::span<const Datum>> images,
               bool replace);

  void BeginStatement(const TableInfo* table);
  void EndStatement(int64_t rows_expected = Statement::kAnyCount);
  void Simple(std::string_view sql);
  void ColumnList(const TableInfo& table);
  void ValueList(const TableInfo& table, std::span<const Datum> image);
  void StoredValue(const Datum& value, const FieldType& type);
  void HandleCondition(const TableInfo& table, std::span<const Datum> image);
  void RowCondition(const TableInfo& table, std::span<const Datum> image);
  void HandleConditions(const TableInfo& table, std::span<const NetRow* const> rows);
  void WholeRowCondition(const TableInfo& table, std::span<const Datum> image);
  bool FitsMultiUpdate(const TableInfo& table, std::span<const NetRow* const> rows) const;

  const Options options_;
  SqlWriter writer_;
  NetRows net_;
  TransactionSql result_;
  Statement current_;
  bool enum_error_value_ = false;  // the transaction stores one
};

}  // namespace cdc
