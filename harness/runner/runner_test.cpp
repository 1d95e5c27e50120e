#include "harness/runner/runner.h"

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

TEST(ReplayId, WhatIsNoneIsToldWithTheWordThatDoesNotFit) {
  const auto problem = [](std::string_view id) { return std::get<std::string>(read_replay_id(id)); };
  EXPECT_THAT(problem("drop/cut"), HasSubstr("1 parts"));
  EXPECT_THAT(problem("a:b@1:peer:1.2:blocking:c@1"), HasSubstr("`peer`"));
  EXPECT_THAT(problem("a:b@1:client:1.5:blocking:c@1"), HasSubstr("`1.5`"));
  EXPECT_THAT(problem("a:b@1:client:1.2:sometimes:c@1"), HasSubstr("`sometimes`"));
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
  Transcript make(const std::string& script, Io io = Io::blocking) {
    const LoadedScenarios loaded =
        parse_scenarios("[[scenario]]\nid = \"it\"\ntitle = \"It.\"\nwhy = \"Why.\"\nscript = '''\n" + script + "'''\n", "test", "test");
    EXPECT_EQ(loaded.scenarios.size(), 1u);
    Runner runner(RunnerOptions{GetParam(), std::chrono::seconds(10)});
    auto made = runner.make({&loaded.scenarios.front(), &openssl(), &openssl(), Role::client, Tls::v1_3, io});
    return std::move(std::get<tlsbye::Made>(made).transcript);
  }
};

INSTANTIATE_TEST_SUITE_P(OneProcessOrMany, Made, testing::Bool(), [](const auto& it) { return it.param ? "Isolated" : "Shared"; });

TEST_P(Made, TheReplyIsDeliveredBeforeTheCloseSucceeds) {
  const Transcript run = make("both handshake\nsubject close until done\npartner close\n");
  int reply = 0, success = 0;
  for (const Event& event : run.events()) {
    if (const auto* it = event.as<Record>(); it && it->from == Side::partner && it->is_close_notify()) reply = event.number;
    if (const auto* it = event.as<ApiCall>(); it && it->side == Side::subject && it->call == Call::close && it->outcome == Outcome::done)
      success = event.number;
  }
  EXPECT_GT(reply, 0);
  EXPECT_GT(success, reply);
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

TEST_P(Made, AnOrderThatTheWireNeverCameToIsTold) {
  const Transcript run = make("both handshake\nwire drop partner->subject close_notify\nsubject close\n");
  bool told = false;
  for (const Event& event : run.events())
    if (const auto* it = event.as<Told>()) told |= it->text.find("never came to") != std::string::npos;
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

}  // namespace
}  // namespace tlsbye
