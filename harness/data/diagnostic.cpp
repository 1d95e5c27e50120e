#include "harness/data/diagnostic.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace tlsbye {

std::size_t edit_distance(std::string_view one, std::string_view other) {
  // Three rows of the usual table: the one being filled, and the two above it (the second for swapped neighbours).
  std::vector<std::size_t> before(other.size() + 1), above(other.size() + 1), row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= one.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::size_t changed = above[j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
      row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t best_distance = word.size();  // a word of which every letter was wrong is not meant
  for (const std::string_view candidate : known) {
    const std::size_t most = (std::max(word.size(), candidate.size()) + 2) / 3;
    if (std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size()) > most) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance <= most) best = candidate, best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const auto best = nearest(word, known);
  // Where all are as near, as TLS versions are, none is more likely meant than another.
  const bool alike = std::all_of(known.begin(), known.end(), [&](std::string_view it) {
    return it.size() == best.size() && edit_distance(word, it) == edit_distance(word, best);
  });
  if (!best.empty() && (!alike || known.size() == 1)) return fmt::format("did you mean `{}`?", best);
  if (known.empty() || known.size() > 30) return {};
  return fmt::format("one of: {}", fmt::join(known, ", "));
}

std::string Diagnostic::render() const {
  if (line <= 0)
    return suggestion.empty() ? fmt::format("{}: {}\n", file, problem) : fmt::format("{}: {}\n  {}\n", file, problem, suggestion);
  std::string text = fmt::format("{}:{}:{}: {}\n  {}\n  ", file, line, column, problem, source_line);
  // Tabs stay tabs, so that the caret stands right whatever a tab is worth.
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(std::max(column, 1)); ++i)
    text += i < source_line.size() && source_line[i] == '\t' ? '\t' : ' ';
  text += "^\n";
  if (!suggestion.empty()) text += fmt::format("  {}\n", suggestion);
  return text;
}

std::string rendered(std::span<const Diagnostic> diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += diagnostic.render();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace tlsbye
