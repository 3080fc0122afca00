// The command line as a user types it, as far as no cluster is needed.
#include <fstream>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "edge/cli/cli_command.h"

namespace cdc {
namespace {

struct Ended {
  int exit_code = 0;
  std::string error;  // standard error
};

// Runs `cdc <arguments>`. Nothing listens at the PD endpoint that is used unless one is given.
Ended Type(std::vector<std::string> arguments) {
  CLI::App app("cdc", "cdc");
  app.require_subcommand(1);
  app.fallthrough();
  Ended ended;
  AddCliCommand(app, &ended.exit_code);
  arguments.insert(arguments.begin() + 1, "--pd=http://127.0.0.1:1");
  std::ranges::reverse(arguments);  // as CLI11 wants a vector
  testing::internal::CaptureStderr();
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& e) {
    ended.exit_code = e.get_exit_code();
    testing::internal::GetCapturedStderr();
    ended.error = e.what();
    return ended;
  }
  ended.error = testing::internal::GetCapturedStderr();
  return ended;
}

Ended Create(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"cli", "changefeed", "create", "--no-confirm"});
  return Type(std::move(arguments));
}

void ExpectRefused(const Ended& ended, const std::string& code, const std::string& mentions) {
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_TRUE(ended.error.starts_with("Error: [" + code + "]")) << ended.error;
  EXPECT_NE(ended.error.find(mentions), std::string::npos) << ended.error;
  EXPECT_EQ(std::ranges::count(ended.error, '\n'), 1) << ended.error;
}

TEST(Cli, CreateRefusesBadInputBeforeItConnects) {
  ExpectRefused(Create({}), "CDC:ErrSinkURIInvalid", "--sink-uri");
  ExpectRefused(Create({"--sink-uri=ftp://h/"}), "CDC:ErrSinkURIInvalid", "ftp");
  ExpectRefused(Create({"--sink-uri=blackhole://", "-c", "a_b"}), "CDC:ErrInvalidChangefeedID",
                "a_b");
  ExpectRefused(Create({"--sink-uri=blackhole://", "--start-ts=9", "--target-ts=9"}),
                "CDC:ErrTargetTsBeforeStartTs", "target-ts 9");
  ExpectRefused(Create({"--sink-uri=blackhole://", "--sort-engine=bubble"}),
                "CDC:ErrInvalidReplicaConfig", "bubble");
  ExpectRefused(Create({"--sink-uri=blackhole://", "--sort-dir=/x"}), "CDC:ErrInvalidReplicaConfig",
                "--sort-dir");
  ExpectRefused(Create({"--sink-uri=blackhole://", "--config=/no/such/file"}),
                "CDC:ErrInvalidReplicaConfig", "/no/such/file");
}

TEST(Cli, CreateNamesAnUnknownConfigKey) {
  const std::string path = testing::TempDir() + "/unknown_key.toml";
  std::ofstream(path) << "force-replicat = true\n";
  const Ended ended = Create({"--sink-uri=blackhole://", "--config=" + path});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_NE(ended.error.find("force-replicat"), std::string::npos) << ended.error;
}

TEST(Cli, PdEndpointsNeedAScheme) {
  ExpectRefused(Type({"cli", "capture", "list", "--pd=127.0.0.1:2379"}),
                "CDC:ErrInvalidServerOption", "127.0.0.1:2379");
}

TEST(Cli, UnknownCommandsFlagsAndMissingIdsAreRefused) {
  EXPECT_NE(Type({"cli", "changefeed", "frobnicate"}).exit_code, 0);
  EXPECT_NE(Type({"cli", "changefeed", "list", "--frobnicate"}).exit_code, 0);
  const Ended ended = Type({"cli", "changefeed", "pause"});
  EXPECT_NE(ended.exit_code, 0);
  EXPECT_NE(ended.error.find("--changefeed-id"), std::string::npos) << ended.error;
}

}  // namespace
}  // namespace cdc
