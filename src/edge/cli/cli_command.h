// `cdc cli`: changefeeds, captures and timestamps from the command line.
#pragma once

namespace CLI {
class App;
}

namespace cdc {

// Adds the command to `app`; the callback of the one that was given sets `*exit_code`. With -i it
// reads commands from standard input, one a line, until `exit` or the end.
void AddCliCommand(CLI::App& app, int* exit_code);

}  // namespace cdc
