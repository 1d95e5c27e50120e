// Scripts by the dice, out of the verb table (harness/scenario/script.h): the table's rows are the grammar, so that a new verb is drawn as
// soon as it stands there. Beside it stand only a weight for each verb, and what each argument's word (SIZE, DIR, WHAT ...) may be.
//
// The same seed, stacks' names and number give the same draft on every machine, whatever was drawn before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/control/stacks.h"
#include "harness/explore/draft.h"

namespace tlsbye {

// Splitmix64: a few lines whose results no library changes.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <typename List>
  auto pick(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::uint64_t state_;
};

class Generator {
 public:
  // Throws std::logic_error where the usage of a verb has a word that nothing is known about.
  Generator(std::uint64_t seed, const Stack& subject, const Stack& partner);

  static constexpr std::size_t fewest_lines = 4, most_lines = 20;
  // A draft that both stacks have the abilities for.
  Draft draft(std::uint64_t number) const;

  // What changes scenarios (changed_scenarios.h) asks these.
  // The dice of that number, for what they are to decide.
  Dice dice(std::uint64_t number, std::string_view purpose) const;
  // One more line that is possible in the draft, whatever stands in it.
  std::string line(const Draft& draft, Dice& dice) const;
  // Whether the script is one of the language, and asks for nothing that a stack says it cannot do.
  bool possible(const Draft& draft) const;
  bool possible(const Scenario& scenario, Role role, Tls tls, Io io) const;

 private:
  // A verb's usage, taken apart: `[once|twice]` is a part that may be left out, with two alternatives.
  struct Part {
    bool optional = false;
    std::vector<std::vector<std::string>> alternatives;  // each a row of words
  };
  struct Row {
    const VerbRow* verb;
    std::vector<Part> parts;
    unsigned weight;
  };
  static Row row_of(const VerbRow& verb);
  static std::string argument(const std::string& word, Dice& dice);
  std::string line_of(std::string_view actor, const Draft& draft, Dice& dice) const;
  std::string statement(const Row& row, Dice& dice) const;
  bool possible_line(const Draft& draft, const std::string& line) const;
  bool resumes(Draft& draft, Dice& dice) const;
  std::vector<std::string> options(const Stack& stack, Io io, Dice& dice) const;

  std::uint64_t seed_;
  const Stack& subject_;
  const Stack& partner_;
  std::vector<Row> rows_;
};

}  // namespace tlsbye
