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
    for (const auto& [role, tls] : document.columns) {
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

// What one stack has against it, one row a clause.
std::string findings(const matrix::Findings& stack) {
  Totals counts{};
  for (const auto& group : stack.groups) ++counts[static_cast<std::size_t>(group.front()->verdict)];
  std::string text = fmt::format("### {}: {}\n\n| | clause | where | seen | run |\n|:-:|---|---|---|---|\n", plain(stack.stack->id()),
                                 matrix::sums(counts));
  for (const auto& group : stack.groups) {
    const Cell& cell = *group.front();
    text += fmt::format("| {} | {} | {} | {} | {} |\n", shown(cell.verdict), code(cell.clause), matrix::shortly(group),
                        plain(cell.reason.empty() ? cell.says : cell.reason), cell.replay.empty() ? "" : code(cell.replay));
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
std::string answers(const matrix::Question::Answered& given) {
  std::vector<std::string> told;
  for (const auto& [answer, columns] : given.answers)
    told.push_back(given.answers.size() == 1 ? plain(answer) : fmt::format("{} ({})", plain(answer), matrix::shortly(columns)));
  return fmt::format("{}", fmt::join(told, "<br>"));
}

std::string asked(const matrix::Question& question) {
  return question.question.empty() ? code(question.name) : fmt::format("{}<br>{}", plain(question.question), code(question.name));
}

std::string porting(const RunReport& report, const std::vector<Trait>& traits) {
  const std::vector<matrix::Question> all = matrix::questions(report, traits);
  if (all.empty()) return {};
  std::string text = "## Moving from one of these libraries to another, this changes\n\n| question |", rule = "|---|", alike;
  for (const StackInfo& stack : report.stacks) {
    text += fmt::format(" {} |", plain(stack.id()));
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const matrix::Question& question : all) {
    if (question.alike) {  // in the words of the stack that was asked in most columns
      const auto most = std::max_element(question.stacks.begin(), question.stacks.end(), [](const auto& one, const auto& other) {
        const auto asked_in = [](const auto& stack) {
          std::size_t count = 0;
          for (const auto& [answer, columns] : stack.answers) count += columns.size();
          return count;
        };
        return asked_in(one) < asked_in(other);
      });
      alike += fmt::format("| {} | {} |\n", asked(question), answers(*most));
      continue;
    }
    text += fmt::format("| {} |", asked(question));
    for (const auto& stack : question.stacks) text += fmt::format(" {} |", answers(stack));
    text += "\n";
  }
  if (!alike.empty()) text += "\nAnd this does not, as far as it was seen:\n\n| question | answer |\n|---|---|\n" + alike;
  return text + "\n";
}

std::string folded(std::string_view title, const std::string& text) {
  return fmt::format("<details><summary>{}</summary>\n\n{}</details>\n\n", title, text);
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

  const auto failures = matrix::by_stack(report, matrix::failures());
  if (!failures.empty()) text += "## What did not conform, worst first\n\n";
  for (const matrix::Findings& stack : failures) text += findings(stack);
  text += short_list("Accepted deviations", matrix::alike(report, {Verdict::known}));
  text += porting(report, traits);

  const auto contradictions = matrix::contradictions(report, clauses);
  if (!contradictions.empty()) text += "## Where documents contradict each other\n\n";
  for (const auto& [one, other] : contradictions) {
    for (const Clause* clause : {one, other})
      text += fmt::format("* {}: {} ({})\n", code(clause->id), plain(clause->says), plain(matrix::verdicts_of(report, clause->id)));
    text += "\n";
  }
  text += short_list("What differs, as it may", matrix::alike(report, {Verdict::differs}));
  std::string evidence;
  for (const auto& group : matrix::alike(report, matrix::failures())) evidence += finding(group, clauses);
  if (!evidence.empty()) text += "## Evidence\n\n" + folded("Every deviation, with citation and events", evidence);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace tlsbye
