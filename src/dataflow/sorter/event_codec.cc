#include "dataflow/sorter/event_codec.h"

#include <cstring>

#include "base/bytes.h"

namespace cdc {
namespace {

constexpr size_t kTimestampBytes = 16;                 // commit ts, start ts
constexpr size_t kHeaderBytes = 1 + sizeof(uint32_t);  // operation, size of the old value

}  // namespace

void EncodeEventKey(const KvEvent& event, std::string* out) {
  out->clear();
  AppendBigEndian64(out, event.commit_ts.raw());
  AppendBigEndian64(out, event.start_ts.raw());
  out->append(event.key);
}

void EncodeEventValue(const KvEvent& event, std::string* out) {
  const auto old_size = static_cast<uint32_t>(event.old_value.size());
  out->clear();
  out->push_back(static_cast<char>(event.op));
  out->append(reinterpret_cast<const char*>(&old_size), sizeof old_size);
  out->append(event.old_value);
  out->append(event.value);
}

Result<Ts> DecodeCommitTs(std::string_view key) {
  if (key.size() < kTimestampBytes)
    return Error(Code::kSorterIo, "a spilled change has the key {}", ToHex(key));
  return Ts(LoadBigEndian64(key.data()));
}

Result<KvEvent> DecodeEvent(std::string_view key, std::string_view value, Arena* arena) {
  ASSIGN_OR_RETURN(const Ts commit_ts, DecodeCommitTs(key));
  uint32_t old_size = 0;
  if (value.size() >= kHeaderBytes) std::memcpy(&old_size, value.data() + 1, sizeof old_size);
  if (value.size() < kHeaderBytes + old_size)
    return Error(Code::kSorterIo, "the spilled change of key {} is cut off", ToHex(key));
  arena->Reserve(key.size() + value.size());
  const std::string_view user_key = arena->Copy(key.substr(kTimestampBytes));
  const std::string_view body = arena->Copy(value.substr(kHeaderBytes));
  return KvEvent{.op = static_cast<KvOp>(value[0]),
                 .start_ts = Ts(LoadBigEndian64(key.data() + sizeof(uint64_t))),
                 .commit_ts = commit_ts,
                 .key = user_key,
                 .value = body.substr(old_size),
                 .old_value = body.substr(0, old_size),
                 .owner = arena->owner()};
}

}  // namespace cdc
