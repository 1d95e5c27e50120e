#include "reports/markdown.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

// Text for a place between the bars of a table, or in a paragraph: nothing in it is markup.
std::string plain(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) safe += '\\';
    safe += c == '\n' ? ' ' : c;
  }
  return safe;
}

std::string code(std::string_view text) { return fmt::format("`{}`", text); }

std::string shown(Verdict verdict) {
  const char mark = matrix::mark(verdict);
  return unsigned(verdict) >= unsigned(Verdict::stale) ? fmt::format("**{}**", mark) : fmt::format("{}", plain(std::string_view(&mark, 1)));
}

std::string table(const matrix::Document& document, const std::vector<Clause>& clauses) {
  std::string text = fmt::format("## {}\n\n| clause | strength | says |", plain(document.name));
  std::string rule = "|---|---|---|";
  for (const StackInfo& stack : document.stacks)
    for (const Role role : {Role::client, Role::server})
      for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
        text += fmt::format(" {}<br>{} {} |", plain(stack.id()), spell(role), spell(tls));
        rule += ":-:|";
      }
  text += "\n" + rule + "\n";
  for (const matrix::Row& row : document.rows) {
    const Clause* clause = matrix::find(clauses, document.name + "/" + row.clause);
    text += fmt::format("| {} | {} | {} |", code(row.clause), spell(row.strength), plain(clause ? clause->says : ""));
    for (const Cell* cell : row.cells) text += cell ? fmt::format(" {} |", shown(cell->verdict)) : "  |";
    text += "\n";
  }
  return text + "\n";
}

std::string finding(const std::vector<const Cell*>& group, const std::vector<Clause>& clauses) {
  const Cell& cell = *group.front();
  const Clause* clause = matrix::find(clauses, cell.clause);
  std::string text = fmt::format("### {} {} {}: {}\n\n", plain(cell.stack), plain(cell.version), matrix::where(group), spell(cell.verdict));
  text += fmt::format("{}: {}\n\n", plain(matrix::citation(cell, clauses)), plain(clause ? clause->says : ""));
  text += fmt::format("{}: {}\n", code(cell.clause), plain(cell.says));
  if (!cell.reason.empty()) text += fmt::format("\n{}, {}\n", spell(cell.verdict), plain(cell.reason));
  if (!cell.evidence.empty()) text += fmt::format("\n```text\n{}\n```\n", fmt::join(cell.evidence, "\n"));
  if (!cell.replay.empty()) text += fmt::format("\n{}\n", code("tlsbye replay " + cell.replay));
  return text + "\n";
}

std::string short_list(std::string_view title, const std::vector<std::vector<const Cell*>>& groups) {
  if (groups.empty()) return {};
  std::string text = fmt::format("## {}\n\n", title);
  for (const auto& group : groups) {
    const Cell& cell = *group.front();
    text += fmt::format("* {} {} {}, {}: {}\n", plain(cell.stack), plain(cell.version), matrix::where(group), code(cell.clause),
                        plain(cell.reason.empty() ? cell.says : cell.reason));
  }
  return text + "\n";
}

// A stack's answers: one where all agree, else each with the columns that gave it.
std::string answers(const std::vector<const TraitAnswer*>& given) {
  std::vector<std::string> order;
  for (const TraitAnswer* each : given)
    if (std::find(order.begin(), order.end(), each->answer) == order.end()) order.push_back(each->answer);
  if (order.size() <= 1) return order.empty() ? "" : plain(order.front());
  std::vector<std::string> told;
  for (const std::string& answer : order) {
    std::vector<std::string> columns;
    for (const TraitAnswer* each : given)
      if (each->answer == answer) columns.push_back(fmt::format("{} {}", spell(each->role), spell(each->tls)));
    told.push_back(fmt::format("{} ({})", plain(answer), fmt::join(columns, ", ")));
  }
  return fmt::format("{}", fmt::join(told, "<br>"));
}

std::string traits_table(const RunReport& report, const std::vector<Trait>& traits) {
  if (report.traits.empty()) return {};
  std::string text = "## Porting: where the libraries may differ, and do\n\n| question |", rule = "|---|";
  for (const StackInfo& stack : report.stacks) {
    text += fmt::format(" {} |", plain(stack.id()));
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  std::vector<std::string> names;
  for (const TraitAnswer& answer : report.traits)
    if (std::find(names.begin(), names.end(), answer.trait) == names.end()) names.push_back(answer.trait);
  for (const std::string& name : names) {
    const auto trait = std::find_if(traits.begin(), traits.end(), [&](const Trait& each) { return each.name == name; });
    text += fmt::format("| {}{} |", trait == traits.end() ? "" : plain(trait->question) + "<br>", code(name));
    for (const StackInfo& stack : report.stacks) {
      std::vector<const TraitAnswer*> given;
      for (const TraitAnswer& answer : report.traits)
        if (answer.trait == name && answer.stack == stack.name && answer.version == stack.version) given.push_back(&answer);
      text += fmt::format(" {} |", answers(given));
    }
    text += "\n";
  }
  return text + "\n";
}

}  // namespace

std::string markdown(const RunReport& report, const std::vector<Clause>& clauses, const std::vector<Trait>& traits) {
  std::vector<std::string> stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.id());
  std::string text = fmt::format("# How {} close a TLS connection\n\n", stacks.empty() ? "no libraries" : plain(text::list(stacks)));
  text += fmt::format("{} cells from {} runs: {}.\n\n", report.cells.size(), report.runs, matrix::sums(report));
  if (!report.complete) text += "**The run was not completed:** what is missing is not-reached here.\n\n";
  for (const std::string& problem : report.problems) text += fmt::format("* Problem: {}\n", plain(problem));
  if (!report.problems.empty()) text += "\n";

  text += "| mark | verdict | meaning |\n|:-:|---|---|\n";
  for (const matrix::Mark& each : matrix::marks())
    text += fmt::format("| {} | {} | {} |\n", shown(each.verdict), spell(each.verdict), each.meaning);
  text += "|  |  | the statement is not about this library or version |\n\n";
  for (const matrix::Document& document : matrix::documents(report)) text += table(document, clauses);

  const auto failures = matrix::alike(report, matrix::failures());
  if (!failures.empty()) text += "## What did not conform\n\n";
  for (const auto& group : failures) text += finding(group, clauses);
  text += short_list("Accepted deviations", matrix::alike(report, {Verdict::known}));
  text += short_list("What differs, as it may", matrix::alike(report, {Verdict::differs}));

  const auto contradictions = matrix::contradictions(report, clauses);
  if (!contradictions.empty()) text += "## Where documents contradict each other\n\n";
  for (const auto& [one, other] : contradictions) {
    for (const Clause* clause : {one, other})
      text += fmt::format("* {}: {} ({})\n", code(clause->id), plain(clause->says), plain(matrix::verdicts_of(report, clause->id)));
    text += "\n";
  }
  text += traits_table(report, traits);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace tlsbye
