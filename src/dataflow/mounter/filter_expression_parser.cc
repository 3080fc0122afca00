#include "dataflow/mounter/filter_expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "dataflow/mounter/filter_expression_lexer.h"

namespace cdc {
namespace {

using Kind = ExpressionNode::Kind;
using Token = ExpressionToken;

constexpr std::array<std::string_view, 22> kReserved = {
    "AND", "OR",  "XOR",  "NOT",  "IS",   "IN",   "BETWEEN", "LIKE",   "NULL",  "TRUE",   "FALSE",
    "DIV", "MOD", "CASE", "WHEN", "THEN", "ELSE", "END",     "REGEXP", "RLIKE", "SELECT", "EXISTS"};

// Recursive descent, one function for each level of precedence.
class Parser {
 public:
  Parser(std::string_view text, int depth_max, std::vector<std::string>* columns)
      : text_(text), depth_max_(depth_max), lexer_(text), columns_(columns) {}

  Result<NodePtr> Run() {
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(NodePtr root, Or());
    if (token_.kind != Token::Kind::kEnd) return Unwanted();
    return root;
  }

 private:
  Status Advance() {
    ASSIGN_OR_RETURN_STATUS(token_, lexer_.Next());
    return Status::Ok();
  }
  bool IsWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }
  bool IsSymbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
  }
  bool Is(std::string_view text) const { return IsWord(text) || IsSymbol(text); }
  Result<bool> Take(std::string_view text) {
    if (!Is(text)) return false;
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    return true;
  }
  Status Expect(std::string_view text) {
    ASSIGN_OR_RETURN_STATUS(const bool taken, Take(text));
    return taken ? Status::Ok() : Unwanted(fmt::format(" where {} was expected", text)).error();
  }
  Unexpected Unwanted(std::string_view expected = "") const {
    const bool end = token_.kind == Token::Kind::kEnd;
    const std::string found =
        end ? "it ends" : "'" + (token_.original.empty() ? token_.text : token_.original) + "'";
    return Error(Code::kExpressionParse, "expression \"{}\", position {}: {}{}", text_,
                 token_.position + 1, found, expected.empty() ? " is not expected" : expected);
  }

  static NodePtr Leaf(SqlValue value) {
    auto node = std::make_unique<ExpressionNode>();
    node->literal = std::move(value);
    return node;
  }
  template <typename... Args>
  Result<NodePtr> Make(Kind kind, Args... args) {
    auto node = std::make_unique<ExpressionNode>();
    node->kind = kind;
    (node->args.push_back(std::move(args)), ...);
    return Checked(std::move(node));
  }
  Result<NodePtr> Checked(NodePtr node) {
    for (const NodePtr& arg : node->args) node->depth = std::max(node->depth, arg->depth + 1);
    if (node->depth <= depth_max_) return node;
    return Error(Code::kExpressionParse, "expression \"{}\", position {}: nested too deeply", text_,
                 token_.position + 1);
  }

  // `next` joined by `words`: one node with all of them as arguments.
  template <typename Next>
  Result<NodePtr> Joined(Kind kind, std::initializer_list<std::string_view> words, Next next) {
    ASSIGN_OR_RETURN(NodePtr first, next());
    auto node = std::make_unique<ExpressionNode>();
    node->kind = kind;
    node->args.push_back(std::move(first));
    while (std::ranges::any_of(words, [this](std::string_view word) { return Is(word); })) {
      RETURN_UNEXPECTED_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr arg, next());
      node->args.push_back(std::move(arg));
    }
    if (node->args.size() == 1) return std::move(node->args.front());
    return Checked(std::move(node));
  }

  Result<NodePtr> Or() {
    return Joined(Kind::kOr, {"OR", "||"}, [this] { return Xor(); });
  }
  Result<NodePtr> Xor() {
    return Joined(Kind::kXor, {"XOR"}, [this] { return And(); });
  }
  Result<NodePtr> And() {
    return Joined(Kind::kAnd, {"AND", "&&"}, [this] { return Not(); });
  }

  Result<NodePtr> Not() {
    bool negated = false;
    while (IsWord("NOT")) {
      RETURN_UNEXPECTED_IF_ERROR(Advance());
      negated = !negated;
    }
    ASSIGN_OR_RETURN(NodePtr node, Predicate());
    if (!negated) return node;
    return Make(Kind::kNot, std::move(node));
  }

  Result<NodePtr> Predicate() {
    ASSIGN_OR_RETURN(NodePtr left, BitOr());
    while (true) {
      if (IsWord("IS")) {
        ASSIGN_OR_RETURN(left, IsTest(std::move(left)));
      } else if (IsWord("NOT") || IsWord("IN") || IsWord("BETWEEN") || IsWord("LIKE")) {
        ASSIGN_OR_RETURN(left, Membership(std::move(left)));
      } else if (IsComparison()) {
        ASSIGN_OR_RETURN(left, Comparison(std::move(left)));
      } else {
        return left;
      }
    }
  }

  bool IsComparison() const {
    return std::ranges::any_of(
        std::initializer_list<std::string_view>{"=", "<=>", "!=", "<>", "<", "<=", ">", ">="},
        [this](std::string_view symbol) { return IsSymbol(symbol); });
  }

  Result<NodePtr> Comparison(NodePtr left) {
    using Comparison = ExpressionNode::Comparison;
    const std::string symbol = token_.text;
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(NodePtr right, BitOr());
    if (symbol == "<=>") return Make(Kind::kNullSafeEqual, std::move(left), std::move(right));
    ASSIGN_OR_RETURN(NodePtr node, Make(Kind::kCompare, std::move(left), std::move(right)));
    node->comparison = symbol == "="    ? Comparison::kEqual
                       : symbol == "<"  ? Comparison::kLess
                       : symbol == "<=" ? Comparison::kLessOrEqual
                       : symbol == ">"  ? Comparison::kGreater
                       : symbol == ">=" ? Comparison::kGreaterOrEqual
                                        : Comparison::kNotEqual;
    return node;
  }

  Result<NodePtr> Negated(bool negated, Result<NodePtr> node) {
    if (!node || !negated) return node;
    return Make(Kind::kNot, *std::move(node));
  }

  Result<NodePtr> IsTest(NodePtr left) {
    RETURN_UNEXPECTED_IF_ERROR(Expect("IS"));
    ASSIGN_OR_RETURN(const bool negated, Take("NOT"));
    Kind kind = Kind::kIsNull;
    if (IsWord("TRUE"))
      kind = Kind::kIsTrue;
    else if (IsWord("FALSE"))
      kind = Kind::kIsFalse;
    else if (!IsWord("NULL") && !IsWord("UNKNOWN"))
      return Unwanted(" where NULL, TRUE, FALSE or UNKNOWN was expected");
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    return Negated(negated, Make(kind, std::move(left)));
  }

  Result<NodePtr> Membership(NodePtr left) {
    ASSIGN_OR_RETURN(const bool negated, Take("NOT"));
    if (IsWord("IN")) return Negated(negated, In(std::move(left)));
    if (IsWord("LIKE")) return Negated(negated, Like(std::move(left)));
    RETURN_UNEXPECTED_IF_ERROR(Expect("BETWEEN"));
    ASSIGN_OR_RETURN(NodePtr low, BitOr());
    RETURN_UNEXPECTED_IF_ERROR(Expect("AND"));
    ASSIGN_OR_RETURN(NodePtr high, BitOr());
    return Negated(negated, Make(Kind::kBetween, std::move(left), std::move(low), std::move(high)));
  }

  Result<NodePtr> In(NodePtr left) {
    RETURN_UNEXPECTED_IF_ERROR(Expect("IN"));
    RETURN_UNEXPECTED_IF_ERROR(Expect("("));
    auto node = std::make_unique<ExpressionNode>();
    node->kind = Kind::kIn;
    node->args.push_back(std::move(left));
    RETURN_UNEXPECTED_IF_ERROR(List(node.get()));
    return Checked(std::move(node));
  }

  // Expressions up to the closing parenthesis, at least one.
  Status List(ExpressionNode* node) {
    while (true) {
      ASSIGN_OR_RETURN_STATUS(NodePtr arg, Nested());
      node->args.push_back(std::move(arg));
      ASSIGN_OR_RETURN_STATUS(const bool more, Take(","));
      if (!more) return Expect(")");
    }
  }

  Result<NodePtr> Like(NodePtr left) {
    RETURN_UNEXPECTED_IF_ERROR(Expect("LIKE"));
    ASSIGN_OR_RETURN(NodePtr pattern, BitOr());
    ASSIGN_OR_RETURN(NodePtr node, Make(Kind::kLike, std::move(left), std::move(pattern)));
    ASSIGN_OR_RETURN(const bool escape, Take("ESCAPE"));
    if (!escape) return node;
    if (token_.kind != Token::Kind::kText || token_.text.size() != 1)
      return Unwanted(" where one character for ESCAPE was expected");
    node->escape = token_.text[0];
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    return node;
  }

  // Operators that are joined from the left; `make` is given the operator.
  template <typename Next, typename Set>
  Result<NodePtr> FromLeft(Kind kind, std::initializer_list<std::string_view> operators, Next next,
                           Set set) {
    ASSIGN_OR_RETURN(NodePtr left, next());
    while (std::ranges::any_of(operators, [this](std::string_view text) { return Is(text); })) {
      const std::string which = token_.text;
      RETURN_UNEXPECTED_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr right, next());
      ASSIGN_OR_RETURN(left, Make(kind, std::move(left), std::move(right)));
      set(which, left.get());
    }
    return left;
  }
  static void SetBits(const std::string& which, ExpressionNode* node) { node->bits = which[0]; }
  static void SetArithmetic(const std::string& which, ExpressionNode* node) {
    node->arithmetic = which == "+"     ? Arithmetic::kAdd
                       : which == "-"   ? Arithmetic::kSubtract
                       : which == "*"   ? Arithmetic::kMultiply
                       : which == "/"   ? Arithmetic::kDivide
                       : which == "DIV" ? Arithmetic::kIntegerDivide
                                        : Arithmetic::kModulo;
  }

  Result<NodePtr> BitOr() {
    return FromLeft(Kind::kBits, {"|"}, [this] { return BitAnd(); }, SetBits);
  }
  Result<NodePtr> BitAnd() {
    return FromLeft(Kind::kBits, {"&"}, [this] { return Shift(); }, SetBits);
  }
  Result<NodePtr> Shift() {
    return FromLeft(Kind::kBits, {"<<", ">>"}, [this] { return Sum(); }, SetBits);
  }
  Result<NodePtr> Sum() {
    return FromLeft(Kind::kArithmetic, {"+", "-"}, [this] { return Product(); }, SetArithmetic);
  }
  Result<NodePtr> Product() {
    return FromLeft(
        Kind::kArithmetic, {"*", "/", "%", "DIV", "MOD"}, [this] { return BitXor(); },
        SetArithmetic);
  }
  Result<NodePtr> BitXor() {
    return FromLeft(Kind::kBits, {"^"}, [this] { return Unary(); }, SetBits);
  }

  Result<NodePtr> Unary() {
    if (!IsSymbol("-") && !IsSymbol("+") && !IsSymbol("~") && !IsSymbol("!")) return Primary();
    const char which = token_.text[0];
    if (++nesting_ > depth_max_) return TooDeep();
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(NodePtr arg, Unary());
    --nesting_;
    if (which == '+') return arg;
    if (which == '!') return Make(Kind::kNot, std::move(arg));
    ASSIGN_OR_RETURN(NodePtr node,
                     Make(which == '-' ? Kind::kNegate : Kind::kBits, std::move(arg)));
    node->bits = which;
    return node;
  }

  Unexpected TooDeep() const {
    return Error(Code::kExpressionParse, "expression \"{}\", position {}: nested too deeply", text_,
                 token_.position + 1);
  }

  // A whole expression inside of another one.
  Result<NodePtr> Nested() {
    if (++nesting_ > depth_max_) return TooDeep();
    auto node = Or();
    --nesting_;
    return node;
  }

  Result<NodePtr> Primary() {
    switch (token_.kind) {
      case Token::Kind::kText: {
        SqlValue value = SqlValue::Text(token_.text);
        RETURN_UNEXPECTED_IF_ERROR(Advance());
        return Leaf(std::move(value));
      }
      case Token::Kind::kInteger:
      case Token::Kind::kExact:
      case Token::Kind::kDouble: {
        SqlValue value = NumberValue(token_);
        RETURN_UNEXPECTED_IF_ERROR(Advance());
        return Leaf(std::move(value));
      }
      case Token::Kind::kQuotedName:
        return Column();
      case Token::Kind::kWord:
        return WordOrName();
      case Token::Kind::kSymbol:
        if (!IsSymbol("(")) return Unwanted();
        {
          RETURN_UNEXPECTED_IF_ERROR(Advance());
          ASSIGN_OR_RETURN(NodePtr node, Nested());
          RETURN_UNEXPECTED_IF_ERROR(Expect(")"));
          return node;
        }
      case Token::Kind::kEnd:
        return Unwanted(" where a value was expected");
    }
    return Unwanted();
  }

  static SqlValue NumberValue(const Token& token) {
    if (token.kind == Token::Kind::kDouble)
      return SqlValue::Double(SqlValue::Text(token.text).AsDouble());
    if (token.kind == Token::Kind::kExact) return SqlValue::ExactFromText(token.text);
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (error != std::errc()) return SqlValue::ExactFromText(token.text);
    if (value > static_cast<uint64_t>(INT64_MAX)) return SqlValue::Uint(value);
    return SqlValue::Int(static_cast<int64_t>(value));
  }

  Result<NodePtr> WordOrName() {
    const Token word = token_;
    if (word.text == "NULL" || word.text == "TRUE" || word.text == "FALSE") {
      RETURN_UNEXPECTED_IF_ERROR(Advance());
      return Leaf(word.text == "NULL" ? SqlValue::Null() : SqlValue::Bool(word.text == "TRUE"));
    }
    if (word.text == "CASE") return CaseWhen();
    const bool function_like = word.text == "MOD";
    if (!function_like && std::ranges::find(kReserved, word.text) != kReserved.end())
      return Unwanted();
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    if (IsSymbol("(")) return Call(word);
    if (token_.kind == Token::Kind::kText &&
        (word.text == "DATE" || word.text == "TIME" || word.text == "TIMESTAMP"))
      return TimeLiteral(word);
    return ColumnNamed(word.original);
  }

  Result<NodePtr> TimeLiteral(const Token& word) {
    auto value = word.text == "TIME" ? SqlValue::DurationFromText(token_.text)
                                     : SqlValue::TimeFromText(token_.text);
    if (!value) return Unwanted(fmt::format(" is no {}", word.text));
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    return Leaf(*std::move(value));
  }

  Result<NodePtr> Call(const Token& name) {
    const SqlFunction* function = FindSqlFunction(name.text);
    if (function == nullptr)
      return Error(Code::kExpressionParse,
                   "expression \"{}\", position {}: function {} is not known to filters", text_,
                   name.position + 1, name.original);
    RETURN_UNEXPECTED_IF_ERROR(Expect("("));
    auto node = std::make_unique<ExpressionNode>();
    node->kind = Kind::kFunction;
    node->function = function;
    RETURN_UNEXPECTED_IF_ERROR(List(node.get()));
    if (node->args.size() < function->args_min || node->args.size() > function->args_max)
      return Error(Code::kExpressionParse,
                   "expression \"{}\", position {}: wrong number of arguments for {}", text_,
                   name.position + 1, name.original);
    return Checked(std::move(node));
  }

  Result<NodePtr> CaseWhen() {
    RETURN_UNEXPECTED_IF_ERROR(Expect("CASE"));
    auto node = std::make_unique<ExpressionNode>();
    node->kind = Kind::kCase;
    do {
      RETURN_UNEXPECTED_IF_ERROR(Expect("WHEN"));
      ASSIGN_OR_RETURN(NodePtr condition, Nested());
      RETURN_UNEXPECTED_IF_ERROR(Expect("THEN"));
      ASSIGN_OR_RETURN(NodePtr result, Nested());
      node->args.push_back(std::move(condition));
      node->args.push_back(std::move(result));
    } while (IsWord("WHEN"));
    ASSIGN_OR_RETURN(const bool otherwise, Take("ELSE"));
    if (otherwise) {
      ASSIGN_OR_RETURN(NodePtr result, Nested());
      node->args.push_back(std::move(result));
    }
    RETURN_UNEXPECTED_IF_ERROR(Expect("END"));
    return Checked(std::move(node));
  }

  Result<NodePtr> Column() {
    const std::string name = token_.text;
    RETURN_UNEXPECTED_IF_ERROR(Advance());
    return ColumnNamed(name);
  }

  // What stands before a point, schema and table, is left aside: a rule is about one table's row.
  Result<NodePtr> ColumnNamed(std::string name) {
    while (IsSymbol(".")) {
      RETURN_UNEXPECTED_IF_ERROR(Advance());
      if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kQuotedName)
        return Unwanted(" where a name was expected");
      name = token_.kind == Token::Kind::kWord ? token_.original : token_.text;
      RETURN_UNEXPECTED_IF_ERROR(Advance());
    }
    auto node = std::make_unique<ExpressionNode>();
    node->kind = Kind::kColumn;
    const auto known = std::ranges::find(*columns_, name);
    node->column = static_cast<int>(known - columns_->begin());
    if (known == columns_->end()) columns_->push_back(std::move(name));
    return node;
  }

  const std::string_view text_;
  const int depth_max_;
  ExpressionLexer lexer_;
  std::vector<std::string>* const columns_;
  Token token_;
  int nesting_ = 0;
};

}  // namespace

Result<NodePtr> ParseExpression(std::string_view text, int depth_max,
                                std::vector<std::string>* columns) {
  return Parser(text, depth_max, columns).Run();
}

}  // namespace cdc
