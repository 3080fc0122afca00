#include "dataflow/dispatcher/topic_expression.h"

#include <algorithm>
#include <cctype>

namespace cdc {
namespace {

constexpr std::string_view kSchema = "{schema}";
constexpr std::string_view kTable = "{table}";
constexpr size_t kNameBytesMax = 249;

bool Allowed(unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; }

void AppendAllowed(std::string_view name, std::string* out) {
  // A character of several bytes becomes one '_'.
  for (const char c : name) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (Allowed(static_cast<unsigned char>(c)))
      out->push_back(c);
    else if (!continues)
      out->push_back('_');
  }
}

}  // namespace

Result<TopicExpression> TopicExpression::Parse(std::string_view text) {
  std::string_view rest = text;
  bool valid = !text.empty();
  for (const std::string_view placeholder : {kSchema, kTable}) {
    const size_t at = rest.find(placeholder);
    if (at == std::string_view::npos) continue;
    valid &= std::ranges::all_of(rest.substr(0, at), Allowed);
    rest.remove_prefix(at + placeholder.size());
  }
  if (!valid || !std::ranges::all_of(rest, Allowed))
    return Error(Code::kSinkConfig,
                 "invalid topic \"{}\" in sink.dispatchers: expected letters, digits, '.', '_' and "
                 "'-', with {{schema}} and {{table}} at most once, in this order",
                 text);
  return TopicExpression(std::string(text));
}

std::string TopicExpression::NameFor(std::string_view schema, std::string_view table) const {
  std::string name;
  std::string_view rest = text_;
  while (!rest.empty()) {
    if (rest.starts_with(kSchema)) {
      AppendAllowed(schema, &name);
      rest.remove_prefix(kSchema.size());
    } else if (rest.starts_with(kTable)) {
      AppendAllowed(table, &name);
      rest.remove_prefix(kTable.size());
    } else {
      name += rest.front();
      rest.remove_prefix(1);
    }
  }
  if (name.size() > kNameBytesMax) name.resize(kNameBytesMax);
  if (name == "." || name == "..") std::ranges::replace(name, '.', '_');
  return name;
}

}  // namespace cdc
