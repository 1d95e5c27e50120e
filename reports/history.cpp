#include "reports/history.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "harness/data/glob.h"
#include "harness/data/version.h"
#include "reports/diff.h"

namespace tlsbye {
namespace {

using Change = History::Change;

bool is_same_build(const StackInfo& one, const StackInfo& other) {
  return one.name == other.name && one.version == other.version && one.build_id == other.build_id;
}

// What a build showed in one role and TLS version.
struct Shown {
  std::size_t build = 0;
  int rank = 0;  // greater is worse; of traits always 0
  std::string what, says;
  std::vector<std::string> replays;  // of the runs that show it
  std::vector<const RunReport*> of;  // that say something about it

  // Whether its runs would have seen what the other one's did.
  bool would_have_seen(const Shown& other) const {
    return std::all_of(other.replays.begin(), other.replays.end(), [&](const std::string& replay) {
      return std::any_of(of.begin(), of.end(), [&](const RunReport* mine) {
        return std::all_of(other.of.begin(), other.of.end(), [&](const RunReport* theirs) { return would_make(*mine, *theirs, replay); });
      });
    });
  }
};

// A verdict that a run came to by what it saw; nothing of one that shows nothing about the library.
std::optional<Verdict> verdict_seen(const Cell& cell) {
  const Verdict verdict = cell.was.value_or(cell.verdict);
  if (verdict <= Verdict::unsupported || verdict == Verdict::harness_error || verdict == Verdict::known || verdict == Verdict::stale)
    return std::nullopt;
  return verdict;
}

using AnswerKey = std::pair<std::string, matrix::Column>;  // name of the clause or trait

// Every clause or trait of one library, by build.
class Gathered {
 public:
  void take(const RunReport& run, const Cell& cell, std::size_t build) {
    const auto verdict = verdict_seen(cell);
    if (!verdict) return;
    take({cell.clause, matrix::column_of(cell)},
         {build, static_cast<int>(*verdict), std::string(spell(*verdict)), cell.says, {cell.replay}, {&run}});
  }

  void take(const RunReport& run, const TraitAnswer& answer, std::size_t build) {
    std::vector<std::string> replays = answer.replays;
    if (replays.empty()) replays.push_back(answer.replay);
    take({answer.trait, matrix::column_of(answer)}, {build, 0, answer.answer(), {}, std::move(replays), {&run}});
  }

  // In the order in which the names came.
  std::vector<History::Story> stories() const {
    std::vector<History::Story> all;
    for (const AnswerKey& key : order_) {
      History::Story story{key.first, {key.second}, {}, Change::none};
      tell(shown_.at(key), story);
      const auto alike = std::find_if(all.begin(), all.end(), [&](const History::Story& it) { return is_same(it, story); });
      if (alike == all.end())
        all.push_back(std::move(story));
      else
        alike->columns.insert(key.second);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
      return std::tuple(one.change, -static_cast<long>(one.spans.back().first)) <
             std::tuple(other.change, -static_cast<long>(other.spans.back().first));
    });
    return all;
  }

 private:
  void take(const AnswerKey& key, Shown shown) {
    const auto [place, fresh] = shown_.try_emplace(key);
    if (fresh) order_.push_back(key);
    auto& builds = place->second;
    const auto [known, first] = builds.try_emplace(shown.build, shown);
    if (first) return;
    // Another run of the same build: the worse verdict, or all answers.
    Shown& had = known->second;
    had.of.push_back(shown.of.front());
    if (shown.rank > had.rank) {
      shown.of = had.of;
      had = std::move(shown);
    } else if (shown.rank == 0 && had.what.find(shown.what) == std::string::npos) {
      had.what += " or " + shown.what;
      had.replays.insert(had.replays.end(), shown.replays.begin(), shown.replays.end());
    }
  }

  static bool is_same(const History::Story& one, const History::Story& other) {
    return one.name == other.name && std::equal(one.spans.begin(), one.spans.end(), other.spans.begin(), other.spans.end(),
                                                [](const History::Span& a, const History::Span& b) {
                                                  return a.first == b.first && a.last == b.last && a.shows == b.shows;
                                                });
  }

  // Whether `one` may say that what `other` shows is not so in its version: of a clause only the better of the two has to.
  static bool is_witness(const Shown& one, const Shown& other) {
    const bool clause = one.rank > 0;
    return (clause && one.rank > other.rank) || one.would_have_seen(other);
  }

  static void tell(const std::map<std::size_t, Shown>& builds, History::Story& story) {
    struct Same {
      const Shown* first;
      std::size_t last;
    };
    std::vector<Same> spans;
    for (const auto& [place, shown] : builds) {
      const auto goes_on = [&] { return !spans.empty() && spans.back().first->what == shown.what; };
      bool witness = true;
      while (witness && !spans.empty() && !goes_on() && !is_witness(*spans.back().first, shown)) {
        witness = is_witness(shown, *spans.back().first);
        if (witness) spans.pop_back();
      }
      if (witness && !spans.empty() && !goes_on()) witness = is_witness(shown, *spans.back().first);
      if (!witness) continue;
      if (goes_on())
        spans.back().last = place;
      else
        spans.push_back({&shown, place});
    }
    for (const auto& [first, last] : spans) story.spans.push_back({first->build, last, first->what, first->says, first->replays.front()});
    if (spans.size() < 2) return;
    const int before = spans[spans.size() - 2].first->rank, now = spans.back().first->rank;
    story.change = now > before ? Change::broken : now < before ? Change::fixed : Change::otherwise;
  }

  std::vector<AnswerKey> order_;
  std::map<AnswerKey, std::map<std::size_t, Shown>> shown_;
};

std::vector<std::string> without(const std::vector<std::string>& some, const StackInfo& other) {
  std::vector<std::string> left;
  for (const std::string& ability : some)
    if (!other.can(ability)) left.push_back(ability);
  return left;
}

std::vector<StackInfo> builds_of(const std::vector<RunReport>& runs, const std::string& name) {
  std::vector<StackInfo> builds;
  for (const RunReport& run : runs)
    for (const StackInfo& stack : run.stacks)
      if (stack.name == name && std::none_of(builds.begin(), builds.end(), [&](const StackInfo& it) { return is_same_build(it, stack); }))
        builds.push_back(stack);
  std::stable_sort(builds.begin(), builds.end(),
                   [](const StackInfo& one, const StackInfo& other) { return compare_versions(one.version, other.version) < 0; });
  return builds;
}

}  // namespace

std::size_t History::Library::count(Change change) const {
  return static_cast<std::size_t>(std::count_if(clauses.begin(), clauses.end(), [&](const Story& it) { return it.change == change; }));
}

bool History::Library::changed() const {
  const auto is_changed = [](const Story& it) { return it.change != Change::none; };
  return !abilities.empty() || std::any_of(clauses.begin(), clauses.end(), is_changed) ||
         std::any_of(traits.begin(), traits.end(), is_changed);
}

History history(const std::vector<RunReport>& runs, const HistoryOf& of) {
  const auto wanted = [](const std::vector<std::string>& globs, const std::string& name) {
    return globs.empty() || matches_any(globs, name);
  };
  History all;
  std::vector<std::string> names;
  for (const RunReport& run : runs)
    for (const StackInfo& stack : run.stacks)
      if (wanted(of.stacks, stack.name) && std::find(names.begin(), names.end(), stack.name) == names.end()) names.push_back(stack.name);
  for (const std::string& name : names) {
    History::Library library{name, builds_of(runs, name), {}, {}, {}};
    for (std::size_t i = 1; i < library.builds.size(); ++i) {
      const StackInfo &before = library.builds[i - 1], &now = library.builds[i];
      History::Abilities change{i, without(now.abilities, before), without(before.abilities, now)};
      if (!change.gained.empty() || !change.lost.empty()) library.abilities.push_back(std::move(change));
    }
    Gathered clauses, traits;
    for (const RunReport& run : runs) {
      std::map<std::string, std::size_t> build_of;  // by version: a run has each once
      for (const StackInfo& stack : run.stacks)
        if (stack.name == name)
          build_of[stack.version] = static_cast<std::size_t>(
              std::find_if(library.builds.begin(), library.builds.end(), [&](const StackInfo& it) { return is_same_build(it, stack); }) -
              library.builds.begin());
      for (const Cell& cell : run.cells)
        if (cell.stack == name && wanted(of.names, cell.clause)) clauses.take(run, cell, build_of.at(cell.version));
      for (const TraitAnswer& answer : run.traits)
        if (answer.stack == name && wanted(of.names, answer.trait)) traits.take(run, answer, build_of.at(answer.version));
    }
    library.clauses = clauses.stories();
    library.traits = traits.stories();
    all.libraries.push_back(std::move(library));
  }
  return all;
}

std::string versions(const History::Library& library, std::size_t first, std::size_t last) {
  const std::string& from = library.builds[first].version;
  return first == last ? from : from + "-" + library.builds[last].version;
}

}  // namespace tlsbye
