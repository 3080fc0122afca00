// Dates and times the way TiDB stores them in rows: one integer whose order is the order of time.
#pragma once

#include <cstdint>

namespace cdc {

// A date and time without a zone; MySQL's zero dates (month or day 0) are legal.
struct CivilTime {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
  friend bool operator==(const CivilTime&, const CivilTime&) = default;
};

// Layout, from the top: (year * 13 + month) | day: 5 | hour: 5 | minute: 6 | second: 6 |
// microsecond: 24 bits.
constexpr uint64_t PackTime(const CivilTime& t) {
  const auto u = [](int part) { return static_cast<uint64_t>(part); };
  const uint64_t date = (u(t.year) * 13 + u(t.month)) << 5 | u(t.day);
  const uint64_t clock = u(t.hour) << 12 | u(t.minute) << 6 | u(t.second);
  return (date << 17 | clock) << 24 | u(t.microsecond);
}

constexpr CivilTime UnpackTime(uint64_t packed) {
  const uint64_t date = packed >> 41;
  const uint64_t clock = packed >> 24 & 0x1ffff;
  return {.year = static_cast<int>((date >> 5) / 13),
          .month = static_cast<int>((date >> 5) % 13),
          .day = static_cast<int>(date & 31),
          .hour = static_cast<int>(clock >> 12),
          .minute = static_cast<int>(clock >> 6 & 63),
          .second = static_cast<int>(clock & 63),
          .microsecond = static_cast<int>(packed & 0xffffff)};
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back (hour … microsecond
// are 0).
constexpr int64_t DaysFromCivil(int year, int month, int day) {
  // Years start in March, so that leap days come last; 400 years are 146097 days.
  const int64_t y = year - (month <= 2 ? 1 : 0);
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

constexpr CivilTime CivilFromDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {.year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0)),
          .month = month,
          .day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1)};
}

}  // namespace cdc
