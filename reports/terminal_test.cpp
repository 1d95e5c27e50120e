#include "reports/terminal.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <regex>
#include <sstream>

#include "reports/golden.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const TerminalStyle coloured{true, 100};
const TerminalStyle whole{false, 100, true};

std::string terminal_text(const RunReport& report, const TerminalStyle& style = {}) { return tlsbye::terminal(report, {}, style); }

TEST(Terminal, IsAsItAlwaysWas) { expect_golden("terminal.txt", terminal_text(sample_report(), whole)); }

TEST(Terminal, ColourChangesNothingButColour) {
  const std::string text = terminal_text(sample_report(), coloured);
  EXPECT_THAT(text, HasSubstr("\x1b["));
  EXPECT_EQ(std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), ""), terminal_text(sample_report()));
}

TEST(Terminal, NoLineButAReplayCommandIsWiderThanItMayBe) {
  for (const std::size_t columns : {80U, 100U, 140U}) {
    std::istringstream lines(terminal_text(sample_report(), {false, columns, true}));
    for (std::string line; std::getline(lines, line);)
      if (line.find("tlsbye replay") == std::string::npos) {
        EXPECT_LE(text::width(line), columns) << line;
      }
  }
}

TEST(Terminal, MoreStacksThanFitGetASecondTable) {
  RunReport report = sample_report();
  const std::vector<Cell> cells = report.cells;
  for (const char* version : {"3.8.0", "3.8.1"}) {
    report.stacks.push_back({"gnutls", version, {}});
    for (Cell cell : cells) {
      if (cell.stack != "gnutls") continue;
      cell.version = version;
      report.cells.push_back(cell);
    }
  }
  const std::string text = terminal_text(report, whole);
  EXPECT_THAT(text, HasSubstr("gnutls 3.8.1"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find("tlsbye replay") == std::string::npos) {
      EXPECT_LE(text::width(line), 100U) << line;
    }
}

TEST(Terminal, AClauseIsToldOnceForAllColumnsThatBrokeIt) {
  const std::string text = terminal_text(sample_report());
  EXPECT_THAT(text, HasSubstr("  violates Seen: a write after the close was sent (client 1.2 1.3; server 1.3).\n"));
  EXPECT_EQ(text.find("rfc8446/nothing-after-close-notify"), text.rfind("rfc8446/nothing-after-close-notify"));
}

TEST(Terminal, TheWorstComesFirstAndTheShortestReplayIdIsNamed) {
  RunReport report = sample_report();
  for (Cell& cell : report.cells)
    if (cell.verdict == Verdict::violates && cell.role == Role::server) cell.replay = "short";
  const std::string text = terminal_text(report);
  EXPECT_THAT(text, HasSubstr("tlsbye replay short --scenarios 'my scenarios'\n"));
  EXPECT_LT(text.find("  harness-error Seen"), text.find("  crashed Seen"));
  EXPECT_LT(text.find("  crashed Seen"), text.find("  stale Seen"));
}

// The sample with clauses that nobody but gnutls breaks, in a document of their own.
RunReport with_broken_clauses(int count) {
  RunReport report = sample_report();
  for (int i = 0; i < count; ++i) {
    Cell cell = report.cells.front();
    cell.clause = "gnutls-more/clause-" + std::to_string(i);
    cell.verdict = Verdict::violates;
    cell.says = "fault " + std::to_string(i);
    report.cells.push_back(cell);
  }
  return report;
}

TEST(Terminal, OfManyFindingsTheRestIsCounted) {
  const std::string text = terminal_text(with_broken_clauses(100));
  EXPECT_THAT(text, HasSubstr("  violates Seen: fault 0 (client 1.2).\n    gnutls-more/clause-0 (documented)\n"));
  EXPECT_THAT(text, Not(HasSubstr("gnutls-more/clause-30 (")));
  EXPECT_THAT(text, HasSubstr("  and 94 more\n"));
  EXPECT_THAT(text, HasSubstr("And these clauses\n  gnutls-more/clause-7  violates gnutls\n")) << "the others have a line each";
  EXPECT_THAT(text, Not(HasSubstr("gnutls-more/clause-50 ")));
  EXPECT_THAT(text, HasSubstr("  and 54 more, in matrix.md\n"));
}

TEST(Terminal, AFactIsToldOnceWhicheverClausesSpeakOfIt) {
  RunReport report = with_broken_clauses(3);
  for (Cell& cell : report.cells)
    if (cell.clause.starts_with("gnutls-more/")) cell.says = "the same";
  const std::string text = terminal_text(report);
  EXPECT_THAT(text, HasSubstr("    gnutls-more/clause-0 (documented), and 2 more clauses\n"));
  EXPECT_EQ(text.find("the same"), text.rfind("the same"));
}

TEST(Terminal, EachLibraryHasALineFirstAndTheMatrixIsShownWhereItIsAskedFor) {
  const std::string text = terminal_text(sample_report());
  EXPECT_THAT(text, StartsWith("gnutls 3.7.9"));
  EXPECT_THAT(text, HasSubstr("\nwolfssl 5.5.4   "));
  EXPECT_THAT(text, Not(HasSubstr("strength")));
  EXPECT_THAT(text, HasSubstr("against"));
  EXPECT_THAT(terminal_text(sample_report(), whole), HasSubstr("strength"));
}

TEST(Terminal, OfALongMatrixRowsThatConformThroughoutAreCounted) {
  RunReport report = with_broken_clauses(100);
  for (Cell& cell : report.cells)
    if (cell.clause.starts_with("rfc8446/")) cell.verdict = Verdict::conforms;
  EXPECT_THAT(terminal_text(report, whole), HasSubstr("rfc8446  all 3 rows conform throughout\n"));
  report.cells.back().clause = "rfc8446/one-more";
  EXPECT_THAT(terminal_text(report, whole), HasSubstr("and 3 that conform throughout\n"));
}

TEST(Terminal, VersionsThatAgreeAreToldOnce) {
  RunReport report = sample_of_versions();
  const std::string text = terminal_text(report);
  EXPECT_THAT(text, StartsWith("gnutls 3.7.9-3.8.9  "));
  EXPECT_THAT(text, HasSubstr("\ngnutls 3.7.9-3.8.9\n  harness-error Seen: no more descriptors (3.7.9-3.8.9, client 1.3).\n"));
  EXPECT_THAT(text, Not(HasSubstr("3.8.0")));
  for (Cell& cell : report.cells)
    if (cell.version == "3.8.0") cell.verdict = Verdict::conforms;
  EXPECT_THAT(terminal_text(report), HasSubstr("Seen: no more descriptors (3.7.9, 3.8.9, client 1.3).\n"));
}

TEST(Terminal, ADocumentAboutOldVersionsHasTheirColumns) {
  RunReport report;
  report.stacks = {sample_report().stacks.front()};
  for (const Tls tls : {Tls::v1_0, Tls::v1_1, Tls::v1_2}) {
    Cell cell = sample_report().cells.front();
    cell.clause = "rfc2246/told";
    cell.tls = tls;
    cell.verdict = tls == Tls::v1_1 ? Verdict::violates : Verdict::conforms;
    report.cells.push_back(cell);
  }
  EXPECT_THAT(terminal_text(report, whole), HasSubstr("strength    1.0 1.1 1.2\ntold                     documented   +   X   +\n"));
}

TEST(Terminal, AClauseThatIsNoLongerThereIsToldByItsRows) {
  const RunReport report = sample_report();
  EXPECT_THAT(tell_cells({&report.cells.front()}, {}), HasSubstr("ROW-1 (documented)"));
}

TEST(Terminal, ARunThatWasNotCompletedSaysSo) {
  RunReport report = sample_report();
  report.complete = false;
  EXPECT_THAT(terminal_text(report), HasSubstr("not completed"));
}

TEST(Terminal, ARunOfNothingIsToldAsNothing) { EXPECT_THAT(terminal_text(RunReport{}), HasSubstr("0 cells: no cells")); }

TEST(Terminal, APipeGetsNoColour) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(terminal_style(ends[1]).colour);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Text, WrapsAtBlanksAndKeepsWhatStandsInColumns) {
  EXPECT_THAT(text::wrap("one two three", 9, 2, 4), ElementsAre("  one two", "    three"));
  EXPECT_THAT(text::wrap("   7   close    done", 100, 2, 4), ElementsAre("     7   close    done"));
  EXPECT_THAT(text::wrap("unbreakable", 4, 0, 0), ElementsAre("unbreakable"));
  EXPECT_THAT(text::wrap("", 4, 2, 0), ElementsAre("  "));
}

TEST(Text, CountsCharactersAndNotBytes) {
  EXPECT_EQ(text::width("\xc2\xa7 6.1"), 5U);
  EXPECT_EQ(text::padded("\xc2\xa7", 3), "\xc2\xa7  ");
}

TEST(Text, ListsAsPeopleDo) {
  EXPECT_EQ(text::list({}), "");
  EXPECT_EQ(text::list({"a"}), "a");
  EXPECT_EQ(text::list({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace tlsbye
