#include "dataflow/upstream/spilled_prewrites.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace cdc {
namespace {

constexpr char kNoOp = 2;
// A cursor costs more than a look-up, unless it is used again.
constexpr int kSequentialMin = -4;
constexpr int kSequentialMax = 64;
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
  ASSIGN_OR_RETURN(const bool there, Read(txn->second.space, key));
  if (!there) return std::nullopt;
  return Decode(key, buffer_);
}

// Into buffer_. False if it is not there.
Result<bool> SpilledPrewrites::Read(SpillSpace space, std::string_view key) {
  if (cursor_ && cursor_space_ == space && cursor_->Valid() && cursor_->key() == key) {
    buffer_ = cursor_->value();
    cursor_->Next();
    sequential_ = std::min(sequential_ + 1, kSequentialMax);
    return true;
  }
  cursor_.reset();
  if (--sequential_ < kSequentialMin) return store_->Get(space, key, &buffer_);
  ASSIGN_OR_RETURN(cursor_, store_->Read(space, key));
  cursor_space_ = space;
  RETURN_UNEXPECTED_IF_ERROR(cursor_->status());
  if (!cursor_->Valid() || cursor_->key() != key) return false;
  buffer_ = cursor_->value();
  cursor_->Next();
  return true;
}

void SpilledPrewrites::Rest() {
  cursor_.reset();
  sequential_ = 0;
}

Result<std::optional<SpilledPrewrites::Found>> SpilledPrewrites::Decode(
    std::string_view key, std::string_view value) const {
  uint32_t old_size = 0;
  if (value.size() >= kHeaderBytes)
    std::memcpy(&old_size, value.data() + 1 + sizeof(uint64_t), sizeof old_size);
  if (value.size() < kHeaderBytes + old_size)
    return Error(Code::kSorterIo, "the spilled prewrite of key {} is cut off", ToHex(key));
  const size_t body_size = value.size() - kHeaderBytes;
  const std::shared_ptr<char[]> memory(new char[key.size() + body_size]);
  std::memcpy(memory.get(), key.data(), key.size());
  std::memcpy(memory.get() + key.size(), value.data() + kHeaderBytes, body_size);
  const std::string_view body(memory.get() + key.size(), body_size);
  const char op = value[0];
  return Found{.key = {memory.get(), key.size()},
               .prewrite = {.value = body.substr(old_size),
                            .old_value = body.substr(0, old_size),
                            .generation = LoadBigEndian64(value.data() + 1),
                            .op = op == kNoOp ? std::nullopt : std::optional(static_cast<KvOp>(op)),
                            .owner = memory}};
}

void SpilledPrewrites::Forget(Ts start_ts) {
  const auto txn = txns_.find(start_ts);
  if (txn == txns_.end() || --txn->second.count > 0) return;
  cursor_.reset();
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
