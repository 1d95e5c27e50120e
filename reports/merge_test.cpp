#include "reports/merge.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reports/golden.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The sample without marks of accepted deviations, which a part has none of.
RunReport whole() {
  RunReport report = sample_report();
  for (Cell& cell : report.cells)
    if (cell.was) cell.verdict = *std::exchange(cell.was, std::nullopt), cell.reason.clear();
  report.problems.clear();
  return report;
}

// The part of it that has the columns whose number says so.
RunPart part(std::size_t number, std::size_t of) {
  RunReport report = whole();
  const auto is_elsewhere = [&](const auto& entry) {
    return (static_cast<std::size_t>(entry.role) * 4 + static_cast<std::size_t>(entry.tls) + entry.stack.size()) % of != number - 1;
  };
  std::erase_if(report.cells, is_elsewhere);
  std::erase_if(report.traits, is_elsewhere);
  std::erase_if(report.clauses, [&](const ClauseText& text) {
    return std::none_of(report.cells.begin(), report.cells.end(), [&](const Cell& cell) { return cell.clause == text.id; });
  });
  report.runs = number == 1 ? report.runs : 0;
  report.duration_s = number == 1 ? report.duration_s : 0;
  if (number != 1) report.pairs.clear();
  report.shard = Shard{number, of};
  return {report, "part " + std::to_string(number)};
}

std::string json_of(const std::variant<RunReport, std::string>& made) {
  const auto* why = std::get_if<std::string>(&made);
  return why ? *why : run_json(std::get<RunReport>(made));
}

TEST(Merge, PartsInAnyOrderAndOfAnyNumberAreTheWhole) {
  const auto clauses = sample_clauses();
  const std::string wanted = run_json(whole());
  EXPECT_EQ(json_of(merged({part(1, 1)}, clauses)), wanted);
  EXPECT_EQ(json_of(merged({part(2, 2), part(1, 2)}, clauses)), wanted);
  EXPECT_EQ(json_of(merged({part(2, 4), part(4, 4), part(1, 4), part(3, 4)}, clauses)), wanted);
}

TEST(Merge, PartsSurviveBeingWrittenAndRead) {
  RunPart one = part(1, 2);
  one.report.counts = {{"before"},
                       {{7, "lost"}},
                       {{"gnutls", "3.7.9", "as client, TLS 1.3", 0, 2}},
                       {{"gnutls", "3.7.9", "peek", 1, 2}},
                       {{"gnutls", "close", 1, 11}}};
  one.report.problems = problems_of(one.report.counts, one.report.stacks);
  EXPECT_EQ(parse_run(run_json(one.report), "x"), one.report);
}

TEST(Merge, WhatIsRefusedInOnePartAndKeptInAnotherIsNoBrokenPromise) {
  RunPart one = part(1, 2), other = part(2, 2);
  one.report.counts.calls = {{"gnutls", "3.7.9", "close", 0, 2}};
  other.report.counts.calls = {{"gnutls", "3.7.9", "close", 5, 0}};
  EXPECT_TRUE(std::get<RunReport>(merged({one, other}, sample_clauses())).problems.empty());
  other.report.counts.calls = {{"gnutls", "3.7.9", "close", 0, 3}};
  EXPECT_THAT(std::get<RunReport>(merged({other, one}, sample_clauses())).problems,
              ElementsAre("gnutls 3.7.9 promises `close`, and refused it whenever it was asked, in 5 runs"));
}

TEST(Merge, PartsThatDoNotFitTogetherAreRefused) {
  const auto clauses = sample_clauses();
  EXPECT_EQ(json_of(merged({part(1, 3), part(3, 3)}, clauses)), "part 2/3 is missing");
  EXPECT_EQ(json_of(merged({part(1, 2), part(1, 2)}, clauses)), "part 1 and part 1 are both part 1/2");
  EXPECT_EQ(json_of(merged({part(1, 2), {whole(), "all"}}, clauses)), "part 1 is a part of 2, all is a whole run");
  EXPECT_THAT(json_of(merged({{whole(), "a"}, {whole(), "b"}}, clauses)), HasSubstr("a and b both judged"));
  RunPart other = part(2, 2);
  other.report.provenance.commit = "ffff";
  EXPECT_THAT(json_of(merged({part(1, 2), other}, clauses)), HasSubstr("part 1 and part 2 were made differently: tlsbye: "));
  other = part(2, 2);
  other.report.stacks[0].build_id = "77";
  EXPECT_EQ(json_of(merged({part(1, 2), other}, clauses)), "part 2 has another build of gnutls 3.7.9 than the others");
}

TEST(Merge, RunsOfDifferentLibrariesBecomeOne) {
  const auto only = [](const std::string& name) {
    RunReport report = whole();
    std::erase_if(report.stacks, [&](const StackInfo& it) { return it.name != name; });
    std::erase_if(report.cells, [&](const Cell& it) { return it.stack != name; });
    std::erase_if(report.traits, [&](const TraitAnswer& it) { return it.stack != name; });
    std::erase_if(report.pairs, [&](const Pair& it) { return it.stack != name; });
    return RunPart{report, name};
  };
  const auto made = merged({only("wolfssl"), only("gnutls"), only("openssl")}, sample_clauses());
  EXPECT_EQ(std::get<RunReport>(made).cells, whole().cells);
  EXPECT_EQ(std::get<RunReport>(made).stacks, whole().stacks);
}

}  // namespace
}  // namespace tlsbye
