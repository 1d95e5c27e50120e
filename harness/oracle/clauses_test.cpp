#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "harness/oracle/oracle.h"
#include "harness/oracle/tale.h"

namespace tlsbye {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A clause of which `lines` replace or add to the usual ones.
std::string written(std::string_view property_and_more, std::string_view id = "a-name") {
  return "[[clause]]\nid = \"" + std::string(id) + "\"\nstrength = \"must\"\ncites = [\"RFC 8446 6.1\"]\nsays = \"It is so.\"\n" +
         std::string(property_and_more) + "\n";
}

LoadedClauses parsed(std::string_view text) { return parse_clauses(text, "rfc.toml", "rfc"); }

// The one thing wrong with the text, or what else was found.
Diagnostic only_problem(std::string_view text) {
  const LoadedClauses loaded = parsed(text);
  std::string all;
  for (const Diagnostic& diagnostic : loaded.diagnostics) all += diagnostic.render();
  EXPECT_EQ(loaded.diagnostics.size(), 1u) << all << text;
  return loaded.diagnostics.empty() ? Diagnostic{} : loaded.diagnostics.front();
}

TEST(Loader, ReadsAllThatAClauseSays) {
  const LoadedClauses loaded = parsed(R"TOML([[clause]]
id       = "cut-is-told"
ref      = ["GNUTLS-BYE-12", "GNUTLS-BYE-13"]
strength = "documented"
applies  = { stack = ["gnutls", "open*"], since = "3.0", before = "4", tls = "1.3", role = "client", io = ["blocking"] }
cites    = "gnutls_bye(3)"
says     = "A cut is told."
property = "answers"
with     = { call = "close", given = ["fin-arrived", "not already close-notify-arrived"], outcome = ["cut"], returns = [-110, "-111"] }
)TOML");
  ASSERT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics.front().render();
  ASSERT_EQ(loaded.clauses.size(), 1u);
  const Clause& it = loaded.clauses.front();
  EXPECT_EQ(it.id, "rfc/cut-is-told");
  EXPECT_THAT(it.ref, ElementsAre("GNUTLS-BYE-12", "GNUTLS-BYE-13"));
  EXPECT_EQ(it.strength, Strength::documented);
  EXPECT_THAT(it.applies.stacks, ElementsAre("gnutls", "open*"));
  EXPECT_THAT(it.applies.tls, ElementsAre(Tls::v1_3));
  EXPECT_THAT(it.cites, ElementsAre("gnutls_bye(3)"));
  EXPECT_EQ(it.property->name, "answers");
  EXPECT_THAT(it.parameters.at("returns"), ElementsAre("-110", "-111"));
  EXPECT_EQ(it.file_line, 1);
}

TEST(Loader, TellsLineColumnAndWhatWasMeant) {
  const Diagnostic it = only_problem(written("property = \"answer\""));
  EXPECT_EQ(it.file, "rfc.toml");
  EXPECT_EQ(it.line, 6);
  EXPECT_EQ(it.column, 12);
  EXPECT_EQ(it.source_line, "property = \"answer\"");
  EXPECT_EQ(it.problem, "unknown property `answer`");
  EXPECT_EQ(it.suggestion, "did you mean `answers`?");
}

TEST(Loader, RefusesWhatItDoesNotKnow) {
  struct Case {
    std::string text, problem, suggestion;
  };
  const std::string close = "property = \"answers\"\nwith = { call = \"close\", ";
  for (const Case& it : {
           Case{written("property = \"one-close-notify\"\nstrenght = \"must\""), "unknown key `strenght`", "`strength`"},
           Case{written("property = \"one-close-notify\"\napplies = { stak = \"gnutls\" }"), "unknown key `stak` in `applies`", "`stack`"},
           Case{written("property = \"one-close-notify\"\nwith = { flag = \"x\" }"),
                "unknown key `flag` in the parameters of one-close-notify", ""},
           Case{written(close + "outcome = [\"dun\"] }"), "`dun` is not a word of `outcome`", "`done`"},
           Case{written(close + "given = [\"fin-arived\"], outcome = [\"done\"] }"), "`fin-arived` is not a situation", "`fin-arrived`"},
           Case{written(close + "given = [\"not newly fin-arived\"], outcome = [\"done\"] }"),
                "`not newly fin-arived` is not a situation", "`fin-arrived`"},
           Case{written(close + "given = [\"not already fin-arived\"], outcome = [\"done\"] }"),
                "`not already fin-arived` is not a situation", "`fin-arrived`"},
           Case{written("property = \"answers\"\nwith = { call = \"closed\", outcome = \"done\" }"), "`closed` is not a word of `call`",
                "`close`"},
           Case{written("property = \"emits\"\nwith = { call = \"close\", records = [\"close_notfy\"] }"), "`close_notfy` is not a record",
                "`close_notify`"},
           Case{written("property = \"transport-calls\"\nwith = { call = \"close\", none = \"receive\" }"),
                "`receive` is not a word of `none`", "`recv`"},
           Case{written("property = \"one-close-notify\"\napplies = { tls = \"1.4\" }"), "`1.4` is not a word of `tls`", "1.0"},
           Case{written("property = \"one-close-notify\"\napplies = { since = \"new\" }"), "`new` is not a version", "numbers"},
           Case{written("property = \"transport-reusable\"\nwith = { call = \"write\" }"), "`write` is not a word of `call`", "close"},
           Case{"[[clauses]]\nid = \"x\"\n", "unknown key `clauses`", "[[clause]]"},
           Case{"[clause]\nid = \"x\"\n", "`clause` is not a list of tables", "[[clause]]"},
           Case{written("property = \"one-close-notify\"", "Big Name"), "`Big Name` is not in kebab-case", "lower-case"},
           Case{"[[clause]\n", "", ""},
       }) {
    const Diagnostic diagnostic = only_problem(it.text);
    EXPECT_THAT(diagnostic.problem, HasSubstr(it.problem));
    EXPECT_THAT(diagnostic.suggestion, HasSubstr(it.suggestion)) << it.problem;
    EXPECT_GT(diagnostic.line, 0);
    EXPECT_GT(diagnostic.column, 0);
  }
}

TEST(Loader, RefusesAClauseThatLacksSomething) {
  for (const std::string_view key : {"id", "strength", "cites", "says", "property"}) {
    std::string text = written("property = \"one-close-notify\"");
    const auto from = text.find(std::string(key) + " =");
    text.erase(from, text.find('\n', from) - from + 1);
    EXPECT_EQ(only_problem(text).problem, "[[clause]] has no `" + std::string(key) + "`");
  }
  EXPECT_THAT(only_problem(written("property = \"emits\"\nwith = { call = \"close\" }")).problem, HasSubstr("emits needs `records`"));
}

TEST(Loader, RefusesValuesOfTheWrongKind) {
  EXPECT_EQ(only_problem(written("property = \"one-close-notify\"\nref = 5")).problem, "`ref` is not a string");
  EXPECT_EQ(only_problem(written("property = \"one-close-notify\"\nref = []")).problem, "`ref` is empty");
  EXPECT_EQ(only_problem(written("property = \"one-close-notify\"\ncontradicts = [\"x\"]")).problem, "`contradicts` is not a string");
  EXPECT_EQ(only_problem(written("property = \"one-close-notify\"\nwith = 3")).problem, "`with` is not a table");
  EXPECT_EQ(only_problem(written("property = \"one-close-notify\"\napplies = 3")).problem, "`applies` is not a table");
  EXPECT_EQ(only_problem(written("property = \"shows\"\nwith = { call = \"close\", flag = [\"a\", \"b\"], is = \"c\" }")).problem,
            "`flag` is one word, not a list");
}

TEST(Loader, RefusesAClauseThatCannotFailOrCannotHold) {
  const auto problem = [](std::string_view property, std::string_view with) {
    return only_problem(written("property = \"" + std::string(property) + "\"\nwith = { call = \"close\", " + std::string(with) + " }"))
        .problem;
  };
  EXPECT_THAT(problem("answers", "given = \"first\""), HasSubstr("answers needs one of"));
  EXPECT_THAT(
      problem(
          "answers",
          "outcome = [\"done\", \"sent\", \"want-read\", \"want-write\", \"interrupted\", \"end-of-data\", \"cut\", \"reset\", \"alert\", "
          "\"refused\", \"failed\"]"),
      HasSubstr("cannot fail"));
  EXPECT_THAT(problem("answers", "never = [\"unsupported\"]"), HasSubstr("cannot fail"));
  EXPECT_THAT(problem("answers", "outcome = [\"done\"], never = [\"done\"]"), HasSubstr("cannot hold"));
  EXPECT_THAT(problem("answers", "outcome = [\"unsupported\"]"), HasSubstr("cannot hold"));
  EXPECT_THAT(problem("answers", "outcome = \"done\", given = [\"fin-arrived\", \"not fin-arrived\"]"), HasSubstr("its opposite"));
  EXPECT_THAT(problem("emits", "records = [\"...\"]"), HasSubstr("cannot fail"));
  EXPECT_THAT(problem("emits", "records = [\"...\", \"plain |close_notify\"]"), HasSubstr("is not a record"));
  EXPECT_THAT(problem("transport-calls", "given = \"first\""), HasSubstr("needs `none` or `some`"));
  EXPECT_THAT(problem("transport-calls", "none = \"recv\", some = \"recv\""), HasSubstr("cannot hold"));
  EXPECT_THAT(problem("shows", "flag = \"shutdown\""), HasSubstr("shows needs one of"));
}

TEST(Loader, RefusesTwoClausesOfOneName) {
  const Diagnostic it = only_problem(written("property = \"one-close-notify\"") +
                                     written("property = \"emits\"\nwith = { call = \"close\", records = \"nothing\" }"));
  EXPECT_EQ(it.line, 8);
  EXPECT_THAT(it.problem, HasSubstr("already at rfc.toml:2"));
}

TEST(Loader, ContradictsMustNameAClause) {
  const std::string one = written("property = \"one-close-notify\"\ncontradicts = \"rfc/other-name\"", "one");
  EXPECT_TRUE(parsed(one + written("property = \"one-close-notify\"", "other-name")).diagnostics.empty());
  const Diagnostic it = only_problem(one + written("property = \"one-close-notify\"", "another-name"));
  EXPECT_EQ(it.line, 7);
  EXPECT_EQ(it.suggestion, "did you mean `rfc/another-name`?");
  // Of other files nothing can be said before they are there.
  EXPECT_TRUE(parsed(written("property = \"one-close-notify\"\ncontradicts = \"gnutls/x\"")).diagnostics.empty());
}

TEST(Loader, AFaultyClauseCostsNoOther) {
  const LoadedClauses loaded = parsed(written("property = \"nonsense\"", "bad") + written("property = \"one-close-notify\"", "good"));
  ASSERT_EQ(loaded.clauses.size(), 1u);
  EXPECT_EQ(loaded.clauses.front().id, "rfc/good");
}

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "clauses-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name, std::string_view text) { std::ofstream(path_ / name) << text; }
  std::filesystem::path path_;
};

TEST_F(Folder, IsReadInTheOrderOfNamesWithoutTheDataOfOtherKinds) {
  write("b.toml", written("property = \"one-close-notify\"", "x") + written("property = \"one-close-notify\"\ncontradicts = \"a/x\"", "a"));
  write("a.toml", written("property = \"one-close-notify\"", "x"));
  write("catalogue.toml", "[[row]]\nid = 1\n");
  write("out-of-scope.toml", "[[row]]\n");
  write("cases.toml", "[[case]]\n");
  write("notes.txt", "no clause");
  const LoadedClauses loaded = load_clauses(path_);
  EXPECT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics.front().render();
  std::vector<std::string> ids;
  for (const Clause& it : loaded.clauses) ids.push_back(it.id);
  EXPECT_THAT(ids, ElementsAre("a/x", "b/x", "b/a"));
}

TEST_F(Folder, MustHoldTheClauseThatAnotherContradicts) {
  write("a.toml", written("property = \"one-close-notify\"\ncontradicts = \"b/x\"", "x"));
  const LoadedClauses loaded = load_clauses(path_);
  ASSERT_EQ(loaded.diagnostics.size(), 1u);
  EXPECT_EQ(loaded.diagnostics.front().file, (path_ / "a.toml").string());
  EXPECT_EQ(loaded.diagnostics.front().problem, "`contradicts` names an unknown clause: b/x");
}

TEST_F(Folder, MustBeThere) {
  const LoadedClauses loaded = load_clauses(path_ / "nowhere");
  ASSERT_EQ(loaded.diagnostics.size(), 1u);
  EXPECT_THAT(loaded.diagnostics.front().problem, HasSubstr("cannot be read"));
}

TEST(Applies, CoversByGlobAndVersion) {
  const auto covers = [](const std::string& applies, std::string version) {
    const LoadedClauses loaded = parsed(written("property = \"one-close-notify\"\napplies = { " + applies + " }"));
    return loaded.clauses.at(0).applies.covers(
        {"f/s", "gnutls", std::move(version), "openssl", "3", Role::client, Tls::v1_3, Io::blocking});
  };
  EXPECT_TRUE(covers("", "3.7.9"));
  EXPECT_TRUE(covers("stack = [\"wolfssl\", \"gnu*\"]", "3.7.9"));
  EXPECT_FALSE(covers("stack = \"gnu\"", "3.7.9"));
  EXPECT_TRUE(covers("since = \"3.7\"", "3.7.0"));
  EXPECT_TRUE(covers("since = \"3.9\"", "3.10"));
  EXPECT_FALSE(covers("since = \"3.7.10\"", "3.7.9"));
  EXPECT_FALSE(covers("before = \"3.7.9\"", "3.7.9"));
  EXPECT_TRUE(covers("before = \"3.8\"", "3.7.9-1debian"));
  EXPECT_TRUE(covers("since = \"1.1.1k\"", "1.1.1w"));
  EXPECT_FALSE(covers("since = \"3.0\"", "3.0.0-beta2"));
  EXPECT_FALSE(covers("tls = \"1.2\"", "3"));
  EXPECT_FALSE(covers("role = \"server\"", "3"));
  EXPECT_FALSE(covers("io = \"nonblocking\"", "3"));
}

TEST(Judge, SpeaksOnlyWhereTheClauseApplies) {
  const Transcript run = Tale().handshake().close(Outcome::done);
  const auto kind = [&](std::string_view stack) {
    const LoadedClauses loaded =
        parsed(written("property = \"success-means-reply-received\"\napplies = { stack = \"" + std::string(stack) + "\" }"));
    return judge(loaded.clauses.at(0), run).kind;
  };
  EXPECT_EQ(kind("gnutls"), Finding::Kind::broken);
  EXPECT_EQ(kind("openssl"), Finding::Kind::not_reached);
}

TEST(TheProjectsClauses, AreAllGood) {
  const LoadedClauses loaded = load_clauses(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios/clauses");
  for (const Diagnostic& diagnostic : loaded.diagnostics) ADD_FAILURE() << diagnostic.render();
  EXPECT_GT(loaded.clauses.size(), 100u);
}

// What the project's own clause makes of a run.
Finding::Kind makes_of(std::string_view id, const Transcript& run) {
  static const std::vector<Clause> clauses = load_clauses(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios/clauses").clauses;
  const auto it = std::find_if(clauses.begin(), clauses.end(), [&](const Clause& clause) { return clause.id == id; });
  if (it == clauses.end()) throw std::invalid_argument(std::string(id));
  return judge(*it, run).kind;
}

TEST(TheProjectsClauses, OfARefusedHandshakeSpeakOnlyWhereOneWasAskedFor) {
  const auto behind_its_end = [](std::string message) {
    return Tale(connected(Tls::v1_2).close(Outcome::sent, {close_notify()}).arrives(handshake_message(std::move(message))))
        .answers(Call::read, Outcome::failed, {alert(1, 100)});
  };
  constexpr std::string_view no_refusal = "rfc5746/no-refusal-after-the-own-end";
  EXPECT_EQ(makes_of(no_refusal, behind_its_end("HelloRequest")), Finding::Kind::broken);
  EXPECT_EQ(makes_of(no_refusal, behind_its_end("Finished")), Finding::Kind::not_reached);
}

// A call of another name made in its place finds the library in the midst of the handshake: OpenSSL refuses all reads from then on.
TEST(TheProjectsClauses, SpeakOfNoSessionInWhichAnEarlyReadWasLeftUndone) {
  const auto read_behind = [](Outcome early) {
    return Tale(Tale().as_server().answers(Call::read_early, early).handshake().arrives(close_notify())).reads(Outcome::alert);
  };
  constexpr std::string_view end = "rfc8446/close-notify-is-told-as-end-of-data";
  EXPECT_EQ(makes_of(end, read_behind(Outcome::end_of_data)), Finding::Kind::broken);
  EXPECT_EQ(makes_of(end, read_behind(Outcome::want_read)), Finding::Kind::not_reached);
}

// RFC 9112 9.6 has the server read on so that nothing is reset. Whether anybody is given what it reads, it does not say.
TEST(TheProjectsClauses, OfAServerThatHasFinishedAskThatTheTransportIsReadAndNotWhatBecomesOfTheData) {
  constexpr std::string_view reads_on = "rfc9112/a-server-that-has-finished-still-reads";
  const auto finished = [] {
    return Tale(Tale(Tls::v1_2).as_server().handshake().close_write(Outcome::done, {close_notify()})).script("fin").arrives(data(9));
  };
  const auto takes = [&] { return Tale(finished()).io(Call::read, Flow::recv, 38); };
  EXPECT_EQ(makes_of(reads_on, takes().reads(9)), Finding::Kind::holds);
  EXPECT_EQ(makes_of(reads_on, takes().reads(Outcome::end_of_data)), Finding::Kind::holds) << "thrown away";
  EXPECT_EQ(makes_of(reads_on, takes().reads(Outcome::failed)), Finding::Kind::holds) << "told as an error";
  EXPECT_EQ(makes_of(reads_on, finished().reads(Outcome::failed)), Finding::Kind::broken);
  EXPECT_EQ(makes_of(reads_on, finished().reads(Outcome::end_of_data)), Finding::Kind::broken);
  Tale read_ahead = Tale(Tls::v1_2).as_server().handshake().arrives(data(9)).close_write(Outcome::done, {close_notify()});
  EXPECT_EQ(makes_of(reads_on, Tale(read_ahead.script("fin")).reads(9)), Finding::Kind::not_reached) << "it may lie in the library";
}

// Who has closed first is not met by an incomplete close: the peer's close_notify answers its own.
TEST(TheProjectsClauses, OfAnIncompleteCloseDoNotSpeakToWhoHasClosedBefore) {
  constexpr std::string_view whole = "rfc9112/an-incomplete-close-is-a-whole-end";
  const auto meets_it = [](Tale so_far) { return Tale(so_far.arrives(close_notify()).fin_arrives()).reads(Outcome::failed); };
  EXPECT_EQ(makes_of(whole, meets_it(connected(Tls::v1_2))), Finding::Kind::broken);
  EXPECT_EQ(makes_of(whole, meets_it(connected(Tls::v1_2).close_write(Outcome::done, {close_notify()}))), Finding::Kind::not_reached);
}

TEST(TheProjectsClauses, OfARejectedCertificateSpeakOnlyOfTheAlertThatWasSentForIt) {
  const auto rejecting = [] { return Tale(Tls::v1_2).option("verify-certificate"); };
  constexpr std::string_view nothing = "rfc5246/after-the-alert-for-a-rejected-certificate-nothing-is-sent";
  EXPECT_EQ(makes_of(nothing, rejecting().answers(Call::handshake, Outcome::failed, {alert(2, 48)}).close(Outcome::sent, {alert(2, 70)})),
            Finding::Kind::broken);
  EXPECT_EQ(makes_of(nothing, rejecting()
                                  .answers(Call::handshake, Outcome::failed)
                                  .close(Outcome::sent, {alert(2, 70)})
                                  .close(Outcome::sent, {alert(2, 70)})),
            Finding::Kind::not_reached);
}

}  // namespace
}  // namespace tlsbye
