// The explorer: makes runs of random scripts, judges each by all clauses, and keeps what is new, shrunk.
//
// Of two scripts one is drawn out of the verb table (generator.h), the other is a scenario that was changed (changed_scenarios.h): each way
// finds early what the other finds late, and with half of each no fault takes more than twice the runs that the better way takes.
//
// A pair is a clause and a stack that breaks it. It is new where the baseline does not name it, and it is kept once, by the run with the
// smallest number. The result depends on the seed, the stacks, the scenarios and how many runs were made; not on the number of workers,
// nor on time.
// Nothing is kept of a run but the pairs that it was the first to show.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/explore/draft.h"
#include "harness/judge/judge.h"
#include "harness/judge/known.h"
#include "harness/runner/runner.h"

namespace tlsbye {

// What is not new: what a run shows, or a list of accepted deviations names.
class Baseline {
 public:
  // Everything is new.
  Baseline() = default;
  // Of each clause and stack, in whatever version, the worst of its cells.
  explicit Baseline(const RunReport& run);
  // Of each cell that an entry names, whatever scenario it is about. `clauses` outlives this.
  Baseline(std::vector<KnownEntry> entries, const std::vector<Clause>& clauses);

  // A process that dies in a clause that was only broken before is new.
  bool names(const Clause& clause, const RunKey& run, Verdict verdict) const;
  // Whether it names that clause broken there, in every role and version: then it need not be asked of a run in which no process died.
  bool names_always(const Clause& clause, const std::string& stack) const;

 private:
  std::map<std::pair<std::string, std::string>, Verdict> worst_;  // by clause, stack
  std::vector<KnownEntry> entries_;
  const std::vector<Clause>* clauses_ = nullptr;
};

struct ExploreOptions {
  std::uint64_t seed = 1;
  std::optional<std::size_t> runs;                // none: until `time` is over
  std::optional<std::chrono::milliseconds> time;  // what was found by then is shrunk, whatever that takes
  unsigned jobs = 0;                              // 0: one for each core this process may use
  RunnerOptions runner;
  std::vector<Term> terms;                         // of use, of the stacks: what rests on a forbidden call is unclear
  std::function<std::size_t()> progress_columns;   // of the terminal, for a live line on standard error; without it there is no line
  const std::atomic<bool>* interrupted = nullptr;  // set by a signal: no further script is drawn; what was found is shrunk
  const std::atomic<bool>* hurried = nullptr;      // likewise: what is not yet shrunk stays as it is
};

// A pair that is new.
struct KeptPair {
  const Clause* clause = nullptr;  // nullptr: what failed was the harness
  const Stack* subject = nullptr;
  const Stack* partner = nullptr;
  Verdict verdict{};
  std::string says;
  std::vector<EvidenceLine> evidence;
  Draft draft;
  std::vector<std::string> came;  // of each line of the draft, in words (harness/transcript/telling.h)
  std::string name;             // of its scenario in the file: kebab-case
  std::size_t number = 0;       // of the run that was the first to show it
  std::string origin;           // that run in words: "run 17"; "run 17, of clean-reply/reply"; the scenario that was given
  std::size_t lines_drawn = 0;  // of that run's script
  bool shrunk = false;          // to the end; false: more may be left than is needed
  bool repeats = true;          // false: a second run of the same did not show it
  RunKey key(const std::string& family) const;
  // What broke, by which pairs are grouped: the property, or that the process died, or whose fault it was.
  std::string group() const;
};

struct Explored {
  std::vector<KeptPair> pairs;  // by stack, group, and the order in which they were found
  std::size_t runs = 0;         // of scripts drawn
  std::size_t tries = 0;        // runs made to shrink them
  double seconds = 0;           // of the former
  bool complete = true;         // false: interrupted
};

// What was found, before any of it is shrunk: to be kept, in case that the program is ended while it shrinks.
using BeforeShrinking = std::function<void(const Explored&)>;

// Every subject meets every partner in turn. `scenarios` are those that are changed. `clauses` and stacks outlive the result. `found` is
// called where there is a pair.
Explored explore(const std::vector<const Stack*>& subjects, const std::vector<const Stack*>& partners,
                 const std::vector<Scenario>& scenarios, const std::vector<Clause>& clauses, const Baseline& baseline,
                 const ExploreOptions& options, const std::string& family, const BeforeShrinking& found = {});

// What these runs break of the clauses, shrunk: a pair is kept by the first run that shows it.
Explored shrink_runs(const std::vector<Run>& runs, const std::vector<Clause>& clauses, const ExploreOptions& options,
                     const std::string& family);

// How each such file begins.
inline constexpr std::string_view scenario_file_begin =
    "# Scripts, shrunk, each with a clause that a library breaks in it, and beside each line what came of it.\n";

// The scenarios of the pairs, as a file that `run`, `replay` and `show` take; empty where there is none. `command` is for the reader.
std::string scenario_file(const std::vector<KeptPair>& pairs, const std::string& command);

}  // namespace tlsbye
