#include "harness/explore/explorer.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <tuple>

#include "harness/data/messages.h"
#include "harness/explore/changed_scenarios.h"
#include "harness/explore/generator.h"
#include "harness/explore/shrink.h"
#include "harness/runner/cores.h"
#include "harness/runner/plan.h"

namespace tlsbye {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_tries = 2000;  // to shrink one pair

bool is_bad(Verdict verdict) {
  return verdict == Verdict::discouraged || verdict == Verdict::violates || verdict == Verdict::hung || verdict == Verdict::crashed ||
         verdict == Verdict::harness_error;
}

// discouraged and violates are one: it depends on the clause which it is.
int gravity(Verdict verdict) { return verdict == Verdict::discouraged ? static_cast<int>(Verdict::violates) : static_cast<int>(verdict); }

// A clause that a run broke. `clause` is its place among all; behind the last: what failed was the harness.
struct Broken {
  std::size_t clause;
  Verdict verdict;
  Finding finding;
};

// One worker's peers, and how it judges.
class Examiner {
 public:
  Examiner(const std::vector<Clause>& clauses, const ExploreOptions& options)
      : clauses_(clauses), terms_(options.terms), runner_(options.runner) {}

  // Makes the run, and gives what it broke of those clauses that `wanted(place, died)` holds for. `told`: calls it with each transcript.
  template <typename Wanted, typename Told>
  std::vector<Broken> examine(const Run& run, Wanted wanted, Told told) {
    give_back_memory();
    auto result = runner_.make(run);
    if (const auto* error = std::get_if<HarnessError>(&result))
      return {{clauses_.size(), Verdict::harness_error, {Finding::Kind::broken, error->what, {}}}};
    Made& made = std::get<Made>(result);
    if (const auto without = reference_of(run.schedule)) {
      Run reference = run;
      reference.schedule = *without;
      auto compared = runner_.make(reference);
      if (const auto* it = std::get_if<Made>(&compared)) made.transcript.reference = answers(it->transcript);
      if (made.died_before) made.died_before->reference = made.transcript.reference;
    }
    events_ = made.transcript.events().size();
    std::vector<Broken> broken;
    judge_all(made.transcript, run, wanted, told, broken);
    if (made.died_before) judge_all(*made.died_before, run, wanted, told, broken);
    return broken;
  }

 private:
  // A long transcript takes some hundred megabytes. After it is freed the C library keeps most of them: one small block that is still in
  // use at the end of an arena is enough.
  void give_back_memory() {
#ifdef __GLIBC__
    constexpr std::size_t many = 10'000;
    if (events_ > many) ::malloc_trim(0);
#endif
    events_ = 0;
  }

  template <typename Wanted, typename Told>
  void judge_all(const Transcript& transcript, const Run& run, Wanted& wanted, Told& told, std::vector<Broken>& broken) {
    const bool died = std::any_of(transcript.events().begin(), transcript.events().end(), [](const Event& event) {
      const auto* it = event.as<Died>();
      return it && it->side == Side::subject;
    });
    const Facts facts(transcript, terms_);
    for (const std::size_t place : applicable(run)) {
      if (!wanted(place, died)) continue;
      const Clause& clause = clauses_[place];
      Broken found{place, {}, {}};
      try {
        found.finding = judge(clause, facts);
        found.verdict = verdict_of(found.finding.kind, clause.strength);
      } catch (const std::exception& fault) {
        found.verdict = Verdict::harness_error;
        found.finding.says = fmt::format("the property {} failed itself: {}", clause.property->name, fault.what());
      }
      if (!is_bad(found.verdict)) continue;
      told(found, transcript);
      broken.push_back(std::move(found));
    }
  }

  const std::vector<std::size_t>& applicable(const Run& run) {
    std::vector<std::size_t>& list = applicable_[{run.subject, run.role, run.tls, run.io}];
    if (list.empty()) {
      const RunKey key = run.key();
      for (std::size_t place = 0; place < clauses_.size(); ++place)
        if (clauses_[place].applies.covers(key)) list.push_back(place);
    }
    return list;
  }

  const std::vector<Clause>& clauses_;
  const std::vector<Term>& terms_;
  Runner runner_;
  std::size_t events_ = 0;  // of the last run
  std::map<std::tuple<const Stack*, Role, Tls, Io>, std::vector<std::size_t>> applicable_;
};

// One line on standard error, written over and over, at most ten times a second.
class Progress {
 public:
  explicit Progress(const ExploreOptions& options) : options_(options) {}
  ~Progress() { clear(); }

  void show(std::size_t runs, std::size_t pairs) {
    draw([&](double seconds) {
      std::string part;
      if (options_.runs)
        part = fmt::format("{:>3}%  {} of {} runs", runs * 100 / std::max<std::size_t>(*options_.runs, 1), runs, *options_.runs);
      else
        part = fmt::format("{} runs in {:.0f} of {:.0f} s", runs, seconds, std::chrono::duration<double>(*options_.time).count());
      return fmt::format("{}, {:.0f} a second; {} new", part, seconds > 0 ? static_cast<double>(runs) / seconds : 0.0, pairs);
    });
  }
  void show_shrinking(std::size_t done, std::size_t pairs, std::size_t tries) {
    draw([&](double) { return fmt::format("shrinking: {} of {} pairs, {} runs", done, pairs, tries); });
  }

 private:
  template <typename Text>
  void draw(Text text) {
    if (!options_.progress_columns) return;
    const std::unique_lock lock(drawing_, std::try_to_lock);
    if (!lock) return;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    // One that does not fit would be broken, and only its last part written over. The width is asked for again: a window can change.
    const std::size_t columns = options_.progress_columns();
    tell_user("\r\x1b[K{:.{}}", text(std::chrono::duration<double>(now - began_).count()), columns > 0 ? columns - 1 : 0);
  }
  void clear() {
    if (drawn_) tell_user("\r\x1b[K");
  }

  const ExploreOptions& options_;
  const Clock::time_point began_ = Clock::now();
  std::mutex drawing_;
  Clock::time_point last_{};
  bool drawn_ = false;
};

class Explorer {
 public:
  Explorer(const std::vector<const Stack*>& subjects, const std::vector<const Stack*>& partners, const std::vector<Scenario>& scenarios,
           const std::vector<Clause>& clauses, const Baseline& baseline, const ExploreOptions& options, const std::string& family,
           const BeforeShrinking& before)
      : scenarios_(scenarios),
        clauses_(clauses),
        baseline_(baseline),
        options_(options),
        family_(family),
        before_(before),
        progress_(options),
        first_(subjects.size()) {
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      for (const Stack* partner : partners) ends_.push_back({i, subjects[i], partner, Generator(options.seed, *subjects[i], *partner)});
      first_[i] = std::vector<std::atomic<std::size_t>>(clauses.size() + 1);
      for (auto& number : first_[i]) number = none;
      std::vector<bool>& named = named_.emplace_back();
      for (const Clause& clause : clauses) named.push_back(baseline.names_always(clause, subjects[i]->name));
    }
  }

  Explored result() {
    Explored explored;
    const auto began = Clock::now();
    on_all_cores([&](Examiner& examiner) {
      while (!over(began)) {
        const std::size_t number = next_.fetch_add(1, std::memory_order_relaxed);
        if (options_.runs && number >= *options_.runs) break;
        explore_one(number, examiner);
        progress_.show(++runs_, found_);
      }
    });
    explored.runs = runs_;
    explored.seconds = std::chrono::duration<double>(Clock::now() - began).count();
    find_units();
    shrink_all(explored);
    return explored;
  }

  // The same of runs that are given.
  Explored result_of(const std::vector<Run>& runs) {
    Explored explored;
    std::atomic<std::size_t> next{0};
    std::vector<std::vector<std::size_t>> broken(runs.size());
    on_all_cores([&](Examiner& examiner) {
      for (std::size_t taken = next++; taken < runs.size() && !interrupted(); taken = next++) {
        for (const Broken& it : examiner.examine(
                 runs[taken], [](std::size_t, bool) { return true; }, told_of_none))
          broken[taken].push_back(it.clause);
        ++runs_;
      }
    });
    explored.runs = runs_;
    std::set<std::pair<const Stack*, std::size_t>> seen;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Run& run = runs[i];
      Unit unit{i, run.subject, run.partner, draft_of(*run.scenario, run.role, run.tls, run.io, run.schedule), run.scenario->id, {}};
      for (const std::size_t clause : broken[i])
        if (seen.insert({run.subject, clause}).second) unit.clauses.push_back(clause);
      found_ += unit.clauses.size();
      if (!unit.clauses.empty()) units_.push_back(std::move(unit));
    }
    shrink_all(explored);
    return explored;
  }

 private:
  static constexpr auto none = static_cast<std::size_t>(-1);

  struct Ends {
    std::size_t subject_place;
    const Stack* subject;
    const Stack* partner;
    Generator generator;
  };
  struct Drawn {
    Draft draft;
    std::string origin;
  };
  // What one run was the first to show, shrunk together: what is asked for one pair is known for the other.
  struct Unit {
    std::size_t number;
    const Stack* subject;
    const Stack* partner;
    Draft drawn;
    std::string origin;
    std::vector<std::size_t> clauses;
    std::vector<KeptPair> kept = {};
  };

  static void told_of_none(const Broken&, const Transcript&) {}

  static bool set(const std::atomic<bool>* flag) { return flag && flag->load(std::memory_order_relaxed); }
  bool interrupted() const { return set(options_.interrupted); }
  bool hurried() const { return set(options_.hurried); }
  bool over(Clock::time_point began) const { return interrupted() || (options_.time && Clock::now() - began >= *options_.time); }

  template <typename Work>
  void on_all_cores(Work work) {
    const std::vector<int> cores = usable_cores();
    const std::size_t count = options_.jobs > 0 ? options_.jobs : cores.size();
    const auto one = [&](std::size_t number) {
      if (count <= cores.size()) keep_to(cores[number]);
      // Peers end with the thread that started them.
      Examiner examiner(clauses_, options_);
      work(examiner);
    };
    std::vector<std::thread> threads;
    try {
      for (std::size_t number = 0; number < count; ++number) threads.emplace_back(one, number);
    } catch (const std::system_error&) {
      // The system has no more threads: those that there are do it all.
      if (threads.empty()) one(0);
    }
    for (std::thread& thread : threads) thread.join();
  }

  const Ends& ends_of(std::size_t number) const { return ends_[number % ends_.size()]; }
  Drawn drawn(std::size_t number) const {
    const Generator& generator = ends_of(number).generator;
    const std::size_t own = number / ends_.size();
    if (own % 2 == 1)
      if (auto changed = scenarios_.draft(generator, own))
        return {std::move(changed->draft), fmt::format("run {}, of {}", number, changed->from->id)};
    return {generator.draft(own), fmt::format("run {}", number)};
  }
  template <typename EndsOrUnit>
  static Run run_of(const Scenario& scenario, const Draft& draft, const EndsOrUnit& ends) {
    return {&scenario, ends.subject, ends.partner, draft.role, draft.tls, draft.io, draft.schedule};
  }

  void explore_one(std::size_t number, Examiner& examiner) {
    const Ends& ends = ends_of(number);
    const Draft draft = drawn(number).draft;
    const auto scenario = scenario_of(draft, family_ + "/draft");
    if (!scenario) return;
    const Run run = run_of(*scenario, draft, ends);
    auto& first = first_[ends.subject_place];
    const auto& named = named_[ends.subject_place];
    const auto wanted = [&](std::size_t clause, bool died) {
      return first[clause].load(std::memory_order_relaxed) > number && (died || !named[clause]);
    };
    for (const Broken& broken : examiner.examine(run, wanted, told_of_none)) {
      if (broken.clause < clauses_.size() && baseline_.names(clauses_[broken.clause], run.key(), broken.verdict)) continue;
      std::size_t before = first[broken.clause].load();
      while (number < before && !first[broken.clause].compare_exchange_weak(before, number)) {
      }
      if (before == none) ++found_;
    }
  }

  void find_units() {
    std::map<std::size_t, std::vector<std::size_t>> by_number;
    for (const auto& of_subject : first_)
      for (std::size_t clause = 0; clause < of_subject.size(); ++clause)
        if (of_subject[clause] != none) by_number[of_subject[clause]].push_back(clause);
    for (auto& [number, clauses] : by_number) {
      auto [draft, origin] = drawn(number);
      units_.push_back(
          {number, ends_of(number).subject, ends_of(number).partner, std::move(draft), std::move(origin), std::move(clauses)});
    }
  }

  void shrink_all(Explored& explored) {
    const auto of_each_unit = [&](auto work) {
      std::atomic<std::size_t> next{0};
      on_all_cores([&](Examiner& examiner) {
        for (std::size_t taken = next++; taken < units_.size(); taken = next++) work(units_[taken], examiner);
      });
      collect(explored);
    };
    explored.complete = !interrupted();
    of_each_unit([&](Unit& unit, Examiner& examiner) { keep_as_drawn(unit, examiner); });
    if (before_ && !explored.pairs.empty()) before_(explored);
    std::atomic<std::size_t> done{0};
    of_each_unit([&](Unit& unit, Examiner& examiner) { shrink_unit(unit, examiner, done); });
    explored.complete = explored.complete && !hurried();
    explored.tries = tries_;
  }

  void collect(Explored& explored) const {
    explored.pairs.clear();
    for (const Unit& unit : units_) explored.pairs.insert(explored.pairs.end(), unit.kept.begin(), unit.kept.end());
    std::stable_sort(explored.pairs.begin(), explored.pairs.end(), [](const KeptPair& one, const KeptPair& other) {
      return std::pair(one.subject->id(), one.group()) < std::pair(other.subject->id(), other.group());
    });
  }

  void keep_as_drawn(Unit& unit, Examiner& examiner) {
    for (const std::size_t clause : unit.clauses) {
      KeptPair pair;
      pair.clause = clause < clauses_.size() ? &clauses_[clause] : nullptr;
      pair.subject = unit.subject;
      pair.partner = unit.partner;
      pair.number = unit.number;
      pair.origin = unit.origin;
      pair.lines_drawn = unit.drawn.lines.size();
      pair.draft = unit.drawn;
      look_again(pair, clause, examiner);
      unit.kept.push_back(std::move(pair));
    }
  }

  // What a draft breaks among a unit's clauses.
  using Shown = std::vector<std::pair<std::size_t, Verdict>>;

  void shrink_unit(Unit& unit, Examiner& examiner, std::atomic<std::size_t>& done) {
    std::map<std::string, Shown> known;
    const auto asked = [&](std::size_t clause, bool) {
      return std::find(unit.clauses.begin(), unit.clauses.end(), clause) != unit.clauses.end();
    };
    const auto shown_by = [&](const Draft& draft) -> const Shown& {
      const auto [at, fresh] = known.try_emplace(toml_of(draft, "", "", spell(draft.schedule)));
      if (!fresh) return at->second;
      progress_.show_shrinking(done, found_, ++tries_);
      const auto scenario = scenario_of(draft, family_ + "/draft");
      if (!scenario) return at->second;
      if (missing_ability(*unit.subject, *scenario, Side::subject, draft.role, draft.tls, draft.io) ||
          missing_ability(*unit.partner, *scenario, Side::partner, other(draft.role), draft.tls, draft.io))
        return at->second;
      const Run run = run_of(*scenario, draft, unit);
      for (const Broken& broken : examiner.examine(run, asked, told_of_none))
        if (broken.clause >= clauses_.size() || !baseline_.names(clauses_[broken.clause], run.key(), broken.verdict))
          at->second.emplace_back(broken.clause, broken.verdict);
      return at->second;
    };
    for (std::size_t i = 0; i < unit.clauses.size(); ++i, ++done) {
      if (hurried()) return;
      const std::size_t clause = unit.clauses[i];
      KeptPair& pair = unit.kept[i];
      const auto verdict_in = [&](const Draft& draft) {
        std::optional<Verdict> worst;
        for (const auto& [place, verdict] : shown_by(draft))
          if (place == clause) worst = std::max(worst.value_or(verdict), verdict);
        return worst;
      };
      // Once more where it was not seen: then it is not in the script alone.
      auto verdict = verdict_in(unit.drawn);
      if (!verdict) {
        known.clear();
        verdict = verdict_in(unit.drawn);
      }
      pair.repeats = verdict.has_value();
      if (!verdict) continue;
      Shrunk shrunk = shrink(
          unit.drawn, [&](const Draft& draft) { return verdict_in(draft) == verdict; }, most_tries, [&] { return hurried(); });
      pair.draft = std::move(shrunk.draft);
      pair.shrunk = shrunk.minimal;
      look_again(pair, clause, examiner);
    }
  }

  // One run more of what was kept, under its own name: what is told of it is what a replay shows.
  void look_again(KeptPair& pair, std::size_t clause, Examiner& examiner) {
    pair.name = name_of(pair);
    pair.says = "not seen in a second run of the same script";
    pair.verdict = {};
    pair.evidence.clear();
    pair.came.clear();
    const auto scenario = scenario_of(pair.draft, fmt::format("{}/{}", family_, pair.name));
    if (!scenario) return;
    const Run run = run_of(*scenario, pair.draft, pair);
    const auto asked = [&](std::size_t place, bool) { return place == clause; };
    const auto told = [&](const Broken& broken, const Transcript& transcript) {
      const Telling telling(transcript);
      pair.evidence = tell_evidence(transcript, telling, broken.finding.evidence);
      pair.came = what_came_of_lines(transcript);
    };
    for (const Broken& broken : examiner.examine(run, asked, told)) {
      if (broken.clause != clause || (pair.verdict != Verdict::not_reached && gravity(broken.verdict) < gravity(pair.verdict))) continue;
      pair.verdict = broken.verdict;
      pair.says = broken.finding.says;
    }
  }

  // "rfc8446/success-means-the-answer-came" and gnutls 3.7.9: "rfc8446-success-means-the-answer-came-gnutls-3-7-9"
  static std::string name_of(const KeptPair& pair) {
    std::string name;
    for (const char c :
         fmt::format("{}-{}-{}", pair.clause ? pair.clause->id : "the-harness-fails", pair.subject->id(), pair.partner->name)) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      if (letter)
        name += c;
      else if (c >= 'A' && c <= 'Z')
        name += static_cast<char>(c - 'A' + 'a');
      else if (!name.empty() && name.back() != '-')
        name += '-';
    }
    while (name.ends_with('-')) name.pop_back();
    return name;
  }

  const ChangedScenarios scenarios_;
  const std::vector<Clause>& clauses_;
  const Baseline& baseline_;
  const ExploreOptions& options_;
  const std::string& family_;
  const BeforeShrinking& before_;
  Progress progress_;
  std::vector<Ends> ends_;
  std::vector<std::vector<std::atomic<std::size_t>>> first_;  // by subject, clause: the number of the first run that broke it
  std::vector<std::vector<bool>> named_;                      // likewise: whether the baseline names it
  std::atomic<std::size_t> next_{0}, runs_{0}, found_{0}, tries_{0};
  std::vector<Unit> units_;
};

}  // namespace

Baseline::Baseline(const RunReport& run) {
  for (const Cell& cell : run.cells) {
    const Verdict verdict = cell.was.value_or(cell.verdict);
    if (!is_bad(verdict)) continue;
    Verdict& worst = worst_.try_emplace({cell.clause, cell.stack}, verdict).first->second;
    if (gravity(verdict) > gravity(worst)) worst = verdict;
  }
}

Baseline::Baseline(std::vector<KnownEntry> entries, const std::vector<Clause>& clauses) : entries_(std::move(entries)), clauses_(&clauses) {
  for (KnownEntry& entry : entries_) {
    entry.scenarios.clear();
    entry.sweep = false;
  }
}

bool Baseline::names(const Clause& clause, const RunKey& run, Verdict verdict) const {
  if (const auto found = worst_.find({clause.id, run.subject}); found != worst_.end()) return gravity(verdict) <= gravity(found->second);
  if (entries_.empty()) return false;
  RunReport report;
  report.stacks = {{run.subject, run.subject_version, {}}};
  Cell cell;
  cell.clause = clause.id;
  cell.strength = clause.strength;
  cell.stack = run.subject;
  cell.version = run.subject_version;
  cell.role = run.role;
  cell.tls = run.tls;
  cell.verdict = verdict;
  cell.scenario = run.scenario;
  report.cells = {std::move(cell)};
  apply_known(report, entries_, *clauses_, today());
  return report.cells.front().verdict == Verdict::known;
}

bool Baseline::names_always(const Clause& clause, const std::string& stack) const { return worst_.contains({clause.id, stack}); }

RunKey KeptPair::key(const std::string& family) const {
  return {fmt::format("{}/{}", family, name),
          subject->name,
          subject->version,
          partner->name,
          partner->version,
          draft.role,
          draft.tls,
          draft.io,
          spell(draft.schedule)};
}

std::string KeptPair::group() const {
  if (!clause || verdict == Verdict::harness_error) return "the harness fails";
  if (verdict == Verdict::crashed) return "the process dies";
  if (verdict == Verdict::hung) return "a call never comes back";
  return std::string(clause->property->name);
}

Explored explore(const std::vector<const Stack*>& subjects, const std::vector<const Stack*>& partners,
                 const std::vector<Scenario>& scenarios, const std::vector<Clause>& clauses, const Baseline& baseline,
                 const ExploreOptions& options, const std::string& family, const BeforeShrinking& found) {
  return Explorer(subjects, partners, scenarios, clauses, baseline, options, family, found).result();
}

Explored shrink_runs(const std::vector<Run>& runs, const std::vector<Clause>& clauses, const ExploreOptions& options,
                     const std::string& family) {
  return Explorer({}, {}, {}, clauses, Baseline(), options, family, {}).result_of(runs);
}

std::string scenario_file(const std::vector<KeptPair>& pairs, const std::string& command) {
  std::string text, group;
  for (const KeptPair& pair : pairs) {
    const std::string own = fmt::format("{} {}: {}", pair.subject->name, pair.subject->version, pair.group());
    if (text.empty()) text = fmt::format("{}# Made by `{}`.\n", scenario_file_begin, command);
    if (own != group) text += fmt::format("\n# {}\n", own);
    group = own;
    text += "\n" + toml_of(pair.draft, pair.name,
                           fmt::format("{}: {}", pair.clause ? pair.clause->id : "The harness fails", pair.subject->id()),
                           fmt::format("{}: {} ({}, against {}{})", spell(pair.verdict), pair.says, pair.origin, pair.partner->id(),
                                       !pair.repeats ? ", and not in a second one"
                                       : pair.shrunk ? fmt::format(", {} lines shrunk to {}", pair.lines_drawn, pair.draft.lines.size())
                                                     : ", not shrunk to the end"),
                           pair.came);
  }
  return text;
}

}  // namespace tlsbye
