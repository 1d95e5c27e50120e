#include "reports/diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "harness/data/glob.h"
#include "harness/data/version.h"
#include "harness/runner/replay_id.h"
#include "harness/runner/schedule.h"
#include "reports/matrix.h"

namespace tlsbye {
namespace {

using Version = std::pair<std::string, std::string>;  // name, version

std::vector<std::string> builds_named(const RunReport& report, const std::string& name) {
  std::vector<std::string> versions;
  for (const StackInfo& stack : report.stacks)
    if (stack.name == name) versions.push_back(stack.version);
  return versions;
}

// For each stack of the new run, the version of the old run that it is compared with.
std::map<Version, std::string> pairs(const RunReport& before, const RunReport& after) {
  std::map<Version, std::string> partners;
  for (const StackInfo& stack : after.stacks) {
    const std::vector<std::string> old = builds_named(before, stack.name);
    if (old.size() == 1 && builds_named(after, stack.name).size() == 1)
      partners[{stack.name, stack.version}] = old.front();
    else if (std::find(old.begin(), old.end(), stack.version) != old.end())
      partners[{stack.name, stack.version}] = stack.version;
  }
  return partners;
}

template <typename Entry>
using Key = std::tuple<std::string, std::string, std::string, Role, Tls>;

Key<Cell> key(const Cell& cell) { return {cell.clause, cell.stack, cell.version, cell.role, cell.tls}; }
Key<TraitAnswer> key(const TraitAnswer& answer) { return {answer.trait, answer.stack, answer.version, answer.role, answer.tls}; }

// Each entry of the new run with its counterpart in the old one (null for none), then those of the old one without.
template <typename Entry>
std::vector<std::pair<const Entry*, const Entry*>> match(const std::vector<Entry>& before, const std::vector<Entry>& after,
                                                         const std::map<Version, std::string>& partners) {
  std::map<Key<Entry>, const Entry*> old;
  for (const Entry& entry : before) old[key(entry)] = &entry;
  std::vector<std::pair<const Entry*, const Entry*>> matched;
  std::set<const Entry*> used;
  for (const Entry& entry : after) {
    const Entry* counterpart = nullptr;
    if (const auto partner = partners.find({entry.stack, entry.version}); partner != partners.end()) {
      auto wanted = key(entry);
      std::get<2>(wanted) = partner->second;
      if (const auto found = old.find(wanted); found != old.end()) counterpart = found->second;
    }
    used.insert(counterpart);
    matched.emplace_back(counterpart, &entry);
  }
  for (const Entry& entry : before)
    if (!used.count(&entry)) matched.emplace_back(&entry, nullptr);
  return matched;
}

bool proves_nothing(Verdict verdict) { return verdict == Verdict::not_reached || verdict == Verdict::unsupported; }

Diff::Kind kind_of(const Cell& before, const Cell& after) {
  using enum Diff::Kind;
  const bool listed = before.was || after.was;  // in a list of accepted deviations
  if (listed && before.was.value_or(before.verdict) == after.was.value_or(after.verdict)) return otherwise;
  if (proves_nothing(after.verdict)) return !proves_nothing(before.verdict) && before.verdict <= Verdict::differs ? broken : otherwise;
  if (proves_nothing(before.verdict)) return after.verdict <= Verdict::differs ? otherwise : broken;
  return after.verdict > before.verdict ? broken : fixed;
}

// Whether the clause is for that version of the cell's stack, in the cell's role and TLS version.
bool applies(const Clause& clause, const Cell& cell, const std::string& version) {
  RunKey run;
  run.subject = cell.stack;
  run.subject_version = version;
  run.role = cell.role;
  run.tls = cell.tls;
  for (const Io io : {Io::blocking, Io::nonblocking}) {
    run.io = io;
    if (clause.applies.covers(run)) return true;
  }
  return false;
}

}  // namespace

namespace {

bool is_part(const RunReport& report) { return !report.complete || report.shard; }

// Whether the words of --stack name that library, in that version if there is one. A label, whose version is not known, may name any.
bool is_chosen(const Choice& choice, const std::string& name, const std::optional<std::string>& version) {
  const auto is_named = [&](const std::string& word) {
    if (word == "all") return true;
    const std::size_t at = word.find('@');
    if (!matches(word.substr(0, at), name)) return false;
    if (at == std::string::npos || !version) return true;
    const std::string which = word.substr(at + 1);
    return which.find_first_of("0123456789") == std::string::npos || is_version_of(which, *version);
  };
  return choice.stacks.empty() || std::any_of(choice.stacks.begin(), choice.stacks.end(), is_named);
}

// Whether both ids are of one run, of any version of its libraries.
bool is_same_run(const std::string& one, const std::string& other) {
  if (one == other) return true;
  const auto of_any_version = [](const std::string& replay) -> std::optional<RunKey> {
    auto read = read_replay_id(replay);
    RunKey* run = std::get_if<RunKey>(&read);
    if (!run) return std::nullopt;
    run->subject_version.clear();
    run->partner_version.clear();
    return *run;
  };
  const auto run = of_any_version(one);
  return run && other.starts_with(run->scenario) && run == of_any_version(other);
}

// Whether the run of that id decided something in the report.
bool decided_there(const RunReport& report, const std::string& replay) {
  const auto is_it = [&](const std::string& of) { return is_same_run(replay, of); };
  return std::any_of(report.cells.begin(), report.cells.end(), [&](const Cell& cell) { return is_it(cell.replay); }) ||
         std::any_of(report.traits.begin(), report.traits.end(), [&](const TraitAnswer& answer) {
           return is_it(answer.replay) || std::any_of(answer.replays.begin(), answer.replays.end(), is_it);
         });
}

}  // namespace

bool would_make(const RunReport& report, const RunReport& other, const std::string& replay) {
  // A part of a run does not say which runs it made; those that decided something it did.
  if (is_part(report)) return decided_there(report, replay);
  if (report.provenance.tool.empty()) return true;
  const auto read = read_replay_id(replay);
  if (!std::holds_alternative<RunKey>(read)) return true;
  const RunKey& run = std::get<RunKey>(read);
  const Choice& choice = report.provenance.choice;
  // Of whatever version: the two runs may be of two versions.
  if (!is_chosen(choice, run.subject, std::nullopt)) return false;
  if (!choice.scenarios.empty() && !matches_any(choice.scenarios, run.scenario)) return false;
  if ((choice.io && *choice.io != run.io) || (choice.role && *choice.role != run.role) || (choice.tls && *choice.tls != run.tls))
    return false;
  const auto is_partner = [&](const StackInfo& stack) { return stack.name == run.partner; };
  if (std::none_of(report.provenance.partners.begin(), report.provenance.partners.end(), is_partner)) return false;
  if (!run.schedule.empty() && !choice.sweep) return false;
  const auto schedule = read_schedule(run.schedule);
  if (std::holds_alternative<Schedule>(schedule) && std::get<Schedule>(schedule).steps.size() > 1 &&
      choice.pairs < other.provenance.choice.pairs)
    return false;
  // Which scenarios another folder holds is unknown; those that decided something were made.
  if (choice.folder == other.provenance.choice.folder) return true;
  const auto is_of = [&](const Cell& cell) { return cell.scenario == run.scenario; };
  return std::any_of(report.cells.begin(), report.cells.end(), is_of);
}

namespace {

// Whether the run was asked for that library. `version`: as that run would have it.
bool is_asked_for(const RunReport& report, const std::string& stack, const std::string& version) {
  return report.provenance.tool.empty() || is_chosen(report.provenance.choice, stack, version);
}

// Whether one of its partners can be the other end there.
bool has_partner_for(const RunReport& report, const Cell& cell) {
  const std::vector<StackInfo>& partners = report.provenance.partners;
  return partners.empty() || std::any_of(partners.begin(), partners.end(), [&](const StackInfo& it) {
           return it.abilities.empty() || (it.can(fmt::format("tls-{}", spell(cell.tls))) && it.can(spell(other(cell.role))));
         });
}

// Whether the run was asked for that cell, and could answer. `version`: of its stack, as that run would have it.
bool is_asked_for(const RunReport& report, const Cell& cell, const std::string& version) {
  if (is_part(report) || !is_asked_for(report, cell.stack, version)) return false;
  if (report.provenance.tool.empty()) return true;
  const Choice& choice = report.provenance.choice;
  return (choice.clauses.empty() || matches_any(choice.clauses, cell.clause)) && (!choice.role || *choice.role == cell.role) &&
         (!choice.tls || *choice.tls == cell.tls) && has_partner_for(report, cell);
}

// Whether the change from one verdict to another rests on a run that the other of the two would not have made.
bool rests_on_the_choice(Diff::Kind kind, const Cell& old, const Cell& fresh, const RunReport& before, const RunReport& after) {
  const auto only_before = [&] { return !old.replay.empty() && !would_make(after, before, old.replay); };
  const auto only_after = [&] { return !fresh.replay.empty() && !would_make(before, after, fresh.replay); };
  switch (kind) {
    case Diff::Kind::broken:
      return proves_nothing(fresh.verdict) ? only_before() : only_after();
    case Diff::Kind::fixed:
      return proves_nothing(old.verdict) ? only_after() : only_before();
    case Diff::Kind::behaviour:
      return only_before() || only_after() || (proves_nothing(fresh.verdict) && (is_part(before) || is_part(after)));
    default:
      return false;
  }
}

}  // namespace

std::vector<std::string> made_differently(const Provenance& before, const Provenance& after) {
  std::vector<std::string> told;
  if (before.tool.empty() || after.tool.empty()) {
    if (before.tool.empty() != after.tool.empty())
      told.push_back(fmt::format("the {} run does not say how it was made", before.tool.empty() ? "old" : "new"));
    return told;
  }
  const auto tell = [&](std::string_view what, const std::string& old, const std::string& fresh) {
    if (old != fresh) told.push_back(fmt::format("{}: {} -> {}", what, old, fresh));
  };
  const auto list = [](const std::vector<std::string>& words) { return words.empty() ? "all" : fmt::format("{}", fmt::join(words, " ")); };
  const auto word = [](const auto& value) { return value ? std::string(spell(*value)) : std::string("all"); };
  const auto partners = [](const Provenance& made) {
    std::vector<std::string> names;
    for (const StackInfo& stack : made.partners) names.push_back(stack.id());
    return fmt::format("{}", fmt::join(names, ", "));
  };
  const auto known = [](const KnownList& it) {
    return it.entries == 0 ? std::string("none")
                           : fmt::format("{} ({} {}, {})", it.file, it.entries, it.entries == 1 ? "entry" : "entries", it.fingerprint);
  };
  const Choice &old = before.choice, &fresh = after.choice;
  tell("stacks", list(old.stacks), list(fresh.stacks));
  tell("sweep", old.sweep ? "yes" : "no", fresh.sweep ? "yes" : "no");
  if (old.sweep && fresh.sweep) tell("pairs", std::to_string(old.pairs), std::to_string(fresh.pairs));
  tell("scenarios", list(old.scenarios), list(fresh.scenarios));
  tell("further scenarios", old.folder.empty() ? "none" : old.folder, fresh.folder.empty() ? "none" : fresh.folder);
  tell("clauses", list(old.clauses), list(fresh.clauses));
  tell("role", word(old.role), word(fresh.role));
  tell("TLS", word(old.tls), word(fresh.tls));
  tell("blocking mode", word(old.io), word(fresh.io));
  tell("partners", partners(before), partners(after));
  if (before.known.fingerprint != after.known.fingerprint) tell("accepted deviations", known(before.known), known(after.known));
  tell("tlsbye", fmt::format("{} ({})", before.version, before.commit), fmt::format("{} ({})", after.version, after.commit));
  tell("system", before.system, after.system);
  if (before.environment != after.environment)
    tell("environment", fmt::format("{}", fmt::join(before.environment, " ")), fmt::format("{}", fmt::join(after.environment, " ")));
  return told;
}

namespace {

// A cell that the new run has not. `version` is what its stack became there; none: the stack is gone.
Diff::Kind kind_of(const Cell& cell, const std::optional<std::string>& version, const std::vector<Clause>& clauses) {
  if (!version) return Diff::Kind::gone;
  if (proves_nothing(cell.verdict)) return Diff::Kind::otherwise;
  const Clause* clause = matrix::find(clauses, cell.clause);
  const bool outgrown = clause && applies(*clause, cell, cell.version) && !applies(*clause, cell, *version);
  return outgrown ? Diff::Kind::otherwise : Diff::Kind::gone;
}

// The deciding events as they are told. Their places are not part of it.
std::vector<std::string> deciding_lines(const Cell& cell) {
  std::vector<std::string> events;
  for (const EvidenceLine& line : cell.evidence)
    if (line.decisive) events.push_back(line.text);
  return events;
}

template <typename Optional, typename Entry>
Optional copied(const Entry* entry) {
  return entry ? Optional(*entry) : std::nullopt;
}

// A file is known by its build id, and where it has none by its name.
bool is_same_file(const StackInfo& one, const StackInfo& other) {
  if (one.build_id.empty() && other.build_id.empty()) return one.library == other.library;
  return one.build_id == other.build_id;
}

std::vector<Diff::StackChange> stack_changes(const RunReport& before, const RunReport& after,
                                             const std::map<Version, std::string>& partners, std::set<std::string>& not_asked) {
  std::vector<Diff::StackChange> changes;
  std::set<const StackInfo*> used;
  for (const StackInfo& stack : after.stacks) {
    const auto partner = partners.find({stack.name, stack.version});
    const auto old = std::find_if(before.stacks.begin(), before.stacks.end(), [&](const StackInfo& it) {
      return partner != partners.end() && it.name == stack.name && it.version == partner->second;
    });
    if (old == before.stacks.end()) {
      if (is_asked_for(before, stack.name, stack.version))
        changes.push_back({std::nullopt, stack});
      else
        not_asked.insert(stack.id());
      continue;
    }
    used.insert(&*old);
    if (old->version != stack.version || !is_same_file(*old, stack)) changes.push_back({*old, stack});
  }
  for (const StackInfo& stack : before.stacks) {
    if (used.contains(&stack)) continue;
    if (is_asked_for(after, stack.name, stack.version))
      changes.push_back({stack, std::nullopt});
    else
      not_asked.insert(stack.id());
  }
  return changes;
}

}  // namespace

std::size_t Diff::count(Kind kind) const {
  return static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), [&](const Change& change) { return change.kind == kind; }));
}

bool Diff::changed() const {
  const auto came_or_went = [](const StackChange& stack) { return !stack.before || !stack.after; };
  return !abilities.empty() || !cells.empty() || !traits.empty() || std::any_of(stacks.begin(), stacks.end(), came_or_went);
}

std::string told_apart(const Cell& before, const Cell& after) {
  if (before.says != after.says) return fmt::format("says: {} -> {}", before.says, after.says);
  const std::vector<std::string> old = deciding_lines(before), fresh = deciding_lines(after);
  if (before.scenario != after.scenario || old == fresh) return {};
  const auto [one, other] = std::mismatch(old.begin(), old.end(), fresh.begin(), fresh.end());
  return fmt::format("events: {} -> {}", one == old.end() ? "(none)" : *one, other == fresh.end() ? "(none)" : *other);
}

namespace {

// Counts cells and answers of what one of two builds of a library can as a whole and the other cannot.
class AbilityChanges {
 public:
  AbilityChanges(const RunReport& before, const RunReport& after, const std::map<Version, std::string>& partners) {
    for (const auto& [now, old] : partners)
      for (const StackInfo& one : before.stacks)
        for (const StackInfo& other : after.stacks)
          if (Version(one.name, one.version) == Version(now.first, old) && Version(other.name, other.version) == now)
            pairs_.emplace_back(&one, &other);
  }

  // Whether the entry, of the old run or else of the new one, is missing in the other for such a reason.
  template <typename Entry>
  bool explain(const Entry& entry, bool is_old) {
    const auto pair = std::find_if(pairs_.begin(), pairs_.end(), [&](const auto& it) {
      const StackInfo& own = is_old ? *it.first : *it.second;
      return own.name == entry.stack && own.version == entry.version;
    });
    if (pair == pairs_.end()) return false;
    const StackInfo &own = is_old ? *pair->first : *pair->second, &other = is_old ? *pair->second : *pair->first;
    for (const std::string& ability : {fmt::format("tls-{}", spell(entry.tls)), std::string(spell(entry.role))}) {
      if (!own.can(ability) || other.can(ability)) continue;
      const auto known = std::find_if(changes.begin(), changes.end(), [&](const Diff::AbilityChange& it) {
        return it.ability == ability && it.lost == is_old && it.stack == entry.stack && it.after == pair->second->version;
      });
      Diff::AbilityChange& change =
          known != changes.end()
              ? *known
              : changes.emplace_back(Diff::AbilityChange{entry.stack, pair->first->version, pair->second->version, ability, is_old});
      ++(std::is_same_v<Entry, Cell> ? change.cells : change.answers);
      return true;
    }
    return false;
  }

  std::vector<Diff::AbilityChange> changes;

 private:
  std::vector<std::pair<const StackInfo*, const StackInfo*>> pairs_;
};

}  // namespace

Diff diff(const RunReport& before, const RunReport& after, const std::vector<Clause>& clauses) {
  Diff found;
  found.made = made_differently(before.provenance, after.provenance);
  for (const auto& [which, report] : {std::pair("old", &before), std::pair("new", &after)}) {
    if (!report->complete) found.made.push_back(fmt::format("the {} run was interrupted: what it did not show does not count as a change", which));
    if (report->shard)
      found.made.push_back(fmt::format("the {} run is part {}/{} of a run; `tlsbye merge` makes one run of all parts", which,
                                       report->shard->number, report->shard->of));
  }
  const auto partners = pairs(before, after);
  found.stacks = stack_changes(before, after, partners, found.not_asked);
  AbilityChanges abilities(before, after, partners);
  std::map<Version, std::string> became;
  for (const auto& [stack, old] : partners) became[{stack.first, old}] = stack.second;
  // Of a cell or an answer: the version of its library in the other run.
  const auto now = [&](const auto& old) {
    const auto it = became.find({old.stack, old.version});
    return it == became.end() ? std::nullopt : std::optional(it->second);
  };
  const auto then = [&](const auto& fresh) {
    const auto it = partners.find({fresh.stack, fresh.version});
    return it == partners.end() ? fresh.version : it->second;
  };
  for (const auto& [old, fresh] : match(before.cells, after.cells, partners)) {
    if (old && fresh && old->verdict == fresh->verdict && told_apart(*old, *fresh).empty()) continue;
    if ((!fresh && abilities.explain(*old, true)) || (!old && abilities.explain(*fresh, false))) continue;
    Diff::Kind kind = !old                             ? Diff::Kind::added
                      : !fresh                         ? kind_of(*old, now(*old), clauses)
                      : old->verdict == fresh->verdict ? Diff::Kind::behaviour
                                                       : kind_of(*old, *fresh);
    if (old && fresh && rests_on_the_choice(kind, *old, *fresh, before, after)) {
      if (kind == Diff::Kind::behaviour) continue;
      kind = Diff::Kind::otherwise;
    }
    if (kind == Diff::Kind::gone && !is_asked_for(after, *old, now(*old).value_or(old->version))) kind = Diff::Kind::otherwise;
    if (kind == Diff::Kind::added && !is_asked_for(before, *fresh, then(*fresh))) kind = Diff::Kind::otherwise;
    found.cells.push_back({kind, copied<std::optional<Cell>>(old), copied<std::optional<Cell>>(fresh)});
  }
  std::stable_sort(found.cells.begin(), found.cells.end(), [](const auto& one, const auto& other) { return one.kind < other.kind; });
  for (const auto& [old, fresh] : match(before.traits, after.traits, partners)) {
    if (old && fresh && old->answers == fresh->answers) continue;
    if ((!fresh && abilities.explain(*old, true)) || (!old && abilities.explain(*fresh, false))) continue;
    // An answer that only one of the two could give is not a change.
    const auto is_shared = [](const TraitAnswer& answer, const RunReport& of, const RunReport& other) {
      std::vector<std::string> replays = answer.replays;
      if (replays.empty()) replays.push_back(answer.replay);
      return std::all_of(replays.begin(), replays.end(), [&](const std::string& replay) { return would_make(other, of, replay); });
    };
    if (!fresh && !is_asked_for(after, old->stack, now(*old).value_or(old->version))) continue;
    if (!old && !is_asked_for(before, fresh->stack, then(*fresh))) continue;
    if ((old && !is_shared(*old, before, after)) || (fresh && !is_shared(*fresh, after, before))) continue;
    found.traits.push_back({copied<std::optional<TraitAnswer>>(old), copied<std::optional<TraitAnswer>>(fresh)});
  }
  found.abilities = std::move(abilities.changes);
  return found;
}

}  // namespace tlsbye
