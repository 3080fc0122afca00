// The insides of FakeTiKv: data, regions and connections under one mutex.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "testing/fake_tikv.h"
#include "tikv/cdcpb.grpc.pb.h"
#include "tikv/tikvpb.grpc.pb.h"

namespace cdc {

struct FakeLock {
  Ts start_ts;
  std::string primary;
  std::optional<std::string> value;
  uint64_t ttl_ms = 0;
  bool pessimistic = false;
  bool async_commit = false;
  Ts min_commit_ts;
  std::vector<std::string> secondaries;  // of the primary of an async commit
};

struct FakeVersion {
  Ts start_ts;
  std::optional<std::string> value;
};

struct FakeKey {
  std::optional<FakeLock> lock;
  std::map<Ts, FakeVersion> versions;  // by commit ts
  std::set<Ts> rolled_back;            // start ts
};

struct FakeSubscription {
  uint64_t region_id = 0;
  uint64_t request_id = 0;
  KeyRange range;
  bool initialized = false;
  std::vector<cdcpb::Event::Row> held_scan;
};

// One EventFeed stream. The handler's thread writes what others queue.
struct FakeConnection {
  uint64_t store = 0;
  bool multiplexing = false;
  grpc::ServerContext* context = nullptr;
  std::map<std::pair<uint64_t, uint64_t>, FakeSubscription> subscriptions;  // request, region
  std::deque<grpc::ByteBuffer> outgoing;
  bool ended = false;
  std::condition_variable queued;  // with Impl::mutex

  void Queue(const cdcpb::ChangeDataEvent& event);
};

struct FakeTiKv::Impl {
  class Store;

  explicit Impl(FakePd& pd_in);
  ~Impl();

  FakePd& pd;
  mutable std::mutex mutex;  // guards all below
  std::map<std::string, FakeKey> keys;
  std::vector<FakeRegion> regions;  // in key order
  uint64_t next_region_id = 10;
  std::set<FakeConnection*> connections;
  bool hold_resolved = false;
  bool hold_scans = false;
  bool refuse_v2 = false;
  int kv_failures_left = 0;
  RegionError kv_failure = RegionError::kUnknown;
  int registrations = 0;
  std::vector<std::unique_ptr<Store>> stores;
  std::jthread ticker;

  FakeRegion& RegionOf(const std::string& key);
  FakeRegion* RegionById(uint64_t id);
  cdcpb::Error MakeError(RegionError error, const FakeRegion& region) const;
  void FailRegion(uint64_t region_id, RegionError error);
  static void SendError(FakeConnection& connection, const FakeSubscription& subscription,
                        const cdcpb::Error& error);

  // Rows of the feed, to the subscriptions that cover their key.
  void Emit(const cdcpb::Event::Row& row);
  static void SendRows(FakeConnection& connection, const FakeSubscription& subscription,
                       const std::vector<cdcpb::Event::Row>& rows);
  std::vector<cdcpb::Event::Row> Scan(const KeyRange& range, Ts checkpoint) const;
  void Register(FakeConnection& connection, const cdcpb::ChangeDataRequest& request);
  void Deregister(FakeConnection& connection, const cdcpb::ChangeDataRequest& request);
  void SendResolved();
  void ReleaseScans();

  // Transactions; all send their rows.
  void AddLock(const std::string& key, FakeLock lock);
  void CommitKey(const std::string& key, Ts start_ts, Ts commit_ts);
  void RollbackKey(const std::string& key, Ts start_ts);
};

cdcpb::Event::Row MakeRow(cdcpb::Event::LogType type, const std::string& key, Ts start_ts,
                          Ts commit_ts, const std::optional<std::string>& value);

}  // namespace cdc
