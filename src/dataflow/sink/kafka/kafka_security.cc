#include "dataflow/sink/kafka/kafka_security.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "base/bytes.h"
#include "config/parameter.h"

namespace cdc {
namespace {

constexpr Code kCode = Code::kKafkaConfig;

constexpr std::array<std::string_view, 16> kNames = {
    "enable-tls",
    "ca",
    "cert",
    "key",
    "insecure-skip-verify",
    "sasl-user",
    "sasl-password",
    "sasl-mechanism",
    "sasl-gssapi-auth-type",
    "sasl-gssapi-keytab-path",
    "sasl-gssapi-kerberos-config-path",
    "sasl-gssapi-service-name",
    "sasl-gssapi-user",
    "sasl-gssapi-password",
    "sasl-gssapi-realm",
    "sasl-gssapi-disable-pafxfast",
};

std::string Value(const SecurityParameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

Result<bool> Flag(const SecurityParameters& parameters, std::string_view name, bool otherwise) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return otherwise;
  return ParseBool(kCode, name, found->second);
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Status SetTls(bool scheme, const SecurityParameters& parameters, KafkaTls* tls) {
  tls->ca = Value(parameters, "ca");
  tls->cert = Value(parameters, "cert");
  tls->key = Value(parameters, "key");
  if (tls->cert.empty() != tls->key.empty())
    return Status(kCode, "cert and key belong together: one of them is missing");
  const bool asked = scheme || !tls->ca.empty() || !tls->cert.empty();
  ASSIGN_OR_RETURN_STATUS(tls->enabled, Flag(parameters, "enable-tls", asked));
  if (asked && !tls->enabled)
    return Status(kCode, "enable-tls=false contradicts {}",
                  scheme ? "the scheme kafka+ssl" : "the certificate files");
  ASSIGN_OR_RETURN_STATUS(tls->insecure_skip_verify,
                          Flag(parameters, "insecure-skip-verify", false));
  return Status::Ok();
}

Result<KafkaSasl::Mechanism> MechanismFromName(const std::string& name) {
  using Mechanism = KafkaSasl::Mechanism;
  const std::string lower = Lower(name);
  if (lower.empty()) return Mechanism::kNone;
  if (lower == "plain") return Mechanism::kPlain;
  if (lower == "scram-sha-256") return Mechanism::kScramSha256;
  if (lower == "scram-sha-512") return Mechanism::kScramSha512;
  if (lower == "gssapi") return Mechanism::kGssapi;
  if (lower == "oauthbearer") return Mechanism::kOauth;
  return Error(kCode,
               "unknown sasl-mechanism '{}': known are plain, scram-sha-256, scram-sha-512, gssapi "
               "and oauthbearer",
               name);
}

// The Kerberos library reads its configuration where the process's environment says; setting that
// for one changefeed would change it for all.
Status CheckKerberosConfig(const std::string& path) {
  const char* environment = std::getenv("KRB5_CONFIG");
  const std::string effective = environment == nullptr ? "/etc/krb5.conf" : environment;
  if (path.empty() || path == effective) return Status::Ok();
  return Status(Code::kNotSupported,
                "sasl-gssapi-kerberos-config-path '{}': this server reads '{}'; start it with "
                "KRB5_CONFIG={}",
                path, effective, path);
}

Status SetGssapi(const SecurityParameters& parameters, KafkaSasl* sasl) {
  const std::string type = Lower(Value(parameters, "sasl-gssapi-auth-type"));
  if (type == "user")
    return Status(Code::kNotSupported,
                  "sasl-gssapi-auth-type user is not supported: use keytab and "
                  "sasl-gssapi-keytab-path");
  if (!type.empty() && type != "keytab")
    return Status(kCode, "unknown sasl-gssapi-auth-type '{}': expected keytab", type);
  // Checked, then left to the Kerberos library, which negotiates FAST by itself.
  if (auto pafxfast = Flag(parameters, "sasl-gssapi-disable-pafxfast", false); !pafxfast)
    return pafxfast.error();
  const std::string user = Value(parameters, "sasl-gssapi-user");
  const std::string realm = Value(parameters, "sasl-gssapi-realm");
  sasl->kerberos_keytab = Value(parameters, "sasl-gssapi-keytab-path");
  if (user.empty() || sasl->kerberos_keytab.empty())
    return Status(kCode,
                  "sasl-mechanism gssapi needs sasl-gssapi-user and sasl-gssapi-keytab-path");
  sasl->kerberos_principal = realm.empty() ? user : fmt::format("{}@{}", user, realm);
  // Both become part of the command that renews the ticket.
  for (const std::string& text : {sasl->kerberos_principal, sasl->kerberos_keytab})
    if (!std::ranges::all_of(text, [](unsigned char c) {
          return std::isalnum(c) || std::string_view("/._-@+,:").contains(static_cast<char>(c));
        }))
      return Status(kCode, "'{}' has characters that a principal or keytab path may not have here",
                    text);
  if (std::string service = Value(parameters, "sasl-gssapi-service-name"); !service.empty())
    sasl->kerberos_service = std::move(service);
  return CheckKerberosConfig(Value(parameters, "sasl-gssapi-kerberos-config-path"));
}

Status SetOauth(const KafkaConfig& file, KafkaSasl* sasl) {
  const bool given =
      file.sasl_oauth_client_id || file.sasl_oauth_client_secret || file.sasl_oauth_token_url;
  if (sasl->mechanism != KafkaSasl::Mechanism::kOauth) {
    if (given) return Status(kCode, "sasl-oauth-* needs sasl-mechanism oauthbearer");
    return Status::Ok();
  }
  sasl->oauth_client_id = file.sasl_oauth_client_id.value_or("");
  sasl->oauth_token_url = file.sasl_oauth_token_url.value_or("");
  const auto secret = FromBase64(file.sasl_oauth_client_secret.value_or(""));
  if (!secret) return Status(kCode, "sasl-oauth-client-secret is not base64");
  sasl->oauth_client_secret = *secret;
  for (const auto& [name, value] :
       {std::pair{"sasl-oauth-client-id", &sasl->oauth_client_id},
        std::pair{"sasl-oauth-client-secret", &sasl->oauth_client_secret},
        std::pair{"sasl-oauth-token-url", &sasl->oauth_token_url}})
    if (value->empty()) return Status(kCode, "sasl-mechanism oauthbearer needs {}", name);
  if (file.sasl_oauth_scopes) sasl->oauth_scopes = *file.sasl_oauth_scopes;
  if (file.sasl_oauth_grant_type && !file.sasl_oauth_grant_type->empty())
    sasl->oauth_grant_type = *file.sasl_oauth_grant_type;
  sasl->oauth_audience = file.sasl_oauth_audience.value_or("");
  return Status::Ok();
}

Status CheckPassword(const KafkaSasl& sasl) {
  using Mechanism = KafkaSasl::Mechanism;
  switch (sasl.mechanism) {
    case Mechanism::kNone:
      if (!sasl.user.empty() || !sasl.password.empty())
        return Status(kCode, "sasl-user and sasl-password need a sasl-mechanism");
      return Status::Ok();
    case Mechanism::kPlain:
    case Mechanism::kScramSha256:
    case Mechanism::kScramSha512:
      if (sasl.user.empty() || sasl.password.empty())
        return Status(kCode, "this sasl-mechanism needs sasl-user and sasl-password");
      return Status::Ok();
    case Mechanism::kGssapi:
    case Mechanism::kOauth:
      return Status::Ok();
  }
  return Status::Ok();
}

}  // namespace

bool IsSecurityParameter(std::string_view name) {
  return std::ranges::find(kNames, name) != kNames.end();
}

Status SetSecurity(bool tls_scheme, const SecurityParameters& parameters, const KafkaConfig& file,
                   KafkaTls* tls, KafkaSasl* sasl) {
  RETURN_IF_ERROR(SetTls(tls_scheme, parameters, tls));
  sasl->user = Value(parameters, "sasl-user");
  sasl->password = Value(parameters, "sasl-password");
  ASSIGN_OR_RETURN_STATUS(sasl->mechanism, MechanismFromName(Value(parameters, "sasl-mechanism")));
  RETURN_IF_ERROR(CheckPassword(*sasl));
  if (sasl->mechanism == KafkaSasl::Mechanism::kGssapi)
    RETURN_IF_ERROR(SetGssapi(parameters, sasl));
  return SetOauth(file, sasl);
}

}  // namespace cdc
