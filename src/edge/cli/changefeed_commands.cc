// `cdc cli changefeed …`
#include <cstdio>
#include <thread>

#include <fmt/ranges.h>

#include "edge/cli/changefeed_flags.h"
#include "edge/cli/info_diff.h"

namespace cdc {
namespace {

constexpr uint64_t kDayMs = 86'400'000;
constexpr uint64_t kHourMs = 3'600'000;

std::string MaskedJson(const ChangefeedInfo& info) { return InfoView(info).dump(); }

Status ConfirmGap(Ts from, Ts now) {
  if (from.unix_ms() + kDayMs >= now.unix_ms()) return Status::Ok();
  if (Confirm(fmt::format("{} is {} hours back. A big data gap takes long to catch up. Continue?",
                          from, (now.unix_ms() - from.unix_ms()) / kHourMs)))
    return Status::Ok();
  return Status(Code::kCliAborted, "nothing was changed");
}

// What to do about tables without a usable key: say it, and ask unless told not to.
AcceptIneligible AskAboutTables(const ReplicaConfig& config, bool no_confirm) {
  return [config, no_confirm](const std::vector<TableName>& tables) {
    std::vector<std::string> names;
    for (const TableName& table : tables) names.push_back(table.schema + "." + table.table);
    std::printf("[WARN] %s: %s\n",
                config.force_replicate
                    ? "these tables have no usable key, their rows may be doubled after a restart"
                    : "these tables have no usable key and are not replicated",
                fmt::format("{}", fmt::join(names, ", ")).c_str());
    return config.force_replicate || config.ignore_ineligible_table || no_confirm ||
           Confirm("Continue without those tables?");
  };
}

Status Create(ClusterAccess& access, const ChangefeedFlags& flags) {
  const bool system_zone = flags.time_zone == "SYSTEM" || flags.time_zone == "System";
  RETURN_IF_ERROR(flags.CheckSupported());
  ChangefeedSpec spec{.id = flags.id,
                      .sink_uri = flags.sink_uri.value_or(""),
                      .config = {},
                      .start_ts = Ts(flags.start_ts.value_or(0)),
                      .target_ts = Ts(flags.target_ts.value_or(0)),
                      .opts = flags.Opts(),
                      .sort_engine = flags.sort_engine.value_or("unified"),
                      .time_zone = system_zone ? "" : flags.time_zone};
  ASSIGN_OR_RETURN_STATUS(spec.config, flags.LoadConfig(ReplicaConfig()));
  RETURN_IF_ERROR(CheckSpec(spec));
  if (spec.start_ts != Ts() && !flags.no_confirm) {
    ASSIGN_OR_RETURN_STATUS(const Ts now, access.Now());
    RETURN_IF_ERROR(ConfirmGap(spec.start_ts, now));
  }
  ASSIGN_OR_RETURN_STATUS(const ChangefeedInfo info,
                          access.Create(&spec, AskAboutTables(spec.config, flags.no_confirm)));
  std::printf("Create changefeed successfully!\nID: %s\nInfo: %s\n", spec.id.c_str(),
              MaskedJson(info).c_str());
  return Status::Ok();
}

Status Update(ClusterAccess& access, const ChangefeedFlags& flags) {
  RETURN_IF_ERROR(flags.CheckSupported());
  if (flags.start_ts) return Status(Code::kChangefeedUpdateRefused, "--start-ts cannot be changed");
  ASSIGN_OR_RETURN_STATUS(const ChangefeedInfo before, access.Info(flags.id));
  ASSIGN_OR_RETURN_STATUS(const ReplicaConfig old_config, ReplicaConfig::FromJson(before.config));
  ChangefeedChange change{.opts = flags.Opts(), .sort_engine = flags.sort_engine};
  if (flags.target_ts) change.target_ts = Ts(*flags.target_ts);
  change.sink_uri = flags.sink_uri;
  if (!flags.config_file.empty() || !flags.schema_registry.empty()) {
    ASSIGN_OR_RETURN_STATUS(change.config, flags.LoadConfig(old_config));
  }
  ChangefeedInfo after = before;
  change.ApplyTo(&after);
  const std::vector<std::string> lines = DiffInfos(MaskedJson(before), MaskedJson(after));
  if (after == before) {
    std::printf("changefeed config is the same with the old one, do nothing\n");
    return Status::Ok();
  }
  std::printf("Diff of changefeed config:\n");
  for (const std::string& line : lines) std::printf("  %s\n", line.c_str());
  if (!flags.no_confirm && !Confirm("Apply these changes?"))
    return Status(Code::kCliAborted, "nothing was changed");
  const AcceptIneligible accept =
      AskAboutTables(change.config.value_or(old_config), flags.no_confirm);
  ASSIGN_OR_RETURN_STATUS(const ChangefeedInfo info, access.Update(flags.id, change, accept));
  std::printf("Update changefeed config successfully!\nID: %s\nInfo: %s\n", flags.id.c_str(),
              MaskedJson(info).c_str());
  return Status::Ok();
}

Result<Ts> ReadOverwrite(const std::string& text, Ts now) {
  if (text == "now" || text == "NOW") return now;
  char* end = nullptr;
  const Ts ts(std::strtoull(text.c_str(), &end, 10));
  if (text.empty() || *end != '\0' || ts == Ts())
    return Error(Code::kCliCheckpointTs,
                 "--overwrite-checkpoint-ts is \"{}\": give now, or a "
                 "timestamp",
                 text);
  if (ts > now)
    return Error(Code::kCliCheckpointTs, "--overwrite-checkpoint-ts {} is in the future", ts);
  return ts;
}

struct ResumeFlags {
  std::string id;
  std::string overwrite;
  bool no_confirm = false;
};

Status Resume(ClusterAccess& access, const ResumeFlags& flags) {
  ASSIGN_OR_RETURN_STATUS(const FeedProgress progress, access.Progress(flags.id));
  if (flags.overwrite.empty() && flags.no_confirm) return access.Resume(flags.id, Ts());
  ASSIGN_OR_RETURN_STATUS(const Ts now, access.Now());
  if (flags.overwrite.empty()) {
    RETURN_IF_ERROR(ConfirmGap(progress.checkpoint, now));
    return access.Resume(flags.id, Ts());
  }
  ASSIGN_OR_RETURN_STATUS(const Ts from, ReadOverwrite(flags.overwrite, now));
  if (!flags.no_confirm &&
      !Confirm(fmt::format("The checkpoint moves from {} to {}; changes between them are lost or "
                           "come again. Continue?",
                           progress.checkpoint, from)))
    return Status(Code::kCliAborted, "nothing was changed");
  return access.Resume(flags.id, from);
}

// Prints until interrupted.
Status Statistics(ClusterAccess& access, const ChangefeedId& id, uint32_t interval_s) {
  const auto interval = std::chrono::seconds(std::max<uint32_t>(1, interval_s));
  std::optional<FeedProgress> last;
  while (true) {
    ASSIGN_OR_RETURN_STATUS(const FeedProgress progress, access.Progress(id));
    ASSIGN_OR_RETURN_STATUS(const Ts now, access.Now());
    const uint64_t rows =
        last && progress.rows > last->rows ? progress.rows - last->rows : uint64_t{0};
    PrintJson(
        {{"ops", rows / static_cast<uint64_t>(interval.count())},
         {"count", progress.rows},
         {"sink_gap",
          fmt::format("{}ms", progress.resolved.unix_ms() - progress.checkpoint.unix_ms())},
         {"replication_gap", fmt::format("{}ms", now.unix_ms() - progress.checkpoint.unix_ms())}});
    last = progress;
    (void)SystemClock().SleepFor(interval, {});
  }
}

void AddId(CLI::App* command, std::string* id) {
  command->add_option("-c,--changefeed-id", *id, "Id of the changefeed")->required();
}

void AddReads(CommandBuilder& builder, CLI::App& group) {
  struct Flags {
    std::string id;
    bool all = false;
    bool simple = false;
    uint32_t interval_s = 10;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* list = builder.Command(
      group, "list", "List all changefeeds", [flags](ClusterAccess& access) -> Status {
        ASSIGN_OR_RETURN_STATUS(const OrderedJson view, access.ListChangefeeds(flags->all));
        PrintJson(view);
        return Status::Ok();
      });
  list->add_flag("-a,--all", flags->all, "Also those that were removed but not yet cleaned up");
  list->footer("Example:\n  cdc cli changefeed list | jq -r '.[] | .id + \" \" + .summary.state'");
  CLI::App* query = builder.Command(
      group, "query", "Show one changefeed", [flags](ClusterAccess& access) -> Status {
        ASSIGN_OR_RETURN_STATUS(const OrderedJson view, flags->simple ? access.Summary(flags->id)
                                                                      : access.Detail(flags->id));
        PrintJson(view);
        return Status::Ok();
      });
  AddId(query, &flags->id);
  query->add_flag("-s,--simple", flags->simple, "Only state, checkpoint and error");
  query->footer("Example:\n  cdc cli changefeed query -c shop -s");
  CLI::App* statistics = builder.Command(
      group, "statistics", "Print how fast a changefeed is and how far behind, again and again",
      [flags](ClusterAccess& access) { return Statistics(access, flags->id, flags->interval_s); });
  AddId(statistics, &flags->id);
  statistics->add_option("-I,--interval", flags->interval_s, "Seconds between lines")
      ->capture_default_str();
  statistics->footer(
      "sink_gap: from the resolved ts to what is written; replication_gap: from now to it.\n"
      "Example:\n  cdc cli changefeed statistics -c shop -I 2");
}

void AddJobs(CommandBuilder& builder, CLI::App& group) {
  auto flags = std::make_shared<std::pair<std::string, bool>>();  // id, force
  CLI::App* pause = builder.Command(
      group, "pause", "Stop a changefeed; it can be resumed", [flags](ClusterAccess& access) {
        return access.Administer(flags->first, AdminJobType::kStop, false);
      });
  AddId(pause, &flags->first);
  pause->footer("Example:\n  cdc cli changefeed pause -c shop");
  CLI::App* remove =
      builder.Command(group, "remove", "Delete a changefeed", [flags](ClusterAccess& access) {
        return access.Administer(flags->first, AdminJobType::kRemove, flags->second);
      });
  AddId(remove, &flags->first);
  remove->add_flag("-f,--force", flags->second, "Remove all that is left of it, too");
  remove->footer("Example:\n  cdc cli changefeed remove -c shop");
  auto resume_flags = std::make_shared<ResumeFlags>();
  CLI::App* resume = builder.Command(
      group, "resume", "Go on with a stopped or failed changefeed",
      [resume_flags](ClusterAccess& access) { return Resume(access, *resume_flags); });
  AddId(resume, &resume_flags->id);
  resume->add_flag("--no-confirm", resume_flags->no_confirm, "Ask nothing");
  resume->add_option("--overwrite-checkpoint-ts", resume_flags->overwrite,
                     "Go on from here: now, or a timestamp");
  resume->footer(
      "Examples:\n"
      "  cdc cli changefeed resume -c shop\n"
      "  Give up what was missed and go on with what comes from now on:\n"
      "    cdc cli changefeed resume -c shop --overwrite-checkpoint-ts=now");
}

void AddWrites(CommandBuilder& builder, CLI::App& group) {
  auto create_flags = std::make_shared<ChangefeedFlags>();
  CLI::App* create = builder.Command(
      group, "create", "Create a changefeed",
      [create_flags](ClusterAccess& access) { return Create(access, *create_flags); });
  create->add_option("-c,--changefeed-id", create_flags->id, "Id; a UUID if not given");
  AddChangefeedFlags(create, create_flags.get());
  create->add_flag("--disable-gc-check", create_flags->disable_gc_check,
                   "Do not check that the data after start-ts is still there");
  create->footer(
      "Examples:\n"
      "  Everything, from now on, into a MySQL-compatible database:\n"
      "    cdc cli changefeed create --sink-uri='mysql://root:secret@127.0.0.1:3306/'\n"
      "  Under a name, from a timestamp on, some tables only (rules = ['shop.*'] in [filter]):\n"
      "    cdc cli changefeed create -c shop --start-ts=449132180013056001 --config=shop.toml \\\n"
      "        --sink-uri='tidb://root@10.0.0.7:4000/?worker-count=32'\n"
      "  Into Kafka:\n"
      "    cdc cli changefeed create --sink-uri='kafka://10.0.0.8:9092/topic?protocol=canal-json'");
  auto update_flags = std::make_shared<ChangefeedFlags>();
  CLI::App* update = builder.Command(
      group, "update", "Change a stopped or failed changefeed",
      [update_flags](ClusterAccess& access) { return Update(access, *update_flags); });
  AddId(update, &update_flags->id);
  AddChangefeedFlags(update, update_flags.get());
  update->footer(
      "Keys of --config replace what the changefeed has; those it leaves out stay.\n"
      "Example:\n"
      "  cdc cli changefeed pause -c shop\n"
      "  cdc cli changefeed update -c shop --sink-uri='mysql://root@10.0.0.9:3306/'\n"
      "  cdc cli changefeed resume -c shop");
}

void AddCyclic(CommandBuilder& builder, CLI::App& group) {
  CLI::App* cyclic = builder.Group(group, "cyclic", "Cyclic replication: not in this version");
  cyclic->group("");
  auto ignored = std::make_shared<std::string>();
  CLI::App* create = builder.Command(
      *cyclic, "create-marktables", "Not in this version", [ignored](ClusterAccess&) {
        return Status(Code::kNotSupported,
                      "cyclic replication is not part of this version; see bdr-mode in "
                      "docs/changefeed.md");
      });
  for (const char* flag : {"--cyclic-upstream-dsn", "--cyclic-upstream-ssl-ca",
                           "--cyclic-upstream-ssl-cert", "--cyclic-upstream-ssl-key"})
    create->add_option(flag, *ignored, "No effect");
}

}  // namespace

void AddChangefeedCommands(CommandBuilder& builder, CLI::App& cli) {
  CLI::App* group = builder.Group(cli, "changefeed", "Changefeeds: replication tasks");
  AddReads(builder, *group);
  AddWrites(builder, *group);
  AddJobs(builder, *group);
  AddCyclic(builder, *group);
}

}  // namespace cdc
