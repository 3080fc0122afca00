#include "testing/fake_tikv_store.h"

#include <algorithm>
#include <thread>

namespace cdc {

// Serves both feed methods. The generated service would parse and build messages; what goes out
// here is bytes.
class FakeTiKv::Impl::Store::Feed : public grpc::Service {
 public:
  Feed(Impl& cluster, uint64_t store) : cluster_(cluster), store_(store) {
    Add("/cdcpb.ChangeData/EventFeed", false);
    Add("/cdcpb.ChangeData/EventFeedV2", true);
  }

 private:
  using Stream = grpc::ServerReaderWriter<grpc::ByteBuffer, cdcpb::ChangeDataRequest>;

  void Add(const char* name, bool v2) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        name, grpc::internal::RpcMethod::BIDI_STREAMING,
        new grpc::internal::BidiStreamingHandler<Feed, cdcpb::ChangeDataRequest, grpc::ByteBuffer>(
            [v2](Feed* feed, grpc::ServerContext* context, Stream* stream) {
              return feed->Serve(context, stream, v2);
            },
            this)));
  }

  grpc::Status Serve(grpc::ServerContext* context, Stream* stream, bool v2) {
    FakeConnection connection{.store = store_, .multiplexing = v2, .context = context};
    {
      std::lock_guard lock(cluster_.mutex);
      if (v2 && cluster_.refuse_v2) {
        return {grpc::StatusCode::UNIMPLEMENTED, "unknown method EventFeedV2"};
      }
      cluster_.connections.insert(&connection);
    }
    std::jthread reader([&] {
      cdcpb::ChangeDataRequest request;
      while (stream->Read(&request)) {
        std::lock_guard lock(cluster_.mutex);
        if (request.has_deregister()) {
          cluster_.Deregister(connection, request);
        } else {
          cluster_.Register(connection, request);
        }
      }
      std::lock_guard lock(cluster_.mutex);
      connection.ended = true;
      connection.queued.notify_all();
    });
    std::unique_lock lock(cluster_.mutex);
    for (;;) {
      connection.queued.wait(lock,
                             [&] { return connection.ended || !connection.outgoing.empty(); });
      if (connection.ended) break;
      const grpc::ByteBuffer message = std::move(connection.outgoing.front());
      connection.outgoing.pop_front();
      lock.unlock();
      const bool written = stream->Write(message);
      lock.lock();
      if (!written) connection.ended = true;
    }
    cluster_.connections.erase(&connection);
    lock.unlock();
    context->TryCancel();
    return grpc::Status::CANCELLED;
  }

  Impl& cluster_;
  const uint64_t store_;
};

FakeTiKv::Impl::Store::Store(Impl& cluster, uint64_t id)
    : cluster_(cluster), id_(id), feed_(std::make_unique<Feed>(cluster, id)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  builder.RegisterService(feed_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

FakeTiKv::Impl::Store::~Store() { Stop(); }

void FakeTiKv::Impl::Store::Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

bool FakeTiKv::Impl::Store::CheckRegion(const kvrpcpb::Context& context, errorpb::Error* error) {
  const FakeRegion* region = cluster_.RegionById(context.region_id());
  std::optional<RegionError> failure;
  if (cluster_.kv_failures_left > 0) {
    --cluster_.kv_failures_left;
    failure = cluster_.kv_failure;
  } else if (!region) {
    failure = RegionError::kRegionNotFound;
  } else if (region->leader != id_) {
    failure = RegionError::kNotLeader;
  } else if (region->version != context.region_epoch().version()) {
    failure = RegionError::kEpochNotMatch;
  }
  if (!failure) return true;
  const cdcpb::Error told =
      cluster_.MakeError(*failure, region ? *region : FakeRegion{.id = context.region_id()});
  if (told.has_not_leader()) *error->mutable_not_leader() = told.not_leader();
  if (told.has_epoch_not_match()) *error->mutable_epoch_not_match() = told.epoch_not_match();
  if (told.has_region_not_found()) *error->mutable_region_not_found() = told.region_not_found();
  if (told.has_server_is_busy()) *error->mutable_server_is_busy() = told.server_is_busy();
  error->set_message("fake");
  return false;
}

kvrpcpb::LockInfo FakeTiKv::Impl::Store::Describe(const std::string& key, const FakeLock& lock) {
  kvrpcpb::LockInfo info;
  info.set_key(key);
  info.set_primary_lock(lock.primary);
  info.set_lock_version(lock.start_ts.raw());
  info.set_lock_ttl(lock.ttl_ms);
  info.set_txn_size(1);
  info.set_lock_type(lock.pessimistic ? kvrpcpb::PessimisticLock
                                      : (lock.value ? kvrpcpb::Put : kvrpcpb::Del));
  info.set_use_async_commit(lock.async_commit);
  info.set_min_commit_ts(lock.min_commit_ts.raw());
  for (const std::string& secondary : lock.secondaries) info.add_secondaries(secondary);
  return info;
}

bool FakeTiKv::Impl::Store::Blocks(const FakeKey& key, Ts version,
                                   const kvrpcpb::Context& context) const {
  if (!key.lock || key.lock->pessimistic || key.lock->start_ts > version) return false;
  if (key.lock->min_commit_ts > version) return false;
  return std::ranges::find(context.resolved_locks(), key.lock->start_ts.raw()) ==
         context.resolved_locks().end();
}

grpc::Status FakeTiKv::Impl::Store::KvGet(Context*, const kvrpcpb::GetRequest* request,
                                          kvrpcpb::GetResponse* response) {
  const Ts version(request->version());
  {
    std::lock_guard lock(cluster_.mutex);
    if (!CheckRegion(request->context(), response->mutable_region_error())) {
      return grpc::Status::OK;
    }
    response->clear_region_error();
    const auto it = cluster_.keys.find(request->key());
    response->set_not_found(true);
    if (it == cluster_.keys.end()) return grpc::Status::OK;
    if (Blocks(it->second, version, request->context())) {
      *response->mutable_error()->mutable_locked() = Describe(it->first, *it->second.lock);
      return grpc::Status::OK;
    }
    const auto after = it->second.versions.upper_bound(version);
    if (after == it->second.versions.begin() || !std::prev(after)->second.value) {
      return grpc::Status::OK;
    }
    response->set_not_found(false);
    response->set_value(*std::prev(after)->second.value);
  }
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KvScan(Context*, const kvrpcpb::ScanRequest* request,
                                           kvrpcpb::ScanResponse* response) {
  const Ts version(request->version());
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  for (auto it = cluster_.keys.lower_bound(request->start_key()); it != cluster_.keys.end(); ++it) {
    if (!request->end_key().empty() && it->first >= request->end_key()) break;
    if (static_cast<uint32_t>(response->pairs_size()) >= request->limit()) break;
    if (Blocks(it->second, version, request->context())) {
      kvrpcpb::KvPair* pair = response->add_pairs();
      pair->set_key(it->first);
      *pair->mutable_error()->mutable_locked() = Describe(it->first, *it->second.lock);
      continue;
    }
    const auto after = it->second.versions.upper_bound(version);
    if (after == it->second.versions.begin() || !std::prev(after)->second.value) continue;
    kvrpcpb::KvPair* pair = response->add_pairs();
    pair->set_key(it->first);
    pair->set_value(*std::prev(after)->second.value);
  }
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KvScanLock(Context*, const kvrpcpb::ScanLockRequest* request,
                                               kvrpcpb::ScanLockResponse* response) {
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  for (auto it = cluster_.keys.lower_bound(request->start_key()); it != cluster_.keys.end(); ++it) {
    if (!request->end_key().empty() && it->first >= request->end_key()) break;
    if (static_cast<uint32_t>(response->locks_size()) >= request->limit()) break;
    if (!it->second.lock || it->second.lock->start_ts > Ts(request->max_version())) continue;
    *response->add_locks() = Describe(it->first, *it->second.lock);
  }
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KvResolveLock(Context*,
                                                  const kvrpcpb::ResolveLockRequest* request,
                                                  kvrpcpb::ResolveLockResponse* response) {
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  const Ts start_ts(request->start_version());
  std::vector<std::string> keys(request->keys().begin(), request->keys().end());
  if (keys.empty()) {
    const FakeRegion& region = *cluster_.RegionById(request->context().region_id());
    for (const auto& [key, state] : cluster_.keys) {
      const bool inside = key >= region.start && (region.end.empty() || key < region.end);
      if (inside && state.lock && state.lock->start_ts == start_ts) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) {
    const auto& lock_of_key = cluster_.keys[key].lock;
    if (!lock_of_key || lock_of_key->start_ts != start_ts) continue;
    if (request->commit_version() != 0) {
      cluster_.CommitKey(key, start_ts, Ts(request->commit_version()));
    } else {
      cluster_.RollbackKey(key, start_ts);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KvCheckTxnStatus(Context*,
                                                     const kvrpcpb::CheckTxnStatusRequest* request,
                                                     kvrpcpb::CheckTxnStatusResponse* response) {
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  const Ts start_ts(request->lock_ts());
  FakeKey& state = cluster_.keys[request->primary_key()];
  if (state.lock && state.lock->start_ts == start_ts) {
    *response->mutable_lock_info() = Describe(request->primary_key(), *state.lock);
    const bool expired =
        start_ts.unix_ms() + state.lock->ttl_ms <= Ts(request->current_ts()).unix_ms();
    if (expired && (!state.lock->async_commit || request->force_sync_commit())) {
      response->clear_lock_info();
      response->set_action(kvrpcpb::TTLExpireRollback);
      cluster_.RollbackKey(request->primary_key(), start_ts);
      return grpc::Status::OK;
    }
    response->set_lock_ttl(state.lock->ttl_ms);
    if (request->caller_start_ts() != 0 && !expired) {
      state.lock->min_commit_ts =
          std::max(state.lock->min_commit_ts, Ts(request->caller_start_ts()).Next());
      response->set_action(kvrpcpb::MinCommitTSPushed);
    }
    return grpc::Status::OK;
  }
  for (const auto& [commit_ts, version] : state.versions) {
    if (version.start_ts == start_ts) response->set_commit_version(commit_ts.raw());
  }
  if (response->commit_version() != 0 || state.rolled_back.contains(start_ts)) {
    return grpc::Status::OK;
  }
  if (!request->rollback_if_not_exist()) {
    response->mutable_error()->mutable_txn_not_found()->set_start_ts(start_ts.raw());
    return grpc::Status::OK;
  }
  state.rolled_back.insert(start_ts);
  response->set_action(kvrpcpb::LockNotExistRollback);
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KvCheckSecondaryLocks(
    Context*, const kvrpcpb::CheckSecondaryLocksRequest* request,
    kvrpcpb::CheckSecondaryLocksResponse* response) {
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  const Ts start_ts(request->start_version());
  for (const std::string& key : request->keys()) {
    FakeKey& state = cluster_.keys[key];
    if (state.lock && state.lock->start_ts == start_ts) {
      *response->add_locks() = Describe(key, *state.lock);
      continue;
    }
    response->clear_locks();
    for (const auto& [commit_ts, version] : state.versions) {
      if (version.start_ts == start_ts) response->set_commit_ts(commit_ts.raw());
    }
    if (response->commit_ts() == 0) state.rolled_back.insert(start_ts);
    break;
  }
  return grpc::Status::OK;
}

grpc::Status FakeTiKv::Impl::Store::KVPessimisticRollback(
    Context*, const kvrpcpb::PessimisticRollbackRequest* request,
    kvrpcpb::PessimisticRollbackResponse* response) {
  std::lock_guard lock(cluster_.mutex);
  if (!CheckRegion(request->context(), response->mutable_region_error())) return grpc::Status::OK;
  response->clear_region_error();
  for (const std::string& key : request->keys()) {
    auto& lock_of_key = cluster_.keys[key].lock;
    if (lock_of_key && lock_of_key->pessimistic &&
        lock_of_key->start_ts == Ts(request->start_version())) {
      lock_of_key.reset();
    }
  }
  return grpc::Status::OK;
}

}  // namespace cdc
