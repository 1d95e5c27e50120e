// The judge: findings + strength + known.toml -> verdicts. A cell is clause x stack x role x TLS version; its verdict is the worst over
// all transcripts, and it keeps the run that decided it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/judge/provenance.h"
#include "harness/oracle/oracle.h"
#include "harness/oracle/terms.h"
#include "harness/transcript/telling.h"

namespace tlsbye {

// Worst last: a cell takes the greatest over its transcripts. A run that did not come to the situation says less than a stack that says it
// has no such thing, so not-reached is the least of all. known and stale come from known.toml afterwards (known.h).
enum class Verdict : std::uint8_t {
  not_reached,
  unsupported,
  conforms,
  differs,
  discouraged,
  known,
  stale,
  violates,
  hung,
  crashed,
  harness_error
};
template <>
struct Words<Verdict> {
  static constexpr std::array<std::string_view, 11> list{"not-reached", "unsupported", "conforms", "differs", "discouraged",  "known",
                                                         "stale",       "violates",    "hung",     "crashed", "harness-error"};
};

// What a finding means for a clause of that strength: broken is `violates` for must, documented and expected, `discouraged` for should,
// `differs` for may and observed. What crashed or hung did so whatever the strength.
Verdict verdict_of(Finding::Kind kind, Strength strength);

// An event as a reader is told of it, where it is part of what a verdict rests on.
struct EvidenceLine {
  std::string label;      // "3.2" (harness/transcript/telling.h); empty where events were left out here
  std::string text;       // in the notation of the script
  bool decisive = false;  // it decided; the others stand around it
  friend bool operator==(const EvidenceLine&, const EvidenceLine&) = default;
};
// "> 3.2   subject  close = done": a line for people, "> " before what decided.
std::string told(const EvidenceLine& line);

struct Cell {
  std::string clause;
  std::vector<std::string> ref;
  Strength strength{};
  std::string stack, version;
  Role role{};
  Tls tls{};
  Verdict verdict = Verdict::not_reached;
  std::string scenario;  // of the deciding run; empty where none decided
  std::string replay;    // its replay id
  std::string says;      // what was seen
  std::vector<EvidenceLine> evidence;
  std::optional<Verdict> was;  // known and stale only: the verdict before known.toml was looked at
  std::string reason;          // known and stale only: why the deviation is accepted, or what is wrong with the entry
  friend bool operator==(const Cell&, const Cell&) = default;
};

struct TraitAnswer {
  std::string trait, stack, version;
  Role role{};
  Tls tls{};
  std::vector<std::string> answers;       // sorted; several where runs answer differently
  std::string replay;                     // of the first run that answered
  std::vector<std::string> replays = {};  // where there are several answers: of the first run that gave each, in their order
  // Likewise: the one way of reading and writing that the answer was given in, if the other way was tried too; none: it takes no side.
  // Empty where no answer does.
  std::vector<std::optional<Io>> only = {};
  // Likewise: what the library calls the failure or the alert, by name and sorted; empty where not every run had a name for it, and of all
  // other answers. Empty as a whole where no answer has names.
  std::vector<std::vector<std::string>> codes = {};
  std::string answer() const;             // for the reader: "discarded or kept"
  friend bool operator==(const TraitAnswer&, const TraitAnswer&) = default;
};

// How a stack fared against one partner.
struct Pair {
  std::string stack, version, partner, partner_version;
  std::size_t runs = 0;
  std::array<std::size_t, Words<Verdict>::list.size()> totals{};  // its cells, had there been no other partner; without those not reached
  friend bool operator==(const Pair&, const Pair&) = default;
};

// A cell that has more than one verdict, each against another partner. Only what a run came to counts: not-reached, unsupported and our own
// faults disagree with nothing. Who cannot be the partner in the scenario that decided the worst of the verdicts, or cannot do all that
// its lines ask for without doing more, has no say, and neither has a partner under whose keys the wire could not read it.
struct Disagreement {
  struct Found {
    std::string partner, partner_version;
    Verdict verdict{};
    std::string replay;  // of the run that decided against that partner
    friend bool operator==(const Found&, const Found&) = default;
  };
  std::string clause, stack, version;
  Role role{};
  Tls tls{};
  std::vector<Found> found;  // sorted by partner
  std::string reason;        // why that is as it should be (known.h); empty if no reason is given
  friend bool operator==(const Disagreement&, const Disagreement&) = default;
};
// "openssl 3.0.19  rfc8446/... (server 1.3): conforms with gnutls 3.7.9, violates with wolfssl 5.5.4"
std::string told(const Disagreement& it);
// What was counted of a run's libraries, beside verdicts: what its problems are made of. Of a run in parts they can be told only when all
// parts are together: what was refused in one may have been kept in another.
struct RunCounts {
  struct Lost {
    std::size_t run = 0;  // its place in the plan
    std::string what;
    friend bool operator==(const Lost&, const Lost&) = default;
  };
  struct Asked {
    std::string stack, version, what;  // "as client, TLS 1.3"; the verb
    std::size_t kept = 0, refused = 0;
    friend bool operator==(const Asked&, const Asked&) = default;
  };
  struct Silent {
    std::string stack, request;  // as the runner calls the stack
    std::size_t times = 0, never = 0;
    friend bool operator==(const Silent&, const Silent&) = default;
  };
  std::vector<std::string> before;  // what was wrong before a run was made
  std::vector<Lost> lost;
  std::vector<Asked> handshakes, calls;
  std::vector<Silent> silent;  // requests that never came back
  friend bool operator==(const RunCounts&, const RunCounts&) = default;
};
// One line each, in an order that depends on nothing else.
std::vector<std::string> problems_of(RunCounts counts, const std::vector<StackInfo>& stacks);

// Which part of a run a report is (`run --shard`): each column, a library in a role and a TLS version, is in one part, whole.
struct Shard {
  std::size_t number = 1, of = 1;
  friend bool operator==(const Shard&, const Shard&) = default;
};

// Everything that a report may say: the run file in memory (format "tlsbye-run/1", reports/schema.json).
struct RunReport {
  Provenance provenance = {};  // empty where the file does not say: of a tlsbye that did not, or cells that no run was made for
  std::vector<StackInfo> stacks;
  std::vector<Cell> cells;                  // sorted: clause (in the order given), stack (likewise), role, tls
  std::vector<TraitAnswer> traits;          // sorted: trait, stack, role, tls
  std::vector<Pair> pairs;                  // sorted: stack, partner
  std::vector<Disagreement> disagreements;  // in the order of the cells
  std::vector<ClauseText> clauses;          // of the cells, in their order
  std::size_t runs = 0;
  double duration_s = 0;
  bool complete = true;               // false: interrupted, the rest was not run
  std::vector<std::string> problems;  // harness errors and peers that could not take part, one line each
  std::optional<Shard> shard = {};    // none: the report is whole
  RunCounts counts = {};              // in a run file only of a shard
  friend bool operator==(const RunReport&, const RunReport&) = default;
};

// The command that makes a run of the report again, ready to be pasted into a shell; and its words behind the replay id, each with a blank
// before it.
std::string replay_command(const RunReport& report, std::string_view replay);
std::string more_replay_words(const Provenance& provenance);
// Words of a command line, each with a blank before it, ready to be pasted into a shell.
std::string pasted(const std::vector<std::string>& words);

// How many cells have each verdict; indexed by the verdict's value.
using Totals = std::array<std::size_t, Words<Verdict>::list.size()>;
Totals totals(const RunReport& report);

// Tries every clause on every transcript, and keeps for each cell the worst verdict with the run that decided it.
//
// The result depends on the runs alone, not on the order in which they are fed: each run has an index, its place in the plan, and of two
// runs that say the same the one with the smaller index decides (one that the wire could read before one that it could not). So each worker
// may have a Judge of its own, and merging them in any order gives what one Judge would have given.
class Judge {
 public:
  // What the report is to be about. Each clause gets a cell for every stack, role and TLS version in the scope that it applies to.
  struct Scope {
    std::vector<StackInfo> stacks;
    std::vector<Role> roles{Role::client, Role::server};
    std::vector<Tls> tls{Tls::v1_0, Tls::v1_1, Tls::v1_2, Tls::v1_3};  // 1.0 and 1.1 only for stacks that can do them
    std::vector<Io> io{Io::blocking, Io::nonblocking};
    std::vector<Term> terms = {};                                  // of use, of the stacks
    std::function<bool(const StackInfo&, Role, Tls)> covers = {};  // of these; none: all
  };

  // `clauses` and `questions` must outlive the judge.
  Judge(const std::vector<Clause>& clauses, Scope scope, const std::vector<Trait>& questions = traits());

  // Judges one run. `index` is its place in the plan, each index to be fed once. True where the run decided a cell or a trait (for now):
  // its transcript may be worth keeping. Throws std::invalid_argument for a run of a stack, role or version that is not in the scope. A
  // property that throws makes its cell harness-error, and no other.
  bool take(std::size_t index, const Transcript& transcript, std::string_view replay);

  // The run at `index` was lost by our own fault, `why` in one line. It becomes a problem of the report, and cells that no other run came
  // to are harness-error instead of not-reached.
  void lose(std::size_t index, const RunKey& key, std::string_view replay, std::string_view why);

  // Whether runs like that are in the scope.
  bool covers(const RunKey& key) const;

  // The replay ids of the runs that decide a cell or a trait, as far as has been seen: of all others no reader will be told.
  std::set<std::string_view> deciding() const;

  // Takes over what the other judge has seen. Both must have the same clauses and scope.
  void merge(Judge&& other);

  // Everything but the provenance, duration_s and complete, which the caller knows. Problems are runs that were lost, abilities that a
  // stack promised and then refused whenever it was asked, and roles and TLS versions in which it shook hands in no run that let it.
  RunReport report() const;

 private:
  static constexpr auto no_run = static_cast<std::size_t>(-1);
  struct Decision {
    Verdict verdict = Verdict::not_reached;
    std::size_t run = no_run;
    bool readable = false;  // the wire had keys for that run
    std::string scenario, replay, says;
    std::vector<EvidenceLine> evidence;
    bool gives_way_to(Verdict other, bool other_readable, std::size_t other_run) const;
  };
  struct Answered {
    std::size_t run;
    std::string replay;
    std::array<bool, Words<Io>::list.size()> in{};
    std::set<std::string> codes{};  // see TraitAnswer; an empty one: a run had no name for it
    void meet(const Answered& other);
  };
  struct Worst {  // of a cell against one partner, and the first run that found it
    Verdict verdict = Verdict::not_reached;
    std::size_t run = no_run;
    std::string scenario, replay;
    void meet(const Worst& other);
  };
  struct Met {  // a partner
    std::size_t runs = 0;
    std::vector<Worst> cells;         // by clause
    std::set<std::string> scenarios;  // that were run against it, that the wire could read, and in which it did what its lines say
  };
  using Partner = std::pair<std::string, std::string>;  // name, version
  struct Lost {
    std::string scenario, replay, why;
  };
  struct Promise {
    std::size_t kept = 0, refused = 0;  // runs
  };
  struct Column {
    std::size_t stack;  // in scope_.stacks
    Role role;
    Tls tls;
    std::vector<Decision> cells;                          // by clause
    std::array<std::vector<std::size_t>, 2> applicable;   // by Io: indexes of the clauses that apply, rising
    std::vector<std::map<std::string, Answered>> traits;  // by trait: its answers
    std::map<Partner, Met> partners;
    std::map<std::size_t, Lost> lost;         // by run
    std::map<std::string, Promise> promises;  // by what was asked for
    Promise handshakes;                       // of those that were let alone
  };
  std::optional<std::size_t> find(const RunKey& key) const;  // in columns_
  Column& column(const RunKey& key);
  RunCounts counts() const;
  Cell cell(const Column& column, std::size_t clause_index) const;
  std::optional<Disagreement> disagreement(const Column& column, std::size_t clause_index) const;

  const std::vector<Clause>* clauses_;
  const std::vector<Trait>* questions_;
  Scope scope_;
  std::vector<Column> columns_;
  std::size_t runs_ = 0;
};

// The events around the decisive ones, at most `most`, of those that a reader is told of; "..." where some of these were left out. Where
// more than `most` are decisive, the first of them and the last.
std::vector<EvidenceLine> tell_evidence(const Transcript& transcript, const Telling& telling, const std::vector<int>& decisive,
                                        std::size_t most = 12);

}  // namespace tlsbye
