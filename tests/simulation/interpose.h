// What the program's own C library functions (see interpose.cc) take from the simulation.
#pragma once

#include <cstdint>

#include "scheduler.h"

namespace cdc {

// From here on std::random_device gives numbers that follow from `seed`.
void SeedEntropy(uint64_t seed);
// The wall clock's reading when a simulation begins, since the Unix epoch.
SimTime WallTimeAtStart();

}  // namespace cdc
