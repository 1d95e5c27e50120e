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

TEST(Markdown, WhatTheLibrariesDoAlikeStandsBelowWhatTheyDoNot) {
  RunReport report = sample_report();
  for (const StackInfo& stack : report.stacks)
    report.traits.push_back({"all-the-same", stack.name, stack.version, Role::client, Tls::v1_3, "yes", "r"});
  const std::string text = markdown(report, sample_clauses(), sample_traits());
  EXPECT_THAT(text, HasSubstr("| kept | error (client 1.2; server 1.3)<br>discarded or error (client 1.3) |  |\n"));
  EXPECT_THAT(text, HasSubstr("And this does not, as far as it was seen:\n\n| question | answer |\n|---|---|\n| `all-the-same` | yes |\n"));
}

TEST(Markdown, AContradictionIsToldAlthoughOneSideIsNotAboutThisRun) {
  RunReport report = sample_report();
  std::erase_if(report.cells, [](const Cell& cell) { return cell.clause.starts_with("rfc5246/"); });
  EXPECT_THAT(markdown(report, sample_clauses(), {}), HasSubstr("answers it at once. (no cells in this run)\n"));
}

TEST(Markdown, WithoutTraitsThereIsNoTableOfThem) {
  RunReport report = sample_report();
  report.traits.clear();
  EXPECT_THAT(markdown(report, sample_clauses(), sample_traits()), Not(HasSubstr("Moving from")));
}

}  // namespace
}  // namespace tlsbye
