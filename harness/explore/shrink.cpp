#include "harness/explore/shrink.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

std::string line_of(const std::vector<std::string>& words) { return in_columns(fmt::format("{}", fmt::join(words, " "))); }

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

  Shrunk result() {
    // Each pass may open a way for the one before it.
    for (bool again = true; again;) {
      again = lines();
      again |= options();
      again |= schedule();
      again |= actors();
      again |= verbs();
      again |= words();
      again |= numbers();
    }
    return {std::move(draft_), minimal_};
  }

 private:
  // Takes the candidate where it shows it.
  bool take(Draft candidate) {
    if (candidate == draft_) return false;
    if (left_ == 0 || (stop_ && stop_())) {
      minimal_ = false;
      return false;
    }
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

  // No fault, or one less, or earlier.
  bool schedule() {
    bool any = false;
    const auto try_it = [&](Schedule smaller) {
      Draft candidate = draft_;
      candidate.schedule = std::move(smaller);
      const bool taken = take(std::move(candidate));
      any |= taken;
      return taken;
    };
    try_it({});
    for (std::size_t i = draft_.schedule.steps.size(); i-- > 0;) {
      Schedule less = draft_.schedule;
      less.steps.erase(less.steps.begin() + static_cast<std::ptrdiff_t>(i));
      try_it(std::move(less));
    }
    for (std::size_t i = 0; i < draft_.schedule.steps.size(); ++i) {
      for (int call = 1; call < draft_.schedule.steps[i].call; ++call) {
        Schedule earlier = draft_.schedule;
        earlier.steps[i].call = call;
        if (try_it(std::move(earlier))) break;
      }
    }
    for (std::size_t after = 0; draft_.schedule.ending && after < draft_.schedule.ending->after; ++after) {
      Schedule earlier = draft_.schedule;
      earlier.ending->after = after;
      if (try_it(std::move(earlier))) break;
    }
    return any;
  }

  // One side where there were both, and who it is that is judged where a role was named.
  bool actors() {
    bool any = false;
    for (std::size_t at = 0; at < draft_.lines.size(); ++at) {
      std::vector<std::string> changed = words_of(draft_.lines[at]);
      if (changed.front() == spell(Actor::subject) || changed.front() == spell(Actor::partner) || changed.front() == spell(Actor::wire))
        continue;
      // Where some call makes the handshake anyway, a reader would have to know that.
      if (changed.back() == spell(Verb::handshake)) continue;
      for (const Actor actor : {Actor::subject, Actor::partner}) {
        changed.front() = spell(actor);
        if (!take(with_line(at, line_of(changed)))) continue;
        any = true;
        break;
      }
    }
    return any;
  }

  // The plain call where its user is spoken of: what a program says and hears is written and read.
  bool verbs() {
    bool any = false;
    for (std::size_t at = 0; at < draft_.lines.size(); ++at) {
      for (const auto& [verb, plain] : {std::pair(Verb::say, "write 1"), std::pair(Verb::hear, "read")}) {
        const std::vector<std::string> words = words_of(draft_.lines[at]);
        if (words.size() > 1 && words[1] == spell(verb)) any |= take(with_line(at, line_of({words.front(), plain})));
      }
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
  bool minimal_ = true;
  const std::function<bool()>& stop_;
};

}  // namespace

Shrunk shrink(Draft draft, const Shows& shows, std::size_t most_tries, const std::function<bool()>& stop) {
  return Shrinker(std::move(draft), shows, most_tries, stop).result();
}

}  // namespace tlsbye
