// What requests and commands show of changefeeds and captures, as JSON. Private to the edge
// folders.
#pragma once

#include <nlohmann/json.hpp>

#include "control/etcd/cluster_view.h"

namespace cdc {

using OrderedJson = nlohmann::ordered_json;

// As etcd has it, with secrets masked.
OrderedJson InfoView(const ChangefeedInfo& info);
OrderedJson ErrorView(const std::optional<RunningError>& error);
// {"state", "tso", "checkpoint", "error"}: the short form that TiCDC's owner answers with.
OrderedJson SummaryView(const ChangefeedView& feed);
// Of `cdc cli changefeed query`: {"info", "status", "count", "task-status"}; the sink URI's
// password is masked.
OrderedJson DetailView(const ChangefeedView& feed);
// Of /api/v1/changefeeds: names with dashes, as the first generation had them, and with
// underscores.
OrderedJson ListEntryV1(const ChangefeedId& id, const ChangefeedView& feed);
// Of /api/v1/changefeeds/{id}.
OrderedJson DetailV1(const ChangefeedId& id, const ChangefeedView& feed);
// Of /api/v2/changefeeds and /api/v2/changefeeds/{id}; passwords are masked.
OrderedJson ListEntryV2(const ChangefeedId& id, const ChangefeedView& feed);
OrderedJson DetailV2(const ChangefeedId& id, const ChangefeedView& feed);
// Of /api/v2/changefeeds/{id}/status.
OrderedJson StatusV2(const ChangefeedView& feed);
// [{"id", "is-owner", "address"}]
OrderedJson CapturesView(const ClusterSnapshot& cluster);

}  // namespace cdc
