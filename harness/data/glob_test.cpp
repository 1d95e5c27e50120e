#include "harness/data/glob.h"

#include <gmock/gmock.h>

namespace tlsbye {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Glob, AStarStandsForAnythingSlashesToo) {
  EXPECT_TRUE(matches("rfc*", "rfc8446/nothing-follows"));
  EXPECT_TRUE(matches("*/nothing-follows", "rfc8446/nothing-follows"));
  EXPECT_TRUE(matches("rfc[0-9]446/?othing-follows", "rfc8446/nothing-follows"));
  EXPECT_FALSE(matches("rfc", "rfc8446/nothing-follows"));
  EXPECT_FALSE(matches("", "rfc8446/nothing-follows"));
}

TEST(Glob, BracesStandForEitherOfSeveral) {
  EXPECT_TRUE(matches("rfc{2246,8446}/*", "rfc8446/nothing-follows"));
  EXPECT_TRUE(matches("rfc{2246,8446}/*", "rfc2246/nothing-follows"));
  EXPECT_FALSE(matches("rfc{2246,8446}/*", "rfc5246/nothing-follows"));
  EXPECT_TRUE(matches("gnutls{,-bye}", "gnutls"));
  EXPECT_THAT(without_braces("a{b,c{d,e}}f{,g}"), ElementsAre("abf", "abfg", "acdf", "acdfg", "acef", "acefg"));
}

TEST(Glob, BracesThatNameNoChoiceStandForThemselves) {
  EXPECT_THAT(without_braces("a{b}"), ElementsAre("a{b}"));
  EXPECT_THAT(without_braces("a{b,c"), ElementsAre("a{b,c"));
  EXPECT_THAT(without_braces("a}b,c{"), ElementsAre("a}b,c{"));
  EXPECT_THAT(without_braces("a\\{b,c}"), ElementsAre("a\\{b,c}"));
  EXPECT_TRUE(matches("{a}", "{a}"));
}

TEST(Glob, OneThatStandsForTooManyMatchesNothing) {
  std::string many = "x";
  for (int i = 0; i < 40; ++i) many += "{a,b}";
  EXPECT_THAT(without_braces(many), IsEmpty());
  EXPECT_FALSE(matches(many, "x"));
  EXPECT_FALSE(matches(std::string(100000, '{'), "x"));
}

}  // namespace
}  // namespace tlsbye
