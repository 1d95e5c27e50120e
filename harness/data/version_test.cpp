#include "harness/data/version.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tlsbye {
namespace {

TEST(Versions, AreOrderedAsTheyWereReleased) {
  const std::vector<std::string> released{"0.9.8zh", "1.0.2u",    "1.1.1",       "1.1.1a",       "1.1.1w", "3.0.0-alpha17", "3.0.0~rc1",
                                          "3.0.0",   "3.0.0+sid", "3.0.17",      "3.0.20",       "3.5.9",  "3.6.5",         "3.7.1",
                                          "3.8.9",   "3.8.13",    "4.0.0-beta1", "4.0.3+trixie", "4.0.10", "10.0"};
  for (std::size_t i = 0; i < released.size(); ++i)
    for (std::size_t j = 0; j < released.size(); ++j) {
      const int order = compare_versions(released[i], released[j]);
      EXPECT_EQ(order < 0, i < j) << released[i] << " and " << released[j];
      EXPECT_EQ(order > 0, i > j) << released[i] << " and " << released[j];
    }
}

TEST(Versions, WhatIsMissingIsNought) {
  EXPECT_EQ(compare_versions("3.2", "3.2.0"), 0);
  EXPECT_EQ(compare_versions("3.02", "3.2"), 0);
  EXPECT_LT(compare_versions("3.2", "3.2.1"), 0);
}

TEST(Versions, ABeginningNamesThoseThatBeginSo) {
  EXPECT_TRUE(is_version_of("3.5", "3.5"));
  EXPECT_TRUE(is_version_of("3.5", "3.5.9"));
  EXPECT_TRUE(is_version_of("1.1.1", "1.1.1w"));
  EXPECT_FALSE(is_version_of("3.5", "3.50.1"));
  EXPECT_FALSE(is_version_of("3.5", "13.5.1"));
  EXPECT_FALSE(is_version_of("", "3.5"));
}

TEST(Versions, ConditionsCompareAndMustAllHold) {
  EXPECT_TRUE(is_version_of(">=3.2", "3.10"));
  EXPECT_FALSE(is_version_of(">=3.2", "1.1.1w"));
  EXPECT_TRUE(is_version_of(">1.1.1", "1.1.1w"));
  EXPECT_TRUE(is_version_of(">=3,<4", "3.6.5"));
  EXPECT_FALSE(is_version_of(">=3,<4", "4.0.3"));
  EXPECT_TRUE(is_version_of("<=3.8.9", "3.8.9"));
  EXPECT_FALSE(is_version_of("=3.8", "3.8.9"));
}

TEST(Versions, AnythingElseIsAGlob) {
  EXPECT_TRUE(is_version_of("*", "3.8.9"));
  EXPECT_TRUE(is_version_of("3.?.9", "3.8.9"));
  EXPECT_FALSE(is_version_of("4*", "3.8.9"));
}

}  // namespace
}  // namespace tlsbye
