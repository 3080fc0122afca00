// `cdc cli capture`, `processor`, `tso` and `unsafe`.
#include <cstdio>

#include "edge/cli/command_group.h"

namespace cdc {
namespace {

Status Print(const Result<OrderedJson>& view) {
  if (!view) return view.error();
  PrintJson(*view);
  return Status::Ok();
}

void AddProcessor(CommandBuilder& builder, CLI::App& cli) {
  CLI::App* group =
      builder.Group(cli, "processor", "Processors: a changefeed's part on one capture");
  builder.Command(*group, "list", "List all processors",
                  [](ClusterAccess& access) { return Print(access.Processors()); });
  auto ids = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* query = builder.Command(
      *group, "query", "Show one processor: its tables, and how far they are",
      [ids](ClusterAccess& access) { return Print(access.Processor(ids->first, ids->second)); });
  query->add_option("-c,--changefeed-id", ids->first, "Id of the changefeed")->required();
  query->add_option("-p,--capture-id", ids->second, "Id of the capture")->required();
  query->footer(
      "Example:\n"
      "  cdc cli processor query -c shop -p 8f6b5a0e-93b0-4f0b-9d4c-2c1d1c6b5e0f");
}

Status ConfirmUnsafe(bool no_confirm) {
  if (no_confirm ||
      Confirm("Confirm that you know what this command will do and use it at your own risk"))
    return Status::Ok();
  return Status(Code::kCliAborted, "nothing was changed");
}

Status ShowMetadata(ClusterAccess& access) {
  ASSIGN_OR_RETURN_STATUS(const auto metadata, access.Metadata());
  for (const auto& [key, value] : metadata)
    std::printf("Key: %s, Value: %s\n", key.c_str(), value.c_str());
  std::printf("Show %zu KVs\n", metadata.size());
  return Status::Ok();
}

void AddUnsafe(CommandBuilder& builder, CLI::App& cli) {
  CLI::App* group = builder.Group(cli, "unsafe", "What can do harm: know what you do");
  group->group("");  // hidden
  auto no_confirm = std::make_shared<bool>(false);
  group->add_flag("--no-confirm", *no_confirm, "Ask nothing");
  builder.Command(*group, "reset",
                  "Delete all metadata of the cluster in etcd; changefeeds are gone with it",
                  [no_confirm](ClusterAccess& access) -> Status {
                    RETURN_IF_ERROR(ConfirmUnsafe(*no_confirm));
                    RETURN_IF_ERROR(access.Reset());
                    std::printf("reset and all metadata truncated in PD!\n");
                    return Status::Ok();
                  });
  builder.Command(*group, "show-metadata", "Show all metadata in etcd", ShowMetadata);
  auto lock = std::make_shared<std::pair<uint64_t, uint64_t>>();  // region, ts
  CLI::App* resolve = builder.Command(
      *group, "resolve-lock", "Finish what crashed transactions left behind in a region",
      [lock](ClusterAccess& access) {
        return access.ResolveLocks(RegionId{lock->first}, Ts(lock->second));
      });
  resolve->add_option("--region", lock->first, "Id of the region")->required();
  resolve->add_option("--ts", lock->second, "Transactions up to this (a minute ago)");
  builder.Command(*group, "delete-service-gc-safepoint",
                  "Let PD's GC go on without regard to changefeeds",
                  [no_confirm](ClusterAccess& access) -> Status {
                    RETURN_IF_ERROR(ConfirmUnsafe(*no_confirm));
                    RETURN_IF_ERROR(access.DeleteServiceGcSafePoint());
                    std::printf("CDC service GC safepoint truncated in PD!\n");
                    return Status::Ok();
                  });
}

}  // namespace

void AddClusterCommands(CommandBuilder& builder, CLI::App& cli) {
  CLI::App* capture = builder.Group(cli, "capture", "Captures: the nodes of the cluster");
  builder.Command(*capture, "list", "List all captures",
                  [](ClusterAccess& access) { return Print(access.Captures()); });
  AddProcessor(builder, cli);
  CLI::App* tso = builder.Group(cli, "tso", "TiDB's timestamps");
  builder.Command(*tso, "query", "Print a timestamp from PD", [](ClusterAccess& access) -> Status {
    ASSIGN_OR_RETURN_STATUS(const Ts now, access.Now());
    std::printf("%lu\n", now.raw());
    return Status::Ok();
  });
  AddUnsafe(builder, cli);
}

}  // namespace cdc
