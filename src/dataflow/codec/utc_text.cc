#include "dataflow/codec/utc_text.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "model/packed_time.h"

namespace cdc {
namespace {

int64_t Seconds(uint64_t packed) {
  const CivilTime t = UnpackTime(packed);
  return DaysFromCivil(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
}

// The same fraction of a second, `seconds` after 1970.
uint64_t WithSeconds(uint64_t packed, int64_t seconds) {
  const int64_t of_day = (seconds % 86400 + 86400) % 86400;
  CivilTime t = CivilFromDays((seconds - of_day) / 86400);
  t.hour = static_cast<int>(of_day / 3600);
  t.minute = static_cast<int>(of_day / 60 % 60);
  t.second = static_cast<int>(of_day % 60);
  t.microsecond = UnpackTime(packed).microsecond;
  return PackTime(t);
}

}  // namespace

UtcText::UtcText(const std::string& zone) {
  if (zone == "UTC") return;
  if (auto loaded = TimeZone::Load(zone); loaded) zone_ = *std::move(loaded);
}

uint64_t UtcText::ToUtc(uint64_t packed) {
  if (!zone_ || packed == 0) return packed;
  const int64_t local = Seconds(packed);
  int64_t utc = local;
  // The second try is with the offset of (about) the right moment.
  for (int i = 0; i < 2; ++i) {
    const uint64_t guess = WithSeconds(packed, utc);
    utc = local - (Seconds(zone_->FromUtc(guess)) - utc);
  }
  return WithSeconds(packed, utc);
}

std::string ZoneName(const std::string& zone) {
  if (!zone.empty()) return zone;
  std::error_code none;
  const std::string target = std::filesystem::read_symlink("/etc/localtime", none).string();
  constexpr std::string_view kDirectory = "/zoneinfo/";
  const size_t at = target.find(kDirectory);
  return at == std::string::npos ? "UTC" : target.substr(at + kDirectory.size());
}

}  // namespace cdc
