#include "model/kv_event.h"

#include "base/bytes.h"

namespace cdc {

KeyRange RecordRange(TableId table) {
  std::string prefix = "t";
  // TiDB's memcomparable integers: big endian with the sign bit flipped (tidb/pkg/util/codec).
  AppendBigEndian64(&prefix, static_cast<uint64_t>(Raw(table)) ^ (uint64_t{1} << 63));
  return {.start = prefix + "_r", .end = prefix + "_s"};
}

KeyRange PrefixRange(std::string_view prefix) {
  return {.start = std::string(prefix), .end = PrefixEnd(prefix)};
}

}  // namespace cdc
