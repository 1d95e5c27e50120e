#include "reports/transcripts.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "harness/data/file.h"
#include "reports/golden.h"
#include "reports/run_file.h"

namespace tlsbye {
namespace {

using namespace testing;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// A file with that text, as long as it lives.
class Jsonl {
 public:
  explicit Jsonl(std::string_view text) {
    std::string folder = (fs::temp_directory_path() / "tlsbye-transcripts-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    write_file(file(), text);
  }
  ~Jsonl() { fs::remove_all(folder_); }
  Jsonl(const Jsonl&) = delete;
  Jsonl& operator=(const Jsonl&) = delete;
  fs::path file() const { return folder_ / "t.jsonl"; }

 private:
  fs::path folder_;
};

// What reading says about the sample with one thing changed in its first transcript.
template <typename Change>
std::string complaint(Change change) {
  const std::string text = Kept().text();
  Json json = Json::parse(text.substr(0, text.find('\n')));
  change(json);
  const Jsonl changed(json.dump());
  try {
    Transcripts().take(changed.file());
  } catch (const RunFileError& error) {
    const std::string what = error.what();
    return what.substr(what.find("t.jsonl"));
  }
  return "no complaint";
}

TEST(Transcripts, AreAsTheyAlwaysWere) { expect_golden("transcripts.jsonl", Kept().text()); }

TEST(Transcripts, ComeBackAsTheyWent) {
  const auto honest = sample_runs();
  const Jsonl written(Kept().text());
  Transcripts back;
  EXPECT_EQ(back.take(written.file()), Kept().replays());
  EXPECT_EQ(back.replays(), Kept().replays());
  const Jsonl again("");
  back.write(again.file());
  EXPECT_EQ(std::get<std::string>(read_file(again.file())), Kept().text());
  for (const auto& [replay, transcript] : honest) {
    const Transcript copy = back.at(replay);
    EXPECT_EQ(copy.key(), transcript.key());
    EXPECT_EQ(copy.options, transcript.options);
    EXPECT_EQ(copy.script, transcript.script);
    EXPECT_EQ(copy.reference, transcript.reference);
    EXPECT_EQ(decrypted(copy), decrypted(transcript));
    ASSERT_EQ(copy.events().size(), transcript.events().size());
    for (const Event& event : transcript.events()) {
      EXPECT_EQ(narrate(copy.at(event.number)), narrate(event));
      EXPECT_EQ(copy.at(event.number).line, event.line);
    }
  }
}

TEST(Transcripts, TheSampleHasEveryKindOfEventWithEveryFieldOfTheSchema) {
  const Json schema = Json::parse(read("../transcript.schema.json"));
  std::map<std::string, std::set<std::string>> seen;
  const std::string text = Kept().text();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    for (const Json& event : json["events"])
      for (const auto& [key, unused] : event.items()) seen[event["kind"]].insert(key);
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<decltype(Event::what)>);
  for (const auto& [kind, keys] : seen) {
    std::set<std::string> known;
    for (const auto& [key, unused] : schema["$defs"][kind]["properties"].items()) known.insert(key);
    EXPECT_EQ(keys, known) << kind;
  }
}

TEST(Transcripts, AMistakeIsNamedWithItsPlace) {
  EXPECT_EQ(complaint([](Json& json) { json["events"][0]["kind"] = "prayer"; }), "t.jsonl:1: event 1: `prayer` is not a kind of event");
  EXPECT_EQ(complaint([](Json& json) { json["events"][0]["colour"] = 1; }), "t.jsonl:1: event 1: unknown key `colour`");
  EXPECT_EQ(complaint([](Json& json) { json["events"][0].erase("side"); }), "t.jsonl:1: event 1: has no `side`");
  EXPECT_EQ(complaint([](Json& json) { json["run"]["tls"] = "0.9"; }), "t.jsonl:1: tls: `0.9` is not such a word");
  EXPECT_EQ(complaint([](Json& json) { json["run"]["scenario"] = 1; }), "t.jsonl:1: scenario: is not of its kind");
  EXPECT_EQ(complaint([](Json& json) { json.erase("script"); }), "t.jsonl:1: has no `script`");
  EXPECT_EQ(
      complaint([](Json& json) { json["format"] = "other"; }),
      "t.jsonl:1: the format is `other`, and not `tlsbye-transcript/2`: another version of tlsbye made it; `tlsbye run` makes it again");
  EXPECT_THAT(complaint([](Json& json) {
                json["format"] = "tlsbye-transcript/1";
                json["decrypted"] = true;
              }),
              ::testing::HasSubstr("`tlsbye run` makes it again"))
      << "a file of an older tlsbye says so, and not which key it has too many";
  const Jsonl begun("{"), list("[]");
  EXPECT_THROW(Transcripts().take(begun.file()), RunFileError);
  EXPECT_THROW(Transcripts().take(list.file()), RunFileError);
  EXPECT_THROW(Transcripts().take("no-such-file"), RunFileError);
  EXPECT_THROW(Transcripts().take("."), RunFileError);
}

TEST(Transcripts, BytesThatAreNoTextComeBack) {
  Transcript transcript;
  RawCall call;
  call.data = std::string("\xff\x00<", 3);
  transcript.add(0, call);
  EXPECT_EQ(Kept({{"r", transcript}}).at("r").at(1).as<RawCall>()->data, call.data);
}

TEST(Transcripts, EachLineNamesItsReplayIdAtItsBeginning) {
  const auto all = sample_runs();
  std::istringstream lines(Kept().text());
  auto expected = all.begin();
  for (std::string line; std::getline(lines, line); ++expected) EXPECT_EQ(replay_named_by(line), expected->first);
  EXPECT_EQ(expected, all.end());
  for (const std::string_view foreign : {"", "{}", "{\"format\":\"another/1\",\"replay\":\"a\"}", "notes of mine"})
    EXPECT_EQ(replay_named_by(foreign), std::nullopt) << foreign;
}

}  // namespace
}  // namespace tlsbye
