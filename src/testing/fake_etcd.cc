#include "testing/fake_etcd.h"

#include <algorithm>

namespace cdc {

std::optional<EtcdKv> FakeEtcd::Get(std::string_view key) const {
  const auto found = kvs_.find(key);
  return found == kvs_.end() ? std::nullopt : std::optional(found->second);
}

EtcdRange FakeEtcd::GetPrefix(std::string_view prefix) const {
  EtcdRange range{.revision = revision_, .kvs = {}};
  for (auto it = kvs_.lower_bound(prefix); it != kvs_.end() && it->first.starts_with(prefix); ++it)
    range.kvs.push_back(it->second);
  return range;
}

std::optional<EtcdKv> FakeEtcd::LastCreated(std::string_view prefix,
                                            int64_t create_revision_max) const {
  std::optional<EtcdKv> last;
  for (EtcdKv& kv : GetPrefix(prefix).kvs) {
    if (create_revision_max != 0 && kv.create_revision > create_revision_max) continue;
    if (!last || kv.create_revision > last->create_revision) last = std::move(kv);
  }
  return last;
}

std::optional<EtcdKv> FakeEtcd::FirstCreated(std::string_view prefix) const {
  std::vector<EtcdKv> kvs = GetPrefix(prefix).kvs;
  const auto first = std::ranges::min_element(kvs, {}, &EtcdKv::create_revision);
  return first == kvs.end() ? std::nullopt : std::optional(std::move(*first));
}

bool FakeEtcd::Holds(const EtcdCompare& guard) const {
  const auto found = kvs_.find(guard.key);
  if (found == kvs_.end()) return guard.revision == 0;
  return guard.revision == (guard.target == EtcdCompare::Target::kCreateRevision
                                ? found->second.create_revision
                                : found->second.mod_revision);
}

Result<EtcdTxnResult> FakeEtcd::Txn(const std::vector<EtcdCompare>& guards,
                                    const std::vector<EtcdOp>& ops) {
  if (!std::ranges::all_of(guards, [this](const EtcdCompare& guard) { return Holds(guard); }))
    return EtcdTxnResult{.succeeded = false, .revision = revision_};
  for (const EtcdOp& op : ops)
    if (op.lease != kNoLease && !leases_.contains(op.lease))
      return Error(Code::kEtcd, "requested lease not found");
  for (const EtcdOp& op : ops) {
    if (op.value)
      Put(op);
    else
      Delete(op.key);
  }
  Commit();
  return EtcdTxnResult{.succeeded = true, .revision = revision_};
}

void FakeEtcd::Put(const EtcdOp& op) {
  EtcdKv& kv = kvs_[op.key];
  if (const auto lease = leases_.find(kv.lease); lease != leases_.end())
    lease->second.keys.erase(op.key);
  if (kv.create_revision == 0) kv.create_revision = revision_ + 1;
  kv.key = op.key;
  kv.value = *op.value;
  kv.mod_revision = revision_ + 1;
  kv.lease = op.lease;
  if (op.lease != kNoLease) leases_.at(op.lease).keys.insert(op.key);
  under_way_.push_back({.kv = kv});
}

void FakeEtcd::Delete(const std::string& key) {
  const auto kv = kvs_.extract(key);
  if (kv.empty()) return;
  if (const auto lease = leases_.find(kv.mapped().lease); lease != leases_.end())
    lease->second.keys.erase(key);
  under_way_.push_back({.kv = {.key = key, .mod_revision = revision_ + 1}, .deleted = true});
}

void FakeEtcd::Commit() {
  if (under_way_.empty()) return;
  ++revision_;
  for (const EtcdEvent& event : under_way_) history_.push_back({revision_, event});
  const EtcdWatchBatch batch{.revision = revision_, .events = std::move(under_way_)};
  under_way_.clear();
  if (hook_) hook_(batch);
}

LeaseId FakeEtcd::GrantLease(std::chrono::seconds ttl, Time now) {
  const LeaseId lease{next_lease_++};
  leases_.emplace(lease, Lease{.ttl = ttl, .expires = now + ttl, .keys = {}});
  return lease;
}

std::chrono::seconds FakeEtcd::KeepAlive(LeaseId lease, Time now) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return std::chrono::seconds(0);
  found->second.expires = now + found->second.ttl;
  return found->second.ttl;
}

void FakeEtcd::RevokeLease(LeaseId lease) {
  const auto found = leases_.extract(lease);
  if (found.empty()) return;
  for (const std::string& key : found.mapped().keys) Delete(key);
  Commit();
}

void FakeEtcd::ExpireLeases(Time now) {
  std::vector<LeaseId> expired;
  for (const auto& [id, lease] : leases_)
    if (lease.expires <= now) expired.push_back(id);
  for (const LeaseId id : expired) RevokeLease(id);
}

void FakeEtcd::RenewLeases(Time now) {
  for (auto& [id, lease] : leases_) lease.expires = now + lease.ttl;
}

Result<EtcdWatchBatch> FakeEtcd::EventsBetween(std::string_view key, bool prefix, int64_t from,
                                               int64_t upto) const {
  if (from <= compacted_)
    return Error(Code::kEtcdCompacted, "revision {} is compacted up to {}", from, compacted_);
  EtcdWatchBatch batch{.revision = upto, .events = {}};
  auto it = std::ranges::lower_bound(history_, from, {}, &Change::revision);
  for (; it != history_.end() && it->revision <= upto; ++it) {
    const std::string& changed = it->event.kv.key;
    if (prefix ? changed.starts_with(key) : changed == key) batch.events.push_back(it->event);
  }
  return batch;
}

}  // namespace cdc
