// The command line of a simulation: which seeds, how many at a time, what is told.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cdc {

struct SeedResult {
  std::optional<std::string> broken;  // the promise
  std::string summary;
};

struct Simulation {
  std::string name;  // of the program
  std::string description;
  std::string protections;  // that can be taken away
  // In a process of its own, which ends after it; what was made need not be torn down.
  std::function<SeedResult(uint64_t seed)> run;
};

// What main returns.
int RunSimulations(int argc, char** argv, const Simulation& simulation);

}  // namespace cdc
