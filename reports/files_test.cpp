// JUnit and SARIF; whether the files are valid is tested by harness/e2e/report_test.py.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "reports/golden.h"
#include "reports/junit.h"
#include "reports/sarif.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

TEST(Junit, IsAsItAlwaysWas) { expect_golden("junit.xml", junit(sample_report(), sample_clauses())); }

TEST(Junit, WhatLibrariesSayIsNeitherMarkupNorAnImpossibleCharacter) {
  RunReport report = sample_report();
  for (Cell& cell : report.cells) cell.says = "a <b> & \"c\" ]]> \x01 \xff \xc2\xa7 \xef\xbf\xbf";
  const std::string text = junit(report, sample_clauses());
  EXPECT_THAT(text, HasSubstr("a &lt;b&gt; &amp; &quot;c&quot; ]]&gt; \\x01 \\xff \xc2\xa7 \\xef\\xbf\\xbf"));
  EXPECT_EQ(text.find('\x01'), std::string::npos);
}

TEST(Junit, ARunOfNothingIsASuiteOfNothing) { EXPECT_THAT(junit(RunReport{}, {}), HasSubstr("tests=\"0\" failures=\"0\" errors=\"0\"")); }

TEST(Sarif, IsAsItAlwaysWas) { expect_golden("results.sarif", sarif(sample_report(), sample_clauses())); }

TEST(Sarif, EveryResultIsOfARuleThatIsThere) {
  const Json run = Json::parse(sarif(sample_report(), sample_clauses()))["runs"][0];
  EXPECT_EQ(run["tool"]["driver"]["rules"].size(), sample_clauses().size());
  for (const Json& result : run["results"])
    EXPECT_EQ(run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"], result["ruleId"]);
}

TEST(Sarif, TwoVersionsOfALibraryShareNoFingerprint) {
  const auto fingerprints = [](const RunReport& report) {
    std::multiset<std::string> all;
    const Json run = Json::parse(sarif(report, {}))["runs"][0];
    for (const Json& result : run["results"]) all.insert(result["partialFingerprints"]["cell/v1"].get<std::string>());
    return all;
  };
  RunReport report = sample_report();
  const std::multiset<std::string> of_one = fingerprints(report);
  EXPECT_THAT(of_one, Contains("rfc8446/nothing-after-close-notify:wolfssl:client:1.2")) << "an upgrade leaves it as it is";
  report.stacks.push_back({"wolfssl", "5.7.2", {}});
  for (Cell cell : sample_report().cells) {
    if (cell.stack != "wolfssl") continue;
    cell.version = "5.7.2";
    report.cells.push_back(cell);
  }
  const std::multiset<std::string> of_two = fingerprints(report);
  EXPECT_GT(of_two.size(), of_one.size());
  EXPECT_EQ(std::set<std::string>(of_two.begin(), of_two.end()).size(), of_two.size());
  EXPECT_THAT(of_two, Contains("rfc8446/nothing-after-close-notify:wolfssl@5.5.4:client:1.2"));
  EXPECT_THAT(of_two, Contains("rfc8446/nothing-after-close-notify:wolfssl@5.7.2:client:1.2"));
}

TEST(Sarif, ARunThatWasNotCompletedWasNotSuccessful) {
  RunReport report = sample_report();
  report.problems.clear();
  std::erase_if(report.cells, [](const Cell& cell) { return cell.verdict == Verdict::harness_error; });
  const auto successful = [&] { return Json::parse(sarif(report, {}))["runs"][0]["invocations"][0]["executionSuccessful"].get<bool>(); };
  EXPECT_TRUE(successful());
  report.complete = false;
  EXPECT_FALSE(successful());
}

TEST(Text, ACharacterIsWhatUtf8SaysAndXmlTakes) {
  EXPECT_EQ(text::character("a"), 1U);
  EXPECT_EQ(text::character("\xc2\xa7"), 2U);
  EXPECT_EQ(text::character("\xf0\x9f\x98\x80"), 4U);
  for (const char* wrong : {"", "\xc2", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\x80", "\xef\xbf\xbe"})
    EXPECT_EQ(text::character(wrong), 0U) << wrong;
}

}  // namespace
}  // namespace tlsbye
