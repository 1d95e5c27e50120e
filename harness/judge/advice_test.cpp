#include "harness/judge/advice.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/judge/testing.h"

namespace tlsbye {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view few_rules = R"TOML(
[[stack]]
name  = "gnutls"
close = "gnutls_bye"
read  = "gnutls_record_recv"
end-of-data = "0"

[[advice]]
section  = "calls"
question = "first-close-call"
says     = { sends-and-waits = "{close} waits.", sends-only = "{close} only sends." }

[[advice]]
section   = "answers"
question  = "read-after-fin"
says      = { cut = "" }
otherwise = "{read} answers {answer}, and data may be missing."
)TOML";

TraitAnswer answer(std::string trait, Role role, Tls tls, std::vector<std::string> answers, std::string replay) {
  return {std::move(trait), "gnutls", "3.7.9", role, tls, std::move(answers), std::move(replay)};
}

RunReport report() {
  RunReport report = testing::report_of(Verdict::violates, "rfc/never-late");
  report.cells.front().says = "it came late";
  report.runs = 12;
  for (const Role role : {Role::client, Role::server})
    for (const Tls tls : {Tls::v1_2, Tls::v1_3})
      report.traits.push_back(answer("first-close-call", role, tls, {tls == Tls::v1_2 ? "sends-only" : "sends-and-waits"}, "a"));
  report.traits.push_back(answer("read-after-fin", Role::client, Tls::v1_2, {"cut"}, "b"));
  report.traits.push_back(answer("read-after-fin", Role::server, Tls::v1_2, {"cut", "end-of-data"}, "c"));
  report.traits.back().replays = {"c", "c of the other answer"};
  report.traits.push_back(answer("second-close", Role::server, Tls::v1_2, {"done"}, "d"));
  return report;
}

std::string problem_of(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  const AdviceRules rules = parse_advice(text, "advice.toml");
  return rules.diagnostics.empty() ? "" : rules.diagnostics.front().render();
}

TEST(Advice, AStackWithoutWordsOfItsOwnHasThoseOfAllOthers) {
  const AdviceRules rules = parse_advice(R"TOML(
[[stack]]
name = "*"
read = "a read"
cut  = "that it ended too early"

[[advice]]
section   = "answers"
question  = "read-after-fin"
otherwise = "Then {read} answers {answer}."
)TOML",
                                         "advice.toml");
  ASSERT_TRUE(rules.diagnostics.empty()) << rules.diagnostics.front().render();
  RunReport report;
  report.stacks = {{"mytls", "1.0.0", {}}};
  report.traits = {answer("read-after-fin", Role::client, Tls::v1_2, {"cut"}, "a")};
  report.traits.front().stack = "mytls";
  ASSERT_EQ(advise(report, "mytls", rules).size(), 1u);
  EXPECT_EQ(advise(report, "mytls", rules).front().sentence, "Then a read answers that it ended too early.");
}

// Whose close is one-way, and whose failures have names.
constexpr std::string_view one_way_rules = R"TOML(
[[stack]]
name    = "*"
refused = "that it cannot be done now"

[[stack]]
name        = "gnutls"
close-write = "shut_down"
close-transport = "close_all"
done        = "0"
done-of-write = "the number of bytes"
cut         = "0"
cut-of-handshake = "E_EOF"
failed      = "an error"
failed-with = "{code}"

[[advice]]
section   = "answers"
question  = "read-after-fin"
otherwise = "Read: {answer}. Then {close}."

[[advice]]
section   = "answers"
question  = "write-after-cut"
otherwise = "Write: {answer}."

[[advice]]
section   = "answers"
question  = "handshake-meets-close-notify"
otherwise = "Handshake: {answer}."
)TOML";

TEST(Advice, AnOutcomeIsCalledAsThatCallCallsItAndAFailureByItsNames) {
  const AdviceRules rules = parse_advice(one_way_rules, "advice.toml");
  ASSERT_TRUE(rules.diagnostics.empty()) << rules.diagnostics.front().render();
  RunReport report = testing::report_of(Verdict::conforms);
  report.traits = {answer("read-after-fin", Role::client, Tls::v1_2, {"cut", "failed"}, "a"),
                   answer("write-after-cut", Role::client, Tls::v1_2, {"done", "refused"}, "b"),
                   answer("handshake-meets-close-notify", Role::client, Tls::v1_2, {"cut"}, "c")};
  const auto told = [&] {
    std::vector<std::string> sentences;
    for (const Advice& it : advise(report, "gnutls", rules)) sentences.push_back(it.sentence);
    return sentences;
  };
  EXPECT_THAT(told(), ElementsAre("Read: 0. Then shut_down.", "Read: an error. Then shut_down.", "Write: the number of bytes.",
                                  "Write: that it cannot be done now.", "Handshake: E_EOF."));
  report.traits.front().codes = {{}, {"E_LENGTH", "E_MAC"}};
  EXPECT_EQ(told().at(1), "Read: E_LENGTH or E_MAC. Then shut_down.");
}

TEST(Advice, TwoAnswersHaveASentenceTogetherThatSaysWhatTellsThemApart) {
  const AdviceRules rules = parse_advice(R"TOML(
[[advice]]
section  = "resume"
question = "resumable-after-cut"
says     = { yes = "It can.", no = "It cannot.", "no or yes" = "It can, by a ticket alone." }
)TOML",
                                         "advice.toml");
  ASSERT_TRUE(rules.diagnostics.empty()) << rules.diagnostics.front().render();
  RunReport report = testing::report_of(Verdict::conforms);
  report.traits = {answer("resumable-after-cut", Role::client, Tls::v1_2, {"yes"}, "a"),
                   answer("resumable-after-cut", Role::server, Tls::v1_2, {"no", "yes"}, "b")};
  using Section = AdviceRules::Section;
  EXPECT_THAT(advise(report, "gnutls", rules),
              ElementsAre(Advice{Section::resume, "It can.", "TLS 1.2 as client", "a"},
                          Advice{Section::resume, "It can, by a ticket alone.", "TLS 1.2 as server", "b"}));
  EXPECT_THAT(parse_advice("[[advice]]\nsection = \"resume\"\nquestion = \"resumable-after-cut\"\nsays = { \"no or maybe\" = \"\" }\n", "a")
                  .diagnostics.front()
                  .render(),
              HasSubstr("is not an answer of resumable-after-cut"));
}

TEST(Advice, DataThatWasSentIsNoAnswerOfAClose) {
  const AdviceRules rules = parse_advice(R"TOML(
[[stack]]
name = "*"
sent = "that the reply is still to come"

[[advice]]
section   = "beware"
question  = "write-after-own-close"
otherwise = "Data: {answer}."

[[advice]]
section   = "answers"
question  = "second-close"
otherwise = "Close: {answer}."
)TOML",
                                         "advice.toml");
  RunReport report = testing::report_of(Verdict::conforms);
  report.traits = {answer("write-after-own-close", Role::client, Tls::v1_2, {"sent"}, "a"),
                   answer("second-close", Role::client, Tls::v1_2, {"sent"}, "b")};
  ASSERT_EQ(advise(report, "gnutls", rules).size(), 2U);
  EXPECT_EQ(advise(report, "gnutls", rules).front().sentence, "Close: that the reply is still to come.");
  EXPECT_EQ(advise(report, "gnutls", rules).back().sentence, "Data: sent.");
}

TEST(Advice, AMoveToACloseThatOnlySendsSaysSo) {
  const AdviceRules rules = parse_advice(std::string(one_way_rules) + R"TOML(
[[stack]]
name        = "openssl"
close       = "SSL_shutdown"
close-write = "the first SSL_shutdown"
)TOML",
                                         "advice.toml");
  const std::string text = tell_move(report(), "openssl", "gnutls", rules);
  EXPECT_THAT(text, HasSubstr("  close           SSL_shutdown -> nothing: no call waits for the peer's close_notify\n"));
  EXPECT_THAT(text, HasSubstr("  close-write     the first SSL_shutdown -> shut_down\n"));
}

TEST(Advice, WhatWasBrokenNamesTheCallThatWasMade) {
  const AdviceRules rules = parse_advice(one_way_rules, "advice.toml");
  RunReport broken = testing::report_of(Verdict::violates, "rfc/never-late");
  const auto told = [&](std::string scenario, std::string says) {
    broken.cells.front().scenario = std::move(scenario);
    broken.cells.front().says = std::move(says);
    return advise(broken, "gnutls", rules).front().sentence;
  };
  EXPECT_EQ(told("family/name", "close-write answered done, and it had sent no close_notify"),
            "rfc/never-late: shut_down answered 0, and it had sent no close_notify");
  EXPECT_EQ(told("closes-transport/name", "close-write answered done, and it had sent no close_notify"),
            "rfc/never-late: close_all answered 0, and it had sent no close_notify");
  EXPECT_EQ(told("closes-transport/name", "close-write sent nothing"), "rfc/never-late: close_all sent nothing");
  EXPECT_EQ(told("family/name", "its peer sent nothing"), "rfc/never-late: its peer sent nothing");
  EXPECT_EQ(told("family/name", "write answered failed, not done or refused, at 5"),
            "rfc/never-late: write answered an error, not the number of bytes or that it cannot be done now, at 5");
}

TEST(Advice, WhatWasBrokenIsSaidInTheStacksWordsToo) {
  const AdviceRules rules = parse_advice(few_rules, "advice.toml");
  RunReport broken = report();
  broken.cells.front().stack = "gnutls";
  broken.cells.front().says = "close answered end-of-data, and read answered cut";
  std::vector<std::string> sentences;
  for (const Advice& it : advise(broken, "gnutls", rules)) sentences.push_back(it.sentence);
  EXPECT_THAT(sentences, ::testing::Contains("rfc/never-late: gnutls_bye answered 0, and gnutls_record_recv answered cut"));
}

TEST(Advice, AMoveIsToldByNamesAndByWhatIsAnsweredDifferentlyWhereBothWereAsked) {
  const AdviceRules rules = parse_advice(std::string(few_rules) + R"TOML(
[[stack]]
name  = "openssl"
close = "SSL_shutdown"
read  = "SSL_read"
cut   = "an error"
)TOML",
                                         "advice.toml");
  ASSERT_TRUE(rules.diagnostics.empty()) << rules.diagnostics.front().render();
  RunReport both = report();
  both.stacks = {{"gnutls", "3.7.9", {}}, {"openssl", "3.0.17", {}}};
  for (TraitAnswer it : report().traits) {
    if (it.trait == "second-close") continue;
    it.stack = "openssl", it.version = "3.0.17", it.replay = "of openssl";
    if (it.trait == "read-after-fin") it.answers = {"cut"}, it.replays = {};
    both.traits.push_back(it);
  }
  EXPECT_EQ(tell_move(both, "gnutls", "openssl", rules),
            "Moving from gnutls 3.7.9 to openssl 3.0.17\n"
            "as 12 runs showed it; `tlsbye replay ID` shows any of them again.\n"
            "\nWhat it is called\n"
            "  close           gnutls_bye -> SSL_shutdown\n"
            "  read            gnutls_record_recv -> SSL_read\n"
            "\nWhat changes\n"
            "  What does a read answer for a bare end of the transport?\n"
            "      gnutls    cut\n"
            "                b\n"
            "      gnutls    0 [TLS 1.2 as server]\n"
            "                c of the other answer\n"
            "      openssl   an error\n"
            "                of openssl\n"
            "\nWhat does not, as far as it was seen\n"
            "  first-close-call\n");
}

TEST(Advice, SaysForEachAnswerItsSentenceInTheStacksWordsWithWhereItIsSoAndARun) {
  const AdviceRules rules = parse_advice(few_rules, "advice.toml");
  ASSERT_TRUE(rules.diagnostics.empty()) << rules.diagnostics.front().render();
  using Section = AdviceRules::Section;
  const std::vector<Advice> expected{
      {Section::calls, "gnutls_bye only sends.", "TLS 1.2", "a"},
      {Section::calls, "gnutls_bye waits.", "TLS 1.3", "a"},
      {Section::answers, "gnutls_record_recv answers 0, and data may be missing.", "TLS 1.2 as server, not in every run",
       "c of the other answer"},
      {Section::beware, "rfc/never-late: it came late", "", "r"},
  };
  EXPECT_EQ(advise(report(), "gnutls", rules), expected);
  EXPECT_TRUE(advise(report(), "openssl", rules).empty());
}

TEST(Advice, AnAnswerOfBlockingCallsAloneIsSaidToBeThat) {
  const AdviceRules rules = parse_advice(few_rules, "advice.toml");
  RunReport both = report();
  const auto last = [&] { return advise(both, "gnutls", rules).at(2).where; };
  TraitAnswer& server = both.traits.at(5);
  server.only = {Io::nonblocking, Io::blocking};
  EXPECT_EQ(last(), "blocking TLS 1.2 as server");
  server.only = {std::nullopt, Io::blocking};
  EXPECT_EQ(last(), "blocking TLS 1.2 as server, not in every run") << "the other answer was given there, too";
  TraitAnswer& client = both.traits.at(4);
  client.answers = server.answers, client.replays = server.replays, client.only = server.only = {Io::nonblocking, Io::blocking};
  EXPECT_EQ(last(), "blocking");
  client.only = {};
  EXPECT_EQ(last(), "TLS 1.2 as client, blocking TLS 1.2 as server, not in every run");
}

TEST(Advice, OfSeveralVersionsNamesThoseInWhichItIsSoWhereTheyDiffer) {
  const AdviceRules rules = parse_advice(few_rules, "advice.toml");
  RunReport both = report();
  both.stacks.push_back({"gnutls", "3.8.9", {}});
  const auto places = [&] {
    std::vector<std::string> all;
    for (const Advice& it : advise(both, "gnutls", rules)) all.push_back(it.where);
    return all;
  };
  EXPECT_THAT(places(), ElementsAre("3.7.9 TLS 1.2", "3.7.9 TLS 1.3", "3.7.9 TLS 1.2 as server, not in every run", "3.7.9"));

  for (const TraitAnswer& old : report().traits) {
    both.traits.push_back(old);
    both.traits.back().version = "3.8.9";
  }
  both.cells.push_back(both.cells.front());
  both.cells.back().version = "3.8.9";
  EXPECT_THAT(places(), ElementsAre("TLS 1.2", "TLS 1.3", "TLS 1.2 as server, not in every run", ""));

  both.cells.back().verdict = Verdict::conforms;
  for (TraitAnswer& answer : both.traits)
    if (answer.version == "3.8.9" && answer.trait == "first-close-call") answer.answers = {"sends-and-waits"};
  EXPECT_THAT(places(), ElementsAre("3.7.9 TLS 1.2", "3.7.9 TLS 1.3; 3.8.9", "TLS 1.2 as server, not in every run", "3.7.9"));
}

TEST(Advice, TellsOnceWhatBrokeSeveralClausesInTheSameScenario) {
  RunReport several = testing::report_of(Verdict::violates, "rfc1/never-late");
  several.cells.front().says = "it came late";
  const auto broken = [&](std::string clause, Tls tls, std::string scenario, std::string says) {
    Cell cell = several.cells.front();
    cell.clause = std::move(clause);
    cell.tls = tls;
    cell.scenario = std::move(scenario);
    cell.says = std::move(says);
    cell.replay = "of " + cell.clause;
    several.cells.push_back(cell);
  };
  broken("rfc1/never-late", Tls::v1_2, "family/another", "it came late");
  broken("rfc2/never-late", Tls::v1_2, "family/name", "it came late");
  broken("rfc2/never-late", Tls::v1_3, "family/name", "it never came");
  broken("rfc3/in-time", Tls::v1_3, "family/third", "it came late");
  std::vector<std::string> told;
  for (const Advice& it : advise(several, "gnutls", {})) told.push_back(fmt::format("{} [{}] {}", it.sentence, it.where, it.replay));
  EXPECT_THAT(told, ElementsAre("rfc1/never-late, rfc2/never-late: it came late [] r",
                                "rfc2/never-late: it never came [TLS 1.3] of rfc2/never-late",
                                "rfc3/in-time: it came late [TLS 1.3] of rfc3/in-time"));
}

TEST(Advice, IsToldAsText) {
  const AdviceRules rules = parse_advice(few_rules, "advice.toml");
  EXPECT_EQ(tell_advice(report(), "gnutls", rules, 60), R"(How to close safely on gnutls 3.7.9
as 12 runs showed it; `tlsbye replay ID` shows any of them again.

The calls
  1.  gnutls_bye only sends. [TLS 1.2]
      a
  2.  gnutls_bye waits. [TLS 1.3]
      a

What answers mean
  -   gnutls_record_recv answers 0, and data may be missing.
      [TLS 1.2 as server, not in every run]
      c of the other answer

What to avoid
  -   rfc/never-late: it came late
      r
)");
}

TEST(Advice, RefusesAQuestionOrAnAnswerThatNobodyAsksOrGives) {
  EXPECT_THAT(problem_of(std::string(few_rules), "first-close-call", "first-close-cal"), HasSubstr("did you mean `first-close-call`"));
  EXPECT_THAT(problem_of(std::string(few_rules), "sends-only", "send-only"), HasSubstr("is not an answer of first-close-call"));
  EXPECT_THAT(problem_of(std::string(few_rules), "\"answers\"", "\"answer\""), HasSubstr("no such section"));
}

TEST(Advice, OfTheProjectIsSound) {
  const AdviceRules rules = load_advice(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios" / "clauses");
  for (const Diagnostic& diagnostic : rules.diagnostics) ADD_FAILURE() << diagnostic.render();
  EXPECT_GE(rules.rules.size(), 20U);
}

// Whoever reads how to close on a library knows its constants, and not the words of this project.
TEST(Advice, OfTheProjectCallsEachOutcomeAsTheStackDoes) {
  const AdviceRules rules = load_advice(std::filesystem::path(TLSBYE_SOURCE_DIR) / "scenarios" / "clauses");
  EXPECT_EQ(rules.words.size(), 13U) << "twelve stacks, and what holds for all others";
  for (const auto& [stack, words] : rules.words) {
    for (const std::string_view outcome : Words<Outcome>::list) {
      if (outcome == spell(Outcome::unsupported)) continue;
      // Two-way closes alone answer that, and some of them wait in their first call.
      if (outcome == spell(Outcome::sent) && (!words.contains(spell(Call::close)) || stack == "gnutls" || stack == "s2n")) continue;
      EXPECT_TRUE(words.contains(outcome)) << stack << ": " << outcome;
    }
    EXPECT_TRUE(words.contains(spell(Call::close_write))) << stack;
  }
}

}  // namespace
}  // namespace tlsbye
