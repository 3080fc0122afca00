#include "dataflow/sink/mysql/statement_builder.h"

#include <algorithm>
#include <optional>

namespace cdc {
namespace {

// Generated columns are the downstream's to compute.
bool IsWritten(const ColumnInfo& column) { return !column.is_generated(); }

bool IsHandle(const TableInfo& table, size_t column) {
  return std::ranges::count(table.handle_key, static_cast<int>(column)) != 0;
}

// Calls `set` for each column that an UPDATE sets: all but the handle, which it is found by. Also
// those that did not change: ON UPDATE CURRENT_TIMESTAMP must not touch them, and a row that
// differs for whatever reason is right again afterwards. A table of nothing but its handle sets
// that.
template <typename Set>
void ForEachSetColumn(const TableInfo& table, const Set& set) {
  bool any = false;
  for (const bool handle : {false, true}) {
    if (any) return;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (!IsWritten(*table.columns[i]) || IsHandle(table, i) != handle) continue;
      set(i);
      any = true;
    }
  }
}

// With a global index a key's value may go from one partition to another, whose rows come through
// another batch, at any time: the older of the two changes must not hit the row of the newer one.
bool MovesBetweenPartitions(const TableInfo& table) {
  return table.is_partitioned() && std::ranges::any_of(table.indexes, [](const IndexInfo& index) {
           return index.unique && index.global;
         });
}

// Kinds of value whose literal equals what the column holds on every server; enough to tell apart
// rows of different partitions.
bool ComparesExactly(const Datum& value) {
  switch (value.kind()) {
    case Datum::Kind::kInt:
    case Datum::Kind::kUint:
    case Datum::Kind::kTime:
    case Datum::Kind::kDuration:
    case Datum::Kind::kDecimal:
    case Datum::Kind::kNull:
      return true;
    case Datum::Kind::kBytes:
      return value.as_view().size() <= 256;
    default:
      return false;
  }
}

}  // namespace

const TransactionSql& StatementBuilder::Build(std::span<const RowChange* const> rows, Mode mode) {
  writer_.Clear();
  result_.statements.clear();
  result_.check_before_commit = false;
  enum_error_value_ = false;
  Simple("BEGIN");
  // Rows of one table are brought together; different tables don't depend on each other.
  std::vector<const RowChange*> ordered(rows.begin(), rows.end());
  std::vector<std::pair<const TableInfo*, size_t>> first_seen;
  const auto rank = [&first_seen](const RowChange* row) {
    for (const auto& [table, at] : first_seen)
      if (table == row->table) return at;
    first_seen.emplace_back(row->table, first_seen.size());
    return first_seen.size() - 1;
  };
  std::vector<size_t> ranks;
  ranks.reserve(ordered.size());
  for (const RowChange* row : ordered) ranks.push_back(rank(row));
  if (first_seen.size() > 1) {
    std::vector<size_t> order(ordered.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&ranks](size_t i) { return ranks[i]; });
    for (size_t i = 0; i < order.size(); ++i) ordered[i] = rows[order[i]];
  }
  for (size_t begin = 0; begin < ordered.size();) {
    size_t end = begin;
    while (end < ordered.size() && ordered[end]->table == ordered[begin]->table) ++end;
    BuildTable(std::span(ordered).subspan(begin, end - begin), mode);
    begin = end;
  }
  Simple("COMMIT");
  if (result_.statements.size() == 3 && !result_.check_before_commit) {
    // One statement is a transaction by itself.
    result_.statements.erase(result_.statements.begin());
    result_.statements.pop_back();
  } else if (result_.statements.size() == 2) {
    result_.statements.clear();
  }
  if (enum_error_value_) {
    const std::string text = std::string("SET SESSION sql_mode='") + kLenientRowSqlMode + "'";
    Simple(text);
    std::ranges::rotate(result_.statements, result_.statements.end() - 1);
    Simple(std::string("SET SESSION sql_mode='") + kRowSqlMode + "'");
  }
  result_.text = &writer_.sql();
  return result_;
}

void StatementBuilder::BuildTable(std::span<const RowChange* const> rows, Mode mode) {
  const TableInfo& table = *rows.front()->table;
  if (!table.eligible()) return BuildKeylessTable(table, rows, mode);
  // Without batching each change is a step of its own.
  const size_t step = options_.batch ? rows.size() : 1;
  std::vector<const NetRow*> deletes, unchecked_deletes, updates;
  std::vector<std::span<const Datum>> inserts;
  for (size_t begin = 0; begin < rows.size(); begin += step) {
    net_.Clear();
    for (const RowChange* row : rows.subspan(begin, step)) net_.Add(*row);
    if (mode != Mode::kSafe) net_.SplitConflicts();
    deletes.clear(), unchecked_deletes.clear(), updates.clear(), inserts.clear();
    for (const NetRow& row : net_.rows()) {
      const bool twice = row.is_update() && (mode == Mode::kSafe || row.split);
      if (row.is_delete() || twice) {
        const bool checked = mode != Mode::kSafe && row.existed;
        (checked ? deletes : unchecked_deletes).push_back(&row);
      }
      if (row.is_update() && !twice) updates.push_back(&row);
      if (row.is_insert() || twice) inserts.push_back(row.after);
    }
    Deletes(table, unchecked_deletes, false);
    Deletes(table, deletes, true);
    Updates(table, updates);
    Inserts(table, inserts, mode != Mode::kPlain);
  }
}

void StatementBuilder::BuildKeylessTable(const TableInfo& table,
                                         std::span<const RowChange* const> rows, Mode mode) {
  result_.check_before_commit = true;
  std::vector<std::span<const Datum>> inserts;
  for (const RowChange* row : rows) {
    if (row->is_insert()) {
      inserts.push_back(row->after);
      continue;
    }
    Inserts(table, inserts, mode != Mode::kPlain);
    inserts.clear();
    ChangeKeyless(*row, mode);
  }
  Inserts(table, inserts, mode != Mode::kPlain);
}

void StatementBuilder::ChangeKeyless(const RowChange& row, Mode mode) {
  const TableInfo& table = *row.table;
  BeginStatement(&table);
  if (row.is_update() && mode != Mode::kSafe) {
    writer_.Text("UPDATE ");
    writer_.Table(table);
    const char* separator = " SET ";
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (!IsWritten(*table.columns[i])) continue;
      writer_.Text(separator);
      separator = ",";
      writer_.Identifier(table.columns[i]->name);
      writer_.Text("=");
      StoredValue(row.after[i], table.columns[i]->type);
    }
  } else {
    writer_.Text("DELETE FROM ");
    writer_.Table(table);
  }
  writer_.Text(" WHERE ");
  WholeRowCondition(table, row.before);
  writer_.Text(" LIMIT 1");
  EndStatement(mode == Mode::kSafe ? Statement::kAnyCount : 1);
  if (row.is_update() && mode == Mode::kSafe) {
    const std::span<const Datum> images[] = {row.after};
    Inserts(table, images, true);
  }
}

void StatementBuilder::Deletes(const TableInfo& table, std::span<const NetRow* const> rows,
                               bool checked) {
  const size_t step = options_.batch ? 256 : 1;
  for (size_t begin = 0; begin < rows.size(); begin += step) {
    const auto some = rows.subspan(begin, std::min(step, rows.size() - begin));
    BeginStatement(&table);
    writer_.Text("DELETE FROM ");
    writer_.Table(table);
    writer_.Text(" WHERE ");
    HandleConditions(table, some);
    EndStatement(checked ? static_cast<int64_t>(some.size()) : Statement::kAnyCount);
  }
}

bool StatementBuilder::FitsMultiUpdate(const TableInfo& table,
                                       std::span<const NetRow* const> rows) const {
  if (!options_.batch || rows.size() < 2) return false;
  size_t bytes = 0;
  for (const NetRow* row : rows) {
    bytes += row->bytes;
    // Servers differ in the type of a CASE over signed and unsigned literals.
    for (size_t i = 0; i < table.columns.size(); ++i)
      if (row->after[i].kind() == Datum::Kind::kUint && row->after[i].as_uint() > INT64_MAX)
        return false;
  }
  return bytes / rows.size() <= options_.multi_update_row_bytes_max;
}

void StatementBuilder::Updates(const TableInfo& table, std::span<const NetRow* const> rows) {
  for (size_t begin = 0; begin < rows.size(); begin += options_.multi_update_rows_max) {
    const auto some =
        rows.subspan(begin, std::min(options_.multi_update_rows_max, rows.size() - begin));
    if (FitsMultiUpdate(table, some)) {
      UpdateMany(table, some);
    } else {
      for (const NetRow* row : some) UpdateOne(table, *row);
    }
  }
}

void StatementBuilder::UpdateOne(const TableInfo& table, const NetRow& row) {
  BeginStatement(&table);
  writer_.Text("UPDATE ");
  writer_.Table(table);
  const char* separator = " SET ";
  ForEachSetColumn(table, [&](size_t i) {
    writer_.Text(separator);
    separator = ",";
    writer_.Identifier(table.columns[i]->name);
    writer_.Text("=");
    StoredValue(row.after[i], table.columns[i]->type);
  });
  writer_.Text(" WHERE ");
  RowCondition(table, row.before);
  EndStatement(1);
}

void StatementBuilder::UpdateMany(const TableInfo& table, std::span<const NetRow* const> rows) {
  BeginStatement(&table);
  writer_.Text("UPDATE ");
  writer_.Table(table);
  const char* separator = " SET ";
  ForEachSetColumn(table, [&](size_t i) {
    const ColumnInfo& column = *table.columns[i];
    writer_.Text(separator);
    separator = ",";
    writer_.Identifier(column.name);
    writer_.Text("=CASE");
    for (const NetRow* row : rows) {
      writer_.Text(" WHEN ");
      HandleCondition(table, row->before);
      writer_.Text(" THEN ");
      StoredValue(row->after[i], column.type);
    }
    writer_.Text(" END");
  });
  writer_.Text(" WHERE ");
  HandleConditions(table, rows);
  EndStatement(static_cast<int64_t>(rows.size()));
}

void StatementBuilder::Inserts(const TableInfo& table,
                               std::span<const std::span<const Datum>> images, bool replace) {
  bool open = false;
  for (const std::span<const Datum> image : images) {
    if (open &&
        (!options_.batch || writer_.size() - current_.begin > options_.statement_bytes_max)) {
      EndStatement();
      open = false;
    }
    if (open) {
      writer_.Text(",");
    } else {
      BeginStatement(&table);
      writer_.Text(replace ? "REPLACE INTO " : "INSERT INTO ");
      writer_.Table(table);
      ColumnList(table);
      writer_.Text(" VALUES ");
      open = true;
    }
    ValueList(table, image);
  }
  if (open) EndStatement();
}

void StatementBuilder::BeginStatement(const TableInfo* table) {
  if (writer_.size() != 0) writer_.Text(";");
  current_ = {.begin = writer_.size(), .table = table};
}

void StatementBuilder::EndStatement(int64_t rows_expected) {
  current_.end = writer_.size();
  current_.rows_expected = rows_expected;
  result_.statements.push_back(current_);
}

void StatementBuilder::Simple(std::string_view sql) {
  BeginStatement(nullptr);
  writer_.Text(sql);
  EndStatement();
}

void StatementBuilder::ColumnList(const TableInfo& table) {
  char separator = '(';
  for (const ColumnInfo* column : table.columns) {
    if (!IsWritten(*column)) continue;
    writer_.Text({&separator, 1});
    separator = ',';
    writer_.Identifier(column->name);
  }
  writer_.Text(separator == '(' ? "()" : ")");
}

void StatementBuilder::ValueList(const TableInfo& table, std::span<const Datum> image) {
  char separator = '(';
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (!IsWritten(*table.columns[i])) continue;
    writer_.Text({&separator, 1});
    separator = ',';
    StoredValue(image[i], table.columns[i]->type);
  }
  writer_.Text(separator == '(' ? "()" : ")");
}

void StatementBuilder::StoredValue(const Datum& value, const FieldType& type) {
  if (value.kind() == Datum::Kind::kEnum && value.as_uint() == 0) enum_error_value_ = true;
  writer_.Value(value, type);
}

void StatementBuilder::HandleCondition(const TableInfo& table, std::span<const Datum> image) {
  const char* separator = "";
  for (const int position : table.handle_key) {
    const auto i = static_cast<size_t>(position);
    writer_.Text(separator);
    separator = " AND ";
    writer_.Identifier(table.columns[i]->name);
    writer_.Text("=");
    writer_.Value(image[i], table.columns[i]->type);
  }
}

void StatementBuilder::RowCondition(const TableInfo& table, std::span<const Datum> image) {
  HandleCondition(table, image);
  if (!MovesBetweenPartitions(table)) return;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (!ComparesExactly(image[i]) || IsHandle(table, i)) continue;
    writer_.Text(" AND ");
    writer_.Identifier(table.columns[i]->name);
    writer_.Text("<=>");
    writer_.Value(image[i], table.columns[i]->type);
  }
}

void StatementBuilder::HandleConditions(const TableInfo& table,
                                        std::span<const NetRow* const> rows) {
  if (rows.size() == 1) return RowCondition(table, rows.front()->before);
  if (table.handle_key.size() == 1 && !MovesBetweenPartitions(table)) {
    const auto i = static_cast<size_t>(table.handle_key.front());
    writer_.Identifier(table.columns[i]->name);
    const char* separator = " IN (";
    for (const NetRow* row : rows) {
      writer_.Text(separator);
      separator = ",";
      writer_.Value(row->before[i], table.columns[i]->type);
    }
    return writer_.Text(")");
  }
  const char* separator = "(";  // servers use an index for ORs of ANDs, not all for lists of rows
  for (const NetRow* row : rows) {
    writer_.Text(separator);
    separator = ") OR (";
    RowCondition(table, row->before);
  }
  writer_.Text(")");
}

void StatementBuilder::WholeRowCondition(const TableInfo& table, std::span<const Datum> image) {
  const char* separator = "";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnInfo& column = *table.columns[i];
    const bool text = image[i].kind() == Datum::Kind::kBytes && !column.type.is_binary_charset();
    const bool json =
        image[i].kind() == Datum::Kind::kJson && options_.server != ServerKind::kMariaDb;
    writer_.Text(separator);
    separator = " AND ";
    // Text is compared without its collation: 'a' must not stand for 'A'.
    if (text) writer_.Text("CONVERT(");
    writer_.Identifier(column.name);
    if (text) writer_.Text(" USING utf8mb4) COLLATE utf8mb4_bin");
    writer_.Text("<=>");
    if (json) writer_.Text("CAST(");
    writer_.Value(image[i], column.type);
    if (json) writer_.Text(" AS JSON)");
  }
}

}  // namespace cdc
