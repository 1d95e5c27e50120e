#include "harness/explore/shrink.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace tlsbye {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    if (c == ' ' && !quoted) {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
      continue;
    }
    word += c;
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

std::string line_of(const std::vector<std::string>& words) {
  std::string line = fmt::format("{:<8}", words.empty() ? "" : words.front());
  for (std::size_t i = 1; i < words.size(); ++i) line += " " + words[i];
  return line;
}

// The number in a word as the language writes them: "16KiB", "x3", "1s". Nothing where there is none.
struct Number {
  std::string before, after;
  unsigned long long value = 0;
};
std::optional<Number> number_in(const std::string& word) {
  Number number;
  std::string_view rest = word;
  if (rest.starts_with('x')) number.before = "x", rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number.value);
  if (error != std::errc{}) return std::nullopt;
  number.after = std::string(end, rest.data() + rest.size());
  if (number.after == "KiB") number.value *= 1024, number.after.clear();
  if (!number.after.empty() && number.after != "s" && number.after != "ms") return std::nullopt;
  return number;
}

class Shrinker {
 public:
  Shrinker(Draft draft, const Shows& shows, std::size_t most_tries, const std::function<bool()>& stop)
      : draft_(std::move(draft)), shows_(shows), left_(most_tries), stop_(stop) {}

  Draft result() {
    // Each pass may open a way for the one before it.
    for (bool again = true; again;) {
      again = lines();
      again |= options();
      again |= words();
      again |= numbers();
    }
    return std::move(draft_);
  }

 private:
  // Takes the candidate where it shows it.
  bool take(Draft candidate) {
    if (left_ == 0 || candidate == draft_ || (stop_ && stop_())) return false;
    --left_;
    if (!shows_(candidate)) return false;
    draft_ = std::move(candidate);
    return true;
  }

  // From halves down to single lines, from the end.
  bool lines() {
    bool any = false;
    for (std::size_t size = std::max<std::size_t>(draft_.lines.size() / 2, 1); size > 0; size /= 2) {
      for (std::size_t end = draft_.lines.size(); end >= size && draft_.lines.size() > size;) {
        Draft candidate = draft_;
        const auto first = candidate.lines.begin() + static_cast<std::ptrdiff_t>(end - size);
        candidate.lines.erase(first, first + static_cast<std::ptrdiff_t>(size));
        const bool taken = take(std::move(candidate));
        any |= taken;
        end -= taken ? size : 1;
        end = std::min(end, draft_.lines.size());
      }
    }
    return any;
  }

  bool options() {
    bool any = false;
    for (std::vector<std::string> Draft::*const list : {&Draft::options, &Draft::partner_options}) {
      for (std::size_t i = (draft_.*list).size(); i-- > 0;) {
        Draft candidate = draft_;
        (candidate.*list).erase((candidate.*list).begin() + static_cast<std::ptrdiff_t>(i));
        any |= take(std::move(candidate));
      }
    }
    if (draft_.transport != TransportKind::socketpair) {
      Draft candidate = draft_;
      candidate.transport = TransportKind::socketpair;
      any |= take(std::move(candidate));
    }
    return any;
  }

  // Words behind the actor, one or two at a time: "until done", "x3", "after 1", "aside". What may not be left out is not a line any more.
  bool words() {
    bool any = false;
    for (std::size_t at = 0; at < draft_.lines.size(); ++at) {
      for (std::size_t size = 2; size > 0; --size) {
        for (std::size_t end = words_of(draft_.lines[at]).size(); end > size;) {
          std::vector<std::string> kept = words_of(draft_.lines[at]);
          const auto first = kept.begin() + static_cast<std::ptrdiff_t>(end - size);
          kept.erase(first, first + static_cast<std::ptrdiff_t>(size));
          const bool taken = kept.size() > 1 && take(with_line(at, line_of(kept)));
          any |= taken;
          end -= taken ? size : 1;
          end = std::min(end, words_of(draft_.lines[at]).size());
        }
      }
    }
    return any;
  }

  // 1, 10, or half of it, as long as one of them does.
  bool numbers() {
    bool any = false;
    for (std::size_t at = 0; at < draft_.lines.size(); ++at) {
      for (std::size_t word = 2; word < words_of(draft_.lines[at]).size(); ++word) {
        for (bool again = true; again;) {
          again = false;
          std::vector<std::string> changed = words_of(draft_.lines[at]);
          const auto number = number_in(changed[word]);
          if (!number) break;
          // One less only where that is soon at an end.
          const unsigned long long less = number->value > 0 && number->value <= 32 ? number->value - 1 : 0;
          for (const unsigned long long smaller : {1ULL, 10ULL, 100ULL, number->value / 2, less}) {
            if (smaller == 0 || smaller >= number->value) continue;
            changed[word] = fmt::format("{}{}{}", number->before, smaller, number->after);
            again = take(with_line(at, line_of(changed)));
            if (again) break;
          }
          any |= again;
        }
      }
    }
    return any;
  }

  Draft with_line(std::size_t at, std::string line) const {
    Draft candidate = draft_;
    candidate.lines[at] = std::move(line);
    // What is not a line is not asked about.
    return fits(candidate, candidate.lines[at]) ? candidate : draft_;
  }

  Draft draft_;
  const Shows& shows_;
  std::size_t left_;
  const std::function<bool()>& stop_;
};

}  // namespace

Draft shrink(Draft draft, const Shows& shows, std::size_t most_tries, const std::function<bool()>& stop) {
  return Shrinker(std::move(draft), shows, most_tries, stop).result();
}

}  // namespace tlsbye
