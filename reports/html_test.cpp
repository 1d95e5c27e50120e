#include "reports/html.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

std::string page(const RunReport& report) { return html(report, sample_references(), Kept()); }

// The text of the element that holds the data.
std::string data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const auto from = page.find(begin) + begin.size();
  return page.substr(from, page.find("</script>", from) - from);
}
Json data(const std::string& page) { return Json::parse(data_of(page)); }

TEST(Html, ItsDataAreAsTheyAlwaysWere) { expect_golden("page-data.json", data(page(sample_report())).dump(1) + "\n"); }

TEST(Html, NothingInTheReportIsMarkupOrScript) {
  RunReport report = sample_report();
  const std::string evil = "<script>alert(1)</script>--><!--";
  report.stacks[0].name = evil;
  report.problems = {evil};
  for (Cell& cell : report.cells) {
    if (cell.stack == "gnutls") cell.stack = evil;
    cell.says = evil;
    cell.evidence.push_back({evil, evil, false});
  }
  const std::string text = page(report);
  EXPECT_THAT(text, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(text, HasSubstr("<title>How &lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_EQ(data_of(text).find_first_of("<>&"), std::string::npos);
  EXPECT_EQ(data(text)["stacks"][0]["name"], evil) << "and it comes back as it was";
}

TEST(Html, WhatLooksLikeAPlaceOfTheTemplateStaysWhatItIs) {
  RunReport report = sample_report();
  for (Cell& cell : report.cells) cell.says = "{{js}}";
  const std::string text = page(report);
  EXPECT_THAT(data_of(text), HasSubstr("{{js}}"));
  EXPECT_EQ(text.find("{{js}}"), text.find(data_of(text)) + data_of(text).find("{{js}}")) << "the template's own is filled";
}

TEST(Html, ALibraryMayBeCalledAsAPlaceOfTheTemplateIs) {
  for (const std::string_view place : {"{{data}}", "{{js}}", "{{css}}", "{{title}}", "{{", "}}"}) {
    RunReport report = sample_report();
    const std::string old = report.stacks[0].name;
    report.stacks[0].name = place;
    for (Cell& cell : report.cells)
      if (cell.stack == old) cell.stack = place;
    const std::string text = page(report);
    EXPECT_EQ(data(text)["stacks"][0]["name"], place);
    EXPECT_THAT(text, HasSubstr(std::string("<title>How ") + std::string(place)));
  }
}

TEST(Html, TheNumbersOfTheDecidingEventsComeFromTheEvidence) {
  const Json cells = data(page(sample_report()))["cells"];
  const auto found =
      std::find_if(cells.begin(), cells.end(), [](const Json& cell) { return cell[4] == static_cast<int>(Verdict::violates); });
  ASSERT_NE(found, cells.end());
  EXPECT_EQ((*found)[7], Json({18, 19}));
}

TEST(Html, ARunWithoutItsTranscriptIsShownByItsEvidence) {
  const Json drawn = data(html(sample_report(), sample_references(), {}));
  std::string shown;
  for (const Json& cell : drawn["cells"]) {
    EXPECT_TRUE(cell.size() == 8 || cell[8].contains("evidence") || cell[8].contains("was")) << cell;
    if (cell.size() > 8 && cell[8].contains("evidence"))
      for (const Json& line : cell[8]["evidence"]) shown += drawn["strings"][line.get<std::size_t>()].get<std::string>() + "\n";
  }
  EXPECT_THAT(shown, HasSubstr("wolfSSL_write 5, 5 bytes"));
}

// What is drawn of a run; nothing where its transcript is not there.
Json items_of(const Json& data, const Json& run) { return run.size() < 10 ? Json::array() : data["parts"][run[9].get<std::size_t>()]; }

// The kinds of a run's items, in order, where the event of that label decides.
std::vector<int> looks(const Transcript& transcript, const std::string& decides) {
  RunReport report = sample_report();
  report.cells.front().replay = "r";
  report.cells.front().evidence = {{decides, "told", true}};
  std::vector<int> all;
  const Json drawn = data(html(report, {}, Kept({{"r", transcript}})));
  for (const Json& run : drawn["transcripts"])
    if (run[0] == "r")
      for (const Json& item : items_of(drawn, run)) all.push_back(item[2]);
  return all;
}

TEST(Html, WhatGoesRoundAndRoundIsDrawnOnce) {
  Transcript transcript;
  transcript.script = {"subject  close until done"};
  transcript.add(1, Told{"first"});
  transcript.add(1, Told{"decides"});
  for (int i = 0; i < 50; ++i) {
    transcript.add(1, ApiCall{});
    transcript.add(1, Signal{Side::subject, "SIGPIPE"});
  }
  EXPECT_EQ(looks(transcript, "1.2"), (std::vector{4, 4, 0, 3, 5}));
}

TEST(Html, WhatVersionsDoAlikeIsThereOnce) {
  RunReport report = sample_report();
  Transcript transcript;
  transcript.script = {"subject  close"};
  transcript.add(1, Told{"first"});
  report.cells[0].replay = "r";
  report.cells[1].replay = "s";
  const Json drawn = data(html(report, {}, Kept({{"r", transcript}, {"s", transcript}})));
  EXPECT_EQ(drawn["parts"].size(), 2U) << "a script, and what is drawn";
}

TEST(Html, WhatDecidesIsNeverFolded) {
  Transcript transcript;
  transcript.script = {"both     handshake"};
  for (int i = 0; i < 4; ++i) transcript.add(1, TransportCall{Side::subject, Call::handshake, 1, "send", Flow::send, 5, 5, "", false});
  EXPECT_EQ(looks(transcript, "1.io-2"), (std::vector{4})) << "the second decides, the others tell nothing";
}

Record alert_of(Side from) {
  Record record;
  record.from = from;
  record.type = ContentType::alert;
  record.alert = Alert{1, 0};
  record.wire_bytes = 24;
  return record;
}

// Each arrow of a run: where it begins and ends, and what is written on it.
std::vector<std::string> arrows(const Transcript& transcript) {
  RunReport report = sample_report();
  report.cells.front().replay = "r";
  const Json all = data(html(report, {}, Kept({{"r", transcript}})));
  std::vector<std::string> told;
  for (const Json& run : all["transcripts"])
    if (run[0] == "r")
      for (const Json& item : items_of(all, run))
        told.push_back(std::to_string(item[4].get<int>()) + " " + all["strings"][item[5].get<std::size_t>()].get<std::string>());
  return told;
}

TEST(Html, ARecordThatWentThroughIsOneArrow) {
  Transcript transcript;
  const int sent = transcript.add(1, alert_of(Side::partner));
  transcript.add(1, Delivered{sent, 24});
  EXPECT_EQ(arrows(transcript), (std::vector<std::string>{"0 close_notify (warning)"}));
}

TEST(Html, WhatBecameOfARecordIsDrawnWhereItHappened) {
  Transcript transcript;
  const int held = transcript.add(1, alert_of(Side::partner));
  transcript.add(1, Withheld{held, Withheld::Why::hold});
  transcript.add(2, Delivered{held, 7});
  const int dropped = transcript.add(3, alert_of(Side::subject));
  transcript.add(3, Lost{dropped, Lost::Why::dropped});
  Record made = alert_of(Side::subject);
  made.made = true;
  const int added = transcript.add(3, made);
  transcript.add(3, Delivered{added, 24});
  EXPECT_EQ(arrows(transcript),
            (std::vector<std::string>{"1 close_notify (warning)", "0 1.1 close_notify (warning) held", "2 close_notify (warning)",
                                      "1 close_notify (warning)", "0 3.1 close_notify (warning) dropped", "3 close_notify (warning)"}));
}

TEST(Html, TheWordsOfTheScriptAreShownAndDecideNothing) {
  const auto honest = sample_runs();
  auto others = honest;
  for (auto& [replay, transcript] : others)
    for (std::string& line : transcript.script) line = "subject  write 1   # no handshake, until done";
  const auto items = [](const std::map<std::string, Transcript>& runs) {
    std::string all;
    const Json drawn = data(html(sample_report(), sample_references(), Kept(runs)));
    for (const Json& run : drawn["transcripts"])
      for (const Json& item : items_of(drawn, run)) {
        for (std::size_t i = 0; i < 5; ++i) all += item[i].dump() + " ";
        for (std::size_t i = 5; i < 8; ++i) all += drawn["strings"][item[i].get<std::size_t>()].get<std::string>() + " ";
      }
    return all;
  };
  EXPECT_NE(honest.begin()->second.script, others.begin()->second.script);
  EXPECT_NE(items(honest), "");
  EXPECT_EQ(items(honest), items(others));
}

}  // namespace
}  // namespace tlsbye
