// The prewrites of one region that had to go to disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "dataflow/spill/spill_store.h"
#include "model/kv_event.h"

namespace cdc {

struct Prewrite {
  std::string_view value;
  std::string_view old_value;
  uint64_t generation = 0;
  std::optional<KvOp> op;
  std::shared_ptr<const void> owner;  // keeps the key alive, too
};

// By start ts and key. A transaction's go from the disk when as many were forgotten as were
// written; all of them, when the region goes.
//
// Not thread-safe.
class SpilledPrewrites {
 public:
  // Without a store nothing is ever in here.
  explicit SpilledPrewrites(SpillStore* store) : store_(store) {}
  ~SpilledPrewrites();
  SpilledPrewrites(const SpilledPrewrites&) = delete;
  SpilledPrewrites& operator=(const SpilledPrewrites&) = delete;

  bool empty() const { return txns_.empty(); }
  bool can_spill() const { return store_ != nullptr; }
  bool Has(Ts start_ts) const { return !txns_.empty() && txns_.contains(start_ts); }
  struct Found {
    std::string_view key;  // as `owner` of the prewrite keeps it
    Prewrite prewrite;
  };
  // Transactions are committed key after key, so that what is wanted next is mostly what comes
  // next.
  Result<std::optional<Found>> Find(Ts start_ts, std::string_view key);
  // Lets go of what Find keeps open from call to call.
  void Rest();
  // One of the transaction is not needed any more.
  void Forget(Ts start_ts);

  // Where the transaction's prewrites go.
  SpillSpace SpaceOf(Ts start_ts);
  // `count` more were written there; 0: none, after all.
  void Wrote(Ts start_ts, size_t count);
  static void Encode(const Prewrite& prewrite, std::string* out);

 private:
  struct Txn {
    SpillSpace space{};
    size_t count = 0;
  };

  Result<bool> Read(SpillSpace space, std::string_view key);
  Result<std::optional<Found>> Decode(std::string_view key, std::string_view value) const;

  SpillStore* const store_;
  std::map<Ts, Txn> txns_;
  // Until Rest:
  std::unique_ptr<SpillStore::Cursor> cursor_;  // after the last one found, in cursor_space_
  SpillSpace cursor_space_{};
  int sequential_ = 0;  // how often the next one was wanted, less how often it was not
  std::string buffer_;
};

}  // namespace cdc
