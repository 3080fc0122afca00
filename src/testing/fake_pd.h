// A placement driver in this process, answering real gRPC on loopback.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/ts.h"

namespace cdc {

// What PD tells about a region. Keys are user keys; empty: unbounded.
struct FakeRegion {
  uint64_t id = 0;
  std::string start;
  std::string end;
  uint64_t version = 1;
  std::vector<uint64_t> stores;  // one voter each; its peer id is id * 100 + store
  uint64_t leader = 0;           // a store
};

// Thread-safe. Serves until destroyed. Time stands still unless moved; each timestamp is a tick.
class FakePd {
 public:
  explicit FakePd(int members = 1);  // the first is the leader
  ~FakePd();

  std::vector<std::string> endpoints() const;  // "http://127.0.0.1:…", by member
  uint64_t cluster_id() const;

  Ts NextTs();
  void AdvanceTime(uint64_t ms);

  void SetStore(uint64_t id, const std::string& address);
  void SetRegions(std::vector<FakeRegion> regions);  // all of them; should cover everything
  void SetGcSafePoint(Ts safe_point);
  Ts service_safe_point(const std::string& service) const;  // Ts(): none

  // Faults.
  void TransferLeader(int member);
  void StopMember(int member);  // refuses connections from now on
  void Stall(bool on);          // requests are taken and not answered
  void BreakTsoStreams();

  int tso_requests() const;  // messages, each for one or many timestamps
  int scan_requests() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cdc
