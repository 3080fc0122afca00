// The words of a schema change, as MySQL and TiDB cut them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cdc {

struct SqlToken {
  enum class Kind : uint8_t {
    kWord,        // keyword or bare name
    kQuotedName,  // `name`, or "name" under ANSI_QUOTES
    kString,      // 'text', "text"
    kNumber,
    kSymbol,  // one character
  };
  Kind kind = Kind::kSymbol;
  std::string_view text;  // as it stands in the statement, with its quotes
  int depth = 0;          // of parentheses around it; the parentheses themselves are outside

  // A bare word equal to `keyword` (upper case), in whatever case.
  bool Is(std::string_view keyword) const;
  bool IsSymbol(char c) const { return kind == Kind::kSymbol && text.front() == c; }
  // A name or string without its quotes.
  std::string Unquoted() const;
};

// TiDB's sql_mode bits that change how a statement is cut (parser/mysql/const.go).
namespace sql_mode_bit {
inline constexpr uint64_t kAnsiQuotes = 1 << 2;
inline constexpr uint64_t kNoBackslashEscapes = 1 << 20;
}  // namespace sql_mode_bit

// Comments are left out, also those that some servers execute. The tokens view `sql`. Never fails:
// what ends too early ends with the text.
std::vector<SqlToken> LexSql(std::string_view sql, uint64_t sql_mode);

// The statements of a text, from their first token on, without the ';' between them and without
// empty ones. Comments behind the first token stay: to TiDB, some of them are more than that.
std::vector<std::string_view> SplitStatements(std::string_view sql, uint64_t sql_mode);

}  // namespace cdc
