// The tree of a filter expression. Private to filter_expression*.cc and filter_functions.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataflow/mounter/filter_functions.h"
#include "dataflow/mounter/filter_value.h"

namespace cdc {

struct ExpressionNode {
  enum class Kind : uint8_t {
    kLiteral,
    kColumn,
    kAnd,  // of all arguments
    kOr,
    kXor,
    kNot,
    kCompare,
    kNullSafeEqual,
    kIsNull,
    kIsTrue,
    kIsFalse,
    kIn,       // the first one in the others
    kBetween,  // the first one between the second and the third
    kLike,
    kArithmetic,
    kNegate,
    kBits,  // | & ^ << >> ~
    kCase,  // condition, result, condition, result …, otherwise (or not)
    kFunction,
  };
  enum class Comparison : uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual
  };

  Kind kind = Kind::kLiteral;
  std::vector<std::unique_ptr<ExpressionNode>> args;
  SqlValue literal;
  int column = 0;  // a number into FilterExpression's names
  Comparison comparison = Comparison::kEqual;
  Arithmetic arithmetic = Arithmetic::kAdd;
  char bits = '|';  // '<' and '>' are the shifts
  char escape = '\\';
  const SqlFunction* function = nullptr;
  int depth = 1;
};

using NodePtr = std::unique_ptr<ExpressionNode>;

}  // namespace cdc
