#include "harness/explore/changed_scenarios.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "harness/explore/able_stack.h"

namespace tlsbye {
namespace {

constexpr std::uint64_t enough = 2000;

constexpr std::string_view written = R"(
[[scenario]]
id     = "reply"
title  = "One"
why    = "One."
roles  = ["server"]
io     = ["nonblocking"]
versions = ["1.2"]
options = ["read-ahead"]
partner_options = ["tickets"]
transport = "tcp"
script = '''
both     handshake               # as ever
subject  write 1234
partner  close
'''
[[scenario]]
id     = "many"
title  = "$k"
why    = "Variants."
matrix = { k = [11, 12, 13, 14, 15, 16, 17, 18, 19] }
script = '''
both     handshake
subject  write $k
subject  read 4321
'''
[[scenario]]
id     = "needs"
title  = "Needs"
why    = "Something that no line asks for."
needs  = ["tickets"]
script = '''
both     handshake
partner  close
'''
)";

std::vector<Scenario> scenarios() {
  LoadedScenarios loaded = parse_scenarios(written, "ours.toml", "ours");
  EXPECT_THAT(loaded.diagnostics, testing::IsEmpty());
  return std::move(loaded.scenarios);
}

std::vector<ChangedScenarios::Changed> drawn(const std::vector<Scenario>& from, const Stack& stack, std::uint64_t count = enough) {
  const ChangedScenarios changed(from);
  const Generator generator(1, stack, stack);
  std::vector<ChangedScenarios::Changed> all;
  for (std::uint64_t number = 0; number < count; ++number)
    if (auto one = changed.draft(generator, number)) all.push_back(std::move(*one));
  return all;
}

TEST(ChangedScenarios, AreOfTheLanguageAndNotWhatWasWrittenAndKeepAllButTheLines) {
  const Stack stack = able_stack();
  const std::vector<Scenario> from = scenarios();
  const auto all = drawn(from, stack);
  EXPECT_EQ(all.size(), enough);
  for (const auto& [draft, scenario] : all) {
    const Draft before = draft_of(*scenario, draft.role, draft.tls, draft.io);
    ASSERT_NE(draft.lines, before.lines);
    EXPECT_LE(draft.lines.size(), before.lines.size() + ChangedScenarios::most_changes);
    EXPECT_GE(draft.lines.size() + ChangedScenarios::most_changes, before.lines.size());
    ASSERT_TRUE(scenario_of(draft, "explored/drawn"));
    Draft alike = draft;
    alike.lines = before.lines;
    EXPECT_EQ(alike, before);
    if (scenario->id != "ours/reply") continue;
    EXPECT_EQ(draft.role, Role::server);
    EXPECT_EQ(draft.tls, Tls::v1_2);
    EXPECT_EQ(draft.io, Io::nonblocking);
    EXPECT_EQ(draft.transport, TransportKind::tcp);
    EXPECT_THAT(draft.options, testing::ElementsAre("read-ahead"));
  }
}

TEST(ChangedScenarios, HaveLinesOfOthersAndOfTheVerbTableAndFewerAndSwappedAndDoubledOnes) {
  const Stack stack = able_stack();
  std::size_t others = 0, of_the_table = 0, fewer = 0, swapped = 0, doubled = 0;
  const std::vector<Scenario> from = scenarios();
  for (const auto& [draft, scenario] : drawn(from, stack)) {
    if (scenario->id != "ours/reply") continue;
    const auto has = [&](std::string_view line) { return std::count(draft.lines.begin(), draft.lines.end(), line); };
    others += has("subject  read 4321") > 0;
    of_the_table += std::any_of(draft.lines.begin(), draft.lines.end(), [](const std::string& line) { return line.starts_with("wire"); });
    fewer += draft.lines.size() < 3;
    swapped += draft.lines == std::vector<std::string>{"subject  write 1234", "both     handshake", "partner  close"};
    doubled += has("subject  write 1234") == 2;
  }
  for (const std::size_t count : {others, of_the_table, fewer, swapped, doubled}) EXPECT_GT(count, 5U);
}

TEST(ChangedScenarios, AreDrawnOfAllAndOfTheVariantsOfOneAsOftenAsOfAnyOther) {
  const Stack stack = able_stack();
  const std::vector<Scenario> from = scenarios();
  std::size_t variants = 0;
  std::set<std::string> ids;
  for (const auto& [draft, scenario] : drawn(from, stack)) {
    ids.insert(scenario->id);
    variants += scenario->id.starts_with("ours/many@");
  }
  EXPECT_EQ(ids.size(), from.size());
  EXPECT_NEAR(static_cast<double>(variants) / enough, 1.0 / 3, 0.05);
}

TEST(ChangedScenarios, AreTheSameForTheSameSeedAndNumberInWhateverOrderTheScenariosAre) {
  const Stack stack = able_stack();
  const std::vector<Scenario> from = scenarios();
  std::vector<Scenario> turned(from.rbegin(), from.rend());
  const auto one = drawn(from, stack, 200), same = drawn(turned, stack, 200);
  ASSERT_EQ(one.size(), same.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].draft, same[i].draft);
    EXPECT_EQ(one[i].from->id, same[i].from->id);
  }
  const ChangedScenarios changed(from);
  const Generator generator(1, stack, stack), other(2, stack, stack);
  EXPECT_EQ(changed.draft(generator, 7)->draft, one[7].draft) << "whatever was drawn before";
  std::size_t different = 0;
  for (std::uint64_t number = 0; number < 200; ++number) different += changed.draft(other, number)->draft != one[number].draft;
  EXPECT_GT(different, 190U);
}

TEST(ChangedScenarios, AskForNothingThatAStackSaysItLacks) {
  const Stack stack{"plain", "1.0", {"client", "server", "tls-1.3"}, {}};
  const std::vector<Scenario> from = scenarios();
  const auto all = drawn(from, stack);
  EXPECT_GT(all.size(), enough - 50) << "most of what is drawn is not for this stack, and drawn again";
  for (const auto& [draft, scenario] : all) {
    ASSERT_TRUE(scenario->id.starts_with("ours/many@")) << "the others need TLS 1.2 or tickets";
    EXPECT_EQ(draft.tls, Tls::v1_3);
    for (const std::string& line : draft.lines)
      for (const char* word : {" peek", " key-update", " renegotiate", " set ", " keep-session", " aside", " fork", " starve"})
        EXPECT_THAT(line, testing::Not(testing::HasSubstr(word)));
  }
}

TEST(ChangedScenarios, AreNoneIfNoScenarioIsGivenOrTheStacksCanDoNoneOfThem) {
  const Stack stack = able_stack(), unable{"unable", "1.0", {"client", "tls-1.3"}, {}};
  EXPECT_THAT(drawn({}, stack, 10), testing::IsEmpty());
  const std::vector<Scenario> from = scenarios();
  EXPECT_THAT(drawn(from, unable, 10), testing::IsEmpty());
}

}  // namespace
}  // namespace tlsbye
