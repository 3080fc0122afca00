// Comparisons of filter_value.h.
#include <algorithm>
#include <cctype>

#include "dataflow/mounter/filter_value.h"

namespace cdc {
namespace {

using Kind = SqlValue::Kind;

template <typename T>
int Order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int CompareExact(ExactNumber a, ExactNumber b) {
  const int scale = std::max(a.scale, b.scale);
  const auto x = a.At(scale);
  const auto y = b.At(scale);
  return x && y ? Order(*x, *y) : Order(a.AsDouble(), b.AsDouble());
}

std::string Folded(const std::string& text) {
  std::string folded = text;
  std::ranges::transform(folded, folded.begin(), [](unsigned char c) { return std::tolower(c); });
  return folded;
}

std::string_view WithoutTrailingSpaces(std::string_view text) {
  const size_t end = text.find_last_not_of(' ');
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

int CompareTexts(const SqlValue& a, const SqlValue& b) {
  if (a.binary || b.binary) return Order(a.text, b.text);
  if (a.ignores_case || b.ignores_case) {
    const std::string x = Folded(a.text);
    const std::string y = Folded(b.text);
    return Order(WithoutTrailingSpaces(x), WithoutTrailingSpaces(y));
  }
  return Order(WithoutTrailingSpaces(a.text), WithoutTrailingSpaces(b.text));
}

}  // namespace

std::optional<int> CompareSql(const SqlValue& a, const SqlValue& b) {
  if (a.is_null() || b.is_null()) return std::nullopt;
  if (a.kind == Kind::kText && b.kind == Kind::kText) return CompareTexts(a, b);
  if (b.kind == Kind::kTime || b.kind == Kind::kDuration) {
    if (a.kind == b.kind)
      return b.kind == Kind::kTime ? Order(a.number, b.number) : Order(a.integer, b.integer);
    if (a.kind == Kind::kText) {
      const auto read = b.kind == Kind::kTime ? SqlValue::TimeFromText(a.text)
                                              : SqlValue::DurationFromText(a.text);
      return read ? CompareSql(*read, b) : std::nullopt;
    }
  } else if (a.kind == Kind::kTime || a.kind == Kind::kDuration) {
    if (b.kind == Kind::kText) {
      const auto turned = CompareSql(b, a);
      return turned ? std::optional(-*turned) : std::nullopt;
    }
  }
  if (a.is_exact() && b.is_exact()) return CompareExact(a.AsExact(), b.AsExact());
  if (a.has_number && b.is_integer())
    return CompareExact(SqlValue::Uint(a.number).AsExact(), b.AsExact());
  if (b.has_number && a.is_integer())
    return CompareExact(a.AsExact(), SqlValue::Uint(b.number).AsExact());
  return Order(a.AsDouble(), b.AsDouble());
}

bool LikeSql(const SqlValue& value, const SqlValue& pattern, char escape) {
  const bool fold = !value.binary && value.ignores_case;
  const std::string text = fold ? Folded(value.AsText()) : value.AsText();
  const std::string like = fold ? Folded(pattern.AsText()) : pattern.AsText();
  // Greedy, with one way back: to the last '%'.
  const auto character = [](const std::string& s, size_t at) {
    size_t length = 1;
    while (at + length < s.size() && (static_cast<unsigned char>(s[at + length]) & 0xc0) == 0x80)
      ++length;
    return length;
  };
  size_t t = 0, p = 0;
  std::optional<size_t> back_p;
  size_t back_t = 0;
  while (t < text.size()) {
    if (p < like.size() && like[p] == '%') {
      back_p = ++p;
      back_t = t;
      continue;
    }
    const bool escaped = p + 1 < like.size() && like[p] == escape;
    const size_t at = escaped ? p + 1 : p;
    if (p < like.size() && !escaped && like[p] == '_') {
      t += value.binary ? 1 : character(text, t);
      p = at + 1;
      continue;
    }
    if (p < like.size() && like[at] == text[t]) {
      ++t;
      p = at + 1;
      continue;
    }
    if (!back_p) return false;
    back_t += value.binary ? 1 : character(text, back_t);
    t = back_t;
    p = *back_p;
  }
  while (p < like.size() && like[p] == '%') ++p;
  return p == like.size();
}

}  // namespace cdc
