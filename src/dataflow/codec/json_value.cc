#include "dataflow/codec/json_value.h"

#include "dataflow/codec/json_text.h"
#include "model/float_text.h"
#include "model/value_text.h"

namespace cdc {
namespace {

// Values that need no escapes.
void AppendPlain(const FieldType& type, const Datum& value, std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kInt:
      return AppendInteger(value.as_int(), out);
    case Datum::Kind::kUint:
    case Datum::Kind::kEnum:
    case Datum::Kind::kSet:
    case Datum::Kind::kBit:
      return AppendInteger(value.as_uint(), out);
    case Datum::Kind::kFloat:
      return AppendFixed(value.as_double(), true, out);
    case Datum::Kind::kDouble:
      return AppendFixed(value.as_double(), false, out);
    default:
      AppendText(value, type, out);  // times, decimals, vectors
  }
}

}  // namespace

void AppendQuotedValue(const FieldType& type, const Datum& value, std::string* scratch,
                       std::string* out) {
  switch (value.kind()) {
    case Datum::Kind::kNull:
      out->append("null");
      return;
    case Datum::Kind::kBytes:
      return AppendJsonString(value.as_view(), out);
    case Datum::Kind::kJson:
      scratch->clear();
      AppendJson(value.as_view(), scratch);
      return AppendJsonString(*scratch, out);
    default:
      out->push_back('"');
      AppendPlain(type, value, out);
      out->push_back('"');
  }
}

}  // namespace cdc
