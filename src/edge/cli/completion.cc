#include "edge/cli/completion.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include <CLI/CLI.hpp>

namespace cdc {
namespace {

// Each asks `cdc __complete` with the words up to the cursor.
constexpr char kBash[] = R"(# Load: source <(cdc completion bash)
_cdc_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("${line%%$'\t'*}")
  done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _cdc_complete cdc
)";
constexpr char kZsh[] = R"(#compdef cdc
# Load: source <(cdc completion zsh)
_cdc() {
  local -a answers
  local line
  while IFS= read -r line; do
    answers+=("${line%%$'\t'*}:${line#*$'\t'}")
  done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#answers} )); then _describe 'cdc' answers; else _files; fi
}
compdef _cdc cdc
)";
constexpr char kFish[] = R"(# Load: cdc completion fish | source
function __cdc_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete -- $words[2..-1] 2>/dev/null
end
complete -c cdc -a '(__cdc_complete)'
)";

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::Option* FindFlag(const std::vector<const CLI::App*>& path, const std::string& flag) {
  for (const CLI::App* app : path)
    for (const CLI::Option* option : app->get_options())
      if (option->check_name(flag)) return option;
  return nullptr;
}

const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (sub->get_name() == name) return sub;
  return nullptr;
}

std::vector<std::string> Candidates(const std::vector<const CLI::App*>& path,
                                    const std::string& begun) {
  std::vector<std::string> answers;
  if (begun.starts_with('-')) {
    for (const CLI::App* app : path)
      for (const CLI::Option* option : app->get_options())
        for (const std::string& name : option->get_lnames())
          if (("--" + name).starts_with(begun) && !option->get_group().empty())
            answers.push_back("--" + name + "\t" + FirstLine(option->get_description()));
  } else {
    const auto any = [](const CLI::App*) { return true; };
    for (const CLI::App* sub : path.back()->get_subcommands(any))
      if (sub->get_name().starts_with(begun) && !sub->get_group().empty())
        answers.push_back(sub->get_name() + "\t" + FirstLine(sub->get_description()));
  }
  std::ranges::sort(answers);
  return answers;
}

}  // namespace

std::vector<std::string> Completions(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<const CLI::App*> path = {&app};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i].starts_with('-')) {
      const CLI::Option* option = FindFlag(path, words[i].substr(0, words[i].find('=')));
      if (option == nullptr || !TakesValue(*option) || words[i].find('=') != std::string::npos)
        continue;
      if (i + 2 == words.size()) return {};  // the flag's value: any
      ++i;
    } else if (const CLI::App* next = FindCommand(*path.back(), words[i])) {
      path.push_back(next);
    }
  }
  return Candidates(path, words.empty() ? "" : words.back());
}

void AddCompletionCommand(CLI::App& app, int* exit_code) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print a script for a shell's completion");
  auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash, zsh or fish")->required();
  completion->footer(
      "Examples:\n"
      "  source <(cdc completion bash)\n"
      "  cdc completion fish | source");
  completion->callback([shell, exit_code] {
    static const std::map<std::string, const char*> kScripts = {
        {"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}};
    const auto script = kScripts.find(*shell);
    if (script != kScripts.end()) {
      std::fputs(script->second, stdout);
      return;
    }
    std::fprintf(stderr,
                 "Error: [CDC:ErrInvalidServerOption]unknown shell \"%s\": bash, zsh or fish\n",
                 shell->c_str());
    *exit_code = 1;
  });
}

bool AnsweredCompletion(const CLI::App& app, const std::vector<std::string>& words) {
  if (words.empty() || words.front() != "__complete") return false;
  const bool marked = words.size() > 1 && words[1] == "--";
  for (const std::string& answer :
       Completions(app, {words.begin() + (marked ? 2 : 1), words.end()}))
    std::printf("%s\n", answer.c_str());
  return true;
}

}  // namespace cdc
