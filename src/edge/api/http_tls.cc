#include "edge/api/http_tls.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "base/log.h"

namespace cdc {
namespace {

std::string LastError() {
  char text[256] = "unknown error";
  if (const unsigned long error = ERR_get_error()) ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return text;
}

std::string CommonName(X509* certificate) {
  char name[256] = {};
  if (certificate == nullptr) return "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

int CheckPeer(int preverified, X509_STORE_CTX* store) {
  if (preverified == 0 || X509_STORE_CTX_get_error_depth(store) != 0) return preverified;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* allowed =
      static_cast<const std::vector<std::string>*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const std::string name = CommonName(X509_STORE_CTX_get_current_cert(store));
  if (allowed == nullptr || allowed->empty() || std::ranges::find(*allowed, name) != allowed->end())
    return 1;
  LogWarn("a peer was refused: its certificate's common name \"{}\" is not in cert-allowed-cn",
          name);
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace

void RequireCommonName(const std::vector<std::string>& allowed, int mode, SSL_CTX* context) {
  SSL_CTX_set_app_data(context, const_cast<std::vector<std::string>*>(&allowed));
  SSL_CTX_set_verify(context, mode, CheckPeer);
}

Status SetUpServerContext(const HttpTls& tls, SSL_CTX* context) {
  const TlsConfig& files = tls.files;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A resumed session would not show its certificate again.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (SSL_CTX_use_certificate_chain_file(context, files.cert_path.c_str()) != 1)
    return Status(Code::kTls, "cannot use the certificate {}: {}", files.cert_path, LastError());
  if (SSL_CTX_use_PrivateKey_file(context, files.key_path.c_str(), SSL_FILETYPE_PEM) != 1)
    return Status(Code::kTls, "cannot use the key {}: {}", files.key_path, LastError());
  if (SSL_CTX_load_verify_locations(context, files.ca_path.c_str(), nullptr) != 1)
    return Status(Code::kTls, "cannot use the CA {}: {}", files.ca_path, LastError());
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.ca_path.c_str()));
  const bool required = tls.client_certificate || !tls.allowed_cn.empty();
  RequireCommonName(tls.allowed_cn,
                    required ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
                    context);
  return Status::Ok();
}

}  // namespace cdc
