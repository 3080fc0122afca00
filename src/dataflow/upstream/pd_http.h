// What PD tells over HTTP only. Private to the folder.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "dataflow/upstream/pd_client.h"

namespace cdc {

// "v8.5.4", as the PD at `url` ("http://host:port") says. kCheckClusterVersion without an answer.
Result<std::string> GetPdVersion(const std::string& url, const TlsConfig& tls);
// Whether the PD at `url` answers GET /health with success; kClusterUnhealthy if it does not.
Status GetPdHealth(const std::string& url, const TlsConfig& tls);

}  // namespace cdc
