// Where the process spends its CPU time, sampled while it runs.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/status.h"

namespace cdc {

// Samples all threads 100 times a second of CPU time, for `duration` (at most 5 minutes) or until
// `stop`, and returns the samples in the format of gperftools, which pprof reads together with the
// program: `pprof bin/cdc profile`. Blocks meanwhile.
// Errors: kApiInvalidParam for a bad duration, kInternal while another one is being taken.
Result<std::string> TakeCpuProfile(std::chrono::seconds duration, std::stop_token stop);

}  // namespace cdc
