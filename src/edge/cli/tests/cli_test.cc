// The command line as a user types it, as far as no cluster is needed.
#include <fstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/cli/cli_command.h"
#include "edge/cli/completion.h"
#include "edge/cli/info_diff.h"
#include "edge/cli/shell_words.h"
#include "edge/cli/spelling.h"

namespace cdc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Ended {
  int exit_code = 0;
  std::string error;  // standard error
};

// Runs `cdc <arguments>`.
Ended Type(std::vector<std::string> arguments) {
  CLI::App app("cdc", "cdc");
  app.require_subcommand(1);
  app.fallthrough();
  Ended ended;
  AddCliCommand(app, &ended.exit_code);
  AddCompletionCommand(app, &ended.exit_code);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  testing::internal::CaptureStderr();
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    testing::internal::GetCapturedStderr();
    return {.exit_code = 1,
            .error = "Error: " + ExplainParseError(app, arguments, e.what()) + "\n"};
  }
  ended.error = testing::internal::GetCapturedStderr();
  return ended;
}

// Nothing listens at the PD endpoint.
Ended Create(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"cli", "--pd=http://127.0.0.1:1", "--log-level=error",
                                       "changefeed", "create", "--no-confirm"});
  return Type(std::move(arguments));
}

void ExpectRefused(const Ended& ended, const std::string& code, const std::string& mentions) {
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, StartsWith("Error: [" + code + "]"));
  EXPECT_THAT(ended.error, HasSubstr(mentions));
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
  EXPECT_THAT(ended.error, HasSubstr("force-replicat"));
}

TEST(Cli, WhatThisVersionDoesNotDoIsRefusedByName) {
  ExpectRefused(Create({"--sink-uri=blackhole://", "--sync-point"}), "CDC:ErrNotSupported",
                "--sync-point");
  ExpectRefused(Create({"--sink-uri=blackhole://", "--cyclic-replica-id=1"}), "CDC:ErrNotSupported",
                "cyclic");
  ExpectRefused(Type({"cli", "changefeed", "cyclic", "create-marktables",
                      "--cyclic-upstream-dsn=root@tcp(h)/"}),
                "CDC:ErrNotSupported", "cyclic");
}

TEST(Cli, EndpointsMustSuitTheCertificates) {
  ExpectRefused(Type({"cli", "capture", "list", "--pd=127.0.0.1:2379"}),
                "CDC:ErrInvalidServerOption", "127.0.0.1:2379");
  ExpectRefused(Type({"cli", "capture", "list", "--pd=https://127.0.0.1:2379"}),
                "CDC:ErrInvalidServerOption", "--ca");
  ExpectRefused(Type({"cli", "capture", "list", "--pd=http://127.0.0.1:2379", "--ca=/x"}),
                "CDC:ErrInvalidServerOption", "https://");
  ExpectRefused(Type({"cli", "capture", "list", "--server=https://127.0.0.1:1"}),
                "CDC:ErrInvalidServerOption", "--ca");
}

TEST(Cli, NamesTheWordItDoesNotKnowAndTheOneThatWasMeant) {
  ExpectRefused(Type({"clo"}), "CDC:ErrInvalidServerOption",
                "unknown command \"clo\", did you "
                "mean \"cli\"?; see \"cdc --help\"");
  ExpectRefused(Type({"cli", "--pd", "http://h:1", "changefed", "list"}),
                "CDC:ErrInvalidServerOption", "did you mean \"changefeed\"?");
  ExpectRefused(Type({"cli", "changefeed", "frobnicate"}), "CDC:ErrInvalidServerOption",
                "unknown command \"frobnicate\"; see \"cdc cli changefeed --help\"");
  ExpectRefused(Type({"cli", "changefeed", "list", "--al"}), "CDC:ErrInvalidServerOption",
                "unknown flag \"--al\", did you mean \"--all\"?");
}

TEST(Cli, AMissingIdOrCommandIsNamed) {
  ExpectRefused(Type({"cli", "changefeed", "pause"}), "CDC:ErrInvalidServerOption",
                "--changefeed-id");
  ExpectRefused(Type({"cli"}), "CDC:ErrInvalidServerOption", "cdc cli --help");
}

TEST(Spelling, OffersOnlyWhatIsClose) {
  EXPECT_EQ(ClosestWord("servr", {"server", "cli", "version"}), "server");
  EXPECT_EQ(ClosestWord("xyz", {"server", "cli", "version"}), "");
  EXPECT_EQ(ClosestWord("c", {"cli"}), "");
}

TEST(Completion, KnowsCommandsAndFlagsWhereTheyFit) {
  CLI::App app("cdc", "cdc");
  int exit_code = 0;
  AddCliCommand(app, &exit_code);
  AddCompletionCommand(app, &exit_code);
  EXPECT_THAT(Completions(app, {"cl"}), ElementsAre(StartsWith("cli\t")));
  EXPECT_THAT(Completions(app, {"cli", "changefeed", "re"}),
              ElementsAre(StartsWith("remove\t"), StartsWith("resume\t")));
  EXPECT_THAT(Completions(app, {"cli", "--pd", "x", "changefeed", "list", "--a"}),
              ElementsAre(StartsWith("--all\t")));
  EXPECT_THAT(Completions(app, {"cli", "changefeed", "list", "--p"}),
              Contains(StartsWith("--pd\t")));
  EXPECT_THAT(Completions(app, {"cli", "--pd", ""}), IsEmpty()) << "any value";
  EXPECT_THAT(Completions(app, {"cli", "uns"}), IsEmpty()) << "hidden";
}

TEST(Completion, AnswersTheScripts) {
  CLI::App app("cdc", "cdc");
  int exit_code = 0;
  AddCliCommand(app, &exit_code);
  testing::internal::CaptureStdout();
  EXPECT_TRUE(AnsweredCompletion(app, {"__complete", "--", "cli", "tso", ""}));
  EXPECT_THAT(testing::internal::GetCapturedStdout(), StartsWith("query\t"));
  EXPECT_FALSE(AnsweredCompletion(app, {"cli", "tso", "query"}));
}

TEST(Completion, HasAScriptForEachShell) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(Type({"completion", "bash"}).exit_code, 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("complete -o default"));
  ExpectRefused(Type({"completion", "cmd"}), "CDC:ErrInvalidServerOption", "cmd");
}

TEST(ShellWords, SplitAsAShellDoes) {
  EXPECT_THAT(*SplitShellWords("changefeed create  --sink-uri='a b' \"c d\" e\\ f"),
              ElementsAre("changefeed", "create", "--sink-uri=a b", "c d", "e f"));
  EXPECT_THAT(*SplitShellWords(" "), IsEmpty());
  EXPECT_THAT(*SplitShellWords("''"), ElementsAre(""));
  EXPECT_FALSE(SplitShellWords("'open"));
}

TEST(InfoDiff, ShowsWhatDiffers) {
  EXPECT_THAT(DiffInfos(R"({"a": 1, "b": {"c": [1], "d": 2}})", R"({"a": 1, "b": {"c": [2]}})"),
              ElementsAre("b.c: [1] -> [2]", "b.d: 2 -> (none)"));
}

}  // namespace
}  // namespace cdc
