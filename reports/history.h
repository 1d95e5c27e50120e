// How the close of libraries changed from version to version: clause by clause and trait by trait since which version something is so, and
// in which it was mended. Made of one run of several versions, or of several runs; a version that several runs judged has the worst of
// their verdicts.
//
// Only what was seen counts. A version in which no run reached a clause's situation, which lacks the ability, or whose run would not have
// made the run that another version's worse verdict rests on, is not a witness: it neither breaks nor mends anything, and a change behind
// it is told as one that came in one of several versions.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "harness/judge/judge.h"
#include "reports/matrix.h"
#include "reports/terminal.h"

namespace tlsbye {

struct History {
  enum class Change : std::uint8_t {
    broken,     // the newest version that shows anything is worse than the one before the last change
    fixed,      // it is better
    otherwise,  // of traits: another answer
    none,       // all versions that show anything show the same
  };
  // Versions that follow each other and show the same. Those between them that are not witnesses are not counted.
  struct Span {
    std::size_t first = 0, last = 0;  // places in Library::builds
    std::string shows;                // the verdict's word, or the trait's answer
    std::string says, replay;         // of the first of them: what was seen; which run shows it
  };
  // A clause, or a trait, in all the roles and TLS versions in which its story is the same.
  struct Story {
    std::string name;
    std::set<matrix::Column> columns;
    std::vector<Span> spans;  // at least one
    Change change = Change::none;
  };
  // What a version can do and the one before could not, or the other way round.
  struct Abilities {
    std::size_t build = 0;
    std::vector<std::string> gained, lost;
  };
  struct Library {
    std::string name;
    std::vector<StackInfo> builds;  // oldest first
    std::vector<Abilities> abilities;
    std::vector<Story> clauses, traits;      // changed ones first: by change, the latest first, then as the runs have them
    std::size_t count(Change change) const;  // of clauses
    bool changed() const;                    // any clause, trait or ability
  };
  std::vector<Library> libraries;  // in the order of the runs
};

template <>
struct Words<History::Change> {
  static constexpr std::array<std::string_view, 4> list{"broken", "fixed", "otherwise", "none"};
};

// What of it is asked for; empty: everything.
struct HistoryOf {
  std::vector<std::string> stacks, names;  // globs: of libraries; of clauses and traits
};

History history(const std::vector<RunReport>& runs, const HistoryOf& of = {});

// "3.7.1-3.8.13"; of one build its version.
std::string versions(const History::Library& library, std::size_t first, std::size_t last);

// For the reader: what changed, and what was never otherwise and does not conform; `all` names also what conforms throughout.
std::string tell(const History& history, bool all, const TerminalStyle& style = {});
// Below what GitHub takes as a comment: of a very long one the end is only counted.
std::string history_markdown(const History& history);
// For programs, format "tlsbye-history/1"; the schema is reports/history.schema.json.
std::string history_json(const History& history);

}  // namespace tlsbye
