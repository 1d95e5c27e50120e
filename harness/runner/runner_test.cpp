#include "harness/runner/runner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/runner/plan.h"
#include "harness/runner/replay_id.h"

namespace tlsbye {
namespace {

using testing::HasSubstr;

const RunKey key{"drop/cut-inside@k=7", "gnutls", "3.7.9", "openssl", "3.0.17", Role::server, Tls::v1_2, Io::nonblocking};

TEST(ReplayId, IsReadBackAsItWasWritten) {
  const std::string id = replay_id(key);
  EXPECT_EQ(id, "drop/cut-inside@k=7:gnutls@3.7.9:server:1.2:nonblocking:openssl@3.0.17");
  const auto read = read_replay_id(id);
  ASSERT_TRUE(std::holds_alternative<RunKey>(read));
  EXPECT_EQ(std::get<RunKey>(read), key);
}

// Names and versions as libraries, distributions and owners of folders choose them.
const std::vector<std::string> nasty{"3.1.4+quic",
                                     "17.0.9+9",
                                     "a:b",
                                     "a@b",
                                     "a+b+send1=EAGAIN",
                                     "%",
                                     "%2b",
                                     "%zz",
                                     "",
                                     "a b",
                                     "\t\n",
                                     "'\"`$(x)",
                                     "-x",
                                     ".hidden",
                                     "../../up",
                                     "C:\\con",
                                     "a*?<>|",
                                     "A.b",
                                     "a.B",
                                     "é",
                                     "\x80",
                                     "~",
                                     "#1",
                                     "send1=EAGAIN",
                                     "1:client",
                                     std::string(300, 'x'),
                                     std::string("\0", 1)};

TEST(ReplayId, IsReadBackWhateverTheNamesAndVersionsHold) {
  for (const std::string& name : nasty) {
    for (const std::string schedule : {"", "send2=EAGAIN"}) {
      for (std::string RunKey::*field :
           {&RunKey::scenario, &RunKey::subject, &RunKey::subject_version, &RunKey::partner, &RunKey::partner_version}) {
        RunKey run = key;
        run.schedule = schedule;
        run.*field = name;
        const std::string id = replay_id(run);
        EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,/@=:+%"), std::string::npos)
            << id;
        const auto read = read_replay_id(id);
        ASSERT_TRUE(std::holds_alternative<RunKey>(read)) << id << ": " << std::get<std::string>(read);
        EXPECT_EQ(std::get<RunKey>(read), run) << id;
      }
    }
  }
}

TEST(ReplayId, IsNoOptionToWhoeverPastesIt) {
  RunKey run = key;
  run.scenario = "--out/x";
  EXPECT_EQ(replay_id(run).front(), '%');
}

TEST(ReplayId, WhatIsNoneIsToldWithTheWordThatDoesNotFit) {
  const auto problem = [](std::string_view id) { return std::get<std::string>(read_replay_id(id)); };
  EXPECT_THAT(problem("drop/cut"), HasSubstr("it has 1 part, not 6"));
  EXPECT_THAT(problem("a:b@1:peer:1.2:blocking:c@1"), HasSubstr("`peer`"));
  EXPECT_THAT(problem("a:b@1:client:1.5:blocking:c@1"), HasSubstr("`1.5`"));
  EXPECT_THAT(problem("a:b@1:client:1.2:sometimes:c@1"), HasSubstr("`sometimes`"));
  for (const std::string_view bare :
       {"a%:b@1:client:1.2:blocking:c@1", "a:b@%2:client:1.2:blocking:c@1", "a:b@1:client:1.2:blocking:%2Bc@1"})
    EXPECT_THAT(problem(bare), HasSubstr("a `%` in it")) << bare;
}

TEST(ReplayId, CarriesTheScheduleAfterAPlus) {
  RunKey swept = key;
  for (const std::string schedule : {"send2=EAGAIN", "recv5=short,send7=EAGAIN", "cut@0", "fin@13", "reset@130"}) {
    swept.schedule = schedule;
    const std::string id = replay_id(swept);
    EXPECT_EQ(id, replay_id(key) + "+" + schedule);
    const auto read = read_replay_id(id);
    ASSERT_TRUE(std::holds_alternative<RunKey>(read)) << id;
    EXPECT_EQ(std::get<RunKey>(read), swept);
  }
  for (const std::string schedule : {"", "send", "send0=EAGAIN", "sent1=EAGAIN", "send1=EOF", "recv1=EPIPE", "recv1=EAGAIN,", "cut@",
                                     "hangup@1", "cut@1,cut@2", "recv1=EAGAIN,recv2=EAGAIN,recv3=EAGAIN"})
    EXPECT_TRUE(std::holds_alternative<std::string>(read_replay_id(replay_id(key) + "+" + schedule))) << schedule;
}

Transcript with_calls(const std::vector<TransportCall>& calls) {
  Transcript transcript;
  for (const TransportCall& call : calls) transcript.add(1, call);
  return transcript;
}
TransportCall sends(long result) { return {Side::subject, Call::close, 2, "send", Flow::send, 24, result, "", false}; }
TransportCall receives(long result) { return {Side::subject, Call::close, 2, "recv", Flow::recv, 5, result, "", false}; }

std::vector<std::string> spelled(const std::vector<Schedule>& schedules) {
  std::vector<std::string> words;
  for (const Schedule& it : schedules) words.push_back(spell(it));
  return words;
}

TEST(Sweep, EveryDataCallOfTheSubjectFailsInEveryWay) {
  TransportCall poll = receives(1), partner = sends(24);
  poll.function = "poll";
  partner.side = Side::partner;
  Transcript clean = with_calls({sends(24), poll, partner, receives(-1), sends(1)});
  clean.add(2, NewSession{});
  clean.add(3, sends(24));
  EXPECT_THAT(spelled(single_faults(clean)),
              testing::ElementsAre("send1=EAGAIN", "send1=EINTR", "send1=short", "send1=EPIPE", "send1=ECONNRESET",  //
                                   "recv1=EAGAIN", "recv1=EINTR", "recv1=ECONNRESET",                                //
                                   "send2=EAGAIN", "send2=EINTR", "send2=EPIPE", "send2=ECONNRESET"));
}

TEST(Sweep, WhatMovesNoBytesIsNoDataCall) {
  for (const char* function : {"poll", "select", "pselect", "epoll_wait", "shutdown", "close", "recv(MSG_PEEK)", "sendfile"}) {
    TransportCall call = receives(1);
    call.function = function;
    EXPECT_THAT(single_faults(with_calls({call})), testing::IsEmpty()) << function;
  }
}

TEST(Sweep, TheSecondOfAPairComesAfterTheFirst) {
  const Schedule first{{{Flow::send, 1, Fault::eagain}}, {}};
  const Transcript run = with_calls({receives(5), sends(-1), sends(24), receives(5), receives(19)});
  EXPECT_THAT(spelled(second_faults(first, run, 2)), testing::ElementsAre("send1=EAGAIN,send2=EAGAIN", "send1=EAGAIN,recv2=EAGAIN"));
  EXPECT_THAT(second_faults(first, run, 0), testing::IsEmpty());
  EXPECT_THAT(second_faults(first, with_calls({receives(5)}), 9), testing::IsEmpty());
}

TEST(Sweep, AnEndIsTriedAfterEveryByteInEveryWay) {
  EXPECT_THAT(spelled(endings(1)), testing::ElementsAre("cut@0", "fin@0", "reset@0", "cut@1", "fin@1", "reset@1"));
}

TEST(Sweep, ARunIsComparedWithTheOneThatHasLeastInItsWay) {
  const auto reference = [](std::string_view text) {
    const auto of = reference_of(std::get<Schedule>(read_schedule(text)));
    return of ? spell(*of) : std::string("none");
  };
  EXPECT_EQ(reference("send2=EAGAIN,recv3=EAGAIN"), "");
  EXPECT_EQ(reference("fin@13"), "fin@0");
  EXPECT_EQ(reference("cut@13"), "cut@0");
  EXPECT_EQ(reference("cut@0"), "none");
  EXPECT_EQ(reference(""), "none");
}

TEST(Sweep, WhatIsTransientHappensOnceAndWhatIsBrokenStaysBroken) {
  const auto transient = plans_of({Flow::send, 3, Fault::eagain});
  ASSERT_EQ(transient.size(), 1u);
  EXPECT_EQ(transient[0].times, 1);
  EXPECT_EQ(transient[0].after, 2);
  const auto reset = plans_of({Flow::recv, 3, Fault::econnreset});
  ASSERT_EQ(reset.size(), 2u);
  EXPECT_EQ(reset[0].times, 1);
  EXPECT_EQ(reset[1].fault, Fault::eof);
  EXPECT_EQ(reset[1].after, 3);
  EXPECT_GT(reset[1].times, 1'000'000);
  EXPECT_EQ(plans_of({Flow::send, 3, Fault::econnreset}).back().fault, Fault::epipe);
}

TEST(Selection, AStackIsNamedAloneOrWithItsVersion) {
  const Stack stack{"gnutls", "3.7.9", {}, {}};
  EXPECT_TRUE(selects("gnutls", stack));
  EXPECT_TRUE(selects("gnu*", stack));
  EXPECT_TRUE(selects("gnutls@3.7.*", stack));
  EXPECT_FALSE(selects("gnutls@3.8*", stack));
  EXPECT_FALSE(selects("openssl", stack));
}

struct Planned : testing::Test {
  Stack able{"able", "1", {"client", "server", "tls-1.2", "tls-1.3", "tickets"}, {}};
  Stack old{"old", "1", {"client", "tls-1.2"}, {}};
  Scenario scenario;
  Planned() {
    scenario.id = "family/name";
    scenario.roles = {Role::client, Role::server};
    scenario.versions = {Tls::v1_2, Tls::v1_3};
    scenario.modes = {Io::blocking};
  }
};

TEST_F(Planned, EveryModeThatBothStacksCanDoIsRun) {
  const Plan plan = make_plan({scenario}, {&able}, {&able}, {});
  EXPECT_EQ(plan.runs.size(), 4u);
  EXPECT_TRUE(plan.unsupported.empty());
}

TEST_F(Planned, WhatAStackCannotDoIsNamedAndNotRun) {
  const Plan plan = make_plan({scenario}, {&old}, {&able}, {});
  ASSERT_EQ(plan.runs.size(), 1u);
  EXPECT_EQ(plan.runs.front().tls, Tls::v1_2);
  ASSERT_EQ(plan.unsupported.size(), 3u);
  EXPECT_EQ(plan.unsupported.front().ability, "tls-1.3");
  EXPECT_FALSE(plan.unsupported.front().by_partner);
}

TEST_F(Planned, AStackThatOnlyBlocksIsRunSoAndIsAPartnerAsAnyOther) {
  able.abilities.emplace_back("blocking-only");
  scenario.modes = {Io::blocking, Io::nonblocking};
  const Plan plan = make_plan({scenario}, {&able}, {&able}, {});
  ASSERT_FALSE(plan.runs.empty());
  for (const auto& run : plan.runs) EXPECT_EQ(run.io, Io::blocking);
  ASSERT_EQ(plan.unsupported.size(), plan.runs.size());
  EXPECT_EQ(plan.unsupported.front().ability, "nonblocking");
  EXPECT_FALSE(plan.unsupported.front().by_partner);
}

TEST_F(Planned, WhatOnlyBlocksDoesNotBlockOverMemory) {
  able.abilities.insert(able.abilities.end(), {"blocking-only", "memory-bio"});
  scenario.modes = {Io::nonblocking};
  EXPECT_TRUE(make_plan({scenario}, {&able}, {&able}, {}).runs.empty());
  scenario.options = {"memory-bio"};
  const Plan plan = make_plan({scenario}, {&able}, {&able}, {});
  EXPECT_FALSE(plan.runs.empty());
  EXPECT_TRUE(plan.unsupported.empty());
}

TEST_F(Planned, OptionsAndNeedsAreAbilities) {
  scenario.options = {"tickets"};
  EXPECT_EQ(make_plan({scenario}, {&able}, {&able}, {}).runs.size(), 4u);
  EXPECT_TRUE(make_plan({scenario}, {&old}, {&able}, {}).runs.empty());
  scenario.options = {};
  scenario.partner_needs = {"ignore-eof"};
  const Plan plan = make_plan({scenario}, {&able}, {&able}, {});
  EXPECT_TRUE(plan.runs.empty());
  EXPECT_TRUE(plan.unsupported.front().by_partner);
}

TEST_F(Planned, WhatTheScriptAsksOfASideThatSideMustBeAbleTo) {
  const auto missing = [&](std::string_view script) {
    std::vector<Diagnostic> diagnostics;
    scenario.script = parse_script(script, "f.toml", 1, diagnostics);
    EXPECT_TRUE(diagnostics.empty());
    scenario.roles = {Role::client};
    scenario.versions = {Tls::v1_2};
    const Plan plan = make_plan({scenario}, {&old}, {&able}, {});
    return plan.unsupported.empty() ? ""
                                    : (plan.unsupported.front().by_partner ? "partner " : "subject ") + plan.unsupported.front().ability;
  };
  EXPECT_EQ(missing("both handshake\nsubject close\n"), "");
  EXPECT_EQ(missing("subject peek\n"), "subject peek");
  EXPECT_EQ(missing("server set cork on\n"), "partner set-cork");
  EXPECT_EQ(missing("client aside close\n"), "subject threads");
  EXPECT_EQ(missing("partner fork close\n"), "partner fork");
  able.abilities.emplace_back("renegotiate");
  EXPECT_EQ(missing("partner renegotiate\n"), "");
  EXPECT_EQ(missing("both renegotiate\n"), "subject renegotiate");
}

TEST_F(Planned, TheSelectionNarrowsIt) {
  Selection selection;
  selection.tls = Tls::v1_3;
  selection.role = Role::client;
  EXPECT_EQ(make_plan({scenario}, {&able}, {&able}, selection).runs.size(), 1u);
  selection.scenarios = {"other/*"};
  EXPECT_TRUE(make_plan({scenario}, {&able}, {&able}, selection).runs.empty());
  selection.scenarios = {"family/*"};
  EXPECT_EQ(make_plan({scenario}, {&able}, {&able}, selection).runs.size(), 1u);
}

// With the real peers: the order of events is the order of facts, and it is the same each time.
class Made : public testing::TestWithParam<bool> {
 protected:
  const FoundStacks found = find_stacks(std::string(TLSBYE_BINARY_DIR) + "/peers", std::chrono::seconds(10));
  const Stack& openssl() const {
    for (const Stack& stack : found.stacks)
      if (stack.name == "openssl") return stack;
    throw std::runtime_error("no peer of openssl");
  }
  Transcript make(const std::string& script, Io io = Io::blocking, std::string_view schedule = {}, Role role = Role::client) {
    const LoadedScenarios loaded =
        parse_scenarios("[[scenario]]\nid = \"it\"\ntitle = \"It.\"\nwhy = \"Why.\"\nscript = '''\n" + script + "'''\n", "test", "test");
    EXPECT_EQ(loaded.scenarios.size(), 1u);
    Runner runner(RunnerOptions{GetParam(), std::chrono::seconds(10)});
    auto made =
        runner.make({&loaded.scenarios.front(), &openssl(), &openssl(), role, Tls::v1_3, io, std::get<Schedule>(read_schedule(schedule))});
    return std::move(std::get<tlsbye::Made>(made).transcript);
  }
  // "line call = outcome", of the subject.
  static std::vector<std::string> told_answers(const Transcript& run) {
    std::vector<std::string> words;
    for (const auto& it : answers(run))
      words.push_back(fmt::format("{} {} = {}", it.line, spell(it.call), it.outcome ? spell(*it.outcome) : "nothing"));
    return words;
  }
};

INSTANTIATE_TEST_SUITE_P(OneProcessOrMany, Made, testing::Bool(), [](const auto& it) { return it.param ? "Isolated" : "Shared"; });

TEST_P(Made, TheReplyIsDeliveredBeforeTheCloseSucceeds) {
  const Transcript run = make("both handshake\nsubject close until done\npartner close\n");
  int reply = 0, success = 0;
  for (const Event& event : run.events()) {
    const auto* it = event.as<Delivered>();
    const auto* record = it ? run.at(it->record).as<Record>() : nullptr;
    if (record && record->from == Side::partner && record->alert == Alert{1, 0}) reply = event.number;
    if (const auto* call = event.as<ApiCall>();
        call && call->side == Side::subject && call->call == Call::close && call->outcome == Outcome::done)
      success = event.number;
  }
  EXPECT_GT(reply, 0);
  EXPECT_GT(success, reply);
}

TEST_P(Made, ManyPartnersInTurnTakeNoProcessFromTheRunUnderWay) {
  const LoadedScenarios loaded =
      parse_scenarios("[[scenario]]\nid = \"it\"\ntitle = \"It.\"\nwhy = \"Why.\"\nscript = '''\nboth handshake\n'''\n", "test", "test");
  Runner runner(RunnerOptions{GetParam(), std::chrono::seconds(10)});
  for (int i = 0; i < 12; ++i) {
    Stack partner = openssl();
    partner.version = std::to_string(i);
    const auto made = runner.make({&loaded.scenarios.front(), &openssl(), &partner, Role::client, Tls::v1_3, Io::blocking, {}});
    ASSERT_TRUE(std::holds_alternative<tlsbye::Made>(made)) << i;
    EXPECT_THAT(told_answers(std::get<tlsbye::Made>(made).transcript), testing::ElementsAre("1 handshake = done")) << i;
  }
}

TEST_P(Made, APeerThatIsBlockedForGoodSaysSoAndItsFurtherLinesAreNotCarriedOut) {
  const Transcript run = make("both handshake\nsubject close until done\nsubject read\n");
  bool refused = false, for_good = false;
  for (const Event& event : run.events()) {
    if (const auto* it = event.as<NotDone>()) refused = it->side == Side::subject && !it->unsupported;
    if (const auto* it = event.as<Blocked>()) for_good |= it->for_good && it->on == Flow::recv && it->during == Call::close;
  }
  EXPECT_TRUE(refused);
  EXPECT_TRUE(for_good);
}

TEST_P(Made, AnAnswerBelongsToTheLineThatAskedHoweverLateItComes) {
  const Transcript run = make("both handshake\nsubject close until done\npartner read\npartner close\nsubject read\n");
  EXPECT_THAT(told_answers(run), testing::ElementsAre("1 handshake = done", "2 close = done", "5 read = end-of-data"));
  const Transcript alone = make("both handshake\nsubject read\nsubject close\n");
  EXPECT_THAT(told_answers(alone), testing::ElementsAre("1 handshake = done", "2 read = nothing"));
}

TEST_P(Made, AFaultOfTheScheduleHitsTheCallThatItNames) {
  const Transcript run = make("both handshake\nsubject write 5 until done\nsubject close\n", Io::nonblocking, "send2=EAGAIN,send4=EAGAIN");
  int count = 0;
  std::vector<int> hit;
  for (const Event& event : run.events()) {
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != Side::subject || call->flow != Flow::send) continue;
    ++count;
    if (call->injected) hit.push_back(count);
    EXPECT_EQ(call->injected, call->error_number == "EAGAIN");
  }
  EXPECT_THAT(hit, testing::ElementsAre(2, 4));
}

// Where in the stream of the subject's sends its calls were made to fail so.
std::vector<std::size_t> failed_at(const Transcript& run, Flow flow, std::string_view error) {
  std::size_t moved = 0;
  std::vector<std::size_t> places;
  for (const Event& event : run.events()) {
    const auto* call = event.as<TransportCall>();
    if (!call || call->side != Side::subject || call->flow != flow) continue;
    if (call->injected && call->error_number == error) places.push_back(moved);
    if (call->result > 0) moved += static_cast<std::size_t>(call->result);
  }
  return places;
}

// Where the record in which that begins lies in its sender's stream.
std::size_t place_of(const Transcript& run, std::string_view name) {
  for (const Event& event : run.events()) {
    const auto* opened = event.as<Opened>();
    const auto* record = opened ? run.at(opened->record).as<Record>() : event.as<Record>();
    if (!record || record->from != Side::subject) continue;
    if (name_of(opened ? static_cast<const Contents&>(*opened) : *record).starts_with(name)) return record->offset;
  }
  return 0;
}

TEST_P(Made, AFaultAimedAtARecordMeetsItBeforeItsFirstByte) {
  const std::string handshake = "both handshake\n", close = "subject write 100\nsubject close until done\n";
  const Transcript closes = make(handshake + "subject io send EAGAIN x2 on close_notify\n" + close, Io::nonblocking);
  const std::size_t at = place_of(closes, "close_notify");
  EXPECT_THAT(failed_at(closes, Flow::send, "EAGAIN"), testing::ElementsAre(at, at));

  // Behind a signature, which is not as long in every run, and in the same call.
  for (int i = 0; i < 5; ++i) {
    const Transcript server = make("subject io send EAGAIN on Finished\n" + handshake, Io::nonblocking, {}, Role::server);
    EXPECT_THAT(failed_at(server, Flow::send, "EAGAIN"), testing::ElementsAre(place_of(server, "Finished")));
  }
}

TEST_P(Made, AShortCountAimedAtARecordMovesSoManyBytesOfIt) {
  const Transcript run = make(
      "both handshake\nsubject io send short 3 on close_notify\nsubject io send EAGAIN after 2\n"
      "subject write 100\nsubject close\nsubject close\n",
      Io::nonblocking);
  EXPECT_THAT(failed_at(run, Flow::send, "EAGAIN"), testing::ElementsAre(place_of(run, "close_notify") + 3));
}

TEST_P(Made, WhatTheSubjectReceivesIsAimedAtAsWellAlthoughItLiesThereAlready) {
  const Transcript run = make(
      "both handshake\npartner write 100\npartner close\nsubject io recv EAGAIN on close_notify\nsubject read\nsubject read\nsubject "
      "read\n",
      Io::nonblocking);
  EXPECT_THAT(told_answers(run), testing::IsSupersetOf({"5 read = done", "6 read = want-read", "7 read = end-of-data"}));
}

TEST_P(Made, AFaultThatNeverCameToItsRecordIsTold) {
  const Transcript run = make("both handshake\nsubject io send EAGAIN on KeyUpdate\nsubject close\n");
  std::vector<std::string> told;
  for (const Event& event : run.events()) {
    if (const auto* it = event.as<Told>()) told.push_back(it->text);
    const auto* call = event.as<TransportCall>();
    EXPECT_TRUE(!call || call->side == Side::subject);
  }
  EXPECT_THAT(told, testing::Contains("subject  never reached: subject io send EAGAIN on KeyUpdate"));
}

TEST_P(Made, AnOrderThatTheWireNeverCameToIsTold) {
  const Transcript run = make("both handshake\nwire drop partner->subject close_notify\nsubject close\n");
  bool told = false;
  for (const Event& event : run.events())
    if (const auto* it = event.as<Told>()) told |= it->text.find("never reached") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST_P(Made, TwoRunsAreTheSameButForCiphertext) {
  const std::string script = "both handshake\npartner write 100\npartner close-write\nsubject read to-end\nsubject close until done\n";
  const auto told = [](const Transcript& run) {
    std::string text;
    for (const Event& event : run.events()) text += narrate(event, Detail::repeatable) + "\n";
    return text;
  };
  EXPECT_EQ(told(make(script)), told(make(script)));
}

TEST(LetTimePass, AWaitInSlicesIsFoundToBeOneForGood) {
  const FoundStacks rogues = find_stacks(std::string(TLSBYE_BINARY_DIR) + "/rogues", std::chrono::seconds(10));
  LoadedScenarios loaded = parse_scenarios(
      "[[scenario]]\nid = \"it\"\ntitle = \"It.\"\nwhy = \"Why.\"\nscript = '''\nboth handshake\nsubject read\n'''\n", "test", "test");
  ASSERT_EQ(loaded.scenarios.size(), 1u);
  loaded.scenarios.front().options.emplace_back("lie-waits-in-slices");
  const Stack& rogue = rogues.stacks.at(0);
  const auto made = Runner(RunnerOptions{false, std::chrono::seconds(10)})
                        .make({&loaded.scenarios.front(), &rogue, &rogue, Role::client, Tls::v1_3, Io::blocking, {}});
  int passed = 0, for_good = 0;
  for (const Event& event : std::get<tlsbye::Made>(made).transcript.events()) {
    passed += event.as<TimePassed>() != nullptr;
    if (const auto* it = event.as<Blocked>(); it && it->for_good && it->during == Call::read && !it->timeout_ms) ++for_good;
  }
  EXPECT_EQ(for_good, 1);
  EXPECT_GT(passed, 1);
  EXPECT_LT(passed, 10);
}

// A library that reaches the transport where its peer does not see it.
struct Past {
  std::string option, script, told;
};
void PrintTo(const Past& past, std::ostream* out) {
  *out << past.option << " in";
  for (const char c : past.script) *out << (c == '\n' ? '/' : c);
}

class Lied : public testing::Test {
 protected:
  const FoundStacks rogues = find_stacks(std::string(TLSBYE_BINARY_DIR) + "/rogues", std::chrono::seconds(10));
  std::variant<tlsbye::Made, HarnessError> make(bool isolate, Side side, const std::string& option, const std::string& script) {
    LoadedScenarios loaded =
        parse_scenarios("[[scenario]]\nid = \"it\"\ntitle = \"It.\"\nwhy = \"Why.\"\nscript = '''\n" + script + "'''\n", "test", "test");
    EXPECT_EQ(loaded.scenarios.size(), 1u);
    Scenario& scenario = loaded.scenarios.at(0);
    if (!option.empty()) (side == Side::subject ? scenario.options : scenario.partner_options).push_back(option);
    const Stack& rogue = rogues.stacks.at(0);
    return Runner(RunnerOptions{isolate, std::chrono::seconds(10)})
        .make({&scenario, &rogue, &rogue, Role::client, Tls::v1_3, Io::nonblocking, {}});
  }
};

TEST_F(Lied, ARunThatHasNoEndOfEventsIsAFaultOfTheRun) {
  std::string script = "both handshake\n";
  for (int reads = 0; reads < 50; ++reads) script += "subject read\n";
  const auto made = make(false, Side::subject, "lie-looks-often", script);
  ASSERT_TRUE(std::holds_alternative<HarnessError>(made));
  EXPECT_THAT(std::get<HarnessError>(made).what, HasSubstr("more than 200000 events in one run, most of them by the subject"));
  EXPECT_TRUE(std::holds_alternative<tlsbye::Made>(make(false, Side::subject, "", script)));
}

TEST_F(Lied, ARunWhoseEventsTakeTooMuchMemoryIsAFaultOfTheRun) {
  std::string script = "both handshake\n";
  for (int reads = 0; reads < 17'000; ++reads) script += "subject read\n";
  const auto made = make(false, Side::subject, "lie-says-much", script);
  ASSERT_TRUE(std::holds_alternative<HarnessError>(made));
  EXPECT_THAT(std::get<HarnessError>(made).what, HasSubstr("the events of one run hold more than 67108864 bytes, most of them by the subject"));
}

TEST_F(Lied, WhatTheOldTransportStillHeldBelongsToTheOldSession) {
  const std::string script = "both handshake\nwire hold partner->subject any at 1\npartner write 9\nboth reconnect\nboth handshake\n";
  const auto made = make(false, Side::subject, "", script);
  ASSERT_TRUE(std::holds_alternative<tlsbye::Made>(made));
  const Transcript& transcript = std::get<tlsbye::Made>(made).transcript;
  int session = 0, parts = 0;
  for (const Event& event : transcript.events()) {
    if (event.as<NewSession>()) session = event.number;
    const auto* delivered = event.as<Delivered>();
    if (!delivered || delivered->bytes != 1) continue;
    ++parts;
    EXPECT_EQ(session, 0) << "behind the beginning of the new session";
  }
  EXPECT_EQ(parts, 1);
}

class GonePast : public Lied, public testing::WithParamInterface<std::tuple<bool, Side, Past>> {
 protected:
  std::variant<tlsbye::Made, HarnessError> make(const std::string& option, const std::string& script) {
    return Lied::make(std::get<bool>(GetParam()), std::get<Side>(GetParam()), option, script);
  }
  std::string script() const {
    std::string text = std::get<Past>(GetParam()).script;
    const std::string me(spell(std::get<Side>(GetParam()))), you(spell(other(std::get<Side>(GetParam()))));
    for (std::size_t at; (at = text.find("ME")) != std::string::npos;) text.replace(at, 2, me);
    for (std::size_t at; (at = text.find("YOU")) != std::string::npos;) text.replace(at, 3, you);
    return text;
  }
};

INSTANTIATE_TEST_SUITE_P(
    All, GonePast,
    testing::Combine(testing::Bool(), testing::Values(Side::subject, Side::partner),
                     testing::Values(Past{"lie-sends-past", "both handshake\nME close\n", "sent"},
                                     Past{"lie-sends-past", "both handshake\nwire stall ME\nME close\n", "sent"},
                                     Past{"lie-sends-past", "both handshake\nME close\nboth reconnect\nboth handshake\n", "sent"},
                                     Past{"lie-sends-past", "both handshake\nME close\nME hangup\n", "sent"},
                                     Past{"lie-reads-past", "both handshake\nYOU write 100\nME close\n", "received"},
                                     Past{"lie-reads-past", "both handshake\nYOU write 100\nME close\nME hangup\n", "received"},
                                     Past{"lie-reads-past", "both handshake\nYOU write 9\nME close\nboth reconnect\n", "received"})));

TEST_P(GonePast, IsAFaultOfTheRunThatSaysWhatWasCounted) {
  const auto& past = std::get<Past>(GetParam());
  const auto made = make(past.option, script());
  ASSERT_TRUE(std::holds_alternative<HarnessError>(made));
  const std::string what = std::get<HarnessError>(made).what;
  EXPECT_THAT(what, HasSubstr(fmt::format("({}) reached the transport past the interposer", spell(std::get<Side>(GetParam())))));
  EXPECT_THAT(what, HasSubstr("bytes " + past.told));
  EXPECT_TRUE(std::holds_alternative<tlsbye::Made>(make("", script())));
}

}  // namespace
}  // namespace tlsbye
