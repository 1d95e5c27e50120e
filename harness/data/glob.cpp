#include "harness/data/glob.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>

namespace tlsbye {
namespace {

constexpr std::size_t most_globs = 1000;

struct Braces {
  std::size_t open = 0, close = 0;
  std::vector<std::size_t> commas;  // between them, not inside further braces
};

// The first pair with a comma. One pass: braces that are open are on a stack.
std::optional<Braces> first_braces(std::string_view glob) {
  std::vector<Braces> open;
  std::optional<Braces> first;
  for (std::size_t at = 0; at < glob.size(); ++at) {
    if (glob[at] == '\\') {
      ++at;
    } else if (glob[at] == '{') {
      open.push_back({at, 0, {}});
    } else if (glob[at] == ',' && !open.empty()) {
      open.back().commas.push_back(at);
    } else if (glob[at] == '}' && !open.empty()) {
      Braces braces = std::move(open.back());
      open.pop_back();
      braces.close = at;
      if (!braces.commas.empty() && (!first || braces.open < first->open)) first = std::move(braces);
    }
  }
  return first;
}

}  // namespace

std::vector<std::string> without_braces(std::string_view glob) {
  std::vector<std::string> done, left{std::string(glob)};
  while (!left.empty()) {
    const std::string next = std::move(left.back());
    left.pop_back();
    const auto braces = first_braces(next);
    if (!braces) {
      done.push_back(next);
    } else {
      // The last first: they are taken from the end.
      std::size_t end = braces->close;
      for (auto comma = braces->commas.rbegin();; ++comma) {
        const std::size_t begin = comma == braces->commas.rend() ? braces->open : *comma;
        left.push_back(next.substr(0, braces->open) + next.substr(begin + 1, end - begin - 1) + next.substr(braces->close + 1));
        if (comma == braces->commas.rend()) break;
        end = begin;
      }
    }
    if (done.size() + left.size() > most_globs) return {};
  }
  return done;
}

bool matches(std::string_view glob, std::string_view text) {
  if (glob.find_first_of("*?[\\{") == std::string_view::npos) return glob == text;
  const std::string whole(text);
  if (glob.find('{') == std::string_view::npos) return ::fnmatch(std::string(glob).c_str(), whole.c_str(), 0) == 0;
  const std::vector<std::string> globs = without_braces(glob);
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& each) { return ::fnmatch(each.c_str(), whole.c_str(), 0) == 0; });
}

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return matches(glob, text); });
}

}  // namespace tlsbye
