// Errors as values. A function that can fail returns Status or Result<T>; nothing of ours throws
// across a function.
//
// A Status carries a code (errors.def), the operator-visible name of that code ("CDC:Err…"), a
// message with the values that matter, and through the code the reaction that is asked of the
// caller.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace cdc {

enum class Reaction : uint8_t { kRetry, kReplay, kStepDown, kRestart, kFailChangefeed, kRefuse };

enum class Code : uint16_t {
  kOk = 0,
#define CDC_ERROR(code, name, reaction) code,
#include "base/errors.def"
#undef CDC_ERROR
};

std::string_view CodeName(Code code);  // "CDC:ErrNotOwner"
Reaction CodeReaction(Code code);
// The code with this operator-visible name, kUnexpected if there is none: errors read back from
// etcd.
Code CodeFromName(std::string_view name);

// Cheap to move, one pointer wide; copying shares the message. Thread-compatible.
class [[nodiscard]] Status {
 public:
  Status() = default;  // Ok
  template <typename... Args>
  Status(Code code, fmt::format_string<Args...> format, Args&&... args)
      : Status(Make(code, fmt::format(format, std::forward<Args>(args)...))) {}

  static Status Ok() { return {}; }
  static Status Make(Code code, std::string message);

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  std::string_view message() const { return rep_ ? std::string_view(rep_->message) : ""; }
  Reaction reaction() const { return CodeReaction(code()); }
  // "[CDC:ErrNotOwner]message", the form that TiCDC prints; "ok" if ok.
  std::string ToString() const;
  // The same code with `context` and ": " put before the message. Ok stays ok.
  Status WithContext(std::string_view context) const;

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::shared_ptr<const Rep> rep_;
};

template <typename T>
using Result = std::expected<T, Status>;

using Unexpected = std::unexpected<Status>;

template <typename... Args>
Unexpected Error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return Unexpected(Status(code, format, std::forward<Args>(args)...));
}

}  // namespace cdc

#define CDC_CONCAT_INNER(a, b) a##b
#define CDC_CONCAT(a, b) CDC_CONCAT_INNER(a, b)

// For functions that return Status.
#define RETURN_IF_ERROR(expr)                                          \
  do {                                                                 \
    if (::cdc::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

// For functions that return Result<T>.
#define RETURN_UNEXPECTED_IF_ERROR(expr)               \
  do {                                                 \
    if (::cdc::Status status_ = (expr); !status_.ok()) \
      return ::cdc::Unexpected(std::move(status_));    \
  } while (false)

#define CDC_ASSIGN_IMPL(result, declaration, expr, wrap) \
  auto result = (expr);                                  \
  if (!result) return wrap(std::move(result).error());   \
  declaration = *std::move(result)

// ASSIGN_OR_RETURN(Ts ts, pd.GetTs()); in a function that returns Result<T>.
#define ASSIGN_OR_RETURN(declaration, expr) \
  CDC_ASSIGN_IMPL(CDC_CONCAT(result_, __LINE__), declaration, expr, ::cdc::Unexpected)

// The same in a function that returns Status.
#define ASSIGN_OR_RETURN_STATUS(declaration, expr) \
  CDC_ASSIGN_IMPL(CDC_CONCAT(result_, __LINE__), declaration, expr, ::cdc::Status)
