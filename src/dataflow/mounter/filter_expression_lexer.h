// The tokens of filter expressions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace cdc {

struct ExpressionToken {
  enum class Kind : uint8_t { kEnd, kWord, kQuotedName, kText, kInteger, kExact, kDouble, kSymbol };
  Kind kind = Kind::kEnd;
  std::string text;      // of a word: in capitals; of strings and names: without quotes
  std::string original;  // of a word: as it was written
  size_t position = 0;   // from 0
};

// Splits a text into tokens. Views the text.
class ExpressionLexer {
 public:
  explicit ExpressionLexer(std::string_view text) : text_(text) {}

  // kEnd at the end, again and again. Errors: kExpressionParse, with the position.
  Result<ExpressionToken> Next();

 private:
  unsigned char Byte(size_t at) const { return static_cast<unsigned char>(text_[at]); }
  bool IsDigitAt(size_t at) const;
  Unexpected Fail(size_t position, std::string_view what) const;

  Result<ExpressionToken> Quoted(char quote, ExpressionToken::Kind kind);
  Result<ExpressionToken> Number();
  Result<ExpressionToken> QuotedNumber();
  Result<ExpressionToken> Based(std::string_view digits, int base, size_t begin) const;
  ExpressionToken Word();
  Result<ExpressionToken> Symbol();

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace cdc
