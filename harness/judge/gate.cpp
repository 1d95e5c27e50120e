#include "harness/judge/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

namespace tlsbye {
namespace {

constexpr std::size_t screenful = 24;  // lines of a terminal at its usual size

bool reached(const Cell& cell) {
  const Verdict verdict = cell.was.value_or(cell.verdict);
  return verdict != Verdict::not_reached && verdict != Verdict::unsupported;
}

// The columns that a stack claims, that have cells, and in which not one cell was reached.
std::vector<std::string> empty_columns(const RunReport& report) {
  std::vector<std::string> faults;
  for (const StackInfo& stack : report.stacks) {
    std::map<std::pair<Role, Tls>, bool> columns;
    for (const Cell& cell : report.cells)
      if (cell.stack == stack.name && cell.version == stack.version) columns[{cell.role, cell.tls}] |= reached(cell);
    for (const auto& [column, any_reached] : columns) {
      const auto [role, tls] = column;
      if (!any_reached && stack.can(spell(role)) && stack.can(fmt::format("tls-{}", spell(tls))))
        faults.push_back(
            fmt::format("{} says that it can be {} of TLS {}, and no run came to any clause there", stack.id(), spell(role), spell(tls)));
    }
  }
  return faults;
}

// "client 1.2, client 1.3": the cells of one clause, stack and verdict are told in one line. `again`: the run behind the first line.
std::vector<std::string> unexpected_lines(const RunReport& report, Verdict fail_on, std::string& again) {
  struct Group {
    const Cell* first;
    Verdict verdict;
    std::string what, where;
  };
  std::vector<Group> groups;
  std::map<std::tuple<std::string, std::string, Verdict>, std::size_t> known;
  for (const Cell& cell : report.cells) {
    if (!unexpected(cell.verdict, fail_on)) continue;
    const std::string stack = cell.stack + " " + cell.version;
    const auto [place, fresh] = known.try_emplace({cell.clause, stack, cell.verdict}, groups.size());
    if (fresh) groups.push_back({&cell, cell.verdict, fmt::format("{}  {}", stack, cell.clause), {}});
    std::string& where = groups[place->second].where;
    where += fmt::format("{}{} {}", where.empty() ? "" : ", ", spell(cell.role), spell(cell.tls));
  }
  std::stable_sort(groups.begin(), groups.end(), [](const Group& one, const Group& other) { return one.verdict > other.verdict; });
  if (!groups.empty() && !groups.front().first->replay.empty()) again = replay_command(report, groups.front().first->replay);
  std::vector<std::string> lines;
  for (const Group& group : groups) lines.push_back(fmt::format("{:<13}  {}  ({})", spell(group.verdict), group.what, group.where));
  return lines;
}

// What the list did, in a few lines; nothing where there is none.
std::vector<std::string> told_of(const KnownResult& known) {
  std::vector<std::string> lines;
  if (known.taken.empty() && known.not_asked == 0) return lines;
  std::size_t cells = 0;
  for (const KnownResult::Taken& taken : known.taken) cells += taken.cells;
  lines.push_back(fmt::format("  known: {} {} {} {}", known.taken.size(), known.taken.size() == 1 ? "entry takes" : "entries take", cells,
                              cells == 1 ? "cell" : "cells"));
  if (known.not_asked > 0)
    lines.back() += fmt::format("; {} {} not asked{}", known.not_asked, known.not_asked == 1 ? "was" : "were",
                                known.narrower.empty() ? "" : fmt::format(" (this run may show less than others: {})", known.narrower));
  constexpr std::size_t most = 4;
  if (!known.idle.empty())
    lines.push_back(fmt::format("  {} also what does not fail any more (`tlsbye gate --prune` narrows {}):",
                                known.idle.size() == 1 ? "one entry accepts" : fmt::format("{} entries accept", known.idle.size()),
                                known.idle.size() == 1 ? "it" : "them"));
  for (std::size_t i = 0; i < std::min(known.idle.size(), most); ++i) lines.push_back("    " + known.idle[i].told());
  if (known.idle.size() > most) lines.push_back(fmt::format("    and {} more; --json has them all", known.idle.size() - most));
  return lines;
}

}  // namespace

bool unexpected(Verdict verdict, Verdict fail_on) {
  switch (verdict) {
    case Verdict::violates:
    case Verdict::hung:
    case Verdict::crashed:
    case Verdict::harness_error:
    case Verdict::stale:
      return true;
    case Verdict::differs:
    case Verdict::discouraged:
      return verdict >= fail_on;
    case Verdict::not_reached:
    case Verdict::unsupported:
    case Verdict::conforms:
    case Verdict::known:
      break;
  }
  return false;
}

std::vector<std::string> missing_cells(const RunReport& report, const std::vector<Clause>& clauses) {
  using Place = std::tuple<std::string, std::string, std::string, Role, Tls>;
  const auto place = [](const Cell& cell) { return Place{cell.clause, cell.stack, cell.version, cell.role, cell.tls}; };
  std::set<std::string> told_of;
  std::set<Role> roles;
  std::set<Tls> versions;
  std::set<Place> there;
  for (const Cell& cell : report.cells) {
    told_of.insert(cell.clause);
    roles.insert(cell.role);
    versions.insert(cell.tls);
    there.insert(place(cell));
  }
  std::vector<Clause> asked;
  std::copy_if(clauses.begin(), clauses.end(), std::back_inserter(asked),
               [&](const Clause& clause) { return told_of.contains(clause.id); });
  Judge::Scope scope;
  scope.stacks = report.stacks;
  scope.roles = {roles.begin(), roles.end()};
  scope.tls = {versions.begin(), versions.end()};
  const std::vector<Trait> no_questions;
  const RunReport promised = Judge(asked, scope, no_questions).report();
  std::map<std::string, std::pair<std::size_t, std::string>> columns;  // how many are missing, and the first of them
  for (const Cell& cell : promised.cells)
    if (!there.contains(place(cell))) {
      auto& [count, first] = columns[fmt::format("{} {} as {}, TLS {}", cell.stack, cell.version, spell(cell.role), spell(cell.tls))];
      if (count++ == 0) first = cell.clause;
    }
  std::vector<std::string> lines;
  for (const auto& [column, missing] : columns)
    lines.push_back(fmt::format("{}: {} {} missing from the run, first {}", column, missing.first,
                                missing.first == 1 ? "cell is" : "cells are", missing.second));
  return lines;
}

GateResult gate(const RunReport& report, const KnownResult& known, Verdict fail_on) {
  GateResult result;
  std::string again;
  result.unexpected = unexpected_lines(report, fail_on, again);
  if (!report.complete) result.faults.emplace_back("the run was not completed");
  if (report.cells.empty()) {
    if (report.problems.empty()) result.faults.emplace_back("the run has no cells: it asked nothing");
  } else if (totals(report)[static_cast<std::size_t>(Verdict::conforms)] == 0)
    result.faults.emplace_back("no cell conforms: this run proves nothing");
  // Of chosen scenarios one partner may have missed the one that decides.
  const Choice& choice = report.provenance.choice;
  const bool whole = report.complete && choice.scenarios.empty() && !choice.io;
  for (const Disagreement& it : report.disagreements)
    if (whole && it.reason.empty()) result.faults.push_back("depends on the partner: " + told(it));
  for (std::string& fault : empty_columns(report)) result.faults.push_back(std::move(fault));
  for (const std::string& problem : report.problems) result.faults.push_back(problem);
  for (const std::string& entry : known.faults) result.faults.push_back("stale: " + entry);
  result.green = result.unexpected.empty() && result.faults.empty();

  const std::vector<std::string> entries = told_of(known);
  if (result.green) {
    const std::size_t excused = totals(report)[static_cast<std::size_t>(Verdict::known)];
    result.summary =
        fmt::format("gate: green, {} cells{}\n", report.cells.size(), excused ? fmt::format(", {} of them known", excused) : "");
    for (const std::string& line : entries) result.summary += line + "\n";
    // The entries that take most first.
    std::vector<KnownResult::Taken> taken = known.taken;
    std::stable_sort(taken.begin(), taken.end(), [](const auto& one, const auto& other) { return one.cells > other.cells; });
    const std::size_t room = screenful - 2 - entries.size();
    for (std::size_t i = 0; i < std::min(taken.size(), room); ++i)
      result.summary += fmt::format("  {:>4} {}  {}\n", taken[i].cells, taken[i].cells == 1 ? "cell " : "cells", taken[i].entry);
    if (taken.size() > room) result.summary += fmt::format("  and {} more entries; --json has them all\n", taken.size() - room);
    return result;
  }
  std::size_t cells = 0;
  for (const Cell& cell : report.cells) cells += unexpected(cell.verdict, fail_on);
  result.summary = fmt::format("gate: red, {} unexpected {}, {} {} of the run itself\n", cells, cells == 1 ? "cell" : "cells",
                               result.faults.size(), result.faults.size() == 1 ? "fault" : "faults");
  for (const std::string& line : entries) result.summary += line + "\n";
  // Both lists are told; a long one leaves the other its half of the screen.
  const std::size_t room = screenful - (again.empty() ? 3 : 4) - entries.size();
  const std::size_t faults = std::min(result.faults.size(), std::max(room / 2, room - std::min(room, result.unexpected.size())));
  const std::size_t lines = std::min(result.unexpected.size(), room - faults);
  for (std::size_t i = 0; i < faults; ++i) result.summary += "  " + result.faults[i] + "\n";
  for (std::size_t i = 0; i < lines; ++i) {
    result.summary += "  " + result.unexpected[i] + "\n";
    if (i == 0 && !again.empty()) result.summary += fmt::format("  again: {}\n", again);
  }
  if (const std::size_t rest = result.faults.size() + result.unexpected.size() - faults - lines; rest > 0)
    result.summary += fmt::format("  and {} more\n", rest);
  return result;
}

}  // namespace tlsbye
