#include "dataflow/mounter/key_codec.h"

#include "base/bytes.h"

namespace cdc {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr size_t kIdEnd = 1 + 8;           // after t{table id}
constexpr size_t kPrefixEnd = kIdEnd + 2;  // after _r or _i

}  // namespace

int64_t RecordKey::int_handle() const {
  return static_cast<int64_t>(LoadBigEndian64(handle.data()) ^ kSignBit);
}

KeyKind ParseTableKey(std::string_view key, RecordKey* record) {
  // A handle has eight bytes at least: TiDB pads shorter common handles with zeros to nine.
  if (key.size() < kPrefixEnd + 8 || key[0] != 't' || key[kIdEnd] != '_') return KeyKind::kOther;
  if (key[kIdEnd + 1] == 'i') return KeyKind::kIndex;
  if (key[kIdEnd + 1] != 'r') return KeyKind::kOther;
  record->table = TableId{static_cast<int64_t>(LoadBigEndian64(key.data() + 1) ^ kSignBit)};
  record->handle = key.substr(kPrefixEnd);
  return KeyKind::kRecord;
}

std::string RecordKeyOf(TableId table, int64_t handle) {
  std::string key = "t";
  AppendBigEndian64(&key, static_cast<uint64_t>(Raw(table)) ^ kSignBit);
  key.append("_r");
  AppendBigEndian64(&key, static_cast<uint64_t>(handle) ^ kSignBit);
  return key;
}

}  // namespace cdc
