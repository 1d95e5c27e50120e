#include "reports/diff.h"

#include <gmock/gmock.h>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The sample with gnutls at another version.
RunReport upgraded(const std::string& version) {
  RunReport report = sample_report();
  report.stacks[0].version = version;
  for (Cell& cell : report.cells)
    if (cell.stack == "gnutls") cell.version = version;
  for (TraitAnswer& answer : report.traits)
    if (answer.stack == "gnutls") answer.version = version;
  return report;
}

TEST(Diff, ARunDoesNotDifferFromItself) {
  EXPECT_TRUE(diff(sample_report(), sample_report()).empty());
  EXPECT_EQ(tell(diff(sample_report(), sample_report())), "nothing changed\n");
}

TEST(Diff, AnUpgradeIsComparedAcrossTheTwoVersions) {
  EXPECT_TRUE(diff(sample_report(), upgraded("3.8.4")).empty());
  RunReport after = upgraded("3.8.4");
  after.cells[0].verdict = Verdict::violates;
  after.cells[2].verdict = Verdict::violates;
  const Diff found = diff(sample_report(), after);
  EXPECT_THAT(found.verdicts, SizeIs(2));
  EXPECT_EQ(tell(found),
            "Verdicts that changed for the worse\n"
            "  gnutls 3.7.9 -> 3.8.4  gnutls-bye/success-means-the-reply-came  conforms -> violates  (client 1.2, server 1.2)\n");
}

TEST(Diff, WhereBothVersionsTookPartEachIsComparedWithItself) {
  RunReport both = sample_report();
  const RunReport newer = upgraded("3.8.4");
  both.stacks.push_back(newer.stacks[0]);
  for (const Cell& cell : newer.cells)
    if (cell.stack == "gnutls") both.cells.push_back(cell);
  const Diff found = diff(sample_report(), both);
  EXPECT_THAT(found.verdicts, IsEmpty());
  EXPECT_THAT(found.removed, IsEmpty());
  EXPECT_EQ(found.added.size(), both.cells.size() - sample_report().cells.size());
}

TEST(Diff, TheWorseComesFirst) {
  RunReport after = sample_report();
  for (Cell& cell : after.cells) {
    if (cell.verdict == Verdict::crashed)
      cell.verdict = Verdict::conforms;
    else if (cell.verdict == Verdict::discouraged)
      cell.verdict = Verdict::violates;
  }
  const Diff found = diff(sample_report(), after);
  ASSERT_THAT(found.verdicts, SizeIs(3));
  EXPECT_EQ(found.verdicts.front().after.verdict, Verdict::violates);
  EXPECT_EQ(found.verdicts.back().after.verdict, Verdict::conforms);
  EXPECT_THAT(tell(found), HasSubstr("for the better\n"));
}

TEST(Diff, TraitsCountAlthoughNoVerdictChanged) {
  RunReport after = sample_report();
  after.traits[0].answer = "discarded";
  after.traits.pop_back();
  const Diff found = diff(sample_report(), after);
  EXPECT_THAT(found.verdicts, IsEmpty());
  EXPECT_THAT(found.traits, SizeIs(2));
  EXPECT_THAT(tell(found), HasSubstr("unread-data-at-close  kept -> discarded  (client 1.2)"));
  EXPECT_THAT(tell(found), HasSubstr("unread-data-at-close  error -> (no answer)  (server 1.3)"));
}

TEST(Diff, CellsThatCameOrWentAreNamed) {
  RunReport fewer = sample_report();
  fewer.cells.pop_back();
  EXPECT_THAT(diff(sample_report(), fewer).removed, SizeIs(1));
  EXPECT_THAT(diff(fewer, sample_report()).added, SizeIs(1));
  EXPECT_THAT(tell(diff(fewer, sample_report())), HasSubstr("Cells that are new"));
}

}  // namespace
}  // namespace tlsbye
