#include "reports/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

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
    std::vector<std::string> old = versions_of(before, stack.name);
    std::vector<std::string> fresh = versions_of(after, stack.name);
    if (std::find(old.begin(), old.end(), stack.version) != old.end()) {
      partners[{stack.name, stack.version}] = stack.version;
      continue;
    }
    const std::vector<std::string> all_old = old, all_fresh = fresh;
    std::erase_if(old,
                  [&](const std::string& version) { return std::find(all_fresh.begin(), all_fresh.end(), version) != all_fresh.end(); });
    std::erase_if(fresh, [&](const std::string& version) { return std::find(all_old.begin(), all_old.end(), version) != all_old.end(); });
    if (old.size() == 1 && fresh.size() == 1) partners[{stack.name, stack.version}] = old.front();
  }
  return partners;
}

template <typename Entry>
using Key = std::tuple<std::string, std::string, std::string, Role, Tls>;

Key<Cell> key(const Cell& cell) { return {cell.clause, cell.stack, cell.version, cell.role, cell.tls}; }
Key<TraitAnswer> key(const TraitAnswer& answer) { return {answer.trait, answer.stack, answer.version, answer.role, answer.tls}; }

// Each entry of the new run with its counterpart in the old one (null for none), and those of the old one without.
template <typename Entry>
struct Matched {
  std::vector<std::pair<const Entry*, const Entry*>> entries;  // old, new
  std::vector<const Entry*> left;
};

template <typename Entry>
Matched<Entry> match(const std::vector<Entry>& before, const std::vector<Entry>& after, const std::map<Version, std::string>& partners) {
  std::map<Key<Entry>, const Entry*> old;
  for (const Entry& entry : before) old[key(entry)] = &entry;
  Matched<Entry> matched;
  std::set<const Entry*> used;
  for (const Entry& entry : after) {
    auto wanted = key(entry);
    const auto partner = partners.find({entry.stack, entry.version});
    const Entry* counterpart = nullptr;
    if (partner != partners.end()) {
      std::get<2>(wanted) = partner->second;
      if (const auto found = old.find(wanted); found != old.end()) counterpart = found->second;
    }
    used.insert(counterpart);
    matched.entries.emplace_back(counterpart, &entry);
  }
  for (const Entry& entry : before)
    if (!used.count(&entry)) matched.left.push_back(&entry);
  return matched;
}

std::string stack_of(const std::string& name, const std::string& before, const std::string& after) {
  return before == after ? fmt::format("{} {}", name, after) : fmt::format("{} {} -> {}", name, before, after);
}

// Lines that differ only in role and version are told once: "LINE  (client 1.2, server 1.3)".
class Lines {
 public:
  void add(const std::string& line, Role role, Tls tls) {
    const auto [place, fresh] = place_.try_emplace(line, lines_.size());
    if (fresh) lines_.emplace_back(line, "");
    std::string& where = lines_[place->second].second;
    where += fmt::format("{}{} {}", where.empty() ? "" : ", ", spell(role), spell(tls));
  }
  std::string under(std::string_view title) const {
    if (lines_.empty()) return {};
    std::string text = fmt::format("{}\n", title);
    for (const auto& [line, where] : lines_) text += fmt::format("  {}  ({})\n", line, where);
    return text;
  }

 private:
  std::map<std::string, std::size_t> place_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace

Diff diff(const RunReport& before, const RunReport& after) {
  Diff found;
  const auto partners = pairs(before, after);
  const Matched<Cell> cells = match(before.cells, after.cells, partners);
  for (const auto& [old, fresh] : cells.entries) {
    if (!old)
      found.added.push_back(*fresh);
    else if (old->verdict != fresh->verdict)
      found.verdicts.push_back({*old, *fresh});
  }
  for (const Cell* cell : cells.left) found.removed.push_back(*cell);
  std::stable_partition(found.verdicts.begin(), found.verdicts.end(),
                        [](const Diff::Change& change) { return change.after.verdict > change.before.verdict; });

  const Matched<TraitAnswer> answers = match(before.traits, after.traits, partners);
  for (const auto& [old, fresh] : answers.entries) {
    if (old && old->answer == fresh->answer) continue;
    TraitAnswer none = *fresh;
    none.answer.clear();
    none.replay.clear();
    found.traits.push_back({old ? *old : none, *fresh});
  }
  for (const TraitAnswer* answer : answers.left) {
    TraitAnswer none = *answer;
    none.answer.clear();
    none.replay.clear();
    found.traits.push_back({*answer, none});
  }
  return found;
}

std::string tell(const Diff& diff) {
  if (diff.empty()) return "nothing changed\n";
  Lines worse, better, traits, added, removed;
  for (const auto& [before, after] : diff.verdicts) {
    Lines& lines = after.verdict > before.verdict ? worse : better;
    lines.add(fmt::format("{}  {}  {} -> {}", stack_of(after.stack, before.version, after.version), after.clause, spell(before.verdict),
                          spell(after.verdict)),
              after.role, after.tls);
  }
  const auto or_none = [](const std::string& answer) { return answer.empty() ? std::string("(no answer)") : answer; };
  for (const auto& [before, after] : diff.traits)
    traits.add(fmt::format("{}  {}  {} -> {}", stack_of(after.stack, before.version, after.version), after.trait, or_none(before.answer),
                           or_none(after.answer)),
               after.role, after.tls);
  for (const Cell& cell : diff.added)
    added.add(fmt::format("{} {}  {}  {}", cell.stack, cell.version, cell.clause, spell(cell.verdict)), cell.role, cell.tls);
  for (const Cell& cell : diff.removed)
    removed.add(fmt::format("{} {}  {}  {}", cell.stack, cell.version, cell.clause, spell(cell.verdict)), cell.role, cell.tls);
  return worse.under("Verdicts that changed for the worse") + better.under("Verdicts that changed for the better") +
         traits.under("Traits that changed") + added.under("Cells that are new") + removed.under("Cells that are gone");
}

}  // namespace tlsbye
