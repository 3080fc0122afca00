// Completion of commands in shells: `cdc completion bash|zsh|fish`.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cdc {

// Adds `completion`, which prints a script that asks this program what can follow.
void AddCompletionCommand(CLI::App& app, int* exit_code);

// Answers such a script: true if `words` are its question, `__complete -- <words>`; they may be
// anything, so the parser must not see them.
bool AnsweredCompletion(const CLI::App& app, const std::vector<std::string>& words);

// What can stand in place of the last of `words` (which may be empty or half typed): names of
// commands and flags, with a tab and their description.
std::vector<std::string> Completions(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace cdc
