#include "reports/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "harness/data/version.h"
#include "reports/diff.h"

namespace tlsbye {
namespace {

bool is_before(const StackInfo& one, const StackInfo& other) {
  return one.name != other.name ? one.name < other.name : compare_versions(one.version, other.version) < 0;
}

// What runs of different libraries may have been made with.
Provenance comparable(Provenance made, bool shard) {
  made.system.clear();
  if (shard) return made;
  made.partners.clear();
  made.choice.stacks.clear();
  return made;
}

template <typename Item>
void unite(std::vector<Item>& all, const std::vector<Item>& more) {
  for (const Item& item : more)
    if (std::find(all.begin(), all.end(), item) == all.end()) all.push_back(item);
}

// Why the parts are not all that there are of one run.
std::optional<std::string> incomplete(const std::vector<RunPart>& parts) {
  const std::size_t of = parts.front().report.shard ? parts.front().report.shard->of : 0;
  std::map<std::size_t, const RunPart*> seen;
  for (const RunPart& part : parts) {
    const std::size_t its = part.report.shard ? part.report.shard->of : 0;
    const auto what = [](std::size_t count) { return count == 0 ? std::string("a whole run") : fmt::format("a part of {}", count); };
    if (its != of) return fmt::format("{} is {}, {} is {}", parts.front().name, what(of), part.name, what(its));
    if (of == 0) continue;
    const auto [known, fresh] = seen.emplace(part.report.shard->number, &part);
    if (!fresh) return fmt::format("{} and {} are both part {}/{}", known->second->name, part.name, known->first, of);
  }
  for (std::size_t number = 1; number <= of; ++number)
    if (!seen.contains(number)) return fmt::format("part {}/{} is missing", number, of);
  return std::nullopt;
}

// Cells and answers, in the order of `names`, then by stack, role and TLS version; or which of them two parts have.
template <typename Entry, typename Name>
std::optional<std::string> put_together(const std::vector<RunPart>& parts, std::vector<Entry> RunReport::*list, Name name,
                                        const std::vector<std::string>& names, RunReport& into) {
  std::map<std::string, std::size_t> place, column;
  for (const std::string& each : names) place.try_emplace(each, place.size());
  for (const StackInfo& stack : into.stacks) column.emplace(stack.id(), column.size());
  using Key = std::tuple<std::size_t, std::string, std::size_t, Role, Tls>;
  std::map<Key, std::pair<const Entry*, const RunPart*>> all;
  for (const RunPart& part : parts) {
    for (const Entry& entry : part.report.*list) {
      const auto known = place.find(name(entry));
      const Key key{known == place.end() ? place.size() : known->second, name(entry), column.at(entry.stack + " " + entry.version),
                    entry.role, entry.tls};
      const auto [other, fresh] = all.emplace(key, std::pair(&entry, &part));
      if (!fresh)
        return fmt::format("{} and {} both judged {} {} as {}, TLS {}", other->second.second->name, part.name, entry.stack, entry.version,
                           spell(entry.role), spell(entry.tls));
    }
  }
  for (const auto& [key, entry] : all) (into.*list).push_back(*entry.first);
  return std::nullopt;
}

void add(RunCounts& all, const RunCounts& more) {
  unite(all.before, more.before);
  all.lost.insert(all.lost.end(), more.lost.begin(), more.lost.end());
  all.handshakes.insert(all.handshakes.end(), more.handshakes.begin(), more.handshakes.end());
  for (const RunCounts::Asked& asked : more.calls) {
    const auto known = std::find_if(all.calls.begin(), all.calls.end(), [&](const RunCounts::Asked& it) {
      return it.stack == asked.stack && it.version == asked.version && it.what == asked.what;
    });
    if (known == all.calls.end()) {
      all.calls.push_back(asked);
      continue;
    }
    known->kept += asked.kept;
    known->refused += asked.refused;
  }
  for (const RunCounts::Silent& silent : more.silent) {
    const auto known = std::find_if(all.silent.begin(), all.silent.end(),
                                    [&](const RunCounts::Silent& it) { return it.stack == silent.stack && it.request == silent.request; });
    if (known == all.silent.end()) {
      all.silent.push_back(silent);
      continue;
    }
    known->times += silent.times;
    known->never += silent.never;
  }
}

}  // namespace

std::variant<RunReport, std::string> merged(std::vector<RunPart> parts, const std::vector<Clause>& clauses) {
  if (auto why = incomplete(parts)) return std::move(*why);
  const bool shards = parts.front().report.shard.has_value();
  std::stable_sort(parts.begin(), parts.end(), [&](const RunPart& one, const RunPart& other) {
    if (shards) return one.report.shard->number < other.report.shard->number;
    if (one.report.stacks.empty() || other.report.stacks.empty()) return one.report.stacks.size() < other.report.stacks.size();
    return is_before(one.report.stacks.front(), other.report.stacks.front());
  });
  RunReport all;
  all.provenance = parts.front().report.provenance;
  std::set<std::string> systems;
  std::vector<std::string> names;
  for (const RunPart& part : parts) {
    const RunReport& report = part.report;
    const Provenance& made = report.provenance;
    const auto differences = made_differently(comparable(parts.front().report.provenance, shards), comparable(made, shards));
    if (!differences.empty()) return fmt::format("{} and {} were made differently: {}", parts.front().name, part.name, differences.front());
    systems.insert(made.system);
    all.provenance.day = std::max(all.provenance.day, made.day);
    unite(all.provenance.partners, made.partners);
    unite(all.provenance.choice.stacks, made.choice.stacks);
    unite(all.provenance.choice.partners, made.choice.partners);
    unite(all.provenance.replay_words, made.replay_words);
    for (const StackInfo& stack : report.stacks) {
      const auto known = std::find_if(all.stacks.begin(), all.stacks.end(), [&](const StackInfo& it) { return it.id() == stack.id(); });
      if (known == all.stacks.end())
        all.stacks.push_back(stack);
      else if (known->build_id != stack.build_id)
        return fmt::format("{} has another build of {} than the others", part.name, stack.id());
    }
    all.runs += report.runs;
    all.duration_s += report.duration_s;
    all.complete = all.complete && report.complete;
    add(all.counts, report.counts);
    if (!shards) unite(all.problems, report.problems);
  }
  all.provenance.system.clear();
  for (const std::string& system : systems) all.provenance.system += (all.provenance.system.empty() ? "" : "; ") + system;
  std::stable_sort(all.stacks.begin(), all.stacks.end(), is_before);

  for (const Clause& clause : clauses) names.push_back(clause.id);
  if (auto why = put_together(
          parts, &RunReport::cells, [](const Cell& cell) { return cell.clause; }, names, all))
    return std::move(*why);
  if (auto why = put_together(
          parts, &RunReport::disagreements, [](const Disagreement& it) { return it.clause; }, names, all))
    return std::move(*why);
  for (Disagreement& it : all.disagreements) it.reason.clear();
  names.clear();
  for (const Trait& trait : traits()) names.emplace_back(trait.name);
  if (auto why = put_together(
          parts, &RunReport::traits, [](const TraitAnswer& it) { return it.trait; }, names, all))
    return std::move(*why);
  for (Cell& cell : all.cells)
    if (cell.was) cell.verdict = *std::exchange(cell.was, std::nullopt), cell.reason.clear();

  std::map<std::string, ClauseText> texts;
  for (const RunPart& part : parts)
    for (const ClauseText& text : part.report.clauses) texts.emplace(text.id, text);
  for (const Cell& cell : all.cells)
    if (const auto text = texts.extract(cell.clause)) all.clauses.push_back(text.mapped());

  for (const StackInfo& stack : all.stacks) {
    std::map<std::pair<std::string, std::string>, Pair> pairs;
    for (const RunPart& part : parts) {
      for (const Pair& pair : part.report.pairs) {
        if (pair.stack != stack.name || pair.version != stack.version) continue;
        const auto [known, fresh] = pairs.emplace(std::pair(pair.partner, pair.partner_version), pair);
        if (fresh) continue;
        known->second.runs += pair.runs;
        for (std::size_t i = 0; i < pair.totals.size(); ++i) known->second.totals[i] += pair.totals[i];
      }
    }
    for (auto& [partner, pair] : pairs) all.pairs.push_back(std::move(pair));
  }
  if (shards) all.problems = problems_of(all.counts, all.stacks);
  all.counts = {};
  return all;
}

}  // namespace tlsbye
