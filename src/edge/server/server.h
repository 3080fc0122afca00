// The composition root of a node.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "config/server_config.h"

namespace cdc {

// Runs a capture until SIGHUP, SIGINT, SIGTERM or SIGQUIT (a second one ends the process at once).
// These signals must be blocked in all threads: call BlockStopSignals before any is started.
// Returns the error that kept the server from starting, or Ok after a clean stop.
Status RunServer(ServerConfig config, const std::vector<std::string>& pd_endpoints);

void BlockStopSignals();

}  // namespace cdc
