#include "edge/api/secrets.h"

#include <algorithm>
#include <set>

#include "config/uri.h"

namespace cdc {
namespace {

constexpr char kMask[] = "******";

std::string Dashed(std::string key) {
  std::ranges::replace(key, '_', '-');
  return key;
}

std::optional<std::string> Masked(const std::string& key, const OrderedJson& value) {
  static const std::set<std::string> kSecrets = {"sasl-password", "sasl-gssapi-password",
                                                 "sasl-oauth-client-secret"};
  static const std::set<std::string> kUris = {"schema-registry", "claim-check-storage-uri",
                                              "sink-uri"};
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return std::nullopt;
  if (kSecrets.contains(Dashed(key))) return kMask;
  if (kUris.contains(Dashed(key))) return Uri::Mask(value.get<std::string>());
  return std::nullopt;
}

}  // namespace

void MaskSecrets(OrderedJson* config) {
  if (!config->is_structured()) return;
  for (const auto& [key, value] : config->items()) {
    if (const auto masked = Masked(key, value))
      value = *masked;
    else
      MaskSecrets(&value);
  }
}

void RestoreSecrets(const OrderedJson& stored, OrderedJson* given) {
  if (!given->is_object() || !stored.is_object()) return;
  for (const auto& [key, value] : given->items()) {
    const auto old = stored.find(key);
    if (old == stored.end()) continue;
    const auto masked = Masked(key, *old);
    if (masked && value == *masked)
      value = *old;
    else
      RestoreSecrets(*old, &value);
  }
}

}  // namespace cdc
