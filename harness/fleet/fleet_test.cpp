#include <gmock/gmock.h>

#include "harness/fleet/apt.h"
#include "harness/fleet/builds.h"
#include "harness/fleet/fleet_file.h"
#include "harness/fleet/tool.h"

namespace tlsbye {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

LoadedFleet parsed(std::initializer_list<std::string_view> texts) {
  LoadedFleet loaded;
  for (const std::string_view text : texts) parse_fleet(text, "fleet.toml", loaded);
  return loaded;
}

std::string problems_of(std::string_view text) {
  const LoadedFleet loaded = parsed({text});
  return rendered(loaded.diagnostics);
}

TEST(FleetFile, TheShippedOneLoads) {
  const LoadedFleet loaded = load_fleet({TLSBYE_SOURCE_DIR "/peers/fleet.toml"});
  EXPECT_EQ(rendered(loaded.diagnostics), "");
  EXPECT_THAT(loaded.fleet.stacks, SizeIs(8));
  EXPECT_THAT(loaded.fleet.suites, SizeIs(5));
  EXPECT_EQ(loaded.fleet.stack("openssl")->adapter, "openssl");
}

TEST(FleetFile, ALibraryMayHaveAnotherNameInEachVersion) {
  const Fleet fleet = parsed({"[[stack]]\nname = \"x\"\npkg_config = [\"x-3\", \"x-2\"]\ndebian = \"libx-dev\"\n"}).fleet;
  EXPECT_THAT(fleet.stack("x")->pkg_config, ElementsAre("x-3", "x-2"));
  EXPECT_THAT(fleet.stack("x")->debian, ElementsAre("libx-dev"));
}

TEST(FleetFile, WhatALaterFileSaysTakesThePlaceOfTheSameNameAndIsElseAdded) {
  const Fleet fleet =
      parsed({"[[suite]]\nname = \"sid\"\n[[suite]]\nname = \"trixie\"\n",
              "[[suite]]\nname = \"sid\"\nmirror = \"file:/m\"\n[[build]]\nstack = \"x\"\nlabel = \"mine\"\nprefix = \"/opt\"\n"})
          .fleet;
  EXPECT_THAT(fleet.suites, SizeIs(2));
  EXPECT_EQ(fleet.suite("sid")->mirror, "file:/m");
  EXPECT_THAT(fleet.builds, SizeIs(1));
}

TEST(FleetFile, MistakesAreToldWithTheirPlace) {
  EXPECT_THAT(problems_of("[[suite]]\nnam = \"sid\"\n"), HasSubstr("fleet.toml:2:1: unknown key `nam`"));
  EXPECT_THAT(problems_of("[[suite]]\nname = \"../x\"\n"), HasSubstr("must be a word"));
  EXPECT_THAT(problems_of("[[build]]\nstack = \"x\"\nlabel = \"y\"\n"), HasSubstr("a `prefix` or a `command`"));
  EXPECT_THAT(problems_of("[[build]]\nstack = \"x\"\nlabel = \"y\"\nprefix = \"/a\"\ncommand = \"b\"\n"), HasSubstr("and not both"));
  EXPECT_THAT(problems_of("[[stack]]\nname = \"x\"\n"), HasSubstr("a `pkg_config` or `libraries`, and not both"));
  EXPECT_THAT(parsed({"[[oops]]\n"}).diagnostics, SizeIs(1));
}

Build build(std::string stack, std::string label, std::string version) {
  Build made;
  made.stack = std::move(stack);
  made.label = std::move(label);
  made.version = std::move(version);
  return made;
}

TEST(Builds, AWordAsksByStackByLabelByVersionOrForAll) {
  const Build it = build("openssl", "trixie", "3.5.9");
  for (const char* word : {"all", "openssl", "openssl@all", "openssl@trixie", "openssl@3.5", "openssl@>=3.2", "openssl@*", "*@*"})
    EXPECT_TRUE(asks_for(word, it)) << word;
  for (const char* word : {"gnutls", "openssl@sid", "openssl@3.50", "openssl@<3", "gnutls@trixie", "open"})
    EXPECT_FALSE(asks_for(word, it)) << word;
}

TEST(Builds, ALabelLeavesOtherSuitesAlone) {
  EXPECT_FALSE(may_ask_for("openssl@trixie", "openssl", "sid"));
  EXPECT_TRUE(may_ask_for("openssl@3.5", "openssl", "sid"));
  EXPECT_FALSE(may_ask_for("openssl@3.5", "gnutls", "sid"));
}

TEST(Apt, AnUpstreamVersionIsWhatIsLeftOfADebianOne) {
  EXPECT_EQ(upstream("3.5.9-1~deb13u1"), "3.5.9");
  EXPECT_EQ(upstream("4.6.0+p1-0+deb11u2"), "4.6.0");
  EXPECT_EQ(upstream("1:1.1.1w-0+deb11u1"), "1.1.1w");
  EXPECT_EQ(upstream("3.7.9-2+deb12u5"), "3.7.9");
}

TEST(Tools, WhatTheySaidTellsWhyTheyFailed) {
  EXPECT_TRUE(run_tool({{"true"}}).done);
  EXPECT_EQ(run_tool({{"sh", "-c", "echo out; echo err >&2"}}).output, "out\n");
  EXPECT_EQ(run_tool({{"sh", "-c", "echo noise >&2; echo 'E: why' >&2; echo noise >&2; exit 3"}}).why, "sh: E: why");
  EXPECT_EQ(run_tool({{"sh", "-c", "kill -9 $$"}}).why, "sh: ended by signal 9");
  EXPECT_EQ(run_tool({{"no-such-tool"}}).why, "there is no no-such-tool");
  EXPECT_EQ(run_tool({{"sh", "-c", "echo $PREFIX $LC_ALL; pwd"}, {"PREFIX=/x"}, "/"}).output, "/x C\n/\n");
}

}  // namespace
}  // namespace tlsbye
