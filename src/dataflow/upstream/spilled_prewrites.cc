#include "dataflow/upstream/spilled_prewrites.h"

#include <cstring>

#include "base/bytes.h"

namespace cdc {
namespace {

constexpr char kNoOp = 2;
constexpr size_t kHeaderBytes = 1 + sizeof(uint64_t) + sizeof(uint32_t);

}  // namespace

SpilledPrewrites::~SpilledPrewrites() {
  for (const auto& [start_ts, txn] : txns_) store_->Drop(txn.space);
}

// Operation, generation, size of the old value; old value, value.
void SpilledPrewrites::Encode(const Prewrite& prewrite, std::string* out) {
  const auto old_size = static_cast<uint32_t>(prewrite.old_value.size());
  out->clear();
  out->push_back(prewrite.op ? static_cast<char>(*prewrite.op) : kNoOp);
  AppendBigEndian64(out, prewrite.generation);
  out->append(reinterpret_cast<const char*>(&old_size), sizeof old_size);
  out->append(prewrite.old_value);
  out->append(prewrite.value);
}

Result<std::optional<SpilledPrewrites::Found>> SpilledPrewrites::Find(Ts start_ts,
                                                                      std::string_view key) {
  const auto txn = txns_.find(start_ts);
  if (txn == txns_.end()) return std::nullopt;
  ASSIGN_OR_RETURN(const bool there, store_->Get(txn->second.space, key, &buffer_));
  if (!there) return std::nullopt;
  uint32_t old_size = 0;
  if (buffer_.size() >= kHeaderBytes)
    std::memcpy(&old_size, buffer_.data() + 1 + sizeof(uint64_t), sizeof old_size);
  if (buffer_.size() < kHeaderBytes + old_size)
    return Error(Code::kSorterIo, "the spilled prewrite of key {} is cut off", ToHex(key));
  const size_t body_size = buffer_.size() - kHeaderBytes;
  const std::shared_ptr<char[]> memory(new char[key.size() + body_size]);
  std::memcpy(memory.get(), key.data(), key.size());
  std::memcpy(memory.get() + key.size(), buffer_.data() + kHeaderBytes, body_size);
  const std::string_view body(memory.get() + key.size(), body_size);
  const char op = buffer_[0];
  return Found{.key = {memory.get(), key.size()},
               .prewrite = {.value = body.substr(old_size),
                            .old_value = body.substr(0, old_size),
                            .generation = LoadBigEndian64(buffer_.data() + 1),
                            .op = op == kNoOp ? std::nullopt : std::optional(static_cast<KvOp>(op)),
                            .owner = memory}};
}

void SpilledPrewrites::Forget(Ts start_ts) {
  const auto txn = txns_.find(start_ts);
  if (txn == txns_.end() || --txn->second.count > 0) return;
  store_->Drop(txn->second.space);
  txns_.erase(txn);
}

SpillSpace SpilledPrewrites::SpaceOf(Ts start_ts) {
  const auto [txn, fresh] = txns_.try_emplace(start_ts);
  if (fresh) txn->second.space = store_->NewSpace();
  return txn->second.space;
}

void SpilledPrewrites::Wrote(Ts start_ts, size_t count) {
  const auto txn = txns_.find(start_ts);
  if (txn == txns_.end()) return;
  txn->second.count += count;
  if (txn->second.count > 0) return;
  store_->Drop(txn->second.space);
  txns_.erase(txn);
}

}  // namespace cdc
