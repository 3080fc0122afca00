// `cdc server`.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace cdc {

// Adds the command to `app`; when it is the one that was given, `*exit_code` is set by its
// callback, which returns when the server has ended.
void AddServerCommand(CLI::App& app, int* exit_code);

}  // namespace cdc
