// The program `cdc`: server, command line, version.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "edge/api/version.h"
#include "edge/cli/cli_command.h"
#include "edge/server/server_command.h"

namespace {

// The command whose help would have shown how to do it right.
std::string UsedCommand(const CLI::App& app) {
  std::string name = app.get_name();
  for (const CLI::App* sub : app.get_subcommands()) name += " " + UsedCommand(*sub);
  return name;
}

std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

}  // namespace

int main(int argc, char** argv) {
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
  app.add_subcommand("version", "Output version information")->callback([] {
    std::fputs(cdc::BuildText().c_str(), stdout);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
    std::fprintf(stderr, "Error: [CDC:ErrInvalidServerOption]%s; see \"%s --help\"\n",
                 OneLine(e.what()).c_str(), UsedCommand(app).c_str());
    return 1;
  }
  return exit_code;
}
