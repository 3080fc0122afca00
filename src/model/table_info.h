// Tables as TiDB describes them (its JSON TableInfo in the meta keys), reduced to what change data
// capture needs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/datum.h"
#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// MySQL's type codes as TiDB uses them (parser/mysql/type.go).
enum class MysqlType : uint8_t {
  kUnspecified = 0,
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kNull = 6,
  kTimestamp = 7,
  kLonglong = 8,
  kInt24 = 9,
  kDate = 10,
  kDuration = 11,  // TIME
  kDatetime = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kVector = 0xe1,
  kJson = 0xf5,
  kNewDecimal = 0xf6,
  kEnum = 0xf7,
  kSet = 0xf8,
  kTinyBlob = 0xf9,
  kMediumBlob = 0xfa,
  kLongBlob = 0xfb,
  kBlob = 0xfc,
  kVarString = 0xfd,
  kString = 0xfe,  // CHAR
  kGeometry = 0xff,
};

// Column flags (parser/mysql/const.go).
namespace column_flag {
inline constexpr uint64_t kNotNull = 1 << 0;
inline constexpr uint64_t kPriKey = 1 << 1;
inline constexpr uint64_t kUniqueKey = 1 << 2;
inline constexpr uint64_t kMultipleKey = 1 << 3;
inline constexpr uint64_t kBlob = 1 << 4;
inline constexpr uint64_t kUnsigned = 1 << 5;
inline constexpr uint64_t kZerofill = 1 << 6;
inline constexpr uint64_t kBinary = 1 << 7;
inline constexpr uint64_t kAutoIncrement = 1 << 9;
inline constexpr uint64_t kNoDefaultValue = 1 << 12;
}  // namespace column_flag

struct FieldType {
  MysqlType type = MysqlType::kUnspecified;
  uint64_t flags = 0;
  int64_t length = -1;   // flen; -1: unspecified
  int64_t decimal = -1;  // digits after the point, or fsp of times; -1: unspecified
  std::string charset;
  std::string collation;
  std::vector<std::string> elems;  // ENUM and SET

  bool is_unsigned() const { return flags & column_flag::kUnsigned; }
  bool not_null() const { return flags & column_flag::kNotNull; }
  bool is_binary_charset() const { return charset == "binary"; }
};

// States of a column or an index during online DDL (parser/model SchemaState).
enum class SchemaState : uint8_t {
  kNone = 0,
  kDeleteOnly = 1,
  kWriteOnly = 2,
  kWriteReorganization = 3,
  kDeleteReorganization = 4,
  kPublic = 5,
  kReplicaOnly = 6,
  kGlobalTxnOnly = 7,
};

struct ColumnInfo {
  int64_t id = 0;
  std::string name;
  int offset = 0;  // in TiDB's column list
  SchemaState state = SchemaState::kPublic;
  FieldType type;
  bool hidden = false;         // made for an expression index
  std::string generated_expr;  // empty: not generated
  bool generated_stored = false;
  std::string comment;
  // The value of rows written before the column was added; views `origin_default_storage`. NULL
  // also for "no default"; a TIMESTAMP is in UTC, as in rows.
  Datum origin_default;
  std::shared_ptr<const std::string> origin_default_storage;
  // For messages and generated DDL: the default as TiDB's JSON has it; unset: no default.
  std::optional<std::string> default_value;
  bool default_is_expr = false;

  bool is_generated() const { return !generated_expr.empty(); }
  bool is_virtual() const { return is_generated() && !generated_stored; }
};

struct IndexColumn {
  std::string name;
  int offset = 0;       // into TableInfo::all_columns
  int64_t length = -1;  // prefix length; -1: whole column
};

struct IndexInfo {
  int64_t id = 0;
  std::string name;
  std::vector<IndexColumn> columns;
  SchemaState state = SchemaState::kPublic;
  bool unique = false;
  bool primary = false;
  bool global = false;
  bool multi_valued = false;
};

struct PartitionInfo {
  TableId id{};
  std::string name;
};

// A table at one point of its history. Immutable once built; shared between threads.
class TableInfo {
 public:
  enum class Kind : uint8_t { kTable, kView, kSequence, kGlobalTemporary, kLocalTemporary };

  TableId id{};
  SchemaId schema_id{};
  std::string schema;  // database
  std::string name;
  Ts version;  // commit ts of the change that made this version
  Kind kind = Kind::kTable;
  std::string charset;
  std::string collation;
  std::string comment;
  std::vector<ColumnInfo> all_columns;  // in TiDB's order, all states
  std::vector<IndexInfo> indexes;       // all states
  bool pk_is_handle = false;            // the integer primary key is the record key
  bool is_common_handle = false;        // a clustered primary key of other types
  uint16_t common_handle_version = 0;
  std::vector<PartitionInfo> partitions;    // empty: not partitioned
  std::shared_ptr<const std::string> json;  // TiDB's own text, for what is not modelled here

  // ---- derived by Finish(); columns below are indexes into all_columns or columns ----
  // The replicated columns, in order: public, not virtual, not hidden. A row's Datums follow this
  // list.
  std::vector<const ColumnInfo*> columns;
  // Positions in `columns` that identify a row: the primary key, else the first unique key over NOT
  // NULL columns without virtual ones; empty if there is none (the table is not "eligible").
  std::vector<int> handle_key;
  // Each public unique key (primary first) all of whose columns are in `columns`, as positions;
  // with prefix lengths alongside.
  struct UniqueKey {
    std::vector<int> columns;
    std::vector<int64_t> prefix_lengths;  // -1: whole column
    bool primary = false;
    bool nullable = false;  // some column may be NULL: then the key does not constrain rows that
                            // hold NULL in it
  };
  std::vector<UniqueKey> unique_keys;
  // Column id → position in `columns`.
  std::unordered_map<int64_t, int> position_by_id;

  // Computes the derived members. Call once, after the rest is set, before sharing.
  void Finish();

  bool eligible() const { return !handle_key.empty(); }
  bool is_partitioned() const { return !partitions.empty(); }
  // The ids that record keys of this table carry: its partitions', or its own.
  std::vector<TableId> PhysicalIds() const;
  // Position in `columns` of the column with this name, compared without case; -1 if there is none.
  int FindColumn(std::string_view column_name) const;

  TableInfo() = default;
  TableInfo(const TableInfo&) = delete;  // `columns` points into all_columns
  TableInfo& operator=(const TableInfo&) = delete;
};

using TableInfoPtr = std::shared_ptr<const TableInfo>;

}  // namespace cdc
