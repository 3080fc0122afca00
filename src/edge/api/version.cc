#include "edge/api/version.h"

#include <fmt/core.h>

#include "base/failpoint.h"

#ifndef CDC_GIT_HASH
#define CDC_GIT_HASH "None"
#endif
#ifndef CDC_GIT_BRANCH
#define CDC_GIT_BRANCH "None"
#endif
#ifndef CDC_BUILD_TIME
#define CDC_BUILD_TIME "None"
#endif

namespace cdc {

const BuildInfo& Build() {
  static const BuildInfo info{.release = "v0.1.0",
                              .git_hash = CDC_GIT_HASH,
                              .git_branch = CDC_GIT_BRANCH,
                              .build_time = CDC_BUILD_TIME,
                              .compiler = __VERSION__,
                              .fail_points = FailPointsCompiled()};
  return info;
}

std::string BuildText() {
  const BuildInfo& build = Build();
  return fmt::format(
      "Release Version: {}\nGit Commit Hash: {}\nGit Branch: {}\nUTC Build Time: {}\n"
      "Compiler: {}\nFailpoint Build: {}\n",
      build.release, build.git_hash, build.git_branch, build.build_time, build.compiler,
      build.fail_points);
}

}  // namespace cdc
