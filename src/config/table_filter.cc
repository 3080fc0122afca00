#include "config/table_filter.h"

#include <algorithm>
#include <optional>

#include <re2/re2.h>

namespace cdc {
namespace {

// A schema's or table's name in a rule: a literal, everything, or a regular expression.
class NamePattern {
 public:
  static NamePattern Everything() { return {}; }
  // Errors: a name that is not UTF-8, which no server has.
  static Result<NamePattern> Literal(std::string name, bool case_sensitive) {
    NamePattern pattern;
    if (!case_sensitive) return Regex(RE2::QuoteMeta(name), false, true);
    pattern.literal_ = std::move(name);
    return pattern;
  }
  // The whole name must match if `anchored`, some part of it otherwise.
  static Result<NamePattern> Regex(std::string_view text, bool case_sensitive, bool anchored) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(case_sensitive);
    options.set_dot_nl(anchored);
    NamePattern pattern;
    pattern.anchored_ = anchored;
    pattern.regex_ = std::make_unique<RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (!pattern.regex_->ok())
      return Error(Code::kFilterRule, "invalid pattern: {}", pattern.regex_->error());
    return pattern;
  }

  bool Matches(std::string_view name) const {
    if (literal_) return *literal_ == name;
    if (!regex_) return true;
    const re2::StringPiece piece(name.data(), name.size());
    return anchored_ ? RE2::FullMatch(piece, *regex_) : RE2::PartialMatch(piece, *regex_);
  }
  bool matches_all() const { return !literal_ && !regex_; }

 private:
  std::optional<std::string> literal_;
  std::unique_ptr<RE2> regex_;
  bool anchored_ = false;
};

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Reads patterns off the front of one rule.
class RuleReader {
 public:
  RuleReader(std::string_view rest, bool case_sensitive)
      : rest_(rest), case_sensitive_(case_sensitive) {}

  Result<NamePattern> Next() {
    if (rest_.empty()) return Error(Code::kFilterRule, "missing pattern");
    switch (rest_.front()) {
      case '/':
        return Delimited('/');
      case '"':
      case '`':
        return Delimited(rest_.front());
      default:
        return Wildcard();
    }
  }
  bool Skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  // "/regex/" in which \/ is no end, or a quoted name in which the doubled quote stands for itself.
  Result<NamePattern> Delimited(char mark) {
    std::string text;
    size_t i = 1;
    for (;; ++i) {
      if (i >= rest_.size()) return Error(Code::kFilterRule, "missing closing {}", mark);
      if (mark == '/' && rest_[i] == '\\' && i + 1 < rest_.size()) {
        text += rest_[i++];
      } else if (rest_[i] == mark) {
        if (mark == '/' || i + 1 >= rest_.size() || rest_[i + 1] != mark) break;
        ++i;
      }
      text += rest_[i];
    }
    if (text.empty()) return Error(Code::kFilterRule, "nothing between {}{}", mark, mark);
    rest_.remove_prefix(i + 1);
    if (mark == '/') return NamePattern::Regex(text, case_sensitive_, /*anchored=*/false);
    return NamePattern::Literal(std::move(text), case_sensitive_);
  }

  Result<NamePattern> Wildcard() {
    std::string regex;
    std::string literal;
    bool is_literal = true;
    while (!rest_.empty() && rest_.front() != '.') {
      const char c = rest_.front();
      size_t used = 1;
      if (c == '*' || c == '?') {
        is_literal = false;
        regex += c == '*' ? ".*" : ".";
      } else if (c == '[') {
        is_literal = false;
        ASSIGN_OR_RETURN(used, CharacterClass(&regex));
      } else if (c == '\\') {
        if (rest_.size() < 2) return Error(Code::kFilterRule, "\\ at the end");
        if (IsAlphanumeric(rest_[1]))
          return Error(Code::kFilterRule, "letters and digits can't be escaped (\\{})", rest_[1]);
        literal += rest_[1];
        if (static_cast<unsigned char>(rest_[1]) < 0x80) regex += '\\';
        regex += rest_[1];
        used = 2;
      } else if (IsAlphanumeric(c) || c == '$' || c == '_' ||
                 static_cast<unsigned char>(c) >= 0x80) {
        literal += c;
        if (c == '$') regex += '\\';
        regex += c;
      } else {
        return Error(Code::kFilterRule, "unexpected special character '{}'", c);
      }
      rest_.remove_prefix(used);
    }
    if (is_literal) return NamePattern::Literal(std::move(literal), case_sensitive_);
    if (regex == ".*") return NamePattern::Everything();
    return NamePattern::Regex(regex, case_sensitive_, /*anchored=*/true);
  }

  // "[a-z]", "[!a-z]"; "\" keeps a special character's meaning away. Returns its length.
  Result<size_t> CharacterClass(std::string* regex) const {
    size_t i = 1;
    *regex += '[';
    if (i < rest_.size() && rest_[i] == '!') {
      *regex += '^';
      ++i;
    } else if (i < rest_.size() && rest_[i] == '^') {
      *regex += "\\^";
      ++i;
    }
    const size_t first = i;
    for (; i < rest_.size() && (rest_[i] != ']'); ++i) {
      if (rest_[i] == '\\') {
        if (i + 1 >= rest_.size() || IsAlphanumeric(rest_[i + 1]))
          return Error(Code::kFilterRule, "bad escape in a character class");
        *regex += rest_[i++];
      }
      *regex += rest_[i];
    }
    const bool caret_only = first == 2 && rest_[1] == '^';
    if (i >= rest_.size() || (i == first && !caret_only))
      return Error(Code::kFilterRule, "incomplete character class");
    *regex += ']';
    return i + 1;
  }

  std::string_view rest_;
  const bool case_sensitive_;
};

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

struct TableFilter::Rule {
  bool positive = true;
  NamePattern schema;
  NamePattern table;

  static Result<Rule> Parse(std::string_view line, bool case_sensitive) {
    Rule rule;
    if (line.starts_with('@'))
      return Error(Code::kFilterRule, "rules can't be imported from a file here");
    if (line.starts_with('!')) {
      rule.positive = false;
      line.remove_prefix(1);
    }
    RuleReader reader(line, case_sensitive);
    ASSIGN_OR_RETURN(rule.schema, reader.Next());
    if (reader.at_end()) return Error(Code::kFilterRule, "missing table pattern");
    if (!reader.Skip('.'))
      return Error(Code::kFilterRule, "missing '.' between schema and table patterns");
    ASSIGN_OR_RETURN(rule.table, reader.Next());
    if (!reader.at_end())
      return Error(Code::kFilterRule, "stray characters after the table pattern");
    return rule;
  }
};

TableFilter::TableFilter(std::vector<Rule> rules) : rules_(std::move(rules)) {}
TableFilter::~TableFilter() = default;

Result<std::unique_ptr<TableFilter>> TableFilter::Parse(const std::vector<std::string>& rules,
                                                        bool case_sensitive) {
  std::vector<Rule> parsed;
  for (const std::string& text : rules) {
    const std::string_view line = TrimBlanks(text);
    if (line.empty() || line.front() == '#') continue;
    auto rule = Rule::Parse(line, case_sensitive);
    if (!rule)
      return Error(Code::kFilterRule, "filter rule \"{}\": {}", text, rule.error().message());
    parsed.push_back(*std::move(rule));
  }
  std::reverse(parsed.begin(), parsed.end());
  return std::unique_ptr<TableFilter>(new TableFilter(std::move(parsed)));
}

bool TableFilter::MatchesTable(std::string_view schema, std::string_view table) const {
  for (const Rule& rule : rules_)
    if (rule.schema.Matches(schema) && rule.table.Matches(table)) return rule.positive;
  return false;
}

bool TableFilter::MatchesSchema(std::string_view schema) const {
  for (const Rule& rule : rules_)
    if (rule.schema.Matches(schema) && (rule.positive || rule.table.matches_all()))
      return rule.positive;
  return false;
}

}  // namespace cdc
