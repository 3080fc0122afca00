// Any bytes as a dispatch rule: matcher, topic and partition, one a line. What is accepted must
// find a topic that brokers take, for any table.
#include <cstdint>
#include <cstdlib>

#include "dataflow/dispatcher/column_selector.h"
#include "dataflow/dispatcher/event_router.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&rest] {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string text(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  const std::string matcher = line();
  const std::string topic = line();
  const cdc::DispatchRule rule{.matcher = {matcher}, .partition = line(), .topic = topic};
  (void)cdc::ColumnSelectors::Create({{.matcher = {"*.*"}, .columns = {matcher}}}, false);
  const auto router = cdc::EventRouter::Create({rule}, false, "default");
  if (!router) return 0;
  const std::string name = (*router)->TopicOf(matcher, std::string(rest));
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 249 || name == "." || name == "..") std::abort();
  for (const char c : name)
    if (!allowed(c)) std::abort();
  return 0;
}
