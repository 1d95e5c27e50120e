#include "reports/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "reports/markdown_text.h"
#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using namespace markdown_text;

bool is_of(const StackInfo& stack, const Cell& cell) { return cell.stack == stack.name && cell.version == stack.version; }

bool is_among(const std::vector<Verdict>& verdicts, Verdict verdict) {
  return std::find(verdicts.begin(), verdicts.end(), verdict) != verdicts.end();
}

// A clause with its cells. They stand together in a report.
struct Row {
  std::string clause;
  std::vector<const Cell*> cells;
  Verdict worst{};
};

std::vector<Row> rows_of(const RunReport& report) {
  std::vector<Row> rows;
  for (const Cell& cell : report.cells) {
    if (rows.empty() || rows.back().clause != cell.clause) rows.push_back({cell.clause, {}, cell.verdict});
    rows.back().cells.push_back(&cell);
    rows.back().worst = std::max(rows.back().worst, cell.verdict);
  }
  return rows;
}

bool names(const Contradiction& contradiction, const Row& row) {
  return std::find(contradiction.clauses.begin(), contradiction.clauses.end(), row.clause) != contradiction.clauses.end();
}

std::vector<const Cell*> of(const Row& row, const StackInfo& stack) {
  std::vector<const Cell*> cells;
  for (const Cell* cell : row.cells)
    if (is_of(stack, *cell)) cells.push_back(cell);
  return cells;
}

// The marks of these cells, each once; "." where there are none.
std::string marks(const std::vector<const Cell*>& cells) {
  std::string seen;
  for (const matrix::Mark& each : matrix::marks())
    if (std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return cell->verdict == each.verdict; })) seen += each.mark;
  return seen.empty() ? "." : seen;
}

// The marks of each stack, in columns as wide as need be.
class Columns {
 public:
  Columns(const RunReport& report, const std::vector<const Row*>& rows) : report_(&report), widths_(report.stacks.size(), 1) {
    for (const Row* row : rows)
      for (std::size_t i = 0; i < widths_.size(); ++i) widths_[i] = std::max(widths_[i], marks(of(*row, report.stacks[i])).size());
  }
  // Which column is whose: the name of each stands above it, on a line of its own.
  std::string head() const {
    std::string text, bars;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      text += bars + line(report_->stacks[i].id()) + "\n";
      bars += text::padded("|", widths_[i] + 1);
    }
    return text;
  }
  std::string of_row(const Row& row) const {
    std::string text;
    for (std::size_t i = 0; i < widths_.size(); ++i) text += text::padded(marks(of(row, report_->stacks[i])), widths_[i] + 1);
    return text;
  }

 private:
  const RunReport* report_;
  std::vector<std::size_t> widths_;
};

// What was seen of a row in cells with these verdicts: the stacks (and where, unless it is so in all of a stack's cells; the marks say both
// where all cells are alike and of one stack), what was seen, and the shortest replay id of the worst.
std::string seen(const RunReport& report, const Row& row, const std::vector<Verdict>& verdicts) {
  std::vector<std::pair<std::string, std::string>> told;  // what was seen, whose
  const Cell* worst = nullptr;
  for (const StackInfo& stack : report.stacks) {
    const std::vector<const Cell*> cells = of(row, stack);
    std::map<Verdict, std::vector<const Cell*>, std::greater<>> groups;
    for (const Cell* cell : cells)
      if (is_among(verdicts, cell->verdict)) groups[cell->verdict].push_back(cell);
    for (const auto& [verdict, group] : groups) {
      const Cell& cell = **std::min_element(group.begin(), group.end(),
                                            [](const Cell* one, const Cell* other) { return one->replay.size() < other->replay.size(); });
      std::string who = stack.name;
      if (std::count_if(report.stacks.begin(), report.stacks.end(), [&](const StackInfo& it) { return it.name == stack.name; }) > 1)
        who += " " + stack.version;
      if (group.size() < cells.size()) who += " " + matrix::shortly(group);
      if (groups.size() > 1) who += fmt::format(" {}", spell(verdict));
      const std::string& what = cell.reason.empty() ? cell.says : cell.reason;
      const auto same = std::find_if(told.begin(), told.end(), [&](const auto& each) { return each.first == what; });
      if (same == told.end())
        told.emplace_back(what, who);
      else
        same->second += ", " + who;
      if (!worst || cell.verdict > worst->verdict || (cell.verdict == worst->verdict && cell.replay.size() < worst->replay.size()))
        worst = &cell;
    }
  }
  std::string text;
  const bool clear = std::all_of(row.cells.begin(), row.cells.end(), [&](const Cell* cell) {
    return cell->verdict == row.worst && cell->stack == worst->stack && cell->version == worst->version;
  });
  for (const auto& [what, who] : told) text += clear ? fmt::format("  {}\n", line(what)) : fmt::format("  {}: {}\n", line(who), line(what));
  if (!worst->replay.empty()) text += fmt::format("  {}\n", line(worst->replay));
  return text;
}

// "  (must, X-01)": how strong a clause is, and the contradictions between documents that it is part of. What differs, as it may, is of no
// strength.
std::string notes(const Row& row, const std::vector<Contradiction>& contradictions) {
  std::vector<std::string> words;
  if (verdict_of(Finding::Kind::broken, row.cells.front()->strength) != Verdict::differs)
    words.emplace_back(spell(row.cells.front()->strength));
  for (const Contradiction& each : contradictions)
    if (!each.id.empty() && names(each, row)) words.push_back(line(each.id));
  return words.empty() ? "" : fmt::format("  ({})", fmt::join(words, ", "));
}

// The rows in which a cell has one of these verdicts, worst first, as a fenced block: a line of marks with the clause, then what was seen.
void add_rows(Fitted& text, const RunReport& report, const std::vector<Row>& rows, const std::vector<Contradiction>& contradictions,
              std::string_view title, const std::vector<Verdict>& verdicts) {
  std::vector<const Row*> own;
  for (const Row& row : rows)
    if (std::any_of(row.cells.begin(), row.cells.end(), [&](const Cell* cell) { return is_among(verdicts, cell->verdict); }))
      own.push_back(&row);
  if (own.empty()) return;
  std::stable_sort(own.begin(), own.end(), [](const Row* one, const Row* other) { return one->worst > other->worst; });
  const Columns columns(report, own);
  std::vector<std::string> blocks;
  for (const Row* row : own)
    blocks.push_back(
        fmt::format("{} {}{}\n{}", columns.of_row(*row), line(row->clause), notes(*row, contradictions), seen(report, *row, verdicts)));
  text.add(fmt::format("## {}: {} {}\n\n```text\n{}\n", title, own.size(), own.size() == 1 ? "clause" : "clauses", columns.head()), blocks,
           "```\n\n");
}

// Clauses that have nothing against them: those of a document with the same marks are one paragraph.
void add_rest(Fitted& text, const RunReport& report, const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, std::vector<const Row*>>> documents;
  for (const Row& row : rows) {
    if (row.worst > Verdict::conforms) continue;
    const std::string name = row.clause.substr(0, row.clause.find('/'));
    if (documents.empty() || documents.back().first != name) documents.push_back({name, {}});
    documents.back().second.push_back(&row);
  }
  std::vector<std::string> blocks;
  for (const auto& [name, own] : documents) {
    const Columns columns(report, own);
    std::vector<std::pair<std::string, std::vector<std::string>>> alike;  // marks, clauses
    for (const Row* row : own) {
      std::string marks = columns.of_row(*row);
      marks.pop_back();
      if (std::none_of(alike.begin(), alike.end(), [&](const auto& each) { return each.first == marks; })) alike.push_back({marks, {}});
      std::find_if(alike.begin(), alike.end(), [&](const auto& each) {
        return each.first == marks;
      })->second.push_back(plain(row->clause.substr(std::min(name.size() + 1, row->clause.size()))));
    }
    for (const auto& [marks, clauses] : alike)
      blocks.push_back(fmt::format("* {} {}: {}\n", plain(name), code(marks), fmt::join(clauses, ", ")));
  }
  if (blocks.empty()) return;
  std::vector<std::string> stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.id());
  text.add(fmt::format("## The rest of the matrix\n\nMarks: {}, in this order.\n\n", plain(text::list(stacks))), blocks, "\n");
}

void add_totals(Fitted& text, const RunReport& report) {
  const Totals all = totals(report);
  std::string head = "| |", rule = "|---|", legend;
  std::vector<Verdict> columns;
  for (const matrix::Mark& each : matrix::marks()) {
    if (all[static_cast<std::size_t>(each.verdict)] == 0) continue;
    columns.push_back(each.verdict);
    head += fmt::format(" {} {} |", code(std::string(1, each.mark)), spell(each.verdict));
    rule += "--:|";
    legend += fmt::format("* {} {}: {}\n", code(std::string(1, each.mark)), spell(each.verdict), each.meaning);
  }
  if (columns.empty()) return;
  std::string table = head + "\n" + rule + "\n";
  for (const StackInfo& stack : report.stacks) {
    table += fmt::format("| {} |", plain(stack.id()));
    for (const Verdict verdict : columns)
      table += fmt::format(" {} |", std::count_if(report.cells.begin(), report.cells.end(),
                                                  [&](const Cell& cell) { return is_of(stack, cell) && cell.verdict == verdict; }));
    table += "\n";
  }
  legend += "* `.`: the statement is not about this library\n";
  for (const StackInfo& stack : report.stacks)
    if (!stack.library.empty()) legend += fmt::format("* {} is {}\n", plain(stack.id()), plain(matrix::file_of(stack)));
  text.add(table + "\n" + legend + "\n");
}

// A stack's answers: one where all agree, else each with the columns that gave it.
std::string answers(const matrix::Question::Answered& given) {
  std::vector<std::string> told;
  for (const auto& [answer, columns] : given.answers) {
    const std::string words = plain(answer->answer());
    told.push_back(given.answers.size() == 1 ? words : fmt::format("{} ({})", words, matrix::shortly(columns)));
  }
  return fmt::format("{}", fmt::join(told, "<br>"));
}

// In the words of the stack that was asked in most columns.
std::string common_answer(const matrix::Question& question) {
  const auto asked_in = [](const auto& stack) {
    std::size_t count = 0;
    for (const auto& [answer, columns] : stack.answers) count += columns.size();
    return count;
  };
  return answers(*std::max_element(question.stacks.begin(), question.stacks.end(),
                                   [&](const auto& one, const auto& other) { return asked_in(one) < asked_in(other); }));
}

void add_porting(Fitted& text, const RunReport& report, const std::vector<Trait>& traits) {
  const std::vector<matrix::Question> all = matrix::questions(report, traits);
  std::string head = "| question |", rule = "|---|";
  for (const StackInfo& stack : report.stacks) {
    head += fmt::format(" {} |", plain(stack.id()));
    rule += "---|";
  }
  std::vector<std::string> apart, alike;
  for (const matrix::Question& question : all) {
    if (question.alike) {
      alike.push_back(fmt::format("* {}: {}\n", code(question.name), common_answer(question)));
      continue;
    }
    std::string row = question.question.empty() ? fmt::format("| {} |", code(question.name))
                                                : fmt::format("| {}<br>{} |", plain(question.question), code(question.name));
    for (const auto& stack : question.stacks) row += fmt::format(" {} |", answers(stack));
    apart.push_back(row + "\n");
  }
  if (!apart.empty())
    text.add(fmt::format("## Moving from one of these libraries to another, this changes\n\n{}\n{}\n", head, rule), apart, "\n");
  if (!alike.empty()) text.add("And this does not, as far as it was seen:\n\n", alike, "\n");
}

void add_partners(Fitted& text, const RunReport& report) {
  if (report.pairs.empty()) return;
  std::string table = "| library | against | runs | its cells, had there been no other partner |\n|---|---|--:|---|\n";
  for (const Pair& pair : report.pairs)
    table += fmt::format("| {} {} | {} {} | {} | {} |\n", plain(pair.stack), plain(pair.version), plain(pair.partner),
                         plain(pair.partner_version), pair.runs, matrix::sums(pair.totals));
  text.add("## Interoperability\n\n" + table + "\n");
}

void add_disagreements(Fitted& text, const RunReport& report) {
  std::vector<std::string> blocks;
  for (const Disagreement& it : report.disagreements) {
    std::string block = fmt::format("* {}", plain(told(it)));
    if (!it.reason.empty()) block += fmt::format("<br>{}", plain(it.reason));
    for (const auto& found : it.found) block += fmt::format("<br>{}", code(found.replay));
    blocks.push_back(block + "\n");
  }
  if (!blocks.empty()) text.add("## Verdicts that depend on the partner\n\n", std::move(blocks), "\n");
}

// Those of clauses that are told at length.
void add_contradictions(Fitted& text, const std::vector<Row>& rows, const std::vector<Contradiction>& contradictions) {
  std::vector<std::string> blocks;
  for (const Contradiction& each : contradictions)
    if (std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return row.worst > Verdict::conforms && names(each, row); }))
      blocks.push_back(each.id.empty() ? fmt::format("* {}\n", fmt::join(each.clauses, " against "))
                                       : fmt::format("* {}: {} / {}\n", plain(each.id), plain(each.a), plain(each.b)));
  if (!blocks.empty()) text.add("## Where documents contradict each other\n\n", blocks, "\n");
}

}  // namespace

std::string markdown(const RunReport& report, const References& references) {
  std::vector<std::string> stacks;
  for (const StackInfo& stack : report.stacks) stacks.push_back(stack.id());
  Fitted text("matrix.html");
  text.add(
      fmt::format("# How {} close a TLS connection\n\n{} cells from {} runs: {}. The page matrix.html has the run behind each cell; so has "
                  "`tlsbye replay` with the words below a clause.\n\n",
                  stacks.empty() ? "no libraries" : plain(text::list(stacks)), report.cells.size(), report.runs, matrix::sums(report)));
  if (const std::string made = matrix::made(report); !made.empty()) text.add(plain(made) + ".\n\n");
  if (!report.complete) text.add("**The run was not completed:** what is missing is not-reached here.\n\n");
  std::vector<std::string> problems;
  for (const std::string& problem : report.problems) problems.push_back(fmt::format("* Problem: {}\n", plain(problem)));
  constexpr std::size_t most_problems = 20;
  if (const std::size_t count = problems.size(); count > most_problems) {
    problems.resize(most_problems);
    problems.push_back(fmt::format("* and {} more problems, in run.json\n", count - most_problems));
  }
  if (!problems.empty()) text.add("", std::move(problems), "\n");
  add_totals(text, report);

  const std::vector<Row> rows = rows_of(report);
  const std::vector<Contradiction> contradictions = matrix::contradictions(report, references);
  add_rows(text, report, rows, contradictions, "What did not conform", matrix::failures());
  add_rows(text, report, rows, contradictions, "Accepted deviations", {Verdict::known});
  add_porting(text, report, references.traits);
  add_disagreements(text, report);
  add_partners(text, report);
  add_rows(text, report, rows, contradictions, "What differs, as it may", {Verdict::differs});
  add_contradictions(text, rows, contradictions);
  add_rest(text, report, rows);
  return text.text();
}

std::string closing_safely(const RunReport& report, const References& references) {
  std::string text;
  std::vector<std::string_view> told;
  for (const StackInfo& stack : report.stacks) {
    if (std::find(told.begin(), told.end(), stack.name) != told.end()) continue;
    told.push_back(stack.name);
    text += fmt::format("{}## {}\n", text.empty() ? "" : "\n", plain(advice_title(report, stack.name)));
    std::optional<AdviceRules::Section> section;
    for (const Advice& it : advise(report, stack.name, references.advice)) {
      if (section != it.section) text += fmt::format("\n### {}\n\n", advice_heading(it.section));
      section = it.section;
      text += fmt::format("{} {}{}<br>{}\n", it.section == AdviceRules::Section::calls ? "1." : "-", plain(it.sentence),
                          it.where.empty() ? "" : fmt::format(" ({})", it.where), code(it.replay));
    }
  }
  if (const std::string made = matrix::made(report); !made.empty()) text += fmt::format("\n{}.\n", plain(made));
  return text;
}

}  // namespace tlsbye
