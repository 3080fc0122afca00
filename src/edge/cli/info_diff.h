// What an update changes, for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cdc {

// "config.filter.rules: [\"*.*\"] -> [\"shop.*\"]", one line for each value that differs between
// two JSON objects.
std::vector<std::string> DiffInfos(std::string_view before, std::string_view after);

}  // namespace cdc
