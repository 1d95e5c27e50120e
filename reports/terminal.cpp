#include "reports/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

constexpr std::size_t columns_a_stack = 4;
constexpr std::size_t stack_width = 15;  // "1.2 1.3 1.2 1.3"
constexpr std::size_t stack_gap = 2;
constexpr std::size_t strength_width = 10;  // "documented"
constexpr std::size_t narrowest_clause = 24;
constexpr std::string_view legend_head =
    "Rows: what the documents say. Columns: each library, as client and as server, in TLS 1.2 and 1.3.";

// Escape sequences, or nothing.
class Ink {
 public:
  explicit Ink(bool colour) : colour_(colour) {}
  std::string of(Verdict verdict, std::string_view text) const {
    switch (verdict) {
      case Verdict::conforms:
        return paint("32", text);
      case Verdict::violates:
        return paint("31;1", text);
      case Verdict::hung:
      case Verdict::crashed:
      case Verdict::harness_error:
        return paint("37;41;1", text);
      case Verdict::discouraged:
        return paint("33", text);
      case Verdict::known:
      case Verdict::stale:
        return paint("35", text);
      case Verdict::differs:
        return paint("36", text);
      case Verdict::not_reached:
      case Verdict::unsupported:
        return paint("2", text);
    }
    return std::string(text);
  }
  std::string strong(std::string_view text) const { return paint("1", text); }
  std::string faint(std::string_view text) const { return paint("2", text); }

 private:
  std::string paint(std::string_view how, std::string_view text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", how, text) : std::string(text);
  }
  bool colour_;
};

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string paragraph(std::string_view text, std::size_t columns, std::size_t first, std::size_t hanging) {
  std::string lines;
  for (const std::string& line : text::wrap(text, columns, first, hanging)) lines += line + "\n";
  return lines;
}

// One document's rows for some of its stacks, beginning with `first`.
std::string table(const matrix::Document& document, std::size_t first, std::size_t stacks, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::size_t name_width = std::max(narrowest_clause, text::width(document.name));
  for (const matrix::Row& row : document.rows) name_width = std::max(name_width, text::width(row.clause));
  const std::size_t taken = 1 + strength_width + stacks * (stack_gap + stack_width);
  name_width = std::min(name_width, std::max(narrowest_clause, style.columns > taken ? style.columns - taken : 0));

  const std::string margin(name_width + 1 + strength_width, ' ');
  std::string names = text::padded(document.name, margin.size()), roles = margin,
              versions = text::padded("", name_width + 1) + "strength  ";
  for (std::size_t stack = first; stack < first + stacks; ++stack) {
    const std::string gap(stack_gap, ' ');
    names += gap + text::padded(document.stacks[stack].id().substr(0, stack_width), stack_width);
    roles += gap + text::padded("client", stack_width / 2 + 1) + text::padded("server", stack_width / 2);
    versions += gap + "1.2 1.3 1.2 1.3";
  }
  std::string text =
      ink.strong(without_trailing_blanks(names)) + "\n" + without_trailing_blanks(roles) + "\n" + without_trailing_blanks(versions) + "\n";
  for (const matrix::Row& row : document.rows) {
    const auto begin = row.cells.begin() + static_cast<std::ptrdiff_t>(first * columns_a_stack);
    const auto end = begin + static_cast<std::ptrdiff_t>(stacks * columns_a_stack);
    if (std::all_of(begin, end, [](const Cell* cell) { return cell == nullptr; })) continue;
    std::string line = text::padded(row.clause, name_width) + " ";
    if (text::width(row.clause) > name_width) {  // a line of its own
      text += row.clause + "\n";
      line = std::string(name_width + 1, ' ');
    }
    line += text::padded(spell(row.strength), strength_width);
    for (auto cell = begin; cell != end; ++cell) {
      const auto index = static_cast<std::size_t>(cell - begin);
      line += std::string(index % columns_a_stack == 0 ? stack_gap + 1 : 3, ' ');
      line += *cell ? ink.of((*cell)->verdict, std::string(1, matrix::mark((*cell)->verdict))) : " ";
      if (index % columns_a_stack == columns_a_stack - 1) line += " ";
    }
    text += without_trailing_blanks(line) + "\n";
  }
  return text + "\n";
}

std::string legend(const RunReport& report, const TerminalStyle& style) {
  constexpr std::size_t margin = 19;
  const Ink ink(style.colour);
  const Totals counts = totals(report);
  std::string text = paragraph(legend_head, style.columns, 0, 0);
  const auto explain = [&](const std::string& head, std::string_view meaning) {
    std::string lines = paragraph(meaning, style.columns, margin, margin);
    text += head + lines.substr(margin);
  };
  for (const matrix::Mark& each : matrix::marks())
    if (counts[static_cast<std::size_t>(each.verdict)] > 0)
      explain(fmt::format("  {} {:<15}", ink.of(each.verdict, std::string(1, each.mark)), spell(each.verdict)), each.meaning);
  explain("    (blank)        ", "the statement is not about this library or version");
  return text + "\n";
}

// The cells in short: clause, where, what was seen.
std::string short_list(std::string_view title, const std::vector<std::vector<const Cell*>>& groups, const TerminalStyle& style) {
  if (groups.empty()) return {};
  std::string text = Ink(style.colour).strong(title) + "\n\n";
  for (const auto& group : groups) {
    const Cell& cell = *group.front();
    text += paragraph(fmt::format("{} {} {}", cell.stack, cell.version, matrix::where(group)), style.columns, 0, 2);
    text += paragraph(fmt::format("{}: {}", cell.clause, cell.reason.empty() ? cell.says : cell.reason), style.columns, 2, 6);
  }
  return text + "\n";
}

}  // namespace

TerminalStyle terminal_style(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal && std::string_view(terminal) == "dumb";
  return {::isatty(descriptor) == 1 && !dumb && !(no_colour && *no_colour), 100};
}

std::string tell_cells(const std::vector<const Cell*>& alike, const std::vector<Clause>& clauses, const TerminalStyle& style) {
  const Ink ink(style.colour);
  const Cell& cell = *alike.front();
  const Clause* clause = matrix::find(clauses, cell.clause);

  const std::string who = fmt::format("{} {} {}", cell.stack, cell.version, matrix::where(alike));
  const std::string_view verdict = spell(cell.verdict);
  const std::size_t room = style.columns - std::min(style.columns, text::width(who) + verdict.size());
  std::string text = ink.strong(who) + std::string(std::max<std::size_t>(room, 2), ' ') + ink.of(cell.verdict, verdict) + "\n";

  auto lines = text::wrap(fmt::format("{}  {}", matrix::citation(cell, clauses), clause ? clause->says : ""), style.columns, 2, 4);
  const std::size_t scenario = text::width(cell.scenario);
  if (text::width(lines.back()) + 2 + scenario > style.columns) lines.emplace_back();
  if (scenario > 0) lines.back() = text::padded(lines.back(), style.columns - std::min(style.columns, scenario)) + cell.scenario;
  for (const std::string& line : lines) text += without_trailing_blanks(line) + "\n";

  text += paragraph(fmt::format("{}: {}", cell.clause, cell.says), style.columns, 2, 4);
  if (!cell.reason.empty()) text += paragraph(fmt::format("{}, {}", verdict, cell.reason), style.columns, 2, 4);
  for (const std::string& line : cell.evidence) text += paragraph(line, style.columns, 2, 14);
  if (!cell.replay.empty()) text += ink.faint("  tlsbye replay " + cell.replay) + "\n";
  return text;
}

std::string terminal(const RunReport& report, const std::vector<Clause>& clauses, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::string text = legend(report, style);
  const std::size_t fixed = narrowest_clause + 1 + strength_width;
  const std::size_t fit = std::max<std::size_t>(1, (style.columns - std::min(style.columns, fixed)) / (stack_gap + stack_width));
  for (const matrix::Document& document : matrix::documents(report))
    for (std::size_t first = 0; first < document.stacks.size(); first += fit)
      text += table(document, first, std::min(fit, document.stacks.size() - first), style);

  const auto failures = matrix::alike(report, matrix::failures());
  if (!failures.empty()) text += ink.strong("What did not conform") + "\n\n";
  for (const auto& group : failures) text += tell_cells(group, clauses, style) + "\n";
  text += short_list("Accepted deviations", matrix::alike(report, {Verdict::known}), style);
  text += short_list("What differs, as it may", matrix::alike(report, {Verdict::differs}), style);

  const auto contradictions = matrix::contradictions(report, clauses);
  if (!contradictions.empty()) text += ink.strong("Where documents contradict each other") + "\n\n";
  for (const auto& [one, other] : contradictions) {
    for (const Clause* clause : {one, other}) {
      text += paragraph(fmt::format("{}: {}", clause->id, clause->says), style.columns, 0, 4);
      text += paragraph(matrix::verdicts_of(report, clause->id), style.columns, 4, 4);
    }
    text += "\n";
  }
  text += paragraph(fmt::format("{} cells: {}", report.cells.size(), matrix::sums(report)), style.columns, 0, 2);
  if (!report.complete) text += "The run was not completed: what is missing is not-reached here.\n";
  return text;
}

}  // namespace tlsbye
