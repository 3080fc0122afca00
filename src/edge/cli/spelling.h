// What is wrong with a command line, in words that help.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace cdc {

// The word of `words` that is close to `word`: at most two letters differ; "" if none is.
std::string ClosestWord(std::string_view word, const std::vector<std::string>& words);

// One line with an error code: names the word or flag that `app` does not know and the one that was
// probably meant, or else says `error`, which the parser gave; with the command whose help helps.
std::string ExplainParseError(const CLI::App& app, const std::vector<std::string>& words,
                              std::string_view error);

}  // namespace cdc
