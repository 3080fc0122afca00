#include "dataflow/upstream/cluster_version.h"

#include <algorithm>
#include <charconv>

#include <re2/re2.h>

namespace cdc {
namespace {

constexpr std::string_view kVersionMin = "4.0.0-rc.1";

// The part before the first dot, which is taken off `rest`.
std::string_view NextPart(std::string_view* rest) {
  const std::string_view part = rest->substr(0, rest->find('.'));
  rest->remove_prefix(std::min(rest->size(), part.size() + 1));
  return part;
}

std::optional<int> ToNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Part by part: numbers by value and before words, fewer parts before more.
std::strong_ordering ComparePre(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.empty() <=> b.empty();
  while (!a.empty() && !b.empty()) {
    const std::string_view x = NextPart(&a);
    const std::string_view y = NextPart(&b);
    const auto p = ToNumber(x);
    const auto q = ToNumber(y);
    if (p.has_value() != q.has_value()) return q.has_value() <=> p.has_value();
    if (const auto order = p ? *p <=> *q : x <=> y; order != 0) return order;
  }
  return b.empty() <=> a.empty();
}

Status CheckVersion(std::string_view what, std::string_view text) {
  const auto version = SemVersion::Parse(text);
  if (!version) return Status(Code::kCheckClusterVersion, "{} has the version \"{}\"", what, text);
  if (*version < SemVersion::Parse(kVersionMin))
    return Status(Code::kVersionIncompatible, "{} {} is not supported, {} is the least", what, text,
                  kVersionMin);
  return Status::Ok();
}

}  // namespace

std::optional<SemVersion> SemVersion::Parse(std::string_view text) {
  static const RE2 kVersion(
      R"(v?(\d+)\.(\d+)\.(\d+)(?:-(.*?))??(?:-\d+-g[0-9a-f]{7,}(?:-dev)?)?(?:-dirty)?)");
  SemVersion version;
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), kVersion, &version.major,
                      &version.minor, &version.patch, &version.pre))
    return std::nullopt;
  return version;
}

std::strong_ordering operator<=>(const SemVersion& a, const SemVersion& b) {
  if (const auto order = a.major <=> b.major; order != 0) return order;
  if (const auto order = a.minor <=> b.minor; order != 0) return order;
  if (const auto order = a.patch <=> b.patch; order != 0) return order;
  return ComparePre(a.pre, b.pre);
}

Status CheckPdVersion(std::string_view version) { return CheckVersion("PD", version); }

Status CheckTiKvVersions(const std::vector<Store>& stores) {
  for (const Store& store : stores)
    if (!store.tombstone)
      RETURN_IF_ERROR(CheckVersion(fmt::format("TiKV at {}", store.address), store.version));
  return Status::Ok();
}

}  // namespace cdc
