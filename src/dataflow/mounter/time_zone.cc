#include "dataflow/mounter/time_zone.h"

#include <algorithm>
#include <map>
#include <mutex>

#include <absl/time/time.h>

#include "model/packed_time.h"

namespace cdc {
namespace {

// Within packed times.
constexpr int kHourShift = 36;
constexpr uint64_t kHourMask = 31;
constexpr uint64_t kMicrosecondMask = 0xffffff;

constexpr int64_t kDaySeconds = 86400;

// TIMESTAMP reaches from 1970 to 2038.
const absl::CivilSecond kFirst(1969, 1, 1);
const absl::CivilSecond kLast(2040, 1, 1);

uint64_t PackSeconds(int64_t unix_seconds) {
  const int64_t days = (unix_seconds - (unix_seconds < 0 ? kDaySeconds - 1 : 0)) / kDaySeconds;
  const int of_day = static_cast<int>(unix_seconds - days * kDaySeconds);
  CivilTime t = CivilFromDays(days);
  t.hour = of_day / 3600;
  t.minute = of_day / 60 % 60;
  t.second = of_day % 60;
  return PackTime(t);
}

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
  eras->push_back({0, zone.At(time).offset});
  absl::TimeZone::CivilTransition transition;
  while (zone.NextTransition(time, &transition) && transition.to < kLast) {
    time = zone.At(transition.to).trans;
    eras->push_back({PackSeconds(absl::ToUnixSeconds(time)), zone.At(time).offset});
  }
  eras->push_back({~uint64_t{0}, 0});
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

void TimeZone::FindEra(uint64_t packed) {
  const auto after = std::upper_bound(eras_->begin() + 1, eras_->end() - 1, packed,
                                      [](uint64_t p, const Era& era) { return p < era.utc; });
  era_ = static_cast<size_t>(after - eras_->begin()) - 1;
}

uint64_t TimeZone::FromUtc(uint64_t packed) {
  if (packed == 0) return 0;
  if (packed < (*eras_)[era_].utc || packed >= (*eras_)[era_ + 1].utc) FindEra(packed);
  const int64_t offset = (*eras_)[era_].offset_seconds;
  if (offset % 3600 == 0) {
    const int64_t hours = offset / 3600;
    const int64_t hour = static_cast<int64_t>(packed >> kHourShift & kHourMask) + hours;
    if (hour >= 0 && hour < 24)  // the same day
      return packed + (static_cast<uint64_t>(hours) << kHourShift);
  }
  const CivilTime utc = UnpackTime(packed);
  const int64_t seconds = DaysFromCivil(utc.year, utc.month, utc.day) * kDaySeconds +
                          int64_t{utc.hour} * 3600 + int64_t{utc.minute} * 60 + utc.second;
  return PackSeconds(seconds + offset) | (packed & kMicrosecondMask);
}

}  // namespace cdc
