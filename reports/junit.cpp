#include "reports/junit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "reports/matrix.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

// A text for an attribute or an element. Written by hand, since what a library says may hold characters that no XML can, escaped or not
// (XML 1.0, 2.2): those are told by their numbers.
std::string xml(std::string_view text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else if (c == '\n')
      safe += "&#10;";
    else if (c < 0x20 || c == 0x7f)
      safe += fmt::format("\\x{:02x}", c);
    else if (c < 0x80)
      safe += text[i];
    else {
      const std::size_t length = text::character(text.substr(i));
      if (length == 0)
        safe += fmt::format("\\x{:02x}", c);
      else
        safe += text.substr(i, length), i += length - 1;
    }
  }
  return safe;
}

enum class Result : std::uint8_t { passed, failed, error, skipped };

Result junit_result(Verdict verdict) {
  switch (verdict) {
    case Verdict::conforms:
    case Verdict::differs:
    case Verdict::discouraged:
      return Result::passed;
    case Verdict::violates:
    case Verdict::hung:
    case Verdict::crashed:
    case Verdict::stale:
      return Result::failed;
    case Verdict::harness_error:
      return Result::error;
    case Verdict::known:
    case Verdict::unsupported:
    case Verdict::not_reached:
      break;
  }
  return Result::skipped;
}

struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  void add(Result one) {
    ++tests;
    failures += one == Result::failed;
    errors += one == Result::error;
    skipped += one == Result::skipped;
  }
};

std::string name(const Cell& cell) {
  return fmt::format("{} {} as {}, TLS {}", cell.stack, cell.version, spell(cell.role), spell(cell.tls));
}

std::string property(std::string_view name, std::string_view value) {
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", xml(name), xml(value));
}

std::string test_case(const Cell& cell, const Clause* clause, const RunReport& report) {
  std::string classname = cell.clause;
  std::replace(classname.begin(), classname.end(), '/', '.');
  std::string text = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"0\">\n", xml(classname), xml(name(cell)));
  const std::string& message = cell.reason.empty() ? cell.says : cell.reason;
  const std::string replay = cell.replay.empty() ? "" : replay_command(report, cell.replay) + "\n";
  std::string story = fmt::format("{}: {}\n", spell(cell.verdict), cell.says);
  if (!cell.reason.empty()) story += cell.reason + "\n";
  if (clause) story += fmt::format("{}\n{}\n", clause->says, fmt::join(clause->cites, "; "));
  for (const EvidenceLine& line : cell.evidence) story += told(line) + "\n";
  story += replay;
  switch (junit_result(cell.verdict)) {
    case Result::passed:
      text += fmt::format("      <system-out>{}</system-out>\n", xml(fmt::format("{}: {}\n{}", spell(cell.verdict), cell.says, replay)));
      break;
    case Result::skipped:
      text += fmt::format("      <skipped message=\"{}: {}\"/>\n", spell(cell.verdict), xml(message));
      break;
    case Result::failed:
    case Result::error: {
      const std::string_view element = junit_result(cell.verdict) == Result::error ? "error" : "failure";
      text +=
          fmt::format("      <{} type=\"{}\" message=\"{}\">{}</{}>\n", element, spell(cell.verdict), xml(message), xml(story), element);
    }
  }
  return text + "    </testcase>\n";
}

std::string attributes(const Counts& counts) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", counts.tests, counts.failures, counts.errors);
}

}  // namespace

std::string junit(const RunReport& report, const std::vector<Clause>& clauses) {
  Counts all;
  std::string suites;
  for (auto first = report.cells.begin(); first != report.cells.end();) {
    const auto last = std::find_if(first, report.cells.end(), [&](const Cell& cell) { return cell.clause != first->clause; });
    const Clause* clause = matrix::find(clauses, first->clause);
    Counts counts;
    std::string properties = property("strength", spell(first->strength)), cases;
    if (!report.provenance.day.empty()) properties += property("day", report.provenance.day);
    if (clause) {
      properties += property("says", clause->says);
      for (const std::string& citation : clause->cites) properties += property("cites", citation);
    }
    for (const std::string& row : first->ref) properties += property("catalogue", row);
    for (auto cell = first; cell != last; ++cell) {
      all.add(junit_result(cell->verdict));
      counts.add(junit_result(cell->verdict));
      if (!cell->replay.empty()) properties += property("replay: " + name(*cell), cell->replay);
      cases += test_case(*cell, clause, report);
    }
    suites +=
        fmt::format("  <testsuite name=\"{}\" {} skipped=\"{}\" time=\"0\">\n    <properties>\n{}    </properties>\n{}  </testsuite>\n",
                    xml(first->clause), attributes(counts), counts.skipped, properties, cases);
    first = last;
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {} time=\"{:.3f}\">\n{}</testsuites>\n",
                     xml(matrix::tool(report)), attributes(all), report.duration_s, suites);
}

}  // namespace tlsbye
