#include "dataflow/upstream/region_key.h"

#include "base/bytes.h"

namespace cdc {
namespace {
constexpr size_t kGroup = 8;
constexpr unsigned char kMarkerFull = 0xff;
}  // namespace

std::string EncodeRegionKey(std::string_view user_key) {
  std::string encoded;
  if (user_key.empty()) return encoded;
  encoded.reserve((user_key.size() / kGroup + 1) * (kGroup + 1));
  // A key that fills its last group gets one more, of padding alone.
  for (size_t at = 0; at <= user_key.size(); at += kGroup) {
    const std::string_view group = user_key.substr(at, kGroup);
    const size_t padding = kGroup - group.size();
    encoded.append(group);
    encoded.append(padding, '\0');
    encoded.push_back(static_cast<char>(kMarkerFull - padding));
  }
  return encoded;
}

Result<std::string> DecodeRegionKey(std::string_view encoded) {
  std::string user_key;
  if (encoded.empty()) return user_key;
  user_key.reserve(encoded.size());
  for (std::string_view rest = encoded;;) {
    if (rest.size() < kGroup + 1) break;
    const size_t padding = kMarkerFull - static_cast<unsigned char>(rest[kGroup]);
    if (padding > kGroup) break;
    user_key.append(rest.substr(0, kGroup - padding));
    if (padding > 0) return user_key;
    rest.remove_prefix(kGroup + 1);
  }
  return Error(Code::kDecode, "not a memcomparable region key: {}", ToHex(encoded));
}

}  // namespace cdc
