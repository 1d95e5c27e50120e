#include "reports/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "reports/matrix.h"

namespace tlsbye {
namespace {

using Version = std::pair<std::string, std::string>;  // name, version

std::vector<std::string> versions_of(const RunReport& report, const std::string& name) {
  std::vector<std::string> versions;
  for (const StackInfo& stack : report.stacks)
    if (stack.name == name) versions.push_back(stack.version);
  return versions;
}

// For each stack of the new run, the version of the old run that it is compared with.
std::map<Version, std::string> pairs(const RunReport& before, const RunReport& after) {
  std::map<Version, std::string> partners;
  for (const StackInfo& stack : after.stacks) {
    const std::vector<std::string> old = versions_of(before, stack.name);
    if (old.size() == 1 && versions_of(after, stack.name).size() == 1)
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
  if (after.verdict == Verdict::known && after.was == before.verdict) return otherwise;
  if (proves_nothing(after.verdict)) return !proves_nothing(before.verdict) && before.verdict <= Verdict::differs ? broken : otherwise;
  if (proves_nothing(before.verdict)) return after.verdict <= Verdict::differs ? fixed : broken;
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

// A cell that the new run has not. `version` is what its stack became there; none: the stack is gone.
Diff::Kind kind_of(const Cell& cell, const std::optional<std::string>& version, const std::vector<Clause>& clauses) {
  if (!version) return Diff::Kind::gone;
  if (proves_nothing(cell.verdict)) return Diff::Kind::otherwise;
  const Clause* clause = matrix::find(clauses, cell.clause);
  const bool outgrown = clause && applies(*clause, cell, cell.version) && !applies(*clause, cell, *version);
  return outgrown ? Diff::Kind::otherwise : Diff::Kind::gone;
}

// The deciding events as they are told. Their places are not part of it.
std::vector<std::string> decisive(const Cell& cell) {
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
                                             const std::map<Version, std::string>& partners) {
  std::vector<Diff::StackChange> changes;
  std::set<const StackInfo*> used;
  for (const StackInfo& stack : after.stacks) {
    const auto partner = partners.find({stack.name, stack.version});
    const auto old = std::find_if(before.stacks.begin(), before.stacks.end(), [&](const StackInfo& it) {
      return partner != partners.end() && it.name == stack.name && it.version == partner->second;
    });
    if (old == before.stacks.end()) {
      changes.push_back({std::nullopt, stack});
      continue;
    }
    used.insert(&*old);
    if (old->version != stack.version || !is_same_file(*old, stack)) changes.push_back({*old, stack});
  }
  for (const StackInfo& stack : before.stacks)
    if (!used.contains(&stack)) changes.push_back({stack, std::nullopt});
  return changes;
}

}  // namespace

std::size_t Diff::count(Kind kind) const {
  return static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), [&](const Change& change) { return change.kind == kind; }));
}

bool Diff::changed() const {
  const auto came_or_went = [](const StackChange& stack) { return !stack.before || !stack.after; };
  return !cells.empty() || !traits.empty() || std::any_of(stacks.begin(), stacks.end(), came_or_went);
}

std::string told_apart(const Cell& before, const Cell& after) {
  if (before.says != after.says) return fmt::format("says: {} -> {}", before.says, after.says);
  const std::vector<std::string> old = decisive(before), fresh = decisive(after);
  if (old != fresh) {
    const auto [one, other] = std::mismatch(old.begin(), old.end(), fresh.begin(), fresh.end());
    return fmt::format("events: {} -> {}", one == old.end() ? "(none)" : *one, other == fresh.end() ? "(none)" : *other);
  }
  if (before.scenario != after.scenario) return fmt::format("scenario: {} -> {}", before.scenario, after.scenario);
  return {};
}

Diff diff(const RunReport& before, const RunReport& after, const std::vector<Clause>& clauses) {
  Diff found;
  const auto partners = pairs(before, after);
  found.stacks = stack_changes(before, after, partners);
  std::map<Version, std::string> became;
  for (const auto& [stack, old] : partners) became[{stack.first, old}] = stack.second;
  const auto now = [&](const Cell& cell) {
    const auto it = became.find({cell.stack, cell.version});
    return it == became.end() ? std::nullopt : std::optional(it->second);
  };
  for (const auto& [old, fresh] : match(before.cells, after.cells, partners)) {
    if (old && fresh && old->verdict == fresh->verdict && told_apart(*old, *fresh).empty()) continue;
    const Diff::Kind kind = !old                             ? Diff::Kind::added
                            : !fresh                         ? kind_of(*old, now(*old), clauses)
                            : old->verdict == fresh->verdict ? Diff::Kind::behaviour
                                                             : kind_of(*old, *fresh);
    found.cells.push_back({kind, copied<std::optional<Cell>>(old), copied<std::optional<Cell>>(fresh)});
  }
  std::stable_sort(found.cells.begin(), found.cells.end(), [](const auto& one, const auto& other) { return one.kind < other.kind; });
  for (const auto& [old, fresh] : match(before.traits, after.traits, partners))
    if (!old || !fresh || old->answers != fresh->answers)
      found.traits.push_back({copied<std::optional<TraitAnswer>>(old), copied<std::optional<TraitAnswer>>(fresh)});
  return found;
}

}  // namespace tlsbye
