#include "runner.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "sabotage.h"
#include "trace.h"

namespace cdc {
namespace {

constexpr unsigned kRealSecondsMax = 120;  // of one seed; only an endless loop takes so long

struct Arguments {
  uint64_t first = 1;
  uint64_t last = 1;
  int jobs = 1;
  bool trace = false;
  bool verbose = false;
};

// The whole of one simulation's process. Nothing is torn down: fibers may be in the middle of
// something.
[[noreturn]] void RunSeed(const Simulation& simulation, uint64_t seed, const Arguments& arguments) {
  alarm(kRealSecondsMax);
  if (arguments.trace)
    StartTrace();
  else
    (void)SetLogLevel("fatal");
  const SeedResult result = simulation.run(seed);
  if (result.broken)
    std::printf("seed %lu FAILED: %s\n", seed, result.broken->c_str());
  else if (arguments.verbose || arguments.trace)
    std::printf("seed %lu ok: %s\n", seed, result.summary.c_str());
  std::fflush(stdout);
  _exit(result.broken ? 1 : 0);
}

// "a..b" or "a".
bool ParseSeeds(const std::string& text, Arguments* arguments) {
  const size_t dots = text.find("..");
  try {
    arguments->first = std::stoull(text.substr(0, dots));
    arguments->last = dots == text.npos ? arguments->first : std::stoull(text.substr(dots + 2));
  } catch (const std::exception&) {
    return false;
  }
  return arguments->first <= arguments->last;
}

// Each seed has a process of its own, so that a crash is that seed's failure and no other's.
std::vector<uint64_t> RunAll(const Simulation& simulation, const Arguments& arguments) {
  std::vector<uint64_t> failed;
  std::map<pid_t, uint64_t> running;
  uint64_t next = arguments.first;
  while (next <= arguments.last || !running.empty()) {
    if (next <= arguments.last && running.size() < static_cast<size_t>(arguments.jobs)) {
      std::fflush(stdout);
      const pid_t child = fork();
      if (child == 0) RunSeed(simulation, next, arguments);
      running.emplace(child, next++);
      continue;
    }
    int result = 0;
    const auto ended = running.extract(wait(&result));
    if (ended.empty() || result == 0) continue;
    if (WIFSIGNALED(result))
      std::printf("seed %lu FAILED: killed by signal %d\n", ended.mapped(), WTERMSIG(result));
    failed.push_back(ended.mapped());
  }
  return failed;
}

}  // namespace

int RunSimulations(int argc, char** argv, const Simulation& simulation) {
  CLI::App app(simulation.description);
  Arguments arguments;
  std::string seeds = "1..100";
  uint64_t seed = 0;
  std::string without;
  app.add_option("--seeds", seeds, "which to run, \"a..b\" or one")->capture_default_str();
  app.add_option("--seed", seed, "only this one");
  app.add_option("--jobs", arguments.jobs, "how many at a time")->capture_default_str();
  app.add_flag("--trace", arguments.trace, "tell the story, with the product's log");
  app.add_flag("--verbose", arguments.verbose, "a line for each seed");
  app.add_option("--without", without, "take a protection away: " + simulation.protections);
  CLI11_PARSE(app, argc, argv);
  if (!ParseSeeds(seed > 0 ? std::to_string(seed) : seeds, &arguments)) {
    std::fprintf(stderr, "not a range of seeds: %s\n", seeds.c_str());
    return 2;
  }
  if (!without.empty()) {
    const auto protection = ProtectionFromName(without);
    if (!protection) {
      std::fprintf(stderr, "not a protection: %s\n", without.c_str());
      return 2;
    }
    TakeAway(*protection);
  }
  const std::vector<uint64_t> failed = RunAll(simulation, arguments);
  std::printf("%lu seeds, %zu failed\n", arguments.last - arguments.first + 1, failed.size());
  for (const uint64_t each : failed)
    std::printf("  replay: %s --seed %lu --trace\n", simulation.name.c_str(), each);
  return failed.empty() ? 0 : 1;
}

}  // namespace cdc
