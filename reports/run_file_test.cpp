#include "reports/run_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/golden.h"

namespace tlsbye {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

// What reading says about the sample with one thing changed.
template <typename Change>
std::string refusal(Change change) {
  Json json = Json::parse(run_json(sample_report()));
  change(json);
  try {
    parse_run(json.dump(), "run.json");
  } catch (const RunFileError& error) {
    return error.what();
  }
  return "no refusal_of";
}

std::set<std::string> keys(const Json& object) {
  std::set<std::string> all;
  for (const auto& [key, unused] : object.items()) all.insert(key);
  return all;
}

TEST(RunFile, IsAsItAlwaysWas) { expect_golden("run.json", run_json(sample_report())); }

TEST(RunFile, ComesBackAsItWent) { EXPECT_EQ(parse_run(run_json(sample_report()), "run.json"), sample_report()); }

TEST(RunFile, ATraitMayNameARunForEachOfItsAnswers) {
  RunReport report = sample_report();
  report.traits[0].answers = {"discarded", "kept"};
  report.traits[0].replays = {"one", "another"};
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report);
  report.traits[0].only = {std::nullopt, Io::blocking};
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report);
  report.traits[0].codes = {{}, {"GNUTLS_E_SESSION_EOF", "GNUTLS_E_UNEXPECTED_PACKET"}};
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report);
  report.traits[0] = sample_report().traits[0];
  report.traits[0].codes = {{"GNUTLS_E_SESSION_EOF"}};
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report) << "of one answer alone";
}

TEST(RunFile, DisagreementsComeBackAsTheyWentAndTheSchemaKnowsTheirKeys) {
  RunReport report = sample_report();
  report.disagreements = {{"rfc/all", "gnutls", "3.7.9", Role::client, Tls::v1_3, {{"openssl", "3", Verdict::conforms, "one"}}, "why"}};
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report);
  const Json written = Json::parse(run_json(report))["disagreements"][0];
  const Json schema = Json::parse(read("../schema.json"))["$defs"]["disagreement"]["properties"];
  EXPECT_EQ(keys(written), keys(schema));
  EXPECT_EQ(keys(written["found"][0]), keys(schema["found"]["items"]["properties"]));
  report.disagreements[0].reason.clear();
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report);
}

TEST(RunFile, AnEmptyRunComesBackToo) { EXPECT_EQ(parse_run(run_json(RunReport{}), "run.json"), RunReport{}); }

TEST(RunFile, BytesThatAreNoTextDoNotStopIt) {
  RunReport report = sample_report();
  report.cells[0].says = "\xff";
  EXPECT_NO_THROW(parse_run(run_json(report), "run.json"));
}

TEST(RunFile, TheSchemaRequiresAndAllowsWhatIsWritten) {
  const Json schema = Json::parse(read("../schema.json"));
  const Json written = Json::parse(run_json(sample_report()));
  const auto same_keys = [](const Json& of_schema, const Json& object) {
    const std::set<std::string> required(of_schema["required"].begin(), of_schema["required"].end());
    EXPECT_EQ(required, keys(object));
    EXPECT_EQ(of_schema["additionalProperties"], false);
  };
  same_keys(schema, written);
  same_keys(schema["$defs"]["stack"], written["stacks"][0]);
  same_keys(schema["$defs"]["cell"], written["cells"][0]);
  same_keys(schema["$defs"]["evidence"], written["cells"][0]["evidence"][0]);
  same_keys(schema["$defs"]["trait"], written["traits"][0]);
  same_keys(schema["$defs"]["pair"], written["pairs"][0]);
  same_keys(schema["$defs"]["totals"], written["totals"]);
  EXPECT_EQ(schema["$defs"]["verdict"]["enum"], Json(Words<Verdict>::list));
  EXPECT_EQ(schema["$defs"]["cell"]["properties"]["strength"]["enum"], Json(Words<Strength>::list));
}

TEST(RunFile, AMistakeIsNamedWithItsPlace) {
  EXPECT_EQ(refusal([](Json& json) { json["cells"][3]["verdict"] = "fine"; }), "run.json: cells[3].verdict: `fine` is not a verdict");
  EXPECT_EQ(refusal([](Json& json) { json["cells"][0].erase("role"); }), "run.json: cells[0]: has no `role`");
  EXPECT_EQ(refusal([](Json& json) { json["cells"][0]["color"] = 1; }), "run.json: cells[0]: unknown key `color`");
  EXPECT_EQ(refusal([](Json& json) { json["cells"][4]["was"] = "hung"; }), "run.json: cells[4]: is crashed and has a `was`");
  EXPECT_EQ(refusal([](Json& json) { json["cells"][0]["version"] = "9.9"; }), "run.json: cells: `gnutls 9.9` is none of the stacks");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][0]["stack"] = "nss"; }).substr(0, 22), "run.json: traits: `nss");
  EXPECT_NE(refusal([](Json& json) { json["cells"].push_back(json["cells"][0]); }).find("is there twice"), std::string::npos);
  EXPECT_EQ(refusal([](Json& json) { json["cells"][1].erase("reason"); }), "run.json: cells[1]: is known and has no `reason`");
  EXPECT_EQ(refusal([](Json& json) { json["stacks"][0]["id"] = "gnutls"; }), "run.json: stacks[0].id: is not `gnutls 3.7.9`");
  EXPECT_EQ(refusal([](Json& json) { json["cells"][0]["evidence"] = {">   9   subject  close"}; }),
            "run.json: cells[0].evidence[0]: is a string, and no object: an older tlsbye made this file; `tlsbye run` makes it again");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][3]["answer"] = "kept"; }), "run.json: traits[3].answer: is not `discarded or error`");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][3].erase("replays"); }),
            "run.json: traits[3]: has `answers` alone: `answers` and `replays` belong together");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][3]["replays"].erase(0); }),
            "run.json: traits[3].replays: has not one run for each of the answers");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][3]["only"] = {"blocking"}; }),
            "run.json: traits[3].only: has not one entry for each of the answers");
  EXPECT_EQ(refusal([](Json& json) { json["traits"][3]["codes"] = {{"GNUTLS_E_SESSION_EOF"}}; }),
            "run.json: traits[3].codes: has not one entry for each of the answers");
  EXPECT_EQ(refusal([](Json& json) { json["runs"] = -1; }), "run.json: runs: is not a count");
  EXPECT_EQ(refusal([](Json& json) { json["duration_s"] = "1"; }), "run.json: duration_s: is not a number");
  EXPECT_EQ(refusal([](Json& json) { json["complete"] = 1; }), "run.json: complete: is neither true nor false");
  EXPECT_EQ(refusal([](Json& json) { json["problems"] = "none"; }), "run.json: problems: is not a list");
  EXPECT_EQ(refusal([](Json& json) { json["totals"]["hung"] = 7; }), "run.json: totals.hung: is not the number of such cells, 1");
  EXPECT_EQ(refusal([](Json& json) { json["totals"].erase("hung"); }), "run.json: totals: has no `hung`");
}

TEST(RunFile, AnotherFormatIsNamedBeforeAnythingElse) {
  EXPECT_EQ(refusal([](Json& json) {
              json.erase("cells");
              json["format"] = "tlsbye-run/2";
            }),
            "run.json: the format is \"tlsbye-run/2\", and not \"tlsbye-run/1\"");
  EXPECT_EQ(refusal([](Json& json) { json = Json::array(); }), "run.json: is not a run file: it has no `format`");
  EXPECT_THROW(parse_run("{\"format\": ", "run.json"), RunFileError);
}

TEST(RunFile, IsWrittenWholeAndLeavesNothingBeside) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "tlsbye-run-file-test";
  std::filesystem::create_directories(folder);
  write_run_file(sample_report(), folder / "run.json");
  EXPECT_EQ(read_run_file(folder / "run.json"), sample_report());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::filesystem::remove_all(folder);
}

TEST(RunFile, SaysWhyItCannotBeWrittenOrRead) {
  try {
    write_run_file(sample_report(), "no/such/folder/run.json");
    FAIL() << "written to nowhere";
  } catch (const RunFileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no/such/folder/run.json: cannot be written: No such file"));
  }
  try {
    read_run_file("no-such-run.json");
    FAIL() << "read from nowhere";
  } catch (const RunFileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no-such-run.json: cannot be read: No such file"));
  }
}

TEST(RunFile, WhereItComesFromStandsInItWholeOrNotAtAll) {
  RunReport report = sample_report();
  EXPECT_EQ(parse_run(run_json(report), "run.json").provenance, report.provenance);
  EXPECT_EQ(parse_run(run_json(report), "run.json").clauses, report.clauses);
  for (const std::string_view key : {"day", "words", "selection", "known", "system", "partners", "environment", "replay_words"}) {
    EXPECT_EQ(refusal([&](Json& json) { json.erase(std::string(key)); }), fmt::format("run.json: has no `{}`", key));
    EXPECT_EQ(refusal([&](Json& json) { json.erase("tool"); }), "run.json: unknown key `day`");
  }
  report.provenance = {};
  report.clauses.clear();
  EXPECT_EQ(run_json(report).find("\"tool\""), std::string::npos);
  EXPECT_EQ(parse_run(run_json(report), "run.json"), report) << "as files are that an older tlsbye made";
}

}  // namespace
}  // namespace tlsbye
