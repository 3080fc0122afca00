#include "edge/cli/command_group.h"

#include <cstdio>
#include <iostream>

#include "base/log.h"

namespace cdc {
namespace {

Status RunCommand(const CliFlags& flags, const CommandBuilder::Run& run) {
  RETURN_IF_ERROR(InitLog({.level = flags.log_level}));
  const auto access = flags.server.empty() ? MakeDirectAccess(flags) : MakeServerAccess(flags);
  try {
    return run(*access);
  } catch (const OrderedJson::exception& e) {  // a field of another type than it should be
    return Status(Code::kUnmarshal, "an answer is not what was expected: {}", e.what());
  }
}

}  // namespace

CLI::App* CommandBuilder::Group(CLI::App& parent, const char* name, const char* text) {
  CLI::App* group = parent.add_subcommand(name, text);
  group->require_subcommand(1);
  group->fallthrough();
  group->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return group;
}

CLI::App* CommandBuilder::Command(CLI::App& group, const char* name, const char* text, Run run) {
  CLI::App* command = group.add_subcommand(name, text);
  command->fallthrough();
  command->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command->callback([common = common_, exit_code = exit_code_, run = std::move(run)] {
    const Status status = RunCommand(*common, run);
    if (!status.ok()) std::fprintf(stderr, "Error: %s\n", OneLine(status.ToString()).c_str());
    *exit_code = status.ok() ? 0 : 1;
  });
  return command;
}

void PrintJson(const OrderedJson& json) {
  std::printf("%s\n", json.dump(2, ' ', false, OrderedJson::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

bool Confirm(const std::string& question) {
  std::cout << question << " [Y/N] " << std::flush;
  std::string answer;
  return std::getline(std::cin, answer) && (answer == "y" || answer == "Y");
}

std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

}  // namespace cdc
