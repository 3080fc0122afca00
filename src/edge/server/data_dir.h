// The folder for what does not fit into memory.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace cdc {

// Makes the folder if need be and checks that it can be used: kCheckDir, kCheckDirWritable. Warns
// when there is less room than recommended.
Status PrepareDataDir(const std::string& dir);

// kCheckDir when less than a tenth of the disk is free.
Status CheckDiskSpace(const std::string& dir, uint64_t bytes_free, uint64_t bytes_total);

}  // namespace cdc
