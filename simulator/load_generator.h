// Loads: threads that write to the load tables until they are stopped or have written what they
// should.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "simulator/load_tables.h"

namespace cdc {

struct LoadSpec {
  // Synthetic rows: backlog (only scans send them), stream (live), huge (one transaction).
  // Stored rows: bank (transfers; the sum of k stays), oltp (insert, update, delete), hot (few
  // rows).
  std::string kind = "stream";
  uint64_t rows = 0;  // in all; 0: until stopped (huge, backlog: a million)
  uint64_t rate = 0;  // rows a second; 0: as fast as it goes
  uint64_t txn_rows = 100;
  bool one_phase = false;
  uint64_t keys = 1000;  // stored rows to write to, in each table
  uint64_t tables = 0;   // the first so many; 0: all
  uint64_t seed = 1;
  size_t queue_bytes = 16 << 20;  // wait while more waits to be sent on a stream
};

// Thread-safe. The destructor stops all loads.
class LoadGenerator {
 public:
  LoadGenerator(SimCluster& cluster, LoadTables& tables) : cluster_(cluster), tables_(tables) {}
  ~LoadGenerator() { StopAll(); }

  // Its number. A backlog is complete when this returns.
  Result<uint64_t> Start(const LoadSpec& spec);
  void StopAll();  // waits for the transactions under way

  struct View {
    uint64_t number = 0;
    std::string kind;
    uint64_t rows = 0;
    uint64_t conflicts = 0;
    bool done = false;
  };
  std::vector<View> Views();

 private:
  struct Load {
    LoadSpec spec;
    std::atomic<uint64_t> rows{0};
    std::atomic<uint64_t> conflicts{0};
    std::atomic<bool> done{false};
    std::jthread thread;
  };
  // Keeps to the rate. False: stopped, or all is written.
  bool Continue(Load& load, SteadyTime since, std::stop_token stop);
  void Backlog(Load& load);
  void Stream(Load& load, std::stop_token stop);
  void Huge(Load& load, std::stop_token stop);
  void Bank(Load& load, std::stop_token stop);
  void Oltp(Load& load, std::stop_token stop);
  void Timed(Load& load, std::stop_token stop);
  bool Write(Load& load, const std::vector<SimMutation>& mutations, Ts start_ts);
  size_t TableCount(const LoadSpec& spec) const;

  SimCluster& cluster_;
  LoadTables& tables_;
  std::mutex mutex_;  // guards all below
  uint64_t next_ = 1;
  std::map<uint64_t, std::unique_ptr<Load>> loads_;
};

}  // namespace cdc
