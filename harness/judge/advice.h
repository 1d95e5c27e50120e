// How to close safely on a stack: the calls in order, what each result means, what to avoid. Made of a report's traits and verdicts by the
// sentences of scenarios/clauses/advice.toml, and of nothing else.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye {

struct AdviceRules {
  enum class Section : std::uint8_t { calls, answers, beware, resume };
  struct Rule {
    Section section{};
    std::string question;                                  // a trait
    std::map<std::string, std::string, std::less<>> says;  // by answer; an empty sentence: nothing is said
    std::string otherwise;                                 // for other answers; empty: nothing is said
  };
  std::vector<Rule> rules;
  // Of a stack: what calls and outcomes are called there.
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> words;
  std::vector<Diagnostic> diagnostics;
};

template <>
struct Words<AdviceRules::Section> {
  static constexpr std::array<std::string_view, 4> list{"calls", "answers", "beware", "resume"};
};

AdviceRules load_advice(const std::filesystem::path& directory);  // scenarios/clauses
AdviceRules parse_advice(std::string_view text, const std::string& file);

// One sentence, where it is so, and a run that shows it.
struct Advice {
  AdviceRules::Section section{};
  std::string sentence;
  std::string where;  // "TLS 1.3", "TLS 1.2 as server", where versions of the library differ "3.0.22 TLS 1.3; 3.5.7"; empty: in all asked
  std::string replay;
  friend bool operator==(const Advice&, const Advice&) = default;
};

// For the stack of that name (in each version that the report has); then, under `beware`, what a run showed to be broken: clauses that the
// same broke in the same scenario are one sentence.
std::vector<Advice> advise(const RunReport& report, std::string_view stack, const AdviceRules& rules);

// What stands above them: "How to close safely on gnutls 3.7.9", "The calls".
std::string advice_title(const RunReport& report, std::string_view stack);
std::string_view advice_heading(AdviceRules::Section section);

// What changes for who moves from one stack of the report to another, for a terminal: what calls and answers are called there, and each
// trait in which they differ (in a role and TLS version of both), with what follows from it there.
std::string tell_move(const RunReport& report, std::string_view from, std::string_view to, const AdviceRules& rules,
                      std::size_t width = 100);

// As text for a terminal, in lines of at most `width` columns.
std::string tell_advice(const RunReport& report, std::string_view stack, const AdviceRules& rules, std::size_t width = 100);

}  // namespace tlsbye
