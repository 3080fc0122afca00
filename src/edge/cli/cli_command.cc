#include "edge/cli/cli_command.h"

#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "edge/cli/command_group.h"
#include "edge/cli/shell_words.h"
#include "edge/cli/spelling.h"

namespace cdc {
namespace {

void AddGroups(CLI::App& cli, const CliFlags* flags, int* exit_code) {
  CommandBuilder builder(flags, exit_code);
  AddChangefeedCommands(builder, cli);
  AddClusterCommands(builder, cli);
}

void AddCommonFlags(CLI::App& cli, CliFlags* flags) {
  cli.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  cli.add_option("--pd", flags->pd, "PD endpoints, separated by ','")->capture_default_str();
  cli.add_option("--server", flags->server,
                 "Ask this node, http://host:port, instead of etcd and PD");
  cli.add_option("--log-level", flags->log_level, "debug, info, warn, error or fatal")
      ->capture_default_str();
  cli.add_option("--cluster-id", flags->cluster_id, "Name of the CDC cluster");
  cli.add_option("--ca", flags->tls.ca_path, "CA certificate for TLS");
  cli.add_option("--cert", flags->tls.cert_path, "Certificate for TLS");
  cli.add_option("--key", flags->tls.key_path, "Private key for TLS");
}

// Runs one line; flags that it gives hold for it alone.
int RunLine(const std::vector<std::string>& words, const CliFlags& common) {
  CLI::App app("Commands, without `cdc cli`", "");
  app.require_subcommand(1);
  app.fallthrough();
  CliFlags flags = common;
  int exit_code = 0;
  AddCommonFlags(app, &flags);
  AddGroups(app, &flags, &exit_code);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants a vector
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
    std::fprintf(stderr, "Error: %s\n", ExplainParseError(app, words, e.what()).c_str());
    return 1;
  }
  return exit_code;
}

int Interact(const CliFlags& common) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::cout << "Type a command without `cdc cli`, --help, or exit.\n";
  int exit_code = 0;
  std::string line;
  while (true) {
    if (terminal) std::cout << "» " << std::flush;
    if (!std::getline(std::cin, line)) return exit_code;
    const auto words = SplitShellWords(line);
    if (!words) {
      std::fprintf(stderr, "Error: %s\n", words.error().ToString().c_str());
      exit_code = 1;
      continue;
    }
    if (words->empty()) continue;
    if (words->front() == "exit" || words->front() == "quit") return exit_code;
    exit_code = RunLine(*words, common);
  }
}

}  // namespace

void AddCliCommand(CLI::App& app, int* exit_code) {
  struct State {
    CliFlags flags;
    bool interact = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* cli = app.add_subcommand("cli", "Manage changefeeds and captures of a cluster");
  cli->fallthrough();
  cli->footer(
      "Examples:\n"
      "  cdc cli changefeed create --pd=http://10.0.0.1:2379 --sink-uri=mysql://root@10.0.0.2/\n"
      "  cdc cli changefeed list --server=http://10.0.0.9:8300\n"
      "  cdc cli -i --pd=http://10.0.0.1:2379");
  AddCommonFlags(*cli, &state->flags);
  cli->add_flag("-i,--interact", state->interact, "Read commands from standard input");
  AddGroups(*cli, &state->flags, exit_code);
  cli->callback([cli, state, exit_code] {
    if (!cli->get_subcommands().empty()) return;
    if (state->interact) {
      *exit_code = Interact(state->flags);
      return;
    }
    std::fprintf(
        stderr,
        "Error: [CDC:ErrInvalidServerOption]a command is missing; see \"cdc cli --help\"\n");
    *exit_code = 1;
  });
}

}  // namespace cdc
