#include "dataflow/mounter/json_binary.h"

#include <map>
#include <vector>

#include <simdjson.h>

namespace cdc {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr uint8_t kObject = 0x01;
constexpr uint8_t kArray = 0x03;
constexpr uint8_t kLiteral = 0x04;
constexpr uint8_t kInt64 = 0x09;
constexpr uint8_t kUint64 = 0x0a;
constexpr uint8_t kFloat64 = 0x0b;
constexpr uint8_t kString = 0x0c;

struct Node {
  uint8_t type;
  std::string value;
};

template <typename T>
void AppendRaw(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
Node FixedNode(uint8_t type, T value) {
  Node node{type, {}};
  AppendRaw(value, &node.value);
  return node;
}

Node StringNode(std::string_view text) {
  Node node{kString, {}};
  size_t length = text.size();
  for (; length >= 0x80; length >>= 7) node.value.push_back(static_cast<char>(length | 0x80));
  node.value.push_back(static_cast<char>(length));
  node.value.append(text);
  return node;
}

Node Encode(element json);

// A container of already sorted `keys` (empty for an array) and their values.
Node ContainerNode(uint8_t type, const std::vector<std::string_view>& keys,
                   const std::vector<Node>& values) {
  std::string body;  // what follows the entries
  std::string entries;
  const size_t start = 8 + keys.size() * 6 + values.size() * 5;
  for (std::string_view key : keys) {
    AppendRaw(static_cast<uint32_t>(start + body.size()), &entries);
    AppendRaw(static_cast<uint16_t>(key.size()), &entries);
    body.append(key);
  }
  for (const Node& value : values) {
    entries.push_back(static_cast<char>(value.type));
    if (value.type == kLiteral) {
      AppendRaw(static_cast<uint32_t>(static_cast<unsigned char>(value.value[0])), &entries);
    } else {
      AppendRaw(static_cast<uint32_t>(start + body.size()), &entries);
      body.append(value.value);
    }
  }
  Node node{type, {}};
  AppendRaw(static_cast<uint32_t>(values.size()), &node.value);
  AppendRaw(static_cast<uint32_t>(start + body.size()), &node.value);
  node.value.append(entries).append(body);
  return node;
}

Node EncodeObject(const object& json) {
  std::map<std::string_view, element> members;  // of equal keys the last counts
  for (const auto& field : json) members[field.key] = field.value;
  std::vector<std::string_view> keys;
  std::vector<Node> values;
  for (const auto& [key, value] : members) {
    keys.push_back(key);
    values.push_back(Encode(value));
  }
  return ContainerNode(kObject, keys, values);
}

Node EncodeArray(const array& json) {
  std::vector<Node> values;
  for (element item : json) values.push_back(Encode(item));
  return ContainerNode(kArray, {}, values);
}

Node Encode(element json) {
  // The parser has checked the type, so that the getters can't fail.
  switch (json.type()) {
    case element_type::OBJECT:
      return EncodeObject(object(json.get_object().value_unsafe()));
    case element_type::ARRAY:
      return EncodeArray(array(json.get_array().value_unsafe()));
    case element_type::INT64:
      return FixedNode(kInt64, json.get_int64().value_unsafe());
    case element_type::UINT64:
      return FixedNode(kUint64, json.get_uint64().value_unsafe());
    case element_type::DOUBLE:
      return FixedNode(kFloat64, json.get_double().value_unsafe());
    case element_type::STRING:
      return StringNode(json.get_string().value_unsafe());
    case element_type::BOOL:
      return {kLiteral, std::string(1, json.get_bool().value_unsafe() ? '\x01' : '\x02')};
    default:
      return {kLiteral, std::string(1, '\0')};
  }
}

}  // namespace

Result<std::string> EncodeJson(std::string_view text) {
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root))
    return Error(Code::kUnmarshal, "no JSON: {}", simdjson::error_message(error));
  const Node node = Encode(root);
  std::string stored(1, static_cast<char>(node.type));
  stored.append(node.value);
  return stored;
}

}  // namespace cdc
