// The HTTP interface of a node: status, metrics, and TiCDC's owner, v1 and v2 paths.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "control/capture/capture.h"
#include "control/etcd/etcd_client.h"
#include "control/etcd/key_paths.h"
#include "dataflow/upstream/pd_client.h"  // TlsConfig

namespace cdc {

struct HttpServerOptions {
  std::string addr;  // host:port
  TlsConfig tls;
  KeyPaths paths;
  Capture* capture = nullptr;  // these outlive the server
  EtcdClient* etcd = nullptr;
};

// Serves on threads of its own from Open to its destruction.
// Reads of changefeeds and captures are answered by any node, from etcd; admin calls only by the
// owner's.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> Open(HttpServerOptions options);
  virtual ~HttpServer() = default;
};

}  // namespace cdc
