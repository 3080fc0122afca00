// TLS of HTTP servers and clients. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "base/status.h"
#include "dataflow/upstream/pd_client.h"  // TlsConfig

namespace cdc {

struct HttpTls {
  TlsConfig files;                      // no CA: no TLS
  std::vector<std::string> allowed_cn;  // of the peer's certificate; empty: any that the CA signed
  bool client_certificate = false;      // callers must show one; so they must with allowed_cn

  bool enabled() const { return files.enabled(); }
};

// Loads certificate, key and CA and sets what is asked of callers. `tls` outlives the context.
Status SetUpServerContext(const HttpTls& tls, SSL_CTX* context);
// Lets only peers with an allowed common name through, on top of the CA's check, which `mode`
// switches on. `allowed` outlives the context; empty: any name.
void RequireCommonName(const std::vector<std::string>& allowed, int mode, SSL_CTX* context);

}  // namespace cdc
