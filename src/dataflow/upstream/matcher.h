// Puts prewrites and commits of one region together.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataflow/upstream/cdcpb_parser.h"
#include "model/kv_event.h"

namespace cdc {

// A store sends a change as PREWRITE, which has the value, and later COMMIT, which has the commit
// ts; or as COMMITTED, which has both. While the store scans, rows of the scan and live rows come
// in any order: a commit may come before its prewrite, and a prewrite after its rollback.
//
// Keeps views: the `owner` that is given with a row keeps the row's bytes alive. Pure; not
// thread-safe.
class Matcher {
 public:
  using Owner = std::shared_ptr<const void>;

  // Ignores all that committed at or before `checkpoint`.
  explicit Matcher(Ts checkpoint) : checkpoint_(checkpoint) {}

  // Takes the next row of the region and appends what is complete by it to `out`. Fails with
  // kPrewriteNotMatch if the rows make no sense: the region has to be registered anew.
  Status Add(const CdcRow& row, const Owner& owner, std::vector<KvEvent>* out);

  bool initialized() const { return initialized_; }
  size_t prewrites() const { return prewrites_.size(); }
  size_t bytes() const { return bytes_; }  // of keys and values held

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
  struct Prewrite {
    std::string_view value;
    std::string_view old_value;
    uint64_t generation = 0;
    std::optional<KvOp> op;
    Owner owner;  // keeps the key alive, too
  };
  struct Held {
    CdcRow row;
    Owner owner;
  };
  using Prewrites = std::unordered_map<TxnKey, Prewrite, TxnKeyHash>;

  void AddPrewrite(const CdcRow& row, const Owner& owner);
  void DropPrewrite(const CdcRow& row);
  bool Match(const CdcRow& row, std::vector<KvEvent>* out, Status* status);
  Status Initialize(std::vector<KvEvent>* out);
  void Forget(Prewrites::iterator it);

  const Ts checkpoint_;
  bool initialized_ = false;
  Prewrites prewrites_;
  std::vector<Held> early_commits_;    // until initialized
  std::vector<Held> early_rollbacks_;  // until initialized
  size_t bytes_ = 0;
};

}  // namespace cdc
