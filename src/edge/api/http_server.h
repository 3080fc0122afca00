// The HTTP interface of a node: status, metrics, and TiCDC's owner, v1 and v2 paths.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "control/capture/capture.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/key_paths.h"
#include "dataflow/upstream/region_feed.h"
#include "edge/api/http_tls.h"

namespace cdc {

struct HttpServerOptions {
  std::string addr;  // host:port
  HttpTls tls;
  KeyPaths paths;
  std::string cluster_id;
  Capture* capture = nullptr;  // these outlive the server
  EtcdClient* etcd = nullptr;
  TiKvClient* tikv = nullptr;
};

// Serves on threads of its own from Open to its destruction.
// Every node answers everything: reads from etcd, the rest by passing it on to the owner. Only the
// paths below /capture/owner/ are for the owner's port alone.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> Open(HttpServerOptions options);
  virtual ~HttpServer() = default;
};

}  // namespace cdc
