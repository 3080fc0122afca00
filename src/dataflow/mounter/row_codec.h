// Rows as TiDB stores them, to the values of a table's columns.
//
// Format v1: [column id][value] pairs, self-describing. Format v2 (first byte 128): [128][flags]
// [n: u16 not-null columns][m: u16 null columns][n + m ids][n end offsets][values][checksum]; ids
// are sorted within the two groups, one byte each (offsets two), or four each in a "large" row.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "dataflow/mounter/datum_codec.h"
#include "dataflow/mounter/key_codec.h"
#include "dataflow/mounter/time_zone.h"
#include "model/datum.h"
#include "model/table_info.h"

namespace cdc {

// A row of format v2, its parts found and their bounds checked.
struct RowV2 {
  bool large = false;
  uint32_t not_null_count = 0;
  uint32_t null_count = 0;
  const char* ids = nullptr;
  const char* offsets = nullptr;
  std::string_view values;

  bool has_checksum = false;
  uint8_t checksum_version = 0;  // 0: of the columns, 1: of bytes and key, 2: of bytes and handle
  uint32_t checksum = 0;         // has_checksum
  uint32_t extra_checksum = 0;   // by the schema that a DDL was making then; else the same again
  std::string_view checked;      // what a checksum of bytes covers
};

// False if `bytes` is no complete row of format v2.
bool ParseRowV2(std::string_view bytes, RowV2* row);

// Decodes rows of one version of one table. All that depends on the table is worked out once.
// Not thread-safe (the time zone has a cache); one per mounter.
class RowDecoder {
 public:
  // `table` outlives the decoder.
  RowDecoder(const TableInfo& table, const TimeZone& zone);
  RowDecoder(const RowDecoder&) = delete;  // defaults view members
  RowDecoder& operator=(const RowDecoder&) = delete;

  // Fills `out[i]` with the value of `table.columns[i]`: from the row, else from the handle, else
  // what rows have that are older than the column. Values view `value` and `key`, or are put into
  // `arena`. Errors: kDecodeRow.
  Status Decode(std::string_view value, const RecordKey& key, std::pmr::memory_resource* arena,
                Datum* out);

 private:
  // How the stored bytes become a Datum.
  enum class Shape : uint8_t {
    kInt,
    kUint,
    kFloat,
    kDouble,
    kBytes,
    kDecimal,
    kTime,
    kTimestamp,
    kDuration,
    kEnum,
    kSet,
    kBit,
    kJson,
    kVector,
  };
  struct Column {
    int64_t id;
    int position;
    Shape shape;
    uint32_t elems;  // kEnum
  };

  static Shape ShapeOf(const FieldType& type);
  void AddColumn(const TableInfo& table, int position);
  void FindHandleColumns();

  template <typename Id, typename Offset>
  Status DecodeV2(const RowV2& row, Datum* out);
  Status DecodeV1(std::string_view value, std::pmr::memory_resource* arena, Datum* out);
  Status FillHandle(const RecordKey& key, std::pmr::memory_resource* arena, Datum* out);
  bool FromBytes(const Column& column, std::string_view bytes, Datum* out);
  bool FromFlagged(const Column& column, const FlaggedValue& value, Datum* out);
  Datum EnumValue(const Column& column, uint64_t value) const;
  Status BadColumn(const Column& column, std::string_view bytes) const;

  const TableInfo& table_;
  TimeZone zone_;
  std::vector<Column> columns_;  // by id
  std::vector<Datum> missing_;   // by position: the values of columns that a row lacks
  // The columns of the handle in its order, as positions; -1: not among the replicated ones.
  std::vector<Column> handle_;
  std::vector<std::string> storage_;  // of values in missing_
};

}  // namespace cdc
