// What all groups of commands are built with. Private to this folder.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "edge/cli/cluster_access.h"

namespace cdc {

// The builder of one command tree. What flags are read into lives as long as the tree.
class CommandBuilder {
 public:
  using Run = std::function<Status(ClusterAccess&)>;

  // `common` and `exit_code` outlive the tree.
  CommandBuilder(const CliFlags* common, int* exit_code) : common_(common), exit_code_(exit_code) {}

  // A command that holds others.
  CLI::App* Group(CLI::App& parent, const char* name, const char* text);
  // A command that does something; an error is one line on standard error and exit status 1.
  CLI::App* Command(CLI::App& group, const char* name, const char* text, Run run);

 private:
  const CliFlags* const common_;
  int* const exit_code_;
};

void AddChangefeedCommands(CommandBuilder& builder, CLI::App& cli);
// capture, processor, tso and the hidden unsafe.
void AddClusterCommands(CommandBuilder& builder, CLI::App& cli);

// Two spaces a level, the same for every command.
void PrintJson(const OrderedJson& json);
// Asks on the terminal; true for y or Y.
bool Confirm(const std::string& question);
std::string OneLine(std::string text);

}  // namespace cdc
