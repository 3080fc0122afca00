// Tables and rows for the sink's tests, short to write.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/row.h"
#include "model/table_info.h"

namespace cdc {

// Builds a table column by column.
class TableMaker {
 public:
  explicit TableMaker(std::string name, int64_t id = 1) : table_(std::make_shared<TableInfo>()) {
    table_->id = TableId{id};
    table_->schema = "db";
    table_->name = std::move(name);
    table_->charset = "utf8mb4";
    table_->collation = "utf8mb4_bin";
  }
  TableMaker& Column(std::string name, MysqlType type, uint64_t flags = 0,
                     std::string charset = "binary", std::string collation = "binary") {
    ColumnInfo column;
    column.id = static_cast<int64_t>(table_->all_columns.size()) + 1;
    column.name = std::move(name);
    column.offset = static_cast<int>(table_->all_columns.size());
    column.type = {.type = type,
                   .flags = flags,
                   .charset = std::move(charset),
                   .collation = std::move(collation)};
    table_->all_columns.push_back(std::move(column));
    return *this;
  }
  // BIGINT NOT NULL, BIGINT NULL, VARCHAR with a collation.
  TableMaker& Int(std::string name) {
    return Column(std::move(name), MysqlType::kLonglong, column_flag::kNotNull);
  }
  TableMaker& NullableInt(std::string name) {
    return Column(std::move(name), MysqlType::kLonglong);
  }
  TableMaker& Text(std::string name, std::string collation = "utf8mb4_bin") {
    return Column(std::move(name), MysqlType::kVarchar, column_flag::kNotNull, "utf8mb4",
                  std::move(collation));
  }
  TableMaker& Last(const std::function<void(ColumnInfo&)>& change) {
    change(table_->all_columns.back());
    return *this;
  }
  TableMaker& Key(std::vector<int> offsets, bool primary, int64_t prefix = -1) {
    IndexInfo index;
    index.id = static_cast<int64_t>(table_->indexes.size()) + 1;
    index.name = primary ? "PRIMARY" : "u" + std::to_string(index.id);
    index.unique = true;
    index.primary = primary;
    for (const int offset : offsets)
      index.columns.push_back({.name = table_->all_columns[static_cast<size_t>(offset)].name,
                               .offset = offset,
                               .length = prefix});
    table_->indexes.push_back(std::move(index));
    return *this;
  }
  TableMaker& Primary(std::vector<int> offsets) { return Key(std::move(offsets), true); }
  TableMaker& Unique(std::vector<int> offsets, int64_t prefix = -1) {
    return Key(std::move(offsets), false, prefix);
  }
  std::shared_ptr<TableInfo> Done() {
    table_->Finish();
    return table_;
  }

 private:
  std::shared_ptr<TableInfo> table_;
};

inline Datum Txt(std::string_view text) { return Datum::View(Datum::Kind::kBytes, text); }
inline Datum Int(int64_t value) { return Datum::Int(value); }

// Row changes with the memory they point into.
class RowMaker {
 public:
  explicit RowMaker(TableInfoPtr table) : table_(std::move(table)) {}

  RowChange Insert(std::vector<Datum> after, uint64_t ts = 1) {
    return Make({}, std::move(after), ts);
  }
  RowChange Delete(std::vector<Datum> before, uint64_t ts = 1) {
    return Make(std::move(before), {}, ts);
  }
  RowChange Update(std::vector<Datum> before, std::vector<Datum> after, uint64_t ts = 1) {
    return Make(std::move(before), std::move(after), ts);
  }

 private:
  std::span<const Datum> Keep(std::vector<Datum> image) {
    if (image.empty()) return {};
    images_.push_back(std::move(image));
    return images_.back();
  }
  RowChange Make(std::vector<Datum> before, std::vector<Datum> after, uint64_t ts) {
    RowChange row;
    row.table = table_.get();
    row.physical_id = table_->id;
    row.start_ts = Ts(ts);
    row.commit_ts = Ts(ts);
    row.before = Keep(std::move(before));
    row.after = Keep(std::move(after));
    row.bytes = 16;
    return row;
  }

  TableInfoPtr table_;
  std::deque<std::vector<Datum>> images_;
};

inline std::shared_ptr<RowBatch> BatchOf(TableInfoPtr table, std::vector<RowChange> rows) {
  auto batch = std::make_shared<RowBatch>();
  batch->rows = std::move(rows);
  batch->tables.push_back(std::move(table));
  for (const RowChange& row : batch->rows) batch->bytes += row.bytes;
  return batch;
}

}  // namespace cdc
