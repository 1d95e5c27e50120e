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

const TerminalStyle coloured{true, 100};

TEST(Terminal, IsAsItAlwaysWas) { expect_golden("terminal.txt", terminal(sample_report(), sample_clauses())); }

TEST(Terminal, ColourChangesNothingButColour) {
  const std::string text = terminal(sample_report(), sample_clauses(), coloured);
  EXPECT_THAT(text, HasSubstr("\x1b["));
  EXPECT_EQ(std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), ""), terminal(sample_report(), sample_clauses()));
}

TEST(Terminal, NoLineButAReplayCommandIsWiderThanItMayBe) {
  for (const std::size_t columns : {80U, 100U, 140U}) {
    std::istringstream lines(terminal(sample_report(), sample_clauses(), {false, columns}));
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
  const std::string text = terminal(report, sample_clauses());
  EXPECT_THAT(text, HasSubstr("gnutls 3.8.1"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find("tlsbye replay") == std::string::npos) {
      EXPECT_LE(text::width(line), 100U) << line;
    }
}

TEST(Terminal, CellsThatLookAlikeAreToldOnceAndOthersApart) {
  RunReport report = sample_report();
  const std::string one = "wolfssl 5.5.4 as client, TLS 1.2 and 1.3; as server, TLS 1.3 ";
  EXPECT_THAT(terminal(report, sample_clauses()), HasSubstr(one));
  for (Cell& cell : report.cells)
    if (cell.verdict == Verdict::violates && cell.role == Role::server) cell.says = "something else";
  EXPECT_THAT(terminal(report, sample_clauses()), Not(HasSubstr(one)));
  EXPECT_THAT(terminal(report, sample_clauses()), HasSubstr("wolfssl 5.5.4 as server, TLS 1.3 "));
}

TEST(Terminal, AClauseThatIsNoLongerThereIsToldByItsRows) { EXPECT_THAT(terminal(sample_report(), {}), HasSubstr("ROW-1 MUST")); }

TEST(Terminal, AContradictionIsToldAlthoughOneSideIsNotAboutThisRun) {
  RunReport report = sample_report();
  std::erase_if(report.cells, [](const Cell& cell) { return cell.clause.starts_with("rfc5246/"); });
  EXPECT_THAT(terminal(report, sample_clauses()), HasSubstr("answers it at once.\n    no cells in this run\n"));
}

TEST(Terminal, ARunThatWasNotCompletedSaysSo) {
  RunReport report = sample_report();
  report.complete = false;
  EXPECT_THAT(terminal(report, sample_clauses()), HasSubstr("not completed"));
}

TEST(Terminal, ARunOfNothingIsToldAsNothing) { EXPECT_THAT(terminal(RunReport{}, {}), HasSubstr("0 cells: no cells")); }

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
