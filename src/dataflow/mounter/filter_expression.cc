#include "dataflow/mounter/filter_expression.h"

#include <algorithm>

#include "dataflow/mounter/filter_expression_node.h"
#include "dataflow/mounter/filter_expression_parser.h"

namespace cdc {
namespace {

using Kind = ExpressionNode::Kind;

class Evaluation {
 public:
  Evaluation(const TableInfo& table, std::span<const int> positions, std::span<const Datum> values)
      : table_(table), positions_(positions), values_(values) {}

  SqlValue Of(const ExpressionNode& node) const {
    switch (node.kind) {
      case Kind::kLiteral:
        return node.literal;
      case Kind::kColumn: {
        const auto position = static_cast<size_t>(positions_[static_cast<size_t>(node.column)]);
        return SqlValue::FromDatum(values_[position], table_.columns[position]->type);
      }
      case Kind::kAnd:
      case Kind::kOr:
        return Joined(node, node.kind == Kind::kOr);
      case Kind::kXor:
        return Xor(node);
      case Kind::kNot:
        return Opposite(Of(*node.args[0]));
      case Kind::kCompare:
        return Compared(node, Of(*node.args[0]), Of(*node.args[1]));
      case Kind::kNullSafeEqual:
        return NullSafeEqual(Of(*node.args[0]), Of(*node.args[1]));
      case Kind::kIsNull:
        return SqlValue::Bool(Of(*node.args[0]).is_null());
      case Kind::kIsTrue:
        return SqlValue::Bool(Of(*node.args[0]).Truth() == true);
      case Kind::kIsFalse:
        return SqlValue::Bool(Of(*node.args[0]).Truth() == false);
      case Kind::kIn:
        return In(node);
      case Kind::kBetween:
        return Between(node);
      case Kind::kLike:
        return Like(node);
      case Kind::kArithmetic:
        return Calculate(node.arithmetic, Of(*node.args[0]), Of(*node.args[1]));
      case Kind::kNegate:
        return Calculate(Arithmetic::kSubtract, SqlValue::Int(0), Of(*node.args[0]));
      case Kind::kBits:
        return Bits(node);
      case Kind::kCase:
        return Case(node);
      case Kind::kFunction: {
        std::vector<SqlValue> args;
        for (const NodePtr& arg : node.args) args.push_back(Of(*arg));
        return node.function->call(args);
      }
    }
    return SqlValue::Null();
  }

 private:
  static SqlValue Opposite(const SqlValue& value) {
    const auto truth = value.Truth();
    return truth ? SqlValue::Bool(!*truth) : SqlValue::Null();
  }

  // One argument that is `deciding` decides; else NULL if any is.
  SqlValue Joined(const ExpressionNode& node, bool deciding) const {
    bool unknown = false;
    for (const NodePtr& arg : node.args) {
      const auto truth = Of(*arg).Truth();
      if (truth == deciding) return SqlValue::Bool(deciding);
      unknown |= !truth;
    }
    return unknown ? SqlValue::Null() : SqlValue::Bool(!deciding);
  }

  SqlValue Xor(const ExpressionNode& node) const {
    bool result = false;
    for (const NodePtr& arg : node.args) {
      const auto truth = Of(*arg).Truth();
      if (!truth) return SqlValue::Null();
      result ^= *truth;
    }
    return SqlValue::Bool(result);
  }

  static SqlValue Compared(const ExpressionNode& node, const SqlValue& a, const SqlValue& b) {
    const auto order = CompareSql(a, b);
    if (!order) return SqlValue::Null();
    switch (node.comparison) {
      case ExpressionNode::Comparison::kEqual:
        return SqlValue::Bool(*order == 0);
      case ExpressionNode::Comparison::kNotEqual:
        return SqlValue::Bool(*order != 0);
      case ExpressionNode::Comparison::kLess:
        return SqlValue::Bool(*order < 0);
      case ExpressionNode::Comparison::kLessOrEqual:
        return SqlValue::Bool(*order <= 0);
      case ExpressionNode::Comparison::kGreater:
        return SqlValue::Bool(*order > 0);
      case ExpressionNode::Comparison::kGreaterOrEqual:
        return SqlValue::Bool(*order >= 0);
    }
    return SqlValue::Null();
  }

  static SqlValue NullSafeEqual(const SqlValue& a, const SqlValue& b) {
    if (a.is_null() || b.is_null()) return SqlValue::Bool(a.is_null() && b.is_null());
    return SqlValue::Bool(CompareSql(a, b) == 0);
  }

  SqlValue In(const ExpressionNode& node) const {
    const SqlValue value = Of(*node.args[0]);
    bool unknown = value.is_null();
    for (size_t i = 1; i < node.args.size() && !value.is_null(); ++i) {
      const auto order = CompareSql(value, Of(*node.args[i]));
      if (order == 0) return SqlValue::Bool(true);
      unknown |= !order;
    }
    return unknown ? SqlValue::Null() : SqlValue::Bool(false);
  }

  SqlValue Between(const ExpressionNode& node) const {
    const SqlValue value = Of(*node.args[0]);
    const auto low = CompareSql(value, Of(*node.args[1]));
    const auto high = CompareSql(value, Of(*node.args[2]));
    if ((low && *low < 0) || (high && *high > 0)) return SqlValue::Bool(false);
    return low && high ? SqlValue::Bool(true) : SqlValue::Null();
  }

  SqlValue Like(const ExpressionNode& node) const {
    const SqlValue value = Of(*node.args[0]);
    const SqlValue pattern = Of(*node.args[1]);
    if (value.is_null() || pattern.is_null()) return SqlValue::Null();
    return SqlValue::Bool(LikeSql(value, pattern, node.escape));
  }

  SqlValue Bits(const ExpressionNode& node) const {
    const SqlValue first = Of(*node.args[0]);
    if (first.is_null()) return first;
    if (node.bits == '~') return SqlValue::Uint(~first.AsBits());
    const SqlValue second = Of(*node.args[1]);
    if (second.is_null()) return second;
    const uint64_t a = first.AsBits();
    const uint64_t b = second.AsBits();
    switch (node.bits) {
      case '|':
        return SqlValue::Uint(a | b);
      case '&':
        return SqlValue::Uint(a & b);
      case '^':
        return SqlValue::Uint(a ^ b);
      case '<':
        return SqlValue::Uint(b < 64 ? a << b : 0);
      default:
        return SqlValue::Uint(b < 64 ? a >> b : 0);
    }
  }

  SqlValue Case(const ExpressionNode& node) const {
    size_t i = 0;
    for (; i + 1 < node.args.size(); i += 2)
      if (Of(*node.args[i]).Truth() == true) return Of(*node.args[i + 1]);
    return i < node.args.size() ? Of(*node.args[i]) : SqlValue::Null();
  }

  const TableInfo& table_;
  const std::span<const int> positions_;
  const std::span<const Datum> values_;
};

}  // namespace

FilterExpression::FilterExpression() = default;
FilterExpression::~FilterExpression() = default;

Result<std::shared_ptr<const FilterExpression>> FilterExpression::Parse(std::string_view text) {
  if (text.size() > kBytesMax)
    return Error(Code::kExpressionParse, "an expression of {} bytes, more than {}", text.size(),
                 kBytesMax);
  auto expression = std::shared_ptr<FilterExpression>(new FilterExpression);
  expression->text_ = text;
  ASSIGN_OR_RETURN(expression->root_, ParseExpression(text, kDepthMax, &expression->columns_));
  return expression;
}

Result<std::vector<int>> FilterExpression::Bind(const TableInfo& table) const {
  std::vector<int> positions;
  for (const std::string& name : columns_) {
    const int position = table.FindColumn(name);
    if (position < 0)
      return Error(Code::kExpressionColumn,
                   "table {}.{} has no column {}, or only a virtual one: expression \"{}\"",
                   table.schema, table.name, name, text_);
    const MysqlType type = table.columns[static_cast<size_t>(position)]->type.type;
    if (type == MysqlType::kJson || type == MysqlType::kVector)
      return Error(Code::kExpressionColumn,
                   "column {} of table {}.{} is a {}, which filters cannot compare: expression "
                   "\"{}\"",
                   name, table.schema, table.name, type == MysqlType::kJson ? "JSON" : "VECTOR",
                   text_);
    positions.push_back(position);
  }
  return positions;
}

bool FilterExpression::Holds(const TableInfo& table, std::span<const int> positions,
                             std::span<const Datum> values) const {
  return Evaluation(table, positions, values).Of(*root_).Truth() == true;
}

}  // namespace cdc
