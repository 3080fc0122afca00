// The keys of TiDB's tables: t{table id}_r{handle} for records, t{table id}_i{index id}… for
// indexes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/ids.h"

namespace cdc {

// A record key taken apart; views the key.
struct RecordKey {
  TableId table{};  // physical
  std::string_view
      handle;  // all after "_r": eight bytes of an integer, or a common handle's columns
  bool has_int_handle() const { return handle.size() == 8; }
  int64_t int_handle() const;  // has_int_handle()
};

enum class KeyKind : uint8_t { kRecord, kIndex, kOther };

// What kind of key this is; fills `record` for a kRecord. kOther: meta keys and anything that is no
// table's.
KeyKind ParseTableKey(std::string_view key, RecordKey* record);

// t{table}_r{handle}, for tests and tools.
std::string RecordKeyOf(TableId table, int64_t handle);

}  // namespace cdc
