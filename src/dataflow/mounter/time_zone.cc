#include "dataflow/mounter/time_zone.h"

#include <algorithm>
#include <map>
#include <mutex>

#include <absl/time/time.h>

#include "model/packed_time.h"

namespace cdc {
namespace {

constexpr int kHourShift = 36;  // below: minute, second, microsecond
constexpr int64_t kDaySeconds = 86400;

// TIMESTAMP reaches from 1970 to 2038.
const absl::CivilSecond kFirst(1969, 1, 1);
const absl::CivilSecond kLast(2040, 1, 1);

// "+08:00" in seconds.
bool ParseOffset(const std::string& name, int* seconds) {
  if (name.size() != 6 || (name[0] != '+' && name[0] != '-') || name[3] != ':') return false;
  for (size_t i : {1, 2, 4, 5})
    if (name[i] < '0' || name[i] > '9') return false;
  const int hours = (name[1] - '0') * 10 + name[2] - '0';
  const int minutes = (name[4] - '0') * 10 + name[5] - '0';
  if (hours > 14 || minutes > 59) return false;
  *seconds = (hours * 60 + minutes) * (name[0] == '-' ? -60 : 60);
  return true;
}

bool FindZone(const std::string& name, absl::TimeZone* zone) {
  if (name.empty() || name == "Local" || name == "SYSTEM") {
    *zone = absl::LocalTimeZone();
    return true;
  }
  if (int seconds; ParseOffset(name, &seconds)) {
    *zone = absl::FixedTimeZone(seconds);
    return true;
  }
  return absl::LoadTimeZone(name, zone);
}

}  // namespace

Result<std::shared_ptr<const TimeZone::Eras>> TimeZone::LoadEras(const std::string& name) {
  absl::TimeZone zone;
  if (!FindZone(name, &zone)) return Error(Code::kLoadTimezone, "unknown time zone {}", name);
  auto eras = std::make_shared<Eras>();
  absl::Time time = absl::FromCivil(kFirst, zone);
  const auto add = [&] { eras->push_back({absl::ToUnixSeconds(time), zone.At(time).offset}); };
  add();
  absl::TimeZone::CivilTransition transition;
  while (zone.NextTransition(time, &transition) && transition.to < kLast) {
    time = zone.At(transition.to).trans;
    add();
  }
  return eras;
}

Result<TimeZone> TimeZone::Load(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Eras>> loaded;
  const std::lock_guard lock(mutex);
  auto& eras = loaded[name];
  if (eras == nullptr) {
    auto result = LoadEras(name);
    if (!result) {
      loaded.erase(name);
      return Unexpected(result.error());
    }
    eras = *std::move(result);
  }
  return TimeZone(eras);
}

int64_t TimeZone::OffsetAt(int64_t utc_seconds) const {
  const auto after =
      std::upper_bound(eras_->begin(), eras_->end(), utc_seconds,
                       [](int64_t seconds, const Era& era) { return seconds < era.utc_seconds; });
  return after == eras_->begin() ? after->offset_seconds : std::prev(after)->offset_seconds;
}

uint64_t TimeZone::FromUtc(uint64_t packed) {
  if (packed == 0) return 0;
  constexpr uint64_t kBelowHour = (uint64_t{1} << kHourShift) - 1;
  const uint64_t utc_hour = packed >> kHourShift;
  if (utc_hour == cached_utc_hour_) return cached_local_hour_ << kHourShift | (packed & kBelowHour);

  const CivilTime utc = UnpackTime(packed);
  const int64_t hour_start =
      DaysFromCivil(utc.year, utc.month, utc.day) * kDaySeconds + int64_t{utc.hour} * 3600;
  const int64_t seconds = hour_start + utc.minute * 60 + utc.second;
  const int64_t offset = OffsetAt(seconds);
  const int64_t local_seconds = seconds + offset;
  const int64_t days = (local_seconds - (local_seconds < 0 ? kDaySeconds - 1 : 0)) / kDaySeconds;
  const int of_day = static_cast<int>(local_seconds - days * kDaySeconds);
  CivilTime local = CivilFromDays(days);
  local.hour = of_day / 3600;
  local.minute = of_day / 60 % 60;
  local.second = of_day % 60;
  local.microsecond = utc.microsecond;
  const uint64_t result = PackTime(local);
  if (offset % 3600 == 0 && OffsetAt(hour_start) == OffsetAt(hour_start + 3599)) {
    cached_utc_hour_ = utc_hour;
    cached_local_hour_ = result >> kHourShift;
  }
  return result;
}

}  // namespace cdc
