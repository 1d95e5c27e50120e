#include "harness/data/version.h"

#include <algorithm>
#include <array>
#include <string>

#include "harness/data/glob.h"

namespace tlsbye {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// One part of a version: what it is, and by what it is ordered among those of its kind.
struct Part {
  enum class Kind { announced, end, number, letters } kind = Kind::end;
  std::string_view text = {};
};

bool announces(std::string_view word) {
  static constexpr std::array<std::string_view, 7> words{"alpha", "beta", "rc", "pre", "preview", "dev", "git"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

Part next(std::string_view& rest) {
  bool tilde = false;
  while (!rest.empty() && !is_digit(rest.front()) && !is_letter(rest.front())) {
    tilde = tilde || rest.front() == '~';
    rest.remove_prefix(1);
  }
  if (rest.empty()) return {};
  const bool digits = is_digit(rest.front());
  const auto end = std::find_if_not(rest.begin(), rest.end(), digits ? is_digit : is_letter);
  std::string_view text(rest.begin(), end);
  rest.remove_prefix(text.size());
  if (digits) {
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    return {tilde ? Part::Kind::announced : Part::Kind::number, text};
  }
  return {tilde || announces(text) ? Part::Kind::announced : Part::Kind::letters, text};
}

int compare(std::string_view one, std::string_view other) {
  while (true) {
    Part a = next(one), b = next(other);
    if (a.kind == Part::Kind::end && b.kind == Part::Kind::end) return 0;
    // 3.2 is 3.2.0
    if (a.kind == Part::Kind::end && b.kind == Part::Kind::number) a.kind = Part::Kind::number;
    if (b.kind == Part::Kind::end && a.kind == Part::Kind::number) b.kind = Part::Kind::number;
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    if (a.kind == Part::Kind::number && a.text.size() != b.text.size()) return a.text.size() < b.text.size() ? -1 : 1;
    if (a.text != b.text) return a.text < b.text ? -1 : 1;
  }
}

// Whether the first words of `version` are those of `beginning`, and it does not end in the middle of a number: 3.5 of 3.5.9, 1.1.1
// of 1.1.1w.
bool begins_with(std::string_view version, std::string_view beginning) {
  if (!version.starts_with(beginning)) return false;
  return version.size() == beginning.size() || !is_digit(version[beginning.size()]) || !is_digit(beginning.back());
}

bool holds(std::string_view condition, std::string_view version) {
  struct Sign {
    std::string_view text;
    bool (*holds)(int);
  };
  static constexpr std::array<Sign, 5> signs{{{">=", [](int it) { return it >= 0; }},
                                              {"<=", [](int it) { return it <= 0; }},
                                              {">", [](int it) { return it > 0; }},
                                              {"<", [](int it) { return it < 0; }},
                                              {"=", [](int it) { return it == 0; }}}};
  for (const auto& [text, holds] : signs)
    if (condition.starts_with(text)) return holds(compare_versions(version, condition.substr(text.size())));
  return false;
}

}  // namespace

int compare_versions(std::string_view one, std::string_view other) {
  const std::size_t plus = one.find('+'), other_plus = other.find('+');
  if (const int order = compare(one.substr(0, plus), other.substr(0, other_plus)); order != 0) return order;
  if (plus == std::string_view::npos || other_plus == std::string_view::npos)
    return static_cast<int>(plus != std::string_view::npos) - static_cast<int>(other_plus != std::string_view::npos);
  return compare(one.substr(plus), other.substr(other_plus));
}

bool is_version_of(std::string_view word, std::string_view version) {
  if (word.empty()) return false;
  if (word.find_first_of("<>=") == 0) {
    while (true) {
      const std::size_t comma = word.find(',');
      if (!holds(word.substr(0, comma), version)) return false;
      if (comma == std::string_view::npos) return true;
      word.remove_prefix(comma + 1);
    }
  }
  return begins_with(version, word) || matches(word, version);
}

}  // namespace tlsbye
