#include "base/failpoint.h"

#if defined(CDC_FAILPOINTS)

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"

namespace cdc {
namespace {

struct Term {
  enum class Action : uint8_t { kReturn, kSleep, kPause, kPanic, kPrint, kOff };
  Action action = Action::kOff;
  std::string value;
  std::optional<int64_t> count;  // how often it still happens
  double percent = 100;
};

struct Point {
  std::string text;
  std::vector<Term> terms;
};

std::optional<int64_t> ToNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "3*", "20%" before the action.
Status ParseOdds(std::string_view* text, Term* term) {
  const size_t end = text->find_first_not_of("0123456789.");
  if (end == 0 || end == text->npos) return Status::Ok();
  const std::string number(text->substr(0, end));
  if ((*text)[end] == '*') {
    term->count = ToNumber(number);
    if (!term->count) return Status(Code::kApiInvalidParam, "{} is not a count", number);
  } else if ((*text)[end] == '%') {
    term->percent = std::strtod(number.c_str(), nullptr);
  } else {
    return Status(Code::kApiInvalidParam, "cannot read \"{}\"", *text);
  }
  text->remove_prefix(end + 1);
  return Status::Ok();
}

Result<Term> ParseTerm(std::string_view text) {
  Term term;
  text = Trimmed(text);
  RETURN_UNEXPECTED_IF_ERROR(ParseOdds(&text, &term));
  std::string_view name = text;
  if (const size_t open = text.find('('); open != text.npos) {
    if (!text.ends_with(')')) return Error(Code::kApiInvalidParam, "\"{}\" misses a )", text);
    name = text.substr(0, open);
    std::string_view value = text.substr(open + 1, text.size() - open - 2);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    term.value = value;
  }
  using Action = Term::Action;
  static constexpr std::pair<std::string_view, Action> kActions[] = {
      {"return", Action::kReturn}, {"sleep", Action::kSleep}, {"pause", Action::kPause},
      {"panic", Action::kPanic},   {"print", Action::kPrint}, {"off", Action::kOff}};
  for (const auto& [known, action] : kActions) {
    if (name != known) continue;
    term.action = action;
    if (action == Action::kSleep && !ToNumber(term.value))
      return Error(Code::kApiInvalidParam, "sleep wants milliseconds, not \"{}\"", term.value);
    return term;
  }
  return Error(Code::kApiInvalidParam, "a fail point can not \"{}\"", name);
}

Result<std::vector<Term>> ParseTerms(std::string_view text) {
  std::vector<Term> terms;
  for (;;) {
    const size_t arrow = text.find("->");
    ASSIGN_OR_RETURN(Term term, ParseTerm(text.substr(0, arrow)));
    terms.push_back(std::move(term));
    if (arrow == text.npos) return terms;
    text.remove_prefix(arrow + 2);
  }
}

class Registry {
 public:
  static Registry& Get() {
    static Registry registry;
    return registry;
  }

  Status Set(const std::string& name, const std::string& text) {
    ASSIGN_OR_RETURN_STATUS(std::vector<Term> terms, ParseTerms(text));
    std::lock_guard lock(mutex_);
    points_[name] = {text, std::move(terms)};
    Changed();
    return Status::Ok();
  }

  Status Clear(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (points_.erase(name) == 0)
      return Status(Code::kApiInvalidParam, "the fail point {} is not set", name);
    Changed();
    return Status::Ok();
  }

  std::map<std::string, std::string> List() {
    std::lock_guard lock(mutex_);
    std::map<std::string, std::string> list;
    for (const auto& [name, point] : points_) list.emplace(name, point.text);
    return list;
  }

  std::optional<std::string> Meet(std::string_view name) {
    if (!any_.load(std::memory_order_relaxed)) return std::nullopt;
    const std::optional<Term> term = Choose(name);
    if (!term) return std::nullopt;
    switch (term->action) {
      case Term::Action::kReturn:
        return term->value;
      case Term::Action::kSleep:
        std::this_thread::sleep_for(std::chrono::milliseconds(*ToNumber(term->value)));
        break;
      case Term::Action::kPause:
        Pause(name);
        break;
      case Term::Action::kPanic:
        CDC_CHECK(false, "fail point {}", name);
        break;
      case Term::Action::kPrint:
        LogWarn("fail point {} {}", name, term->value);
        break;
      case Term::Action::kOff:
        break;
    }
    return std::nullopt;
  }

 private:
  Registry() {
    const char* environment = std::getenv("CDC_FAILPOINTS");
    std::string_view rest = environment ? environment : "";
    while (!rest.empty()) {
      const std::string_view entry = Trimmed(rest.substr(0, rest.find(';')));
      rest.remove_prefix(std::min(rest.size(), rest.find(';')));
      if (rest.starts_with(';')) rest.remove_prefix(1);
      const size_t equals = entry.find('=');
      if (entry.empty()) continue;
      const Status status =
          equals == entry.npos
              ? Status(Code::kApiInvalidParam, "no = in \"{}\"", entry)
              : Set(std::string(entry.substr(0, equals)), std::string(entry.substr(equals + 1)));
      if (!status.ok()) LogWarn("CDC_FAILPOINTS: {}", status.ToString());
    }
  }

  void Changed() {
    any_ = !points_.empty();
    ++version_;
    wakeup_.notify_all();
  }

  std::optional<Term> Choose(std::string_view name) {
    std::lock_guard lock(mutex_);
    const auto point = points_.find(name);
    if (point == points_.end()) return std::nullopt;
    for (Term& term : point->second.terms) {
      if (term.count && *term.count <= 0) continue;
      if (term.percent < 100 && std::uniform_real_distribution<>(0, 100)(random_) >= term.percent)
        continue;
      if (term.count) --*term.count;
      return term;
    }
    return std::nullopt;
  }

  void Pause(std::string_view name) {
    std::unique_lock lock(mutex_);
    const uint64_t version = version_;
    LogWarn("paused at fail point {}", name);
    wakeup_.wait(lock, [&] { return version_ != version; });
  }

  std::atomic<bool> any_ = false;
  std::mutex mutex_;  // guards all below
  std::condition_variable wakeup_;
  uint64_t version_ = 0;
  std::map<std::string, Point, std::less<>> points_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace

bool FailPointsCompiled() { return true; }

std::optional<std::string> FailPoint(std::string_view name) { return Registry::Get().Meet(name); }

std::optional<int64_t> FailPointInt(std::string_view name) {
  const auto value = FailPoint(name);
  return value ? ToNumber(*value) : std::nullopt;
}

Status EnableFailPoint(const std::string& name, const std::string& terms) {
  return Registry::Get().Set(name, terms);
}

Status DisableFailPoint(const std::string& name) { return Registry::Get().Clear(name); }

std::map<std::string, std::string> FailPoints() { return Registry::Get().List(); }

}  // namespace cdc

#else

namespace cdc {

bool FailPointsCompiled() { return false; }
std::optional<std::string> FailPoint(std::string_view) { return std::nullopt; }
std::optional<int64_t> FailPointInt(std::string_view) { return std::nullopt; }
Status EnableFailPoint(const std::string&, const std::string&) {
  return Status(Code::kNotSupported, "this build has no fail points (CDC_FAILPOINTS)");
}
Status DisableFailPoint(const std::string&) { return EnableFailPoint({}, {}); }
std::map<std::string, std::string> FailPoints() { return {}; }

}  // namespace cdc

#endif
