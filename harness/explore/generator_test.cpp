#include "harness/explore/generator.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "harness/explore/able_stack.h"

namespace tlsbye {
namespace {

constexpr std::uint64_t drafts = 2000;

TEST(Generator, WritesScenariosThatTheLoaderTakes) {
  const Stack stack = able_stack();
  const Generator generator(7, stack, stack);
  for (std::uint64_t number = 0; number < drafts; ++number) {
    const Draft draft = generator.draft(number);
    EXPECT_GE(draft.lines.size(), Generator::fewest_lines);
    EXPECT_LE(draft.lines.size(), Generator::most_lines);
    const std::string text = toml_of(draft, "drawn", "A \"title\"", "C:\\why\n");
    const LoadedScenarios loaded = parse_scenarios(text, "explored.toml", "explored");
    ASSERT_THAT(loaded.diagnostics, testing::IsEmpty()) << text << loaded.diagnostics.front().render();
    ASSERT_EQ(loaded.scenarios.size(), 1U);
    EXPECT_EQ(loaded.scenarios.front().lines, draft.lines);
    EXPECT_TRUE(scenario_of(draft, "explored/drawn"));
  }
}

TEST(Generator, DrawsEveryVerbOfTheTableForEveryActorThatHasIt) {
  const Stack stack = able_stack();
  const Generator generator(1, stack, stack);
  std::set<std::pair<Actor, Verb>> missing, drawn;
  for (const VerbRow& row : verb_table()) {
    const bool of_both = row.verb == Verb::reconnect || row.verb == Verb::new_session;
    if (row.peer && !of_both) missing.insert({{Actor::subject, row.verb}, {Actor::partner, row.verb}});
    if (of_both) missing.emplace(Actor::both, row.verb);
    if (row.wire) missing.emplace(Actor::wire, row.verb);
  }
  for (std::uint64_t number = 0; number < 3 * drafts && !missing.empty(); ++number) {
    const auto scenario = scenario_of(generator.draft(number), "explored/drawn");
    for (const Statement& statement : scenario->script) missing.erase({statement.actor, statement.verb});
  }
  for (const auto& [actor, verb] : missing) ADD_FAILURE() << spell(actor) << " " << spell(verb) << " is never drawn";
}

TEST(Generator, DrawsEveryOptionSwitchFaultAndContent) {
  const Stack stack = able_stack();
  const Generator generator(1, stack, stack);
  std::string all;
  for (std::uint64_t number = 0; number < 3 * drafts; ++number) all += toml_of(generator.draft(number), "drawn", "t", "w");
  for (const std::string_view option : Words<Option>::list) EXPECT_THAT(all, testing::HasSubstr(fmt::format("\"{}\"", option)));
  for (const SwitchRow& row : switch_table()) EXPECT_THAT(all, testing::HasSubstr(fmt::format("set {} ", row.name)));
  for (const std::string_view fault : Words<Fault>::list) EXPECT_THAT(all, testing::HasSubstr(fmt::format(" {}", fault)));
  for (const std::string_view content : content_words())
    EXPECT_THAT(all, testing::ContainsRegex(fmt::format("inject [a-z>-]+ (plain |damaged )?(padded [0-9]+ )?{}", content)));
  for (const std::string_view part :
       {"aside ", "fork ", "transport = \"tcp\"", "1.0", "1.1", "until done", "to-end", "x3", "after 2", "when ready", "on close_notify"})
    EXPECT_THAT(all, testing::HasSubstr(part));
}

TEST(Generator, BeginsSomeDraftsWithASessionThatIsResumedAndSomeOfThemWithEarlyData) {
  const Stack stack = able_stack();
  const Generator generator(1, stack, stack);
  const auto has = [](const std::vector<std::string>& all, std::string_view one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  int resumed = 0, early = 0, drawn_behind = 0;
  for (std::uint64_t number = 0; number < drafts; ++number) {
    const Draft draft = generator.draft(number);
    if (draft.lines.size() < 7 || draft.lines[3] != "client   keep-session" || draft.lines[5] != "both     reconnect") continue;
    ++resumed;
    for (const auto& options : {draft.options, draft.partner_options})
      EXPECT_TRUE(has(options, "tickets") || has(options, "session-cache")) << draft.lines[6];
    if (draft.lines[6] == "client   write-early 100") {
      ++early;
      EXPECT_TRUE(has(draft.options, "early-data") && has(draft.partner_options, "early-data"));
    } else {
      EXPECT_EQ(draft.lines[6], "both     handshake");
    }
    if (draft.lines.size() > 10) ++drawn_behind;
  }
  EXPECT_GT(resumed, 100);
  EXPECT_GT(early, 30);
  EXPECT_GT(drawn_behind, 50) << "a session that is resumed is worth little if nothing is done with it";
}

TEST(Generator, ResumesNothingWithAStackThatCannot) {
  Stack stack = able_stack();
  std::erase(stack.abilities, "keep-session");
  const Generator generator(1, stack, stack);
  for (std::uint64_t number = 0; number < drafts; ++number)
    for (const std::string& line : generator.draft(number).lines) ASSERT_THAT(line, testing::Not(testing::HasSubstr("keep-session")));
}

TEST(Generator, LetsNobodyCarryBytesWhereTheTransportBlocks) {
  const Stack stack = able_stack();
  const Generator generator(1, stack, stack);
  const auto has = [](const std::vector<std::string>& options) { return has_word(options, Option::memory_bio); };
  bool drawn = false;
  for (std::uint64_t number = 0; number < 3 * drafts; ++number) {
    const Draft draft = generator.draft(number);
    drawn |= has(draft.options);
    EXPECT_FALSE(has(draft.options) && draft.io == Io::blocking) << number;
    EXPECT_FALSE(has(draft.partner_options)) << number;
  }
  EXPECT_TRUE(drawn);
}

TEST(Generator, LetsWhatOnlyBlocksReadAndWriteMemoryOrBlock) {
  Stack stack = able_stack();
  stack.abilities.emplace_back("blocking-only");
  const Generator generator(1, stack, stack);
  int over_memory = 0;
  for (std::uint64_t number = 0; number < drafts; ++number) {
    const Draft draft = generator.draft(number);
    const bool has = has_word(draft.options, Option::memory_bio);
    ASSERT_EQ(has, draft.io == Io::nonblocking) << number;
    ASSERT_FALSE(has && has_word(draft.options, Option::closes_transport)) << number;
    over_memory += has;
  }
  EXPECT_GT(over_memory, 0);
  EXPECT_LT(over_memory, static_cast<int>(drafts));
}

TEST(Generator, DrawsTheSameForTheSameSeedWhateverWasDrawnBefore) {
  const Stack stack = able_stack();
  const Generator one(3, stack, stack), same(3, stack, stack), other(4, stack, stack);
  one.draft(5);
  std::size_t different = 0;
  for (std::uint64_t number = 0; number < 100; ++number) {
    EXPECT_EQ(one.draft(number), same.draft(number));
    different += one.draft(number) != other.draft(number);
  }
  EXPECT_GT(different, 95U);
}

TEST(Generator, AsksForNothingThatAStackSaysItLacks) {
  const Stack stack{"plain", "1.0", {"client", "server", "tls-1.3", "close-write"}, {}};
  const Generator generator(1, stack, stack);
  for (std::uint64_t number = 0; number < 300; ++number) {
    const Draft draft = generator.draft(number);
    EXPECT_EQ(draft.tls, Tls::v1_3);
    EXPECT_THAT(draft.options, testing::IsEmpty());
    for (const std::string& line : draft.lines)
      for (const char* word : {" peek", " key-update", " renegotiate", " set ", " keep-session", " aside", " fork"})
        EXPECT_THAT(line, testing::Not(testing::HasSubstr(word)));
  }
}

}  // namespace
}  // namespace tlsbye
