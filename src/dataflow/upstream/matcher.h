// Puts prewrites and commits of one region together.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataflow/upstream/cdcpb_parser.h"
#include "dataflow/upstream/spilled_prewrites.h"
#include "model/kv_event.h"

namespace cdc {

// A store sends a change as PREWRITE, which has the value, and later COMMIT, which has the commit
// ts; or as COMMITTED, which has both. While the store scans, rows of the scan and live rows come
// in any order: a commit may come before its prewrite, and a prewrite after its rollback.
//
// Keeps views: the `owner` that is given with a row keeps the row's bytes alive. Not thread-safe.
//
// What a transaction too large for memory has prewritten can be moved to disk, from where it comes
// back row by row as it is committed: TakeSpill, write the items, EndSpill.
class Matcher {
 public:
  using Owner = std::shared_ptr<const void>;

  // Ignores all that committed at or before `checkpoint`. With a store, which outlives the matcher,
  // prewrites can be spilled.
  explicit Matcher(Ts checkpoint, SpillStore* store = nullptr)
      : checkpoint_(checkpoint), spilled_(store) {}

  // Takes the next row of the region and appends what is complete by it to `out`. Fails with
  // kPrewriteNotMatch if the rows make no sense: the region has to be registered anew; or with what
  // the disk reports.
  Status Add(const CdcRow& row, const Owner& owner, std::vector<KvEvent>* out);
  // The end of the scan completes more than should be in memory at a time: until it is false, Drain
  // goes on with that, before any other row.
  bool draining() const { return initialized_ && drained_ < early_commits_.size(); }
  Status Drain(std::vector<KvEvent>* out);
  // No more rows for now.
  void Rest() { spilled_.Rest(); }

  struct SpillItem {
    SpillSpace space;
    std::string_view key;
    const Prewrite* prewrite;
  };
  // All prewrites in memory. Nothing may be added before EndSpill.
  void CollectSpill(std::vector<SpillItem>* items);
  void EndSpill(bool written);

  bool initialized() const { return initialized_; }
  size_t prewrites() const { return prewrites_.size(); }  // in memory
  bool has_spilled() const { return !spilled_.empty(); }
  size_t bytes() const { return bytes_; }  // that it takes to hold what is in memory

 private:
  struct TxnKey {
    Ts start_ts;
    std::string_view key;
    bool operator==(const TxnKey&) const = default;
  };
  struct TxnKeyHash {
    size_t operator()(const TxnKey& k) const {
      return std::hash<std::string_view>()(k.key) ^ (k.start_ts.raw() * 0x9e3779b97f4a7c15U);
    }
  };
  struct Held {
    CdcRow row;
    Owner owner;
  };
  using Prewrites = std::unordered_map<TxnKey, Prewrite, TxnKeyHash>;

  Status AddPrewrite(const CdcRow& row, const Owner& owner);
  Status DropPrewrite(const CdcRow& row);
  void Hold(std::vector<Held>* rows, const CdcRow& row, const Owner& owner);
  Result<bool> Match(const CdcRow& row, std::vector<KvEvent>* out);
  Result<bool> MatchSpilled(const CdcRow& row, std::vector<KvEvent>* out);
  bool MayMatch(const Prewrite& prewrite) const;
  Status Emit(const CdcRow& row, std::string_view key, const Prewrite& prewrite,
              std::vector<KvEvent>* out) const;
  void Forget(Prewrites::iterator it);

  const Ts checkpoint_;
  bool initialized_ = false;
  Prewrites prewrites_;
  std::vector<Held> early_commits_;    // until initialized
  std::vector<Held> early_rollbacks_;  // until initialized
  size_t drained_ = 0;                 // of early_commits_
  size_t early_bytes_ = 0;
  SpilledPrewrites spilled_;
  size_t bytes_ = 0;
};

}  // namespace cdc
