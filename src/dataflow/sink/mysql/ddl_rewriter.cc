#include "dataflow/sink/mysql/ddl_rewriter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "model/sql_lexer.h"

namespace cdc {
namespace {

struct TidbOption {
  std::string_view keyword;
  std::string_view feature;
};
// `KEYWORD [=] value`, as table, partition, column or index options.
constexpr std::array kTidbOptions = {
    TidbOption{"SHARD_ROW_ID_BITS", ""},
    TidbOption{"PRE_SPLIT_REGIONS", ""},
    TidbOption{"AUTO_ID_CACHE", "[auto_id_cache]"},
    TidbOption{"AUTO_RANDOM_BASE", "[auto_rand_base]"},
    TidbOption{"TTL_ENABLE", "[ttl]"},
    TidbOption{"TTL_JOB_INTERVAL", "[ttl]"},
    TidbOption{"STATS_BUCKETS", ""},
    TidbOption{"STATS_TOPN", ""},
    TidbOption{"STATS_COL_CHOICE", ""},
    TidbOption{"STATS_COL_LIST", ""},
    TidbOption{"STATS_SAMPLE_RATE", ""},
    TidbOption{"STATS_OPTIONS", ""},
    TidbOption{"AFFINITY", "[affinity]"},
    TidbOption{"ATTRIBUTES", ""},
    TidbOption{"SOFTDELETE", ""},
    TidbOption{"SOFTDELETE_JOB_ENABLE", ""},
    TidbOption{"SOFTDELETE_JOB_INTERVAL", ""},
};
constexpr std::array<std::string_view, 8> kTimeUnits = {"SECOND", "MINUTE", "HOUR",    "DAY",
                                                        "WEEK",   "MONTH",  "QUARTER", "YEAR"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

class Rewriter {
 public:
  Rewriter(std::string_view sql, uint64_t sql_mode, ServerKind server, bool text_for_vectors)
      : sql_(sql),
        mariadb_(server == ServerKind::kMariaDb),
        text_for_vectors_(text_for_vectors),
        tokens_(LexSql(sql, sql_mode)),
        edits_(tokens_.size()) {}

  std::string Run() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (edits_[i].hidden || tokens_[i].kind == SqlToken::Kind::kString) continue;
      HideTidbOption(i);
      HideTidbWord(i);
      NameCollation(i);
      if (text_for_vectors_) ReplaceVector(i);
      if (mariadb_) ForMariaDb(i);
    }
    HideLonelyCommas();
    return Emit();
  }

 private:
  struct Edit {
    bool hidden = false;
    std::string_view feature;  // of the special comment; kDropped: no comment either
    std::optional<std::string> replacement;
    std::string behind;  // added after the token
  };
  static constexpr std::string_view kDropped = "-";

  bool Is(size_t i, std::string_view keyword) const {
    return i < tokens_.size() && tokens_[i].Is(keyword);
  }
  bool IsSymbol(size_t i, char c) const { return i < tokens_.size() && tokens_[i].IsSymbol(c); }
  // Stands where a name of something is given: its letters mean nothing.
  bool IsName(size_t i) const {
    if (i == 0) return false;
    return tokens_[i - 1].IsSymbol('.') || IsSymbol(i + 1, '.') || tokens_[i - 1].Is("COLUMN") ||
           tokens_[i - 1].IsSymbol('(') || tokens_[i - 1].IsSymbol(',');
  }
  void Hide(size_t begin, size_t end, std::string_view feature) {
    for (size_t i = begin; i < std::min(end, tokens_.size()); ++i)
      edits_[i] = {.hidden = true, .feature = feature};
  }
  // Behind the parenthesis that closes the one at `i`.
  size_t BehindParentheses(size_t i) const {
    const int depth = tokens_[i].depth;
    for (++i; i < tokens_.size(); ++i)
      if (tokens_[i].IsSymbol(')') && tokens_[i].depth == depth) return i + 1;
    return i;
  }
  // Behind `[=] value` at `i`.
  size_t BehindValue(size_t i) const {
    if (IsSymbol(i, '=')) ++i;
    if (IsSymbol(i, '-')) ++i;
    if (IsSymbol(i, '(')) return BehindParentheses(i);
    return std::min(i + 1, tokens_.size());
  }

  void HideTidbOption(size_t i) {
    if (tokens_[i].kind != SqlToken::Kind::kWord) return;
    // At the start of an ALTER's clause an option follows a comma, like a name would.
    const bool behind_comma = i > 0 && tokens_[i - 1].IsSymbol(',') && tokens_[i].depth == 0;
    if (IsName(i) && !behind_comma) return;
    for (const TidbOption& option : kTidbOptions)
      if (tokens_[i].Is(option.keyword)) return Hide(i, BehindValue(i + 1), option.feature);
    if (tokens_[i].Is("TTL")) {
      size_t end = IsSymbol(i + 1, '=') ? i + 2 : i + 1;
      while (end < tokens_.size() && !tokens_[end].IsSymbol(',') &&
             std::ranges::none_of(kTimeUnits, [&](auto unit) { return tokens_[end].Is(unit); }))
        ++end;
      Hide(i, end + 1, "[ttl]");
    } else if (tokens_[i].Is("PLACEMENT") && Is(i + 1, "POLICY")) {
      const size_t value = IsSymbol(i + 2, '=') ? i + 3 : i + 2;
      Hide(i, value + (Is(value, "SET") ? 2 : 1), "[placement]");
    } else if (tokens_[i].Is("AUTO_RANDOM")) {
      Hide(i, IsSymbol(i + 1, '(') ? BehindParentheses(i + 1) : i + 1, "[auto_rand]");
    } else if (tokens_[i].Is("FORCE") &&
               (Is(i + 1, "AUTO_INCREMENT") || Is(i + 1, "AUTO_RANDOM_BASE"))) {
      Hide(i, i + 1, "[force_inc]");
    }
  }

  void HideTidbWord(size_t i) {
    if (i == 0) return;
    const SqlToken& before = tokens_[i - 1];
    const bool behind_index = before.IsSymbol(')') || edits_[i - 1].hidden;
    if (tokens_[i].Is("CLUSTERED") || tokens_[i].Is("NONCLUSTERED")) {
      if (behind_index || (before.Is("KEY") && !IsSymbol(i + 1, '(')))
        Hide(i, i + 1, "[clustered_index]");
    } else if (tokens_[i].Is("GLOBAL") || tokens_[i].Is("LOCAL")) {
      if (behind_index && !Is(i + 1, "TEMPORARY")) Hide(i, i + 1, "[global_index]");
    } else if (tokens_[i].Is("UPDATE") && Is(i + 1, "INDEXES") && IsSymbol(i + 2, '(')) {
      Hide(i, BehindParentheses(i + 2), "[global_index]");
    }
  }

  void NameCollation(size_t i) {
    size_t name = 0;
    if (tokens_[i].Is("CHARSET")) name = i + 1;
    if ((tokens_[i].Is("CHARACTER") || tokens_[i].Is("CHAR")) && Is(i + 1, "SET")) name = i + 2;
    if (name == 0 || IsName(i)) return;
    if (IsSymbol(name, '=')) ++name;
    if (name >= tokens_.size() || tokens_[name].kind == SqlToken::Kind::kSymbol) return;
    const std::string charset = Lower(tokens_[name].Unquoted());
    if (mariadb_ && MariaDbCharset(charset) != charset)
      edits_[name].replacement = MariaDbCharset(charset);
    for (size_t j = name + 1; j < tokens_.size(); ++j) {
      if (tokens_[j].depth < tokens_[name].depth || tokens_[j].IsSymbol(',')) break;
      if (tokens_[j].Is("COLLATE")) return;
    }
    std::string collation(TidbDefaultCollation(charset));
    if (mariadb_) collation = MariaDbCollation(collation);
    if (!collation.empty()) edits_[name].behind = " COLLATE " + collation;
  }

  void ReplaceVector(size_t i) {
    if (!tokens_[i].Is("VECTOR") || i == 0 || Is(i + 1, "INDEX") || Is(i + 1, "KEY")) return;
    const SqlToken::Kind before = tokens_[i - 1].kind;
    if (before != SqlToken::Kind::kWord && before != SqlToken::Kind::kQuotedName) return;
    edits_[i].replacement = "LONGTEXT";
    if (IsSymbol(i + 1, '(')) Hide(i + 1, BehindParentheses(i + 1), kDropped);
    if (IsSymbol(i + 1, '<')) Hide(i + 1, i + 4, kDropped);  // VECTOR<FLOAT>
  }

  void ForMariaDb(size_t i) {
    const SqlToken& token = tokens_[i];
    if (token.kind != SqlToken::Kind::kWord || i == 0) return;
    if (token.Is("COLLATE")) {
      const size_t name = IsSymbol(i + 1, '=') ? i + 2 : i + 1;
      if (name >= tokens_.size()) return;
      const std::string collation = Lower(tokens_[name].Unquoted());
      if (MariaDbCollation(collation) != collation)
        edits_[name].replacement = MariaDbCollation(collation);
    } else if (IsName(i)) {
      return;
    } else if (token.Is("NO") && (Is(i + 1, "CYCLE") || Is(i + 1, "CACHE"))) {
      edits_[i + 1].replacement = "NO" + std::string(tokens_[i + 1].text);
      Hide(i, i + 1, kDropped);
    } else if (token.Is("INVISIBLE")) {
      edits_[i].replacement = "IGNORED";
    } else if (token.Is("VISIBLE")) {
      edits_[i].replacement = "NOT IGNORED";
    } else if (token.Is("ENFORCED") && !tokens_[i - 1].Is("NOT")) {
      Hide(i, i + 1, kDropped);
    } else if (token.Is("CHECK") && tokens_[i - 1].Is("DROP")) {
      edits_[i].replacement = "CONSTRAINT";
    } else if (token.Is("VALIDATION") &&
               (tokens_[i - 1].Is("WITHOUT") || tokens_[i - 1].Is("WITH"))) {
      Hide(i - 1, i + 1, kDropped);
    }
  }

  // Of `ALTER TABLE t a, b, c` with b hidden, the comma before it must go, too.
  void HideLonelyCommas() {
    if (!Is(0, "ALTER") || !Is(1, "TABLE")) return;
    size_t begin = IsSymbol(3, '.') ? 5 : 3;
    bool kept_any = false;
    size_t comma = 0;  // before the part that begins here
    for (size_t i = begin; i <= tokens_.size(); ++i) {
      const bool at_end = i == tokens_.size();
      if (!at_end && !(tokens_[i].IsSymbol(',') && tokens_[i].depth == 0)) continue;
      bool all_hidden = true;
      for (size_t j = begin; j < i; ++j) all_hidden = all_hidden && edits_[j].hidden;
      if (comma != 0 && (all_hidden || !kept_any)) Hide(comma, comma + 1, kDropped);
      kept_any = kept_any || !all_hidden;
      comma = i;
      begin = i + 1;
    }
  }

  size_t Begin(size_t i) const { return static_cast<size_t>(tokens_[i].text.data() - sql_.data()); }
  size_t End(size_t i) const { return Begin(i) + tokens_[i].text.size(); }

  std::string Emit() const {
    std::string out;
    size_t copied = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Edit& edit = edits_[i];
      if (!edit.hidden && !edit.replacement && edit.behind.empty()) continue;
      out += sql_.substr(copied, Begin(i) - copied);
      if (!edit.hidden) {
        out += edit.replacement ? std::string_view(*edit.replacement) : tokens_[i].text;
        out += edit.behind;
        copied = End(i);
        continue;
      }
      std::string hidden(tokens_[i].text);
      while (i + 1 < tokens_.size() && edits_[i + 1].hidden &&
             edits_[i + 1].feature == edit.feature)
        hidden.append(" ").append(tokens_[++i].text);
      if (edit.feature != kDropped && hidden.find("*/") == std::string::npos)
        out.append("/*T!").append(edit.feature).append(" ").append(hidden).append(" */");
      copied = End(i);
    }
    out += sql_.substr(copied);
    return out;
  }

  const std::string_view sql_;
  const bool mariadb_;
  const bool text_for_vectors_;
  const std::vector<SqlToken> tokens_;
  std::vector<Edit> edits_;
};

}  // namespace

std::string RewriteForServer(std::string_view sql, uint64_t sql_mode, ServerKind server,
                             bool text_for_vectors) {
  if (server == ServerKind::kTiDb) return std::string(sql);
  return Rewriter(sql, sql_mode, server, text_for_vectors).Run();
}

std::string_view TidbDefaultCollation(std::string_view charset) {
  if (charset == "utf8mb4") return "utf8mb4_bin";
  if (charset == "utf8" || charset == "utf8mb3") return "utf8_bin";
  if (charset == "latin1") return "latin1_bin";
  if (charset == "ascii") return "ascii_bin";
  if (charset == "gbk") return "gbk_chinese_ci";
  if (charset == "gb18030") return "gb18030_chinese_ci";
  return "";
}

std::string MariaDbCollation(std::string_view collation) {
  if (collation == "utf8mb4_0900_bin") return "utf8mb4_nopad_bin";
  if (collation == "gb18030_bin") return "utf8mb4_bin";
  if (collation == "gb18030_chinese_ci") return "utf8mb4_unicode_ci";
  constexpr std::string_view kUca9 = "utf8mb4_0900_";
  if (collation.starts_with(kUca9))
    return "utf8mb4_uca1400_nopad_" + std::string(collation.substr(kUca9.size()));
  return std::string(collation);
}

std::string MariaDbCharset(std::string_view charset) {
  return charset == "gb18030" ? "utf8mb4" : std::string(charset);
}

}  // namespace cdc
