// The downstream of the simulation and a process's way to it.
//
// The program's OpenSink is this file's, in place of the product's sink factory: it opens a sink to
// the simulated downstream whatever the URI says.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "network.h"
#include "promises.h"

namespace cdc {

// What sinks need of the simulation, and what goes wrong downstream. One at a time.
struct SimDownstream {
  SimDownstream(Promises& promises, uint64_t seed) : promises(promises), chance(seed) {
    current = this;
  }
  ~SimDownstream() { current = nullptr; }

  Promises& promises;
  Chance chance;
  int64_t fail_one_write_in = 0;  // 0: none
  int64_t fail_one_ddl_in = 0;
  std::function<SimWriter()> writer;    // the capture that the running process is
  std::function<const Links&()> links;  // of the running process
  uint64_t writes = 0;

  static inline SimDownstream* current = nullptr;
};

}  // namespace cdc
