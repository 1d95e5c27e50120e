#include "reports/markdown.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Markdown, IsAsItAlwaysWas) { expect_golden("matrix.md", markdown(sample_report(), sample_clauses(), sample_traits())); }

TEST(Markdown, NothingThatWasSeenIsMarkup) {
  RunReport report = sample_report();
  for (Cell& cell : report.cells) cell.says = "a | b <c> *d*";
  EXPECT_THAT(markdown(report, sample_clauses(), {}), HasSubstr("a \\| b \\<c\\> \\*d\\*"));
}

TEST(Markdown, EveryRowOfATableHasTheColumnsOfItsHead) {
  std::istringstream lines(markdown(sample_report(), sample_clauses(), sample_traits()));
  std::ptrdiff_t bars = 0;
  for (std::string line; std::getline(lines, line);) {
    std::ptrdiff_t here = 0;
    if (line.starts_with("|"))
      for (std::size_t i = 0; i < line.size(); ++i) here += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    if (here > 0 && bars > 0) {
      EXPECT_EQ(here, bars) << line;
    }
    bars = here;
  }
}

TEST(Markdown, ATraitWithoutItsQuestionIsToldByName) {
  EXPECT_THAT(markdown(sample_report(), sample_clauses(), {}), HasSubstr("| `unread-data-at-close` |"));
}

TEST(Markdown, WithoutTraitsThereIsNoTableOfThem) {
  RunReport report = sample_report();
  report.traits.clear();
  EXPECT_THAT(markdown(report, sample_clauses(), sample_traits()), Not(HasSubstr("Porting")));
}

}  // namespace
}  // namespace tlsbye
