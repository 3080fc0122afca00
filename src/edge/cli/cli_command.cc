#include "edge/cli/cli_command.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "edge/api/json_views.h"
#include "edge/cli/cli_context.h"
#include "edge/cli/create_changefeed.h"

namespace cdc {
namespace {

using Command = std::function<Status(CliContext&)>;

// What the commands' flags are read into; lives as long as the callbacks.
struct AllFlags {
  CliFlags common;
  CreateFlags create;
  std::string changefeed_id;
  bool all = false;
  bool simple = false;
  bool force = false;
  bool no_confirm = false;
};

void PrintJson(const OrderedJson& json) {
  std::printf("%s\n", json.dump(2, ' ', false, OrderedJson::error_handler_t::replace).c_str());
}

Result<ChangefeedView> FindChangefeed(CliContext& context, const ChangefeedId& id) {
  ASSIGN_OR_RETURN(const ClusterSnapshot cluster, context.Cluster());
  const auto feed = cluster.view.changefeeds().find(id);
  if (feed == cluster.view.changefeeds().end() || (!feed->second.info && !feed->second.status))
    return Error(Code::kChangefeedNotExists, "there is no changefeed \"{}\"", id);
  return feed->second;
}

Status ListChangefeeds(CliContext& context, const AllFlags& flags) {
  ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, context.Cluster());
  OrderedJson list = OrderedJson::array();
  for (const auto& [id, feed] : cluster.view.changefeeds())
    if (feed.info || (flags.all && feed.status))
      list.push_back({{"id", id}, {"summary", SummaryView(feed)}});
  PrintJson(list);
  return Status::Ok();
}

Status QueryChangefeed(CliContext& context, const AllFlags& flags) {
  ASSIGN_OR_RETURN_STATUS(const ChangefeedView feed, FindChangefeed(context, flags.changefeed_id));
  PrintJson(flags.simple ? SummaryView(feed) : DetailView(feed));
  return Status::Ok();
}

Status AdminChangefeed(CliContext& context, const AllFlags& flags, AdminJobType job) {
  ASSIGN_OR_RETURN_STATUS(const ChangefeedView feed, FindChangefeed(context, flags.changefeed_id));
  if (job == AdminJobType::kResume && !flags.no_confirm) {
    constexpr uint64_t kDayMs = 86'400'000;
    ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, context.TiKv());
    ASSIGN_OR_RETURN_STATUS(const Ts now, tikv->pd().GetTs());
    if (feed.Checkpoint().unix_ms() + kDayMs < now.unix_ms() &&
        !Confirm("The checkpoint is more than a day back: catching up takes long. Continue?"))
      return Status(Code::kCliAborted, "nothing was changed");
  }
  return context.PostToOwner("/capture/owner/admin",
                             {{"admin-job", std::to_string(static_cast<int>(job))},
                              {"cf-id", flags.changefeed_id},
                              {"force-remove", flags.force ? "true" : "false"}});
}

Status ListCaptures(CliContext& context) {
  ASSIGN_OR_RETURN_STATUS(const ClusterSnapshot cluster, context.Cluster());
  PrintJson(CapturesView(cluster));
  return Status::Ok();
}

Status QueryTso(CliContext& context) {
  ASSIGN_OR_RETURN_STATUS(TiKvClient * tikv, context.TiKv());
  ASSIGN_OR_RETURN_STATUS(const Ts now, tikv->pd().GetTs());
  std::printf("%lu\n", now.raw());
  return Status::Ok();
}

std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

class CliBuilder {
 public:
  CliBuilder(std::shared_ptr<AllFlags> flags, int* exit_code)
      : flags_(std::move(flags)), exit_code_(exit_code) {}

  void Build(CLI::App& app) {
    CLI::App* cli = app.add_subcommand("cli", "Manage changefeeds and captures of a cluster");
    cli->require_subcommand(1);
    cli->fallthrough();
    cli->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    cli->add_option("--pd", flags_->common.pd, "PD endpoints, separated by ','")
        ->capture_default_str();
    cli->add_option("--log-level", flags_->common.log_level, "debug, info, warn, error or fatal")
        ->capture_default_str();
    cli->add_option("--cluster-id", flags_->common.cluster_id, "Name of the CDC cluster");
    cli->add_option("--ca", flags_->common.tls.ca_path, "CA certificate for TLS");
    cli->add_option("--cert", flags_->common.tls.cert_path, "Certificate for TLS");
    cli->add_option("--key", flags_->common.tls.key_path, "Private key for TLS");
    AddChangefeed(*cli);
    CLI::App* capture = Group(*cli, "capture", "Captures: the nodes of the cluster");
    On(capture->add_subcommand("list", "List all captures"), ListCaptures);
    CLI::App* tso = Group(*cli, "tso", "TiDB's timestamps");
    On(tso->add_subcommand("query", "Print a timestamp from PD"), QueryTso);
  }

 private:
  CLI::App* Group(CLI::App& parent, const char* name, const char* text) {
    CLI::App* group = parent.add_subcommand(name, text);
    group->require_subcommand(1);
    group->fallthrough();
    return group;
  }

  void On(CLI::App* command, Command run) {
    command->fallthrough();
    command->callback([flags = flags_, exit_code = exit_code_, run = std::move(run)] {
      Status status = InitLog({.level = flags->common.log_level});
      CliContext context(flags->common);
      if (status.ok()) status = run(context);
      if (!status.ok()) std::fprintf(stderr, "Error: %s\n", OneLine(status.ToString()).c_str());
      *exit_code = status.ok() ? 0 : 1;
    });
  }

  void AddId(CLI::App* command) {
    command->add_option("-c,--changefeed-id", flags_->changefeed_id, "Id of the changefeed")
        ->required();
  }

  void AddChangefeed(CLI::App& cli) {
    CLI::App* group = Group(cli, "changefeed", "Changefeeds: replication tasks");
    CLI::App* list = group->add_subcommand("list", "List all changefeeds");
    list->add_flag("-a,--all", flags_->all, "Also those that were removed but not yet cleaned up");
    On(list, [flags = flags_](CliContext& context) { return ListChangefeeds(context, *flags); });
    CLI::App* query = group->add_subcommand("query", "Show one changefeed");
    AddId(query);
    query->add_flag("-s,--simple", flags_->simple, "Only state, checkpoint and error");
    On(query, [flags = flags_](CliContext& context) { return QueryChangefeed(context, *flags); });
    AddCreate(*group);
    AddAdmin(*group, "pause", "Stop a changefeed; it can be resumed", AdminJobType::kStop);
    CLI::App* resume = AddAdmin(*group, "resume", "Go on with a stopped or failed changefeed",
                                AdminJobType::kResume);
    resume->add_flag("--no-confirm", flags_->no_confirm, "Ask nothing");
    CLI::App* remove = AddAdmin(*group, "remove", "Delete a changefeed", AdminJobType::kRemove);
    remove->add_flag("-f,--force", flags_->force, "Remove all that is left of it, too");
  }

  CLI::App* AddAdmin(CLI::App& group, const char* name, const char* text, AdminJobType job) {
    CLI::App* command = group.add_subcommand(name, text);
    AddId(command);
    On(command, [flags = flags_, job](CliContext& context) {
      return AdminChangefeed(context, *flags, job);
    });
    return command;
  }

  void AddCreate(CLI::App& group) {
    CreateFlags& f = flags_->create;
    CLI::App* create = group.add_subcommand("create", "Create a changefeed");
    create->footer(
        "Examples:\n"
        "  Everything, from now on, into a MySQL-compatible database:\n"
        "    cdc cli changefeed create --sink-uri='mysql://root:secret@127.0.0.1:3306/'\n"
        "  Under a name, from a timestamp on, some tables only (rules = ['shop.*'] in [filter]):\n"
        "    cdc cli changefeed create -c shop --start-ts=449132180013056001 --config=shop.toml "
        "\\\n"
        "        --sink-uri='tidb://root@10.0.0.7:4000/?worker-count=32'");
    create->add_option("--sink-uri", f.sink_uri, "Where changes go");
    create->add_option("-c,--changefeed-id", f.changefeed_id, "Id; a UUID if not given");
    create->add_option("--start-ts", f.start_ts, "Changes after this are replicated; 0 is now");
    create->add_option("--target-ts", f.target_ts, "Changes up to this are; 0 is for ever");
    create->add_option("--config", f.config, "TOML file with the changefeed's settings");
    create->add_option("--opts", f.opts, "Extra settings, key=value")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->delimiter(',');
    create->add_option("--sort-engine", f.sort_engine, "unified or memory")->capture_default_str();
    create->add_option("--sort-dir", f.sort_dir, "Not a setting of a changefeed")->group("");
    create->add_option("--tz", f.time_zone, "Time zone to check the sink with")
        ->capture_default_str();
    create->add_flag("--no-confirm", f.no_confirm, "Ask nothing");
    create->add_flag("--disable-gc-check", f.disable_gc_check,
                     "Do not check that the data after start-ts is still there");
    On(create,
       [flags = flags_](CliContext& context) { return CreateChangefeed(context, flags->create); });
  }

  std::shared_ptr<AllFlags> flags_;
  int* exit_code_;
};

}  // namespace

void AddCliCommand(CLI::App& app, int* exit_code) {
  CliBuilder(std::make_shared<AllFlags>(), exit_code).Build(app);
}

}  // namespace cdc
