// control_simulation: whole clusters on a virtual clock, one per seed.

#include "nemesis.h"
#include "runner.h"

int main(int argc, char** argv) {
  return cdc::RunSimulations(
      argc, argv,
      {.name = "control_simulation",
       .description = "Simulates clusters of captures with faults, on a virtual clock.",
       .protections = "fence, guards, acknowledgement, order, safe-point",
       .run = [](uint64_t seed) -> cdc::SeedResult {
         auto* nemesis = new cdc::Nemesis(seed);
         nemesis->Run();
         return {.broken = nemesis->broken(), .summary = nemesis->Summary()};
       }});
}
