#include "reports/terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <system_error>

#include "reports/ink.h"
#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

constexpr std::size_t stack_gap = 2;
constexpr std::size_t strength_width = 10;  // "documented"
constexpr std::size_t narrowest_clause = 24;
constexpr std::size_t name_of_stack = 15;
constexpr std::size_t most_rows = 40;   // of a matrix that is shown whole
constexpr std::size_t most_facts = 10;  // told of one library; of many libraries fewer, so that all of them are read
constexpr std::size_t facts_in_all = 60;
constexpr std::size_t most_clauses = 40;  // that are told in a line
constexpr std::string_view legend_head =
    "Rows: what the documents say. Columns: each library, as client and as server, in each version of TLS.";

// How the columns of one stack stand beside each other: "1.2 1.3 1.2 1.3", under "client  server".
struct TerminalColumns {
  explicit TerminalColumns(const matrix::Document& document) : columns(document.columns) {
    bool both_twice = true;  // a role's name takes the room of two versions
    for (const Role role : {Role::client, Role::server})
      both_twice &= std::count_if(columns.begin(), columns.end(), [&](const matrix::Column& it) { return it.role == role; }) != 1;
    pitch = both_twice ? 4 : 7;
    width = std::max(name_of_stack, columns.size() * pitch - 1);
  }
  std::string roles() const {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (i == 0 || columns[i].role != columns[i - 1].role) text = text::padded(text, i * pitch) + std::string(spell(columns[i].role));
    return text::padded(text, width);
  }
  std::string versions() const {
    std::string text;
    for (const matrix::Column& column : columns) text += text::padded(spell(column.tls), pitch);
    return text::padded(text.substr(0, std::min(text.size(), width)), width);
  }

  const std::vector<matrix::Column>& columns;
  std::size_t pitch = 4, width = 0;
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

bool holds_throughout(const matrix::Row& row) {
  return std::all_of(row.cells.begin(), row.cells.end(), [](const Cell* cell) { return !cell || cell->verdict == Verdict::conforms; });
}

// One document's rows for some of its stacks, beginning with `first`.
std::string table(const matrix::Document& document, std::size_t first, std::size_t stacks, bool whole, const TerminalStyle& style) {
  const Ink ink(style.colour);
  const TerminalColumns columns(document);
  std::size_t name_width = std::max(narrowest_clause, text::width(document.name));
  for (const matrix::Row& row : document.rows)
    if (whole || !holds_throughout(row)) name_width = std::max(name_width, text::width(row.clause));
  const std::size_t taken = 1 + strength_width + stacks * (stack_gap + columns.width);
  name_width = std::min(name_width, std::max(narrowest_clause, style.columns > taken ? style.columns - taken : 0));

  const std::string margin(name_width + 1 + strength_width, ' '), gap(stack_gap, ' ');
  std::string names = text::padded(document.name, margin.size()), roles = margin,
              versions = text::padded("", name_width + 1) + "strength  ";
  for (std::size_t stack = first; stack < first + stacks; ++stack) {
    names += gap + text::padded(document.stacks[stack].id().substr(0, columns.width), columns.width);
    roles += gap + columns.roles();
    versions += gap + columns.versions();
  }
  std::string text;
  std::size_t folded = 0;
  for (const matrix::Row& row : document.rows) {
    const auto begin = row.cells.begin() + static_cast<std::ptrdiff_t>(first * columns.columns.size());
    const auto end = begin + static_cast<std::ptrdiff_t>(stacks * columns.columns.size());
    if (std::all_of(begin, end, [](const Cell* cell) { return cell == nullptr; })) continue;
    if (!whole && holds_throughout(row)) {
      ++folded;
      continue;
    }
    std::string line = text::padded(row.clause, name_width) + " ";
    if (text::width(row.clause) > name_width) {  // a line of its own
      text += row.clause + "\n";
      line = std::string(name_width + 1, ' ');
    }
    line += text::padded(spell(row.strength), strength_width);
    std::size_t used = 0;  // of the stack's width
    for (auto cell = begin; cell != end; ++cell) {
      const auto column = static_cast<std::size_t>(cell - begin) % columns.columns.size();
      if (column == 0) {
        line += std::string(cell == begin ? 0 : columns.width - used, ' ') + gap;
        used = 0;
      }
      line += std::string(column * columns.pitch + 1 - used, ' ');
      line += *cell ? ink.of((*cell)->verdict, std::string(1, matrix::mark((*cell)->verdict))) : " ";
      used = column * columns.pitch + 2;
    }
    text += without_trailing_blanks(line) + "\n";
  }
  if (folded > 0 && text.empty()) return fmt::format("{}  all {} rows conform throughout\n\n", ink.strong(document.name), folded);
  if (folded > 0) text += ink.faint(fmt::format("and {} that conform{} throughout", folded, folded == 1 ? "s" : "")) + "\n";
  return ink.strong(without_trailing_blanks(names)) + "\n" + without_trailing_blanks(roles) + "\n" + without_trailing_blanks(versions) +
         "\n" + text + "\n";
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

// What was seen once, whichever clauses speak of it: the groups of one library that have the same verdict and saw the same.
struct Fact {
  std::vector<const Cell*> cells;  // the worst clause's
  std::size_t further = 0;         // clauses that say so too
};

const std::string& said_or_reason(const Cell& cell) { return cell.reason.empty() ? cell.says : cell.reason; }

std::vector<Fact> facts_of(const matrix::Findings& stack) {
  std::vector<Fact> facts;
  for (const auto& group : stack.groups) {
    const Cell& cell = *group.front();
    const auto same = std::find_if(facts.begin(), facts.end(), [&](const Fact& fact) {
      return fact.cells.front()->verdict == cell.verdict && said_or_reason(*fact.cells.front()) == said_or_reason(cell);
    });
    if (same == facts.end())
      facts.push_back({group, 0});
    else
      ++same->further;
  }
  return facts;
}

// What one library has against it, in plain words; of more than `most` facts the worst. Puts the clauses that it names into `named`.
std::string findings(const RunReport& report, const matrix::Findings& stack, std::size_t most, const std::vector<Clause>& clauses,
                     const TerminalStyle& style, std::set<std::string>& named) {
  const Ink ink(style.colour);
  std::string text;
  const std::vector<Fact> facts = facts_of(stack);
  for (std::size_t i = 0; i < std::min(facts.size(), most); ++i) {
    const Cell& cell = *facts[i].cells.front();
    const Clause* clause = matrix::find(clauses, cell.clause);
    named.insert(cell.clause);
    const std::string verdict(spell(cell.verdict));
    const std::string lines = paragraph(fmt::format("{}{} Seen: {} ({}).", verdict, clause ? fmt::format(" \"{}\"", clause->says) : "",
                                                    said_or_reason(cell), matrix::shortly(stack.library, facts[i].cells)),
                                        style.columns, 2, 4);
    text += "  " + ink.of(cell.verdict, verdict) + lines.substr(2 + verdict.size());
    const std::size_t further = facts[i].further;
    text += paragraph(fmt::format("{} ({}){}", cell.clause, spell(cell.strength),
                                  further == 0 ? "" : fmt::format(", and {} more clause{}", further, further == 1 ? "" : "s")),
                      style.columns, 4, 6);
    if (!cell.replay.empty()) text += ink.faint("    " + replay_command(report, cell.replay)) + "\n";
  }
  if (facts.size() > most) text += fmt::format("  and {} more\n", facts.size() - most);
  return ink.strong(stack.library.id()) + "\n" + text + "\n";
}

// The other clauses that failed, a line each: "rfc8446/told  violates gnutls, openssl 3.5.9-4.0.3".
std::string further_clauses(const std::vector<matrix::Findings>& failures, const std::set<std::string>& named, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::vector<std::string_view> order;
  std::map<std::string_view, std::map<Verdict, std::vector<std::string>, std::greater<>>> whose;
  for (const auto& [library, groups] : failures) {
    for (const auto& group : groups) {
      const Cell& cell = *group.front();
      if (named.contains(cell.clause)) continue;
      if (!whose.contains(cell.clause)) order.push_back(cell.clause);
      const std::string versions = library.builds.size() > 1 ? " " + matrix::versions_of(library, group) : "";
      whose[cell.clause][cell.verdict].push_back(library.name + versions);
    }
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(order.size(), most_clauses); ++i) {
    std::vector<std::string> words;
    for (const auto& [verdict, libraries] : whose[order[i]])
      words.push_back(fmt::format("{} {}", spell(verdict), fmt::join(libraries, ", ")));
    text += paragraph(fmt::format("{}  {}", order[i], fmt::join(words, "; ")), style.columns, 2, 4);
  }
  if (order.size() > most_clauses) text += fmt::format("  and {} more, in matrix.md\n", order.size() - most_clauses);
  return text.empty() ? text : ink.strong("And these clauses") + "\n" + text + "\n";
}

// A line for the builds of a library that follow each other and have the same totals.
std::string overview(const RunReport& report, const TerminalStyle& style) {
  const Ink ink(style.colour);
  const auto lines = matrix::totals_of(report, matrix::libraries(report));
  std::size_t width = 0;
  for (const auto& [name, counts] : lines) width = std::max(width, text::width(name));
  std::string text;
  for (const auto& [name, counts] : lines) {
    const std::string sums = paragraph(matrix::sums(counts), style.columns, width + 2, width + 2);
    text += ink.strong(text::padded(name, width)) + sums.substr(std::min(sums.size(), width));
  }
  return text.empty() ? text : text + "\n";
}

std::string tables(const RunReport& report, const TerminalStyle& style) {
  std::string text;
  const std::vector<matrix::Document> documents = matrix::documents(report);
  std::size_t rows = 0;
  for (const matrix::Document& document : documents) rows += document.rows.size();
  const std::size_t fixed = narrowest_clause + 1 + strength_width;
  const std::size_t room = style.columns - std::min(style.columns, fixed);
  for (const matrix::Document& document : documents) {
    const std::size_t fit = std::max<std::size_t>(1, room / (stack_gap + TerminalColumns(document).width));
    for (std::size_t first = 0; first < document.stacks.size(); first += fit)
      text += table(document, first, std::min(fit, document.stacks.size() - first), rows <= most_rows, style);
  }
  return text;
}

// The cells that have another verdict with another partner, those that no list explains.
std::string disagreements(const RunReport& report, const TerminalStyle& style) {
  const Ink ink(style.colour);
  constexpr std::size_t most = 20;
  std::string text;
  std::size_t unexplained = 0;
  for (const Disagreement& it : report.disagreements) {
    if (!it.reason.empty() || ++unexplained > most) continue;
    text += paragraph(told(it), style.columns, 0, 2);
    for (const auto& found : it.found) text += ink.faint("  " + replay_command(report, found.replay)) + "\n";
  }
  if (unexplained > 0) text = ink.strong("Verdicts that depend on the partner, and nothing says why") + "\n\n" + text;
  if (unexplained > most) text += fmt::format("and {} more, in matrix.md and run.json\n", unexplained - most);
  if (const std::size_t explained = report.disagreements.size() - unexplained; explained > 0)
    text += fmt::format("{} {} on the partner, and the list of known deviations says why\n", explained,
                        explained == 1 ? "verdict depends" : "verdicts depend");
  return text.empty() ? text : text + "\n";
}

}  // namespace

TerminalStyle terminal_style(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal && std::string_view(terminal) == "dumb";
  return {::isatty(descriptor) == 1 && !dumb && !(no_colour && *no_colour), terminal_columns(descriptor)};
}

std::size_t terminal_columns(int descriptor, std::size_t narrowest) {
  constexpr std::size_t usual = 100, widest = 250;
  std::size_t columns = 0;
  if (const char* asked = std::getenv("COLUMNS")) {
    const std::string_view text(asked);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
    if (error != std::errc{} || end != text.data() + text.size()) columns = 0;
  }
  struct winsize size {};
  if (columns == 0 && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns == 0 ? usual : std::clamp(columns, narrowest, widest);
}

std::string tell_cells(const std::vector<const Cell*>& alike, const std::vector<Clause>& clauses, const TerminalStyle& style,
                       const Provenance& provenance) {
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
  for (const EvidenceLine& line : cell.evidence) text += paragraph(told(line), style.columns, 2, 14);
  if (!cell.replay.empty()) text += ink.faint("  tlsbye replay " + cell.replay + more_replay_words(provenance)) + "\n";
  return text;
}

std::string terminal(const RunReport& report, const std::vector<Clause>& clauses, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::string text = overview(report, style);
  const auto failures = matrix::by_library(report, matrix::failures());
  if (!failures.empty()) {
    text += ink.strong("What did not conform, worst first") + "\n\n";
    const std::size_t each = std::clamp<std::size_t>(facts_in_all / failures.size(), 3, most_facts);
    std::set<std::string> named;
    for (const matrix::Findings& library : failures) text += findings(report, library, each, clauses, style, named);
    text += further_clauses(failures, named, style);
  }
  text += disagreements(report, style);
  if (style.all) text += tables(report, style) + legend(report, style);
  const Totals counts = totals(report);
  text += paragraph(fmt::format("{} cells: {}", report.cells.size(), matrix::sums(report)), style.columns, 0, 2);
  if (const std::string made = matrix::made(report); !made.empty()) text += paragraph(made, style.columns, 0, 2);
  if (counts[static_cast<std::size_t>(Verdict::not_reached)] > 0 && !report.provenance.choice.sweep)
    text += paragraph("What was not reached proves nothing; `tlsbye run --sweep` reaches more of it.", style.columns, 0, 2);
  if (!report.complete) text += "The run was not completed: what is missing is not-reached here.\n";
  text += paragraph("`tlsbye show CLAUSE` tells one clause, `tlsbye replay` one run; `--all` shows the whole matrix.", style.columns, 0, 2);
  return text;
}

}  // namespace tlsbye
