#include "harness/scenario/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "harness/data/diagnostic.h"

namespace tlsbye {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string all_rendered(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) text += diagnostic.render();
  return text;
}

// A scenario with `more` lines in its table, and `script`.
std::string scenario(const std::string& more = "", const std::string& script = "both handshake\nsubject close\n") {
  return "[[scenario]]\nid = \"a-name\"\ntitle = \"A title\"\nwhy = \"A reason.\"\n" + more + "script = '''\n" + script + "'''\n";
}

LoadedScenarios parse(const std::string& text) { return parse_scenarios(text, "f.toml", "family"); }

// The only scenario of a text without fault.
Scenario only(const std::string& text) {
  auto loaded = parse(text);
  EXPECT_EQ(all_rendered(loaded.diagnostics), "");
  if (loaded.scenarios.size() != 1) {
    ADD_FAILURE() << loaded.scenarios.size() << " scenarios";
    return {};
  }
  return loaded.scenarios.front();
}

// What is said about a text with one fault, with nothing loaded from it: "line:column: problem | suggestion".
std::string complaint(const std::string& text) {
  const auto loaded = parse(text);
  EXPECT_THAT(loaded.scenarios, IsEmpty());
  if (loaded.diagnostics.size() != 1) {
    ADD_FAILURE() << all_rendered(loaded.diagnostics);
    return {};
  }
  const auto& d = loaded.diagnostics.front();
  return std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.problem + (d.suggestion.empty() ? "" : " | " + d.suggestion);
}

TEST(Scenario, SaysWhereItStandsAndRunsEverywhereUnlessToldOtherwise) {
  const auto s = only("# a family\n\n" + scenario());
  EXPECT_EQ(s.id, "family/a-name");
  EXPECT_EQ(s.title, "A title");
  EXPECT_EQ(s.why, "A reason.");
  EXPECT_EQ(s.file, "f.toml");
  EXPECT_EQ(s.file_line, 3);
  EXPECT_THAT(s.roles, ElementsAre(Role::client, Role::server));
  EXPECT_THAT(s.versions, ElementsAre(Tls::v1_2, Tls::v1_3));
  EXPECT_THAT(s.modes, ElementsAre(Io::blocking, Io::nonblocking));
  EXPECT_EQ(s.transport, TransportKind::socketpair);
  EXPECT_THAT(s.lines, ElementsAre("both handshake", "subject close"));
  ASSERT_EQ(s.script.size(), 2u);
  EXPECT_EQ(s.script[1].line, 2);
}

TEST(Scenario, ItsEnvelopeLimitsWhereItRuns) {
  const auto s = only(
      scenario("cases = [\"B10\", \"B2A\"]\nroles = [\"client\"]\nversions = \"1.3\"\nio = [\"blocking\"]\nneeds = [\"tickets\"]\n"
               "partner_needs = [\"read-ahead\"]\noptions = [\"ignore-eof\"]\npartner_options = [\"tickets\"]\ntransport = \"tcp\"\n"));
  EXPECT_THAT(s.cases, ElementsAre("B10", "B2A"));
  EXPECT_THAT(s.roles, ElementsAre(Role::client));
  EXPECT_THAT(s.versions, ElementsAre(Tls::v1_3));
  EXPECT_THAT(s.modes, ElementsAre(Io::blocking));
  EXPECT_THAT(s.needs, ElementsAre("tickets"));
  EXPECT_THAT(s.partner_needs, ElementsAre("read-ahead"));
  EXPECT_THAT(s.options, ElementsAre("ignore-eof"));
  EXPECT_THAT(s.partner_options, ElementsAre("tickets"));
  EXPECT_EQ(s.transport, TransportKind::tcp);
}

TEST(Scenario, OldVersionsOfTlsMustBeNamed) {
  EXPECT_THAT(only(scenario("versions = [\"1.0\", \"1.2\"]\n")).versions, ElementsAre(Tls::v1_0, Tls::v1_2));
  EXPECT_THAT(only(scenario()).versions, ElementsAre(Tls::v1_2, Tls::v1_3));
}

TEST(Scenario, ASweepIsAskedForByItsKinds) {
  const auto both = only(scenario("sweep = [\"faults\", \"cuts\"]\n"));
  EXPECT_TRUE(both.sweep_faults && both.sweep_cuts);
  const auto cuts = only(scenario("sweep = \"cuts\"\n"));
  EXPECT_TRUE(!cuts.sweep_faults && cuts.sweep_cuts);
  const auto none = only(scenario());
  EXPECT_TRUE(!none.sweep_faults && !none.sweep_cuts);
  EXPECT_EQ(complaint(scenario("sweep = [\"cut\"]\n")), "5:10: `cut` is not a word of `sweep` | did you mean `cuts`?");
}

TEST(Envelope, AnUnknownKeyIsToldWithTheOneThatWasMeant) {
  EXPECT_EQ(complaint(scenario("version = [\"1.3\"]\n")), "5:1: unknown key `version` | did you mean `versions`?");
  EXPECT_EQ(complaint("[scenarios]\n"), "1:2: unknown key `scenarios` | did you mean [[scenario]]?");
}

TEST(Envelope, AWrongTypeIsToldAtTheValue) {
  EXPECT_EQ(complaint(scenario("roles = 3\n")), "5:9: `roles` is not a string");
  EXPECT_EQ(complaint(scenario("cases = [\"B10\", 11]\n")), "5:17: `cases` has an element that is not a string");
  EXPECT_EQ(complaint("[[scenario]]\nid = 1\ntitle = \"t\"\nwhy = \"w\"\nscript = '''\nsubject close\n'''\n"), "2:6: `id` is not a string");
  EXPECT_EQ(complaint("[scenario]\nid = \"a\"\n"), "1:2: `scenario` is not a list of tables | write [[scenario]]");
}

TEST(Envelope, AWordOutsideItsListIsToldWithTheNearest) {
  EXPECT_EQ(complaint(scenario("versions = [\"1.2\", \"1.4\"]\n")), "5:20: `1.4` is not a word of `versions` | one of: 1.0, 1.1, 1.2, 1.3");
  EXPECT_EQ(complaint(scenario("roles = [\"klient\"]\n")), "5:10: `klient` is not a word of `roles` | did you mean `client`?");
  EXPECT_EQ(complaint(scenario("io = \"sideways\"\n")), "5:6: `sideways` is not a word of `io` | one of: blocking, nonblocking");
  EXPECT_EQ(complaint(scenario("options = [\"ticket\"]\n")), "5:12: `ticket` is not a word of `options` | did you mean `tickets`?");
  EXPECT_EQ(complaint(scenario("transport = \"tpc\"\n")), "5:13: `tpc` is not a word of `transport` | did you mean `tcp`?");
  EXPECT_EQ(complaint(scenario("cases = [\"F1\"]\n")), "5:10: `F1` is not a case of the catalogue | cases are written B10, B2A");
  EXPECT_EQ(complaint(scenario("roles = [\"client\", \"client\"]\n")), "5:20: `client` stands twice in `roles`");
}

TEST(Envelope, WhatIsMissingIsToldAtTheTable) {
  EXPECT_EQ(complaint("\n[[scenario]]\nid = \"a\"\ntitle = \"t\"\nscript = '''\nsubject close\n'''\n"), "2:1: [[scenario]] has no `why`");
  EXPECT_EQ(complaint("[[scenario]]\nid = \"a\"\ntitle = \"t\"\nwhy = \"w\"\n"), "1:1: [[scenario]] has no `script`");
}

TEST(Envelope, AnIdIsKebabCaseAndStandsOnceInItsFile) {
  for (const auto* id : {"A-name", "a_name", "-a", "a-", "a--b", "a b"})
    EXPECT_THAT(complaint("[[scenario]]\nid = \"" + std::string(id) + "\"\ntitle = \"t\"\nwhy = \"w\"\nscript = '''\nsubject close\n'''\n"),
                HasSubstr("is not in kebab-case"));
  const auto loaded = parse(scenario() + scenario());
  EXPECT_EQ(loaded.scenarios.size(), 1u);
  ASSERT_EQ(loaded.diagnostics.size(), 1u);
  EXPECT_EQ(loaded.diagnostics[0].line, 10);
  EXPECT_THAT(loaded.diagnostics[0].problem, HasSubstr("earlier scenario"));
}

TEST(Envelope, AScriptMustStandBetweenTripleQuotesOnLinesOfItsOwn) {
  const std::string head = "[[scenario]]\nid = \"a\"\ntitle = \"t\"\nwhy = \"w\"\n";
  EXPECT_THAT(complaint(head + "script = \"subject close\"\n"), HasSubstr("5:10: a script begins on the line after '''"));
  EXPECT_THAT(complaint(head + "script = '''subject close\n'''\n"), HasSubstr("a script begins on the line after '''"));
  EXPECT_EQ(complaint(head + "script = '''\n\n'''\n"), "5:10: `script` is empty");
}

TEST(Envelope, BrokenTomlIsToldWhereItBreaks) {
  const auto said = complaint("[[scenario]]\nid = \"a\n");
  EXPECT_THAT(said, testing::StartsWith("2:"));
  EXPECT_EQ(complaint("# nothing here\n"), "0:0: this file holds no [[scenario]]");
}

TEST(ScriptInItsEnvelope, PlacesAreThoseOfTheFile) {
  const auto text = scenario("", "both handshake\nsubject clsoe\n");
  const auto loaded = parse(text);
  EXPECT_EQ(all_rendered(loaded.diagnostics), "f.toml:7:9: unknown verb `clsoe`\n  subject clsoe\n          ^\n  did you mean `close`?\n");
}

TEST(ScriptInItsEnvelope, AResetNeedsTcp) {
  EXPECT_EQ(complaint(scenario("", "wire reset subject\n")),
            "6:6: a reset needs TCP, and this scenario's transport is a socketpair | add `transport = \"tcp\"` to the scenario");
  EXPECT_EQ(only(scenario("transport = \"tcp\"\n", "wire reset subject\n")).script.size(), 1u);
}

TEST(ScriptInItsEnvelope, WhoeverCarriesBytesDoesNotBlock) {
  EXPECT_THAT(complaint(scenario("options = [\"memory-bio\"]\n", "both handshake\n")), testing::HasSubstr("add `io = [\"nonblocking\"]`"));
  EXPECT_EQ(only(scenario("io = [\"nonblocking\"]\noptions = [\"memory-bio\"]\n", "both handshake\n")).modes.size(), 1u);
  EXPECT_THAT(complaint(scenario("io = [\"nonblocking\"]\npartner_options = [\"memory-bio\"]\n", "both handshake\n")),
              testing::HasSubstr("and the partner's does"));
  EXPECT_THAT(complaint(scenario("io = [\"nonblocking\"]\noptions = [\"memory-bio\", \"closes-transport\"]\n", "both handshake\n")),
              testing::HasSubstr("no transport to close"));
}

TEST(ScriptInItsEnvelope, WhatOneVersionDoesNotHaveIsRefusedThere) {
  EXPECT_EQ(complaint(scenario("", "wire inject partner->subject key_update\n")),
            "6:30: key_update exists in TLS 1.3 only | add `versions = [\"1.3\"]` to the scenario");
  EXPECT_EQ(complaint(scenario("versions = [\"1.3\"]\n", "wire inject partner->subject hello_request\n")),
            "7:30: hello_request exists in TLS 1.2 only | add `versions = [\"1.2\"]` to the scenario");
  EXPECT_EQ(only(scenario("versions = [\"1.3\"]\n", "wire inject partner->subject padded 9 close_notify\n")).script.size(), 1u);
}

TEST(Matrix, MakesAVariantOfEachCombinationOfItsValues) {
  const auto loaded = parse(scenario("matrix = { k = [1, 30], side = [\"subject\", \"partner\"] }\n",
                                     "wire cut partner->subject close_notify at $k\nwire fin $side\n"));
  EXPECT_EQ(all_rendered(loaded.diagnostics), "");
  ASSERT_EQ(loaded.scenarios.size(), 4u);
  EXPECT_EQ(loaded.scenarios[0].id, "family/a-name@k=1,side=subject");
  EXPECT_EQ(loaded.scenarios[3].id, "family/a-name@k=30,side=partner");
  EXPECT_EQ(loaded.scenarios[3].script[0].source, "wire cut partner->subject close_notify at 30");
  EXPECT_EQ(loaded.scenarios[3].script[1].source, "wire fin partner");
  EXPECT_EQ(loaded.scenarios[3].lines[0], "wire cut partner->subject close_notify at 30");
}

TEST(Matrix, AValueMayBeAPartOfAWordOrSeveralWords) {
  const auto loaded =
      parse(scenario("matrix = { n = [2, 3], what = [\"alert internal_error\"] }\n", "wire inject partner->subject $what x$n\n"));
  EXPECT_EQ(all_rendered(loaded.diagnostics), "");
  ASSERT_EQ(loaded.scenarios.size(), 2u);
  EXPECT_EQ(loaded.scenarios[1].id, "family/a-name@n=3,what=alert-internal_error");
  const auto injection = std::get<Injection>(std::get<WireOrder>(loaded.scenarios[1].script[0].deed));
  EXPECT_EQ(injection.times, 3);
  EXPECT_EQ(injection.content.name, "alert internal_error");
}

TEST(Matrix, PlacesAreThoseBeforeReplacementAndEachProblemIsToldOnce) {
  EXPECT_EQ(complaint(scenario("matrix = { number = [1, 300000] }\n", "wire cut partner->subject close_notify at $number now\n")),
            "7:51: `now` is not expected here | usage: cut DIR WHAT at K");
}

TEST(Matrix, ItsNamesMustBeUsedAndKnown) {
  EXPECT_THAT(complaint(scenario("matrix = { k = [1] }\n")), HasSubstr("`matrix.k` is not used in the script"));
  EXPECT_THAT(parse(scenario("matrix = { count = [1] }\n", "subject read $cuont\n")).diagnostics.back().suggestion,
              "did you mean `count`?");
  EXPECT_THAT(complaint(scenario("matrix = { k = [1, 1] }\n", "subject read $k\n")), HasSubstr("`1` stands twice"));
  EXPECT_THAT(complaint(scenario("matrix = { k = 1 }\n", "subject read 1\n")), HasSubstr("`matrix.k` must be a list"));
  EXPECT_THAT(complaint(scenario("matrix = { k = [\"a->b\"] }\n", "subject raw-write \"$k\"\n")), HasSubstr("a value of `matrix` must be"));
}

TEST(Loading, OneFaultyScenarioDoesNotHideTheOthers) {
  const auto loaded = parse("[[scenario]]\nid = \"b\"\n" + scenario() +
                            "[[scenario]]\nid = \"c\"\ntitle = 4\nwhy = \"w\"\nscript = '''\nsubject cloze\n'''\n");
  EXPECT_EQ(loaded.scenarios.size(), 1u);
  EXPECT_EQ(loaded.diagnostics.size(), 3u + 2u);
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    path =
        std::filesystem::path(testing::TempDir()) / ("tlsbye-scenarios-" + std::to_string(testing::UnitTest::GetInstance()->random_seed()) +
                                                     "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  void TearDown() override { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
  std::filesystem::path path;
};

TEST_F(Folder, IsReadInTheOrderOfNamesWithoutTheFilesThatHoldNoScenarios) {
  write("b.toml", scenario());
  write("a.toml", scenario());
  write("known.toml", "[[known]]\n");
  write("liars.toml", "[[liar]]\n");
  write("traits.toml", "[[trait]]\n");
  write("README.md", "# no TOML");
  std::filesystem::create_directory(path / "clauses");
  const auto loaded = load_scenarios(path);
  EXPECT_EQ(all_rendered(loaded.diagnostics), "");
  ASSERT_EQ(loaded.scenarios.size(), 2u);
  EXPECT_EQ(loaded.scenarios[0].id, "a/a-name");
  EXPECT_EQ(loaded.scenarios[1].id, "b/a-name");
}

TEST_F(Folder, TellsTheProblemsOfAllItsFiles) {
  write("a.toml", "[[scenario]\n");
  write("b.toml", scenario("versio = 1\n"));
  const auto loaded = load_scenarios(path);
  ASSERT_EQ(loaded.diagnostics.size(), 2u);
  EXPECT_EQ(loaded.diagnostics[0].file, (path / "a.toml").string());
  EXPECT_EQ(loaded.diagnostics[1].file, (path / "b.toml").string());
}

TEST_F(Folder, ThatIsMissingIsADiagnostic) {
  const auto loaded = load_scenarios(path / "nowhere");
  EXPECT_THAT(loaded.scenarios, IsEmpty());
  EXPECT_THAT(all_rendered(loaded.diagnostics), HasSubstr("nowhere: cannot read this folder"));
}

TEST(TheProjectsScenarios, LoadWithoutAComplaint) {
  const auto loaded = load_scenarios(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios");
  EXPECT_EQ(all_rendered(loaded.diagnostics), "");
  EXPECT_FALSE(loaded.scenarios.empty());
}

TEST(TheProjectsScenarios, AreShortAndEachWithItsOwnTitle) {
  std::set<std::string> titles;
  for (const auto& s : load_scenarios(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios").scenarios) {
    EXPECT_LE(std::set(s.lines.begin(), s.lines.end()).size(), 14u) << s.id;  // what is repeated is read once
    EXPECT_LE(s.script.size(), 30u) << s.id;
    EXPECT_LE(s.title.size(), 100u) << s.id;
    const bool variant = s.id.find('@') != std::string::npos;
    EXPECT_TRUE(variant || titles.insert(s.title).second) << s.id << ": " << s.title;
  }
}

}  // namespace
}  // namespace tlsbye
