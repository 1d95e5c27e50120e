// Two runs side by side: which verdicts changed, what a verdict rests on although it did not change, which traits changed, and what came
// and what went.
//
// A stack with exactly one version on either side is compared by its name: that is what an upgrade looks like. One that has several is
// compared version by version.
//
// A run that was asked to look at less, or at something else, is not a witness against the other: a change that rests on a run which only
// one of the two would have made is neither broken nor fixed, and a cell that the new run was not asked for is not gone, nor is a library.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/judge/judge.h"
#include "reports/terminal.h"

namespace tlsbye {

struct Diff {
  // What became of a cell, what matters most first.
  enum class Kind : std::uint8_t {
    broken,     // the verdict is a worse one now; or the cell conformed (or differed), and no run shows that any more
    gone,       // the cell is not there any more, for no reason that `otherwise` names
    behaviour,  // the verdict is the same, and it rests on something else: on what was seen or, in the same scenario, the deciding events
    otherwise,  // the verdict is another one, neither worse nor better: what did not conform is accepted now, or is not any more, or no
                // run comes to it any more, or a run comes to it for the first time and it conforms; or it rests on a run that only one of
                // the two would have made; or nothing is lost with the cell: the library is there and the cell had proved nothing, or its
                // clause does not apply to the new version; or only one of the two runs was asked for the cell
    fixed,      // the verdict is a better one now
    added,      // the cell was not there, although the old run was asked for it
  };
  struct Change {
    Kind kind{};
    std::optional<Cell> before, after;  // added: only after; gone: only before; otherwise: perhaps only before
    const Cell& cell() const { return after ? *after : *before; }
  };
  struct TraitChange {
    std::optional<TraitAnswer> before, after;  // none where that run has no answer
    const TraitAnswer& answer() const { return after ? *after : *before; }
  };
  struct StackChange {
    std::optional<StackInfo> before, after;  // none where that run has no such stack
    const StackInfo& stack() const { return after ? *after : *before; }
  };

  // What a library lost or gained as a whole: a role or a version of TLS. Its cells and answers are counted here and stand nowhere else.
  struct AbilityChange {
    std::string stack, before, after;  // name, versions
    std::string ability;               // "tls-1.1"
    bool lost = false;
    std::size_t cells = 0, answers = 0;
  };

  std::vector<std::string> made;    // how the runs were made differently: "sweep: no -> yes"
  std::vector<StackChange> stacks;  // those that came, went, or are another version or another build now
  std::set<std::string> not_asked;  // ids of those that only one of the runs was asked for; they neither came nor went
  std::vector<AbilityChange> abilities;
  std::vector<Change> cells;  // by kind, and as the runs have them
  std::vector<TraitChange> traits;

  std::size_t count(Kind kind) const;
  bool worse() const { return count(Kind::broken) + count(Kind::gone) > 0; }
  // Anything but the version and the build of a library.
  bool changed() const;
  bool empty() const { return stacks.empty() && abilities.empty() && cells.empty() && traits.empty(); }
};

template <>
struct Words<Diff::Kind> {
  static constexpr std::array<std::string_view, 6> list{"broken", "gone", "behaviour", "otherwise", "fixed", "added"};
};

// `clauses` say which versions each applies to; without them, a cell is gone whatever the version.
Diff diff(const RunReport& before, const RunReport& after, const std::vector<Clause>& clauses = {});

// What the two runs were asked for, and what they were made with, where that differs: "sweep: no -> yes".
std::vector<std::string> made_differently(const Provenance& before, const Provenance& after);

// Whether a run that was asked for what `report` was asked for would have made the run of that id, which `other` made. What is not known is
// taken to be so.
bool would_make(const RunReport& report, const RunReport& other, const std::string& replay);

// What a verdict rests on, where two cells have the same one: "says: A -> B", "events: A -> B"; empty where it is the same. An event's
// place is not part of it, and events of different scenarios are not compared: which of several runs decides says nothing about the
// library.
std::string told_apart(const Cell& before, const Cell& after);

// For the reader: at most a screenful, or `all` of it; "nothing changed" where it is empty. Ends with a newline.
std::string tell(const Diff& diff, bool all = true, const TerminalStyle& style = {});
// For a pull request: of a very long one the end is only counted, so that GitHub takes it.
std::string diff_markdown(const Diff& diff);
// For programs, format "tlsbye-diff/1"; the schema is reports/diff.schema.json.
std::string diff_json(const Diff& diff);

}  // namespace tlsbye
