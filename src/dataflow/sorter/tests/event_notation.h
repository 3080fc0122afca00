// Events as the sorter's tests write them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/kv_event.h"

namespace cdc {

inline KvEvent Event(uint64_t start, uint64_t commit, std::string key, size_t value_size = 0) {
  auto buffer = std::make_shared<const std::string>(key + std::string(value_size, 'v'));
  KvEvent event{.start_ts = Ts(start), .commit_ts = Ts(commit)};
  event.key = std::string_view(*buffer).substr(0, key.size());
  event.value = std::string_view(*buffer).substr(key.size());
  event.owner = buffer;
  return event;
}

// "5-9:k" is a change of key k by the transaction with start ts 5 and commit ts 9.
inline std::string Text(const std::vector<KvEvent>& events) {
  std::string text;
  for (const KvEvent& event : events)
    text += fmt::format("{}{}-{}:{}", text.empty() ? "" : " ", event.start_ts, event.commit_ts,
                        event.key);
  return text;
}

}  // namespace cdc
