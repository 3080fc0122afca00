#include "edge/cli/spelling.h"

#include <algorithm>
#include <numeric>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cdc {
namespace {

constexpr size_t kDistanceMax = 2;

// Letters to insert, delete or replace to make one of the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!sub->get_group().empty()) names.push_back(sub->get_name());
  return names;
}

// A flag may belong to the command or to one above it.
const CLI::Option* FindFlag(const std::vector<const CLI::App*>& path, const std::string& flag) {
  for (const CLI::App* app : path)
    for (const CLI::Option* option : app->get_options())
      if (option->check_name(flag)) return option;
  return nullptr;
}

std::vector<std::string> FlagNames(const std::vector<const CLI::App*>& path) {
  std::vector<std::string> names;
  for (const CLI::App* app : path)
    for (const CLI::Option* option : app->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string Meant(const std::string& closest) {
  return closest.empty() ? "" : fmt::format(", did you mean \"{}\"?", closest);
}

}  // namespace

std::string ClosestWord(std::string_view word, const std::vector<std::string>& words) {
  std::string closest;
  size_t least = std::min(kDistanceMax, word.size() - 1) + 1;
  for (const std::string& candidate : words) {
    const size_t distance = Distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    closest = candidate;
  }
  return closest;
}

std::string ExplainParseError(const CLI::App& app, const std::vector<std::string>& words,
                              std::string_view error) {
  std::vector<const CLI::App*> path = {&app};
  std::string wrong;
  for (size_t i = 0; i < words.size() && wrong.empty(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with('-') && word.size() > 1) {
      const std::string flag = word.substr(0, word.find('='));
      const CLI::Option* option = FindFlag(path, flag);
      if (option == nullptr && flag.starts_with("--"))
        wrong =
            fmt::format("unknown flag \"{}\"{}", flag, Meant(ClosestWord(flag, FlagNames(path))));
      else if (option != nullptr && option->get_items_expected_max() > 0 && flag == word)
        ++i;  // its value
      continue;
    }
    const std::vector<std::string> names = CommandNames(*path.back());
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : path.back()->get_subcommands([](const CLI::App*) { return true; }))
      if (sub->get_name() == word) next = sub;
    if (next != nullptr)
      path.push_back(next);
    else if (!names.empty())
      wrong = fmt::format("unknown command \"{}\"{}", word, Meant(ClosestWord(word, names)));
  }
  if (wrong.empty()) {
    wrong = error;
    std::ranges::replace(wrong, '\n', ' ');
  }
  std::string command;
  for (const CLI::App* part : path)
    if (!part->get_name().empty()) command += part->get_name() + " ";
  return fmt::format("[CDC:ErrInvalidServerOption]{}; see \"{}--help\"", wrong, command);
}

}  // namespace cdc
