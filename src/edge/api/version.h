// What build this is.
#pragma once

#include <string>

namespace cdc {

struct BuildInfo {
  std::string release;  // "v0.1.0"
  std::string git_hash;
  std::string git_branch;
  std::string build_time;  // UTC
  std::string compiler;
  bool fail_points = false;
};

const BuildInfo& Build();
// As `cdc version` prints it.
std::string BuildText();

}  // namespace cdc
