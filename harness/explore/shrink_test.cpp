#include "harness/explore/shrink.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "harness/explore/generator.h"

namespace tlsbye {
namespace {

bool has(const Draft& draft, std::string_view part) {
  return std::any_of(draft.lines.begin(), draft.lines.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

// Its first place; past the end where there is none.
std::size_t place(const Draft& draft, std::string_view part) {
  return static_cast<std::size_t>(
      std::find_if(draft.lines.begin(), draft.lines.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; }) -
      draft.lines.begin());
}

TEST(Shrinking, LeavesOnlyWhatIsNeededInItsSmallestForm) {
  Draft draft;
  draft.tls = Tls::v1_3;
  draft.options = {"tickets", "read-ahead"};
  draft.partner_options = {"tickets"};
  draft.transport = TransportKind::tcp;
  draft.lines = {"both     handshake",
                 "partner  write 40KiB until done",
                 "subject  io send EAGAIN x3 after 2",
                 "subject  key-update requested",
                 "wire     hold partner->subject close_notify",
                 "subject  aside write 16KiB",
                 "subject  close until done",
                 "wire     release",
                 "partner  close"};
  const auto shows = [](const Draft& it) {
    return place(it, "io send EAGAIN") < place(it, "close") && has(it, "subject  close") && has(it, "partner  write") &&
           it.options.size() == 1;
  };
  const auto [small, minimal] = shrink(draft, shows, 2000);
  EXPECT_TRUE(minimal);
  EXPECT_THAT(small.lines, testing::ElementsAre("partner  write 1", "subject  io send EAGAIN", "subject  close"));
  EXPECT_THAT(small.options, testing::SizeIs(1));
  EXPECT_THAT(small.partner_options, testing::IsEmpty());
  EXPECT_EQ(small.transport, TransportKind::socketpair);
}

TEST(Shrinking, SpeaksOfCallsAndNotOfWhatAProgramSays) {
  Draft draft;
  draft.tls = Tls::v1_3;
  draft.lines = {"subject  say", "partner  hear"};
  EXPECT_THAT(shrink(draft, [](const Draft& it) { return it.lines.size() == 2; }, 100).draft.lines,
              testing::ElementsAre("subject  write 1", "partner  read"));
}

TEST(Shrinking, LeavesNoLineThatCanGo) {
  const Stack stack{"plain", "1.0", {"client", "server", "tls-1.2", "tls-1.3", "key-update", "send-alert"}, {}};
  const Generator generator(11, stack, stack);
  const auto shows = [](const Draft& it) {
    return std::count_if(it.lines.begin(), it.lines.end(), [](const std::string& line) { return line.starts_with("subject"); }) >= 2 &&
           has(it, "partner");
  };
  std::size_t tried = 0;
  for (std::uint64_t number = 0; number < 100; ++number) {
    const Draft draft = generator.draft(number);
    if (!shows(draft)) continue;
    ++tried;
    const Draft small = shrink(draft, shows, 2000).draft;
    EXPECT_TRUE(shows(small));
    EXPECT_TRUE(scenario_of(small, "explored/small"));
    for (std::size_t line = 0; line < small.lines.size(); ++line) {
      Draft less = small;
      less.lines.erase(less.lines.begin() + static_cast<std::ptrdiff_t>(line));
      EXPECT_FALSE(shows(less)) << small.lines[line];
    }
    EXPECT_EQ(small, shrink(draft, shows, 2000).draft);
  }
  EXPECT_GT(tried, 20U);
}

TEST(Shrinking, AsksNoMoreThanItMayAndGivesWhatItHasByThen) {
  Draft draft;
  draft.lines.assign(20, "subject  read");
  std::size_t asked = 0;
  const auto shows = [&](const Draft& it) {
    ++asked;
    return it.lines.size() >= 2;
  };
  const auto [small, minimal] = shrink(draft, shows, 3);
  EXPECT_EQ(asked, 3U);
  EXPECT_FALSE(minimal);
  EXPECT_LT(small.lines.size(), draft.lines.size());
  EXPECT_GE(small.lines.size(), 2U);
  const Shrunk stopped = shrink(draft, shows, 2000, [] { return true; });
  EXPECT_EQ(stopped.draft, draft);
  EXPECT_FALSE(stopped.minimal);
}

TEST(Shrinking, LeavesOfAScheduleOnlyTheFaultsThatAreNeededAndThoseAsEarlyAsCanBe) {
  Draft draft;
  draft.lines = {"subject  close"};
  draft.schedule = std::get<Schedule>(read_schedule("send4=EAGAIN,recv9=EAGAIN"));
  const auto with = [&](const Shows& shows) { return spell(shrink(draft, shows, 2000).draft.schedule); };
  EXPECT_EQ(with([](const Draft& it) { return !it.lines.empty(); }), "");
  EXPECT_EQ(with([](const Draft& it) { return spell(it.schedule).find("recv") != std::string::npos; }), "recv1=EAGAIN");
  draft.schedule = std::get<Schedule>(read_schedule("fin@20"));
  EXPECT_EQ(with([](const Draft& it) { return it.schedule.ending && it.schedule.ending->after >= 7; }), "fin@7");
}

TEST(Shrinking, NamesOneSideAndNoRole) {
  Draft draft;
  draft.tls = Tls::v1_3;
  draft.lines = {"both     handshake", "client   read", "server   write 1", "both     close"};
  const auto shows = [](const Draft& it) { return it.lines.size() == 4 && !it.lines[2].starts_with("subject"); };
  EXPECT_THAT(shrink(draft, shows, 2000).draft.lines,
              testing::ElementsAre("both     handshake", "subject  read", "partner  write 1", "subject  close"));
}

TEST(Drafts, OfAScenarioHaveItsLinesWithoutComments) {
  const auto loaded = parse_scenarios(R"([[scenario]]
id = "a"
title = "A"
why = "b"
options = ["tickets"]
script = '''
# first
both   handshake  # both

wire   fin   subject
'''
)",
                                      "f.toml", "f");
  ASSERT_THAT(loaded.diagnostics, testing::IsEmpty());
  const Draft draft = draft_of(loaded.scenarios.front(), Role::server, Tls::v1_2, Io::blocking);
  EXPECT_THAT(draft.lines, testing::ElementsAre("both     handshake", "wire     fin subject"));
  EXPECT_THAT(draft.options, testing::ElementsAre("tickets"));
}

}  // namespace
}  // namespace tlsbye
