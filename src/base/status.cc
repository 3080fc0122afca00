#include "base/status.h"

namespace cdc {
namespace {

struct CodeEntry {
  std::string_view name;
  Reaction reaction;
};

constexpr CodeEntry kCodes[] = {
    {"ok", Reaction::kRetry},
#define CDC_ERROR(code, name, reaction) {name, Reaction::reaction},
#include "base/errors.def"
#undef CDC_ERROR
};

}  // namespace

std::string_view CodeName(Code code) { return kCodes[static_cast<size_t>(code)].name; }

Reaction CodeReaction(Code code) { return kCodes[static_cast<size_t>(code)].reaction; }

Code CodeFromName(std::string_view name) {
  for (size_t i = 1; i < std::size(kCodes); ++i)
    if (kCodes[i].name == name) return static_cast<Code>(i);
  return Code::kUnexpected;
}

Status Status::Make(Code code, std::string message) {
  Status status;
  if (code != Code::kOk) status.rep_ = std::make_shared<const Rep>(Rep{code, std::move(message)});
  return status;
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  return fmt::format("[{}]{}", CodeName(code()), message());
}

Status Status::WithContext(std::string_view context) const {
  if (ok()) return *this;
  return Make(code(), fmt::format("{}: {}", context, message()));
}

}  // namespace cdc
