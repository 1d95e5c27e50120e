#include "reports/markdown.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "reports/golden.h"
#include "reports/markdown_text.h"
#include "reports/matrix.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Markdown, IsAsItAlwaysWas) { expect_golden("matrix.md", markdown(sample_report(), sample_references())); }

TEST(Markdown, HowToCloseSafelyIsAsItAlwaysWas) {
  expect_golden("closing-safely.md", closing_safely(sample_report(), sample_references()));
}

TEST(Markdown, NothingThatWasSeenIsMarkup) {
  RunReport report = sample_report();
  for (Cell& cell : report.cells) cell.says = "a\n```\n<c> *d*";
  report.problems = {"a | b <c> *d*"};
  const std::string text = markdown(report, sample_references());
  EXPECT_THAT(text, HasSubstr("a \\| b \\<c\\> \\*d\\*"));
  EXPECT_THAT(text, HasSubstr(": a ``` <c> *d*\n")) << "in a fence it is not markup, as long as it stays one line";
  EXPECT_THAT(closing_safely(report, sample_references()), HasSubstr("keeps \\<unread\\> data"));
}

TEST(MarkdownText, CodeHoldsBackticksAndStaysOneLine) {
  using markdown_text::code;
  EXPECT_EQ(code("a"), "`a`");
  EXPECT_EQ(code("a`b"), "``a`b``");
  EXPECT_EQ(code("`a``"), "``` `a`` ```");
  EXPECT_EQ(code("a\nb"), "`a b`");
}

TEST(Markdown, EveryRowOfATableHasTheColumnsOfItsHead) {
  std::istringstream lines(markdown(sample_report(), sample_references()));
  std::ptrdiff_t bars = 0;
  bool fenced = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) fenced = !fenced;
    std::ptrdiff_t here = 0;
    if (line.starts_with("|") && !fenced)
      for (std::size_t i = 0; i < line.size(); ++i) here += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    if (here > 0 && bars > 0) {
      EXPECT_EQ(here, bars) << line;
    }
    bars = here;
  }
  EXPECT_FALSE(fenced);
}

TEST(Markdown, EveryClauseIsNamed) {
  const std::string text = markdown(sample_report(), sample_references());
  for (const Clause& clause : sample_clauses()) EXPECT_THAT(text, HasSubstr(clause.id.substr(clause.id.find('/') + 1)));
}

TEST(Markdown, AKnownDeviationIsToldAlthoughTheClauseHasAWorseOne) {
  const std::string text = markdown(sample_report(), sample_references());
  EXPECT_THAT(text.substr(text.find("## Accepted deviations")), HasSubstr("  gnutls client 1.3: reported (https://example.org/1)\n"));
}

TEST(Markdown, FitsIntoACommentWhateverWasRun) {
  RunReport report = sample_report();
  const std::vector<Cell> cells = report.cells;
  for (int i = 0; i < 300; ++i)
    for (Cell cell : cells) {
      cell.clause += "-" + std::to_string(i);
      report.cells.push_back(std::move(cell));
    }
  std::stable_sort(report.cells.begin(), report.cells.end(), [](const Cell& one, const Cell& other) { return one.clause < other.clause; });
  report.problems.assign(50, "the same again");
  const std::string text = markdown(report, sample_references());
  EXPECT_LT(text.size(), 40'000U);
  EXPECT_GT(text.size(), 30'000U) << "and no more is left out than need be";
  EXPECT_THAT(text, HasSubstr("more; matrix.html has them all."));
  EXPECT_THAT(text, HasSubstr("* and 30 more problems, in run.json\n"));
  EXPECT_THAT(text, HasSubstr("## The rest of the matrix")) << "what was left out is counted in its place";
}

TEST(Markdown, VersionsThatAgreeAreOneColumnAndOneLine) {
  const std::string text = markdown(sample_of_versions(), sample_references());
  EXPECT_THAT(text, StartsWith("# How gnutls 3.7.9-3.8.9, openssl 3.0.17 and wolfssl 5.5.4 close a TLS connection\n"));
  EXPECT_THAT(text, HasSubstr("\n| gnutls 3.7.9-3.8.9 | "));
  EXPECT_THAT(text, HasSubstr("```text\ngnutls 3.7.9-3.8.9\n|"));
  EXPECT_THAT(text, HasSubstr("  gnutls 3.7.9-3.8.9 client 1.2"));
  EXPECT_THAT(text, HasSubstr(" gnutls 3.7.9-3.8.9 |"));
  EXPECT_THAT(text, Not(HasSubstr("3.8.0")));
}

TEST(Markdown, AVersionThatDoesOtherwiseIsMarkedAndNamed) {
  RunReport report = sample_of_versions();
  for (Cell& cell : report.cells)
    if (cell.version == "3.8.0" && cell.clause.ends_with("nothing-after-close-notify"))
      cell.verdict = Verdict::violates, cell.says = "it broke";
  report.traits.back().answers = {"error"};
  ASSERT_EQ(report.traits.back().version, "3.8.9");
  const std::string text = markdown(report, sample_references());
  EXPECT_THAT(text, HasSubstr("\n| gnutls 3.7.9 | "));
  EXPECT_THAT(text, HasSubstr("\n| gnutls 3.8.0 | "));
  EXPECT_THAT(text, HasSubstr("\n| gnutls 3.8.9 | "));
  EXPECT_THAT(text, HasSubstr("\n+*"));
  EXPECT_THAT(text, HasSubstr("  gnutls 3.8.0: it broke\n"));
  EXPECT_THAT(text, HasSubstr(" 3.7.9-3.8.0: kept<br>3.8.9: kept (client 1.2)<br>error (client 1.3) |"));
}

TEST(Markdown, APairSaysWhatItCannotDoAndWhoLacksIt) {
  RunReport report;
  report.stacks = {{"alpha", "1", {"tls-1.2", "tls-1.3", "client", "close"}}};
  const StackInfo able{"able", "1", {"tls-1.2", "tls-1.3", "client", "server", "close", "key-update", "key-log"}};
  const StackInfo old{"old", "2", {"tls-1.2", "client", "server", "ends-transport"}};
  report.provenance.partners = {able, old};
  const auto cannot = [&](const std::string& partner, const std::string& version) {
    return matrix::impossible(report, {"alpha", "1", partner, version, 1, {}});
  };
  EXPECT_THAT(cannot("able", "1"), ElementsAre("TLS 1.0 (alpha, able)", "TLS 1.1 (alpha, able)", "alpha as server (alpha)"));
  EXPECT_THAT(cannot("old", "2"), ElementsAre("TLS 1.0 (alpha, old)", "TLS 1.1 (alpha, old)", "TLS 1.3 (old)", "alpha as server (alpha)",
                                              "close (old)", "key-update (old)", "a close that leaves the transport open (old)",
                                              "the wire cannot be read: neither gives its keys"));
  EXPECT_THAT(cannot("unknown", "1"), IsEmpty());
  report.pairs = {{"alpha", "1", "old", "2", 1, {}}};
  EXPECT_THAT(markdown(report, sample_references()), HasSubstr("TLS 1.3 (old); "));
}

TEST(Markdown, ATraitWithoutItsQuestionIsToldByName) {
  EXPECT_THAT(markdown(sample_report(), {}), HasSubstr("| `unread-data-at-close` |"));
}

TEST(Markdown, WhatTheLibrariesDoAlikeStandsBelowWhatTheyDoNot) {
  RunReport report = sample_report();
  for (const StackInfo& stack : report.stacks)
    report.traits.push_back({"all-the-same", stack.name, stack.version, Role::client, Tls::v1_3, {"yes"}, "r"});
  const std::string text = markdown(report, sample_references());
  EXPECT_THAT(text, HasSubstr("| kept | error (client 1.2; server 1.3)<br>discarded or error (client 1.3) |  |\n"));
  EXPECT_THAT(text, HasSubstr("And this does not, as far as it was seen:\n\n* `all-the-same`: yes\n"));
}

TEST(Markdown, AContradictionIsToldAlthoughOneSideIsNotAboutThisRun) {
  RunReport report = sample_report();
  EXPECT_THAT(markdown(report, sample_references()), HasSubstr("* X-01: a \\| says \\<one\\> / b says another\n"));
  std::erase_if(report.cells, [](const Cell& cell) { return cell.clause.starts_with("rfc5246/"); });
  EXPECT_THAT(markdown(report, sample_references()),
              HasSubstr("* rfc8446/the-receiver-may-go-on against rfc5246/the-receiver-answers-at-once\n"));
  EXPECT_THAT(markdown(report, sample_references()), Not(HasSubstr("X-02"))) << "nothing in the run is about it";
}

TEST(Markdown, ClausesThatNameEachOtherAreNotToldTwice) {
  References references = sample_references();
  references.contradictions[0].clauses = {"rfc5246/the-receiver-answers-at-once", "rfc8446/the-receiver-may-go-on"};
  EXPECT_THAT(markdown(sample_report(), references), Not(HasSubstr(" against rfc5246/")));
}

TEST(Markdown, WithoutTraitsThereIsNoTableOfThem) {
  RunReport report = sample_report();
  report.traits.clear();
  EXPECT_THAT(markdown(report, sample_references()), Not(HasSubstr("Moving from")));
}

}  // namespace
}  // namespace tlsbye
