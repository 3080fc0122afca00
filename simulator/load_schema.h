// The tables that load generators write to: (id, k, c, pad), as sysbench has them, described by
// what a recording holds, and their rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/ids.h"

namespace cdc {

class Recording;

// One row's value in TiDB's row format v2; `id` is the handle and only in the key. Values of one
// `text_bytes` have the same size, and `k` is at kLoadRowNumberAt of each.
std::string EncodeLoadRow(int32_t k, size_t text_bytes);
constexpr size_t kLoadRowNumberAt = 30;
// The bytes of a value besides the text.
constexpr size_t kLoadRowOverhead = 50;
// What EncodeLoadRow was given.
std::pair<int32_t, size_t> DecodeLoadRow(std::string_view value);

std::string RecordKey(TableId table, int64_t handle);
int64_t RecordHandle(std::string_view key);  // of a key that RecordKey made

// Keys and values that describe database `load` and its tables t0, t1, …, with ids from `first` on,
// for text of `text_bytes`.
Result<std::vector<std::pair<std::string, std::string>>> LoadSchema(const Recording& recording,
                                                                    SchemaId schema, TableId first,
                                                                    size_t tables,
                                                                    size_t text_bytes);

}  // namespace cdc
