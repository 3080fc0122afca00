#include "dataflow/mounter/filter_expression_lexer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/bytes.h"

namespace cdc {
namespace {

using Token = ExpressionToken;

bool IsNamePart(unsigned char c) {
  return std::isalnum(c) != 0 || c == '_' || c == '$' || c >= 0x80;
}

void AppendEscaped(char c, std::string* out) {
  constexpr std::string_view kLetters = "0bnrtZ";
  constexpr std::string_view kMeanings("\0\b\n\r\t\x1a", 6);
  if (const size_t at = kLetters.find(c); at != std::string_view::npos) {
    out->push_back(kMeanings[at]);
    return;
  }
  if (c == '%' || c == '_') out->push_back('\\');  // for LIKE
  out->push_back(c);
}

}  // namespace

bool ExpressionLexer::IsDigitAt(size_t at) const {
  return at < text_.size() && std::isdigit(Byte(at)) != 0;
}

Unexpected ExpressionLexer::Fail(size_t position, std::string_view what) const {
  return Error(Code::kExpressionParse, "expression \"{}\", position {}: {}", text_, position + 1,
               what);
}

Result<Token> ExpressionLexer::Next() {
  while (at_ < text_.size() && std::isspace(Byte(at_)) != 0) ++at_;
  Token token;
  token.position = at_;
  if (at_ == text_.size()) return token;
  const char c = text_[at_];
  if (c == '\'' || c == '"') return Quoted(c, Token::Kind::kText);
  if (c == '`') return Quoted(c, Token::Kind::kQuotedName);
  if (std::isdigit(Byte(at_)) != 0 || (c == '.' && IsDigitAt(at_ + 1))) return Number();
  if ((c == 'x' || c == 'X' || c == 'b' || c == 'B') && at_ + 1 < text_.size() &&
      text_[at_ + 1] == '\'')
    return QuotedNumber();
  if (IsNamePart(Byte(at_))) return Word();
  return Symbol();
}

Result<Token> ExpressionLexer::Quoted(char quote, Token::Kind kind) {
  Token token{.kind = kind, .text = {}, .original = {}, .position = at_};
  const size_t begin = at_++;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == quote) {
      if (at_ < text_.size() && text_[at_] == quote) {
        token.text += text_[at_++];
        continue;
      }
      return token;
    }
    if (c == '\\' && quote != '`' && at_ < text_.size()) {
      AppendEscaped(text_[at_++], &token.text);
      continue;
    }
    token.text += c;
  }
  return Fail(begin, "a quote that is not closed");
}

Result<Token> ExpressionLexer::Number() {
  Token token{.kind = Token::Kind::kInteger, .text = {}, .original = {}, .position = at_};
  const size_t begin = at_;
  if (text_.substr(at_).starts_with("0x") || text_.substr(at_).starts_with("0b")) {
    const int base = text_[at_ + 1] == 'x' ? 16 : 2;
    at_ += 2;
    const size_t digits = at_;
    while (at_ < text_.size() && IsNamePart(Byte(at_))) ++at_;
    return Based(text_.substr(digits, at_ - digits), base, begin);
  }
  while (IsDigitAt(at_)) ++at_;
  if (at_ < text_.size() && text_[at_] == '.') {
    token.kind = Token::Kind::kExact;
    ++at_;
    while (IsDigitAt(at_)) ++at_;
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    size_t exponent = at_ + 1;
    if (exponent < text_.size() && (text_[exponent] == '-' || text_[exponent] == '+')) ++exponent;
    if (IsDigitAt(exponent)) {
      token.kind = Token::Kind::kDouble;
      at_ = exponent;
      while (IsDigitAt(at_)) ++at_;
    }
  }
  if (at_ < text_.size() && IsNamePart(Byte(at_)))
    return Fail(begin, "a number that does not end where a name begins");
  token.text = text_.substr(begin, at_ - begin);
  return token;
}

Result<Token> ExpressionLexer::QuotedNumber() {
  const size_t begin = at_;
  const bool hex = text_[at_] == 'x' || text_[at_] == 'X';
  const size_t end = text_.find('\'', at_ + 2);
  if (end == std::string_view::npos) return Fail(begin, "a quote that is not closed");
  const std::string_view digits = text_.substr(at_ + 2, end - at_ - 2);
  at_ = end + 1;
  if (!hex) return Based(digits, 2, begin);
  auto bytes = FromHex(digits);
  if (!bytes) return Fail(begin, "an odd or wrong hexadecimal digit");
  return Token{.kind = Token::Kind::kText, .text = *bytes, .original = {}, .position = begin};
}

Result<Token> ExpressionLexer::Based(std::string_view digits, int base, size_t begin) const {
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return Fail(begin, "no number of at most 64 bits");
  return Token{.kind = Token::Kind::kInteger,
               .text = std::to_string(value),
               .original = {},
               .position = begin};
}

Token ExpressionLexer::Word() {
  Token token{.kind = Token::Kind::kWord, .text = {}, .original = {}, .position = at_};
  while (at_ < text_.size() && IsNamePart(Byte(at_))) token.original += text_[at_++];
  token.text = token.original;
  std::ranges::transform(token.text, token.text.begin(),
                         [](unsigned char c) { return std::toupper(c); });
  return token;
}

Result<Token> ExpressionLexer::Symbol() {
  static constexpr std::array<std::string_view, 26> kSymbols = {
      "<=>", "<=", ">=", "<>", "!=", "<<", ">>", "&&", "||", "(", ")", ",", "=",
      "<",   ">",  "+",  "-",  "*",  "/",  "%",  "&",  "|",  "^", "~", "!", "."};
  for (const std::string_view symbol : kSymbols) {
    if (!text_.substr(at_).starts_with(symbol)) continue;
    const size_t position = at_;
    at_ += symbol.size();
    return Token{.kind = Token::Kind::kSymbol,
                 .text = std::string(symbol),
                 .original = {},
                 .position = position};
  }
  return Fail(at_, fmt::format("'{}' has no meaning here", text_[at_]));
}

}  // namespace cdc
