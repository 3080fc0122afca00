// The program `cdc`: server, command line, version.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "edge/api/version.h"
#include "edge/cli/cli_command.h"
#include "edge/cli/completion.h"
#include "edge/cli/spelling.h"
#include "edge/server/server_command.h"

int main(int argc, char** argv) {
  // What goes wrong is said once, by us; who wants gRPC's own words sets it.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app("Change data capture for TiDB", "cdc");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Examples:\n"
      "  cdc server --pd=http://127.0.0.1:2379 --data-dir=/data/cdc\n"
      "  cdc cli changefeed create --sink-uri=mysql://root@127.0.0.1:3306/\n"
      "  cdc cli changefeed list");
  int exit_code = 0;
  cdc::AddServerCommand(app, &exit_code);
  cdc::AddCliCommand(app, &exit_code);
  cdc::AddCompletionCommand(app, &exit_code);
  app.add_subcommand("version", "Output version information")->callback([] {
    std::fputs(cdc::BuildText().c_str(), stdout);
  });
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (cdc::AnsweredCompletion(app, words)) return 0;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
    std::fprintf(stderr, "Error: %s\n", cdc::ExplainParseError(app, words, e.what()).c_str());
    return 1;
  }
  return exit_code;
}
