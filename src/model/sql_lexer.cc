#include "model/sql_lexer.h"

#include <algorithm>
#include <cctype>

namespace cdc {
namespace {

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  Lexer(std::string_view sql, uint64_t sql_mode)
      : sql_(sql),
        ansi_quotes_(sql_mode & sql_mode_bit::kAnsiQuotes),
        backslash_(!(sql_mode & sql_mode_bit::kNoBackslashEscapes)) {}

  std::vector<SqlToken> Run() {
    while (SkipBlanks()) Next();
    return std::move(tokens_);
  }

 private:
  // False: nothing is left.
  bool SkipBlanks() {
    while (at_ < sql_.size()) {
      const std::string_view rest = sql_.substr(at_);
      const bool dashes =
          rest.starts_with("--") && (rest.size() == 2 || IsSpace(rest[2]) || rest[2] == '\0');
      if (IsSpace(rest[0])) {
        ++at_;
      } else if (rest[0] == '#' || dashes) {
        at_ = std::min(sql_.find('\n', at_), sql_.size());
      } else if (rest.starts_with("/*")) {
        const size_t end = sql_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? sql_.size() : end + 2;
      } else {
        return true;
      }
    }
    return false;
  }

  void Next() {
    const char c = sql_[at_];
    if (c == '`') return Quoted(SqlToken::Kind::kQuotedName, false);
    if (c == '"' && ansi_quotes_) return Quoted(SqlToken::Kind::kQuotedName, false);
    if (c == '\'' || c == '"') return Quoted(SqlToken::Kind::kString, backslash_);
    if (IsDigit(c)) return NumberOrName();
    if (IsNameChar(c)) return Run(SqlToken::Kind::kWord, IsNameChar);
    if (c == ')') --depth_;
    Push(SqlToken::Kind::kSymbol, at_ + 1);
    if (c == '(') ++depth_;
  }

  void Push(SqlToken::Kind kind, size_t end) {
    tokens_.push_back({kind, sql_.substr(at_, end - at_), depth_});
    at_ = end;
  }

  template <typename Predicate>
  void Run(SqlToken::Kind kind, Predicate belongs) {
    size_t end = at_;
    while (end < sql_.size() && belongs(sql_[end])) ++end;
    Push(kind, end);
  }

  // Names may begin with digits.
  void NumberOrName() {
    size_t end = at_;
    bool name = false;
    while (end < sql_.size() && (IsNameChar(sql_[end]) || (sql_[end] == '.' && !name))) {
      name =
          name || !(IsDigit(sql_[end]) || sql_[end] == '.' || sql_[end] == 'e' || sql_[end] == 'E');
      ++end;
    }
    const bool hex = sql_.substr(at_).starts_with("0x") || sql_.substr(at_).starts_with("0b");
    Push(name && !hex ? SqlToken::Kind::kWord : SqlToken::Kind::kNumber, end);
  }

  void Quoted(SqlToken::Kind kind, bool backslash) {
    const char quote = sql_[at_];
    size_t end = at_ + 1;
    for (; end < sql_.size(); ++end) {
      if (backslash && sql_[end] == '\\') {
        ++end;
      } else if (sql_[end] == quote) {
        if (end + 1 >= sql_.size() || sql_[end + 1] != quote) break;
        ++end;
      }
    }
    Push(kind, std::min(end + 1, sql_.size()));
  }

  const std::string_view sql_;
  const bool ansi_quotes_;
  const bool backslash_;
  size_t at_ = 0;
  int depth_ = 0;
  std::vector<SqlToken> tokens_;
};

}  // namespace

bool SqlToken::Is(std::string_view keyword) const {
  return kind == Kind::kWord && std::ranges::equal(text, keyword, [](char a, char b) {
           return std::toupper(static_cast<unsigned char>(a)) == b;
         });
}

std::string SqlToken::Unquoted() const {
  if (kind != Kind::kQuotedName && kind != Kind::kString) return std::string(text);
  const char quote = text.front();
  std::string_view inner = text.substr(1);
  if (!inner.empty() && inner.back() == quote) inner.remove_suffix(1);
  std::string out;
  for (size_t i = 0; i < inner.size(); ++i) {
    out.push_back(inner[i]);
    if (inner[i] == quote) ++i;  // written twice
  }
  return out;
}

std::vector<SqlToken> LexSql(std::string_view sql, uint64_t sql_mode) {
  return Lexer(sql, sql_mode).Run();
}

std::vector<std::string_view> SplitStatements(std::string_view sql, uint64_t sql_mode) {
  std::vector<std::string_view> statements;
  const char* begin = nullptr;
  const auto finish = [&](const char* end) {
    if (begin == nullptr) return;
    while (IsSpace(end[-1])) --end;
    statements.emplace_back(begin, static_cast<size_t>(end - begin));
    begin = nullptr;
  };
  for (const SqlToken& token : LexSql(sql, sql_mode)) {
    if (token.IsSymbol(';')) {
      finish(token.text.data());
    } else if (begin == nullptr) {
      begin = token.text.data();
    }
  }
  finish(sql.data() + sql.size());
  return statements;
}

}  // namespace cdc
