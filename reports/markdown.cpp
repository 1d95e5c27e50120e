#include "reports/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "reports/markdown_text.h"
#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using namespace markdown_text;

bool is_among(const std::vector<Verdict>& verdicts, Verdict verdict) {
  return std::find(verdicts.begin(), verdicts.end(), verdict) != verdicts.end();
}

// A clause with its cells. They stand together in a report.
struct Row {
  std::string clause;
  std::vector<const Cell*> cells;
  std::vector<std::vector<const Cell*>> of;  // the same by build, as the report has them
  Verdict worst{};
};

std::vector<Row> rows_of(const RunReport& report) {
  std::map<std::string, std::size_t> place;
  for (const StackInfo& stack : report.stacks) place.emplace(stack.id(), place.size());
  std::vector<Row> rows;
  for (const Cell& cell : report.cells) {
    if (rows.empty() || rows.back().clause != cell.clause)
      rows.push_back({cell.clause, {}, std::vector<std::vector<const Cell*>>(report.stacks.size()), cell.verdict});
    rows.back().cells.push_back(&cell);
    if (const auto stack = place.find(cell.stack + " " + cell.version); stack != place.end())
      rows.back().of[stack->second].push_back(&cell);
    rows.back().worst = std::max(rows.back().worst, cell.verdict);
  }
  return rows;
}

// The libraries, and which cells of a row are of which of their builds.
struct Shelf {
  explicit Shelf(const RunReport& of) : report(of), libraries(matrix::libraries(of)) {}
  const std::vector<const Cell*>& cells(const Row& row, const StackInfo* build) const {
    return row.of[static_cast<std::size_t>(build - report.stacks.data())];
  }

  const RunReport& report;
  std::vector<matrix::Library> libraries;
};

bool names(const Contradiction& contradiction, const Row& row) {
  return std::find(contradiction.clauses.begin(), contradiction.clauses.end(), row.clause) != contradiction.clauses.end();
}

// The marks of these cells, each once; "." where there are none.
std::string mark_of(const std::vector<const Cell*>& cells) {
  std::string seen;
  for (const matrix::Mark& each : matrix::marks())
    if (std::any_of(cells.begin(), cells.end(), [&](const Cell* cell) { return cell->verdict == each.verdict; })) seen += each.mark;
  return seen.empty() ? "." : seen;
}

// Those of a library: of its newest build, and `*` where another of its builds has others.
std::string mark_of(const Shelf& shelf, const matrix::Library& library, const Row& row) {
  const std::string newest = mark_of(shelf.cells(row, library.builds.back()));
  const auto differs = [&](const StackInfo* build) { return mark_of(shelf.cells(row, build)) != newest; };
  const bool changed = std::any_of(library.builds.begin(), library.builds.end(), differs);
  return changed ? newest + "*" : newest;
}

// The marks of each library, in columns as wide as need be.
class MarkdownColumns {
 public:
  MarkdownColumns(const Shelf& shelf, const std::vector<const Row*>& rows) : shelf_(&shelf), widths_(shelf.libraries.size(), 1) {
    for (const Row* row : rows)
      for (std::size_t i = 0; i < widths_.size(); ++i) widths_[i] = std::max(widths_[i], mark_of(shelf, shelf.libraries[i], *row).size());
  }
  // Which column is whose: the name of each stands above it, on a line of its own.
  std::string head() const {
    std::string text, bars;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      text += bars + line(shelf_->libraries[i].id()) + "\n";
      bars += text::padded("|", widths_[i] + 1);
    }
    return text;
  }
  std::string of_row(const Row& row) const {
    std::string text;
    for (std::size_t i = 0; i < widths_.size(); ++i) text += text::padded(mark_of(*shelf_, shelf_->libraries[i], row), widths_[i] + 1);
    return text;
  }

 private:
  const Shelf* shelf_;
  std::vector<std::size_t> widths_;
};

// What was seen of a row in cells with these verdicts: the libraries (in which versions, if there are several; and where, unless it is so
// in all of a build's cells; the marks say it all where all cells are alike and of one library), what was seen, and, if `with_replay`, the
// shortest replay id of the worst.
std::string what_was_seen(const Shelf& shelf, const Row& row, const std::vector<Verdict>& verdicts, bool with_replay) {
  std::vector<std::pair<std::string, std::string>> told;  // what was seen, whose
  const Cell* worst = nullptr;
  for (const matrix::Library& library : shelf.libraries) {
    struct Alike {
      Verdict verdict;
      std::string what, where;
      std::set<std::size_t> builds;
    };
    std::vector<Alike> all;
    bool several = false;  // verdicts in one build
    for (std::size_t build = 0; build < library.builds.size(); ++build) {
      const std::vector<const Cell*>& cells = shelf.cells(row, library.builds[build]);
      std::map<Verdict, std::vector<const Cell*>, std::greater<>> groups;
      for (const Cell* cell : cells)
        if (is_among(verdicts, cell->verdict)) groups[cell->verdict].push_back(cell);
      several = several || groups.size() > 1;
      for (const auto& [verdict, group] : groups) {
        const Cell& cell = **std::min_element(group.begin(), group.end(),
                                              [](const Cell* one, const Cell* other) { return one->replay.size() < other->replay.size(); });
        const std::string what = cell.reason.empty() ? cell.says : cell.reason;
        const std::string where = group.size() < cells.size() ? matrix::shortly(group) : "";
        auto same = std::find_if(all.begin(), all.end(),
                                 [&, v = verdict](const Alike& it) { return it.verdict == v && it.what == what && it.where == where; });
        if (same == all.end()) same = all.insert(same, {verdict, what, where, {}});
        same->builds.insert(build);
        if (!worst || cell.verdict > worst->verdict || (cell.verdict == worst->verdict && cell.replay.size() < worst->replay.size()))
          worst = &cell;
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Alike& one, const Alike& other) { return one.verdict > other.verdict; });
    for (const auto& [verdict, what, where, builds] : all) {
      std::string who = library.name;
      if (library.builds.size() > 1) who += " " + library.versions(builds);
      if (!where.empty()) who += " " + where;
      if (several) who += fmt::format(" {}", spell(verdict));
      const auto same = std::find_if(told.begin(), told.end(), [&, w = what](const auto& each) { return each.first == w; });
      if (same == told.end())
        told.emplace_back(what, who);
      else
        same->second += ", " + who;
    }
  }
  std::string text;
  const bool clear = told.size() == 1 && std::all_of(row.cells.begin(), row.cells.end(), [&](const Cell* cell) {
                       return cell->verdict == row.worst && cell->stack == worst->stack;
                     });
  for (const auto& [what, who] : told) text += clear ? fmt::format("  {}\n", line(what)) : fmt::format("  {}: {}\n", line(who), line(what));
  if (with_replay && !worst->replay.empty()) text += fmt::format("  {}\n", line(worst->replay));
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
void add_rows(Fitted& text, const Shelf& shelf, const std::vector<Row>& rows, const std::vector<Contradiction>& contradictions,
              std::string_view title, const std::vector<Verdict>& verdicts, bool with_replay = true) {
  std::vector<const Row*> own;
  for (const Row& row : rows)
    if (std::any_of(row.cells.begin(), row.cells.end(), [&](const Cell* cell) { return is_among(verdicts, cell->verdict); }))
      own.push_back(&row);
  if (own.empty()) return;
  std::stable_sort(own.begin(), own.end(), [](const Row* one, const Row* other) { return one->worst > other->worst; });
  const MarkdownColumns columns(shelf, own);
  std::vector<std::string> blocks;
  for (const Row* row : own)
    blocks.push_back(fmt::format("{} {}{}\n{}", columns.of_row(*row), line(row->clause), notes(*row, contradictions),
                                 what_was_seen(shelf, *row, verdicts, with_replay)));
  text.add(fmt::format("## {}: {} {}\n\n```text\n{}\n", title, own.size(), own.size() == 1 ? "clause" : "clauses", columns.head()), blocks,
           "```\n\n");
}

// Clauses that have nothing against them: those of a document with the same marks are one paragraph.
void add_rest(Fitted& text, const Shelf& shelf, const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, std::vector<const Row*>>> documents;
  for (const Row& row : rows) {
    if (row.worst > Verdict::conforms) continue;
    const std::string name = row.clause.substr(0, row.clause.find('/'));
    if (documents.empty() || documents.back().first != name) documents.push_back({name, {}});
    documents.back().second.push_back(&row);
  }
  std::vector<std::string> blocks;
  for (const auto& [name, own] : documents) {
    const MarkdownColumns columns(shelf, own);
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
  text.add(fmt::format("## The rest of the matrix\n\nMarks: {}, in this order.\n\n", plain(matrix::names_of(shelf.libraries))), blocks,
           "\n");
}

// A line for the builds of each library that follow each other and have the same totals.
void add_totals(Fitted& text, const Shelf& shelf) {
  const RunReport& report = shelf.report;
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
  std::vector<std::string> lines;
  for (const auto& [name, counts] : matrix::totals_of(report, shelf.libraries)) {
    std::string line = fmt::format("| {} |", plain(name));
    for (const Verdict verdict : columns) line += fmt::format(" {} |", counts[static_cast<std::size_t>(verdict)]);
    lines.push_back(line + "\n");
  }
  legend += "* `.`: the statement is not about this library\n";
  for (const matrix::Library& library : shelf.libraries) {
    if (library.builds.size() > 1)
      legend += fmt::format("* {}: the marks of {}; with `*` those of another version are others\n", plain(library.name),
                            plain(library.builds.back()->version));
    else if (!library.builds.front()->library.empty())
      legend += fmt::format("* {} is {}\n", plain(library.id()), plain(matrix::file_of(*library.builds.front())));
  }
  text.add(head + "\n" + rule + "\n", lines, "\n" + legend + "\n");
}

// A stack's answers: one where all agree, else each with the columns that gave it.
std::string answers_told(const matrix::Question::Answered& given) {
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
  return answers_told(*std::max_element(question.stacks.begin(), question.stacks.end(),
                                   [&](const auto& one, const auto& other) { return asked_in(one) < asked_in(other); }));
}

void add_porting(Fitted& text, const Shelf& shelf, const std::vector<Trait>& traits) {
  const std::vector<matrix::Question> all = matrix::questions(shelf.report, traits);
  std::string head = "| question |", rule = "|---|";
  for (const matrix::Library& library : shelf.libraries) {
    head += fmt::format(" {} |", plain(library.id()));
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
    for (const matrix::Library& library : shelf.libraries) {
      std::vector<std::pair<std::string, std::set<std::size_t>>> told;  // what is answered, by which builds
      for (std::size_t build = 0; build < library.builds.size(); ++build) {
        const auto given =
            std::find_if(question.stacks.begin(), question.stacks.end(), [&](const auto& it) { return it.stack == library.builds[build]; });
        std::string words = answers_told(*given);
        if (words.empty()) continue;
        auto same = std::find_if(told.begin(), told.end(), [&](const auto& it) { return it.first == words; });
        if (same == told.end()) same = told.insert(same, {std::move(words), {}});
        same->second.insert(build);
      }
      std::vector<std::string> lines;
      for (const auto& [words, builds] : told)
        lines.push_back(told.size() == 1 ? words : fmt::format("{}: {}", plain(library.versions(builds)), words));
      row += fmt::format(" {} |", fmt::join(lines, "<br>"));
    }
    apart.push_back(row + "\n");
  }
  if (!apart.empty())
    text.add(fmt::format("## Moving from one of these libraries to another, this changes\n\n{}\n{}\n", head, rule), apart, "\n");
  if (!alike.empty()) text.add("And this does not, as far as it was seen:\n\n", alike, "\n");
}

void add_partners(Fitted& text, const RunReport& report) {
  if (report.pairs.empty()) return;
  std::vector<std::string> lines;
  for (const Pair& pair : report.pairs)
    lines.push_back(fmt::format("| {} {} | {} {} | {} | {} | {} |\n", plain(pair.stack), plain(pair.version), plain(pair.partner),
                                plain(pair.partner_version), pair.runs, matrix::sums(pair.totals),
                                plain(fmt::format("{}", fmt::join(matrix::impossible(report, pair), "; ")))));
  text.add("## Interoperability\n\n| library | against | runs | its cells, had there been no other partner | what they cannot do, and who lacks it |\n"
           "|---|---|--:|---|---|\n",
           lines, "\n");
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
  const Shelf shelf(report);
  constexpr std::size_t longest = 40'000;  // that is read; a comment on GitHub has 65,536 characters at most
  Fitted text("matrix.html", longest);
  text.add(
      fmt::format("# How {} close a TLS connection\n\n{} cells from {} runs: {}. The page matrix.html has the run behind each cell; so has "
                  "`tlsbye replay ID{}` with the id below a clause.\n\n",
                  plain(matrix::names_of(shelf.libraries)), report.cells.size(), report.runs, matrix::sums(report), more_replay_words(report.provenance)));
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
  add_totals(text, shelf);

  const std::vector<Row> rows = rows_of(report);
  const std::vector<Contradiction> contradictions = matrix::contradictions(report, references);
  add_rows(text, shelf, rows, contradictions, "What did not conform", matrix::failures());
  add_rows(text, shelf, rows, contradictions, "Accepted deviations", {Verdict::known});
  add_porting(text, shelf, references.traits);
  add_disagreements(text, report);
  add_partners(text, report);
  add_rows(text, shelf, rows, contradictions, "What differs, as it may", {Verdict::differs}, false);
  add_contradictions(text, rows, contradictions);
  add_rest(text, shelf, rows);
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
