#include "harness/data/spill.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Spilt : public ::testing::Test {
 protected:
  Spilt() {
    std::string name = (fs::temp_directory_path() / "tlsbye-spill-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Spilt() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(Spilt, WhatIsPutInComesBackUntilItIsErased) {
  Spill spill(folder_);
  spill.put("b", "two\n");
  spill.put("a", std::string(100'000, 'x'));
  spill.put("b", "three");
  EXPECT_THAT(spill.names(), ElementsAre("a", "b"));
  EXPECT_EQ(spill.get("a"), std::string(100'000, 'x'));
  EXPECT_EQ(spill.get("b"), "three");
  spill.erase("a");
  spill.erase("never");
  EXPECT_FALSE(spill.contains("a"));
  EXPECT_THROW(static_cast<void>(spill.get("a")), std::out_of_range);
  EXPECT_EQ(spill.get("b"), "three") << "erasing one takes nothing from another";
}

TEST_F(Spilt, MemoryDoesNotGrowWithTheTexts) {
  Spill small(folder_), large(folder_);
  for (int i = 0; i < 200; ++i) {
    const std::string name = "a-name-as-long-as-replay-ids-mostly-are:gnutls@3.7.9:client:1.3:blocking:openssl@3.0.17/" + std::to_string(i);
    small.put(name, "x");
    large.put(name, std::string(50'000, 'x'));
  }
  EXPECT_EQ(large.held(), small.held());
  EXPECT_LT(large.held() / 200, 400U);
}

TEST_F(Spilt, NothingIsLeftInTheFolder) {
  Spill spill(folder_);
  spill.put("a", "text");
  EXPECT_TRUE(fs::is_empty(folder_)) << "its file has no name, so that an end by SIGKILL leaves none";
}

TEST_F(Spilt, LinesOfAFileAreTakenUnderTheirNames) {
  const std::string longest(3 << 20, 'y');
  write_file(folder_ / "lines", "a1\nb" + longest + "\na2\n\nc");
  Spill spill(folder_);
  spill.put("c", "own");
  EXPECT_FALSE(spill.take(folder_ / "lines", [](std::string_view line) { return std::string(line.substr(0, 1)); }));
  EXPECT_THAT(spill.names(), ElementsAre("", "a", "b", "c"));
  EXPECT_EQ(spill.get("a"), "a1") << "of two lines of a name the first";
  EXPECT_EQ(spill.get("b"), "b" + longest);
  EXPECT_EQ(spill.get(""), "");
  EXPECT_EQ(spill.get("c"), "own") << "what is there stays";
  EXPECT_THAT(spill.take(folder_ / "none", [](std::string_view) { return ""; })->what, HasSubstr("No such file"));
  EXPECT_THAT(spill.take(folder_, [](std::string_view) { return ""; })->what, HasSubstr("not a file"));
}

TEST_F(Spilt, SeveralThreadsFillOne) {
  Spill spill(folder_);
  const auto fill = [&](char of) {
    for (int i = 0; i < 300; ++i) {
      const std::string name = of + std::to_string(i);
      spill.put(name, std::string(static_cast<std::size_t>(i), of));
      if (i % 3 == 0) spill.erase(name);
    }
  };
  std::thread one(fill, 'a'), other(fill, 'b');
  one.join();
  other.join();
  EXPECT_EQ(spill.names().size(), 400U);
  for (const std::string& name : spill.names())
    EXPECT_EQ(spill.get(name), std::string(static_cast<std::size_t>(std::stoi(name.substr(1))), name.front()));
}

TEST_F(Spilt, WhereItCannotBeWrittenItSaysWhyAndKeepsWhatItHas) {
  Spill nowhere(folder_ / "none");
  nowhere.put("a", "text");
  ASSERT_TRUE(nowhere.fault());
  EXPECT_THAT(nowhere.fault()->what, HasSubstr("cannot be written: No such file or directory"));

  Spill full(folder_);
  full.put("a", "text");
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit tight { 100, before.rlim_max };
  ::setrlimit(RLIMIT_FSIZE, &tight);
  full.put("b", std::string(1000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_TRUE(full.fault());
  EXPECT_THAT(full.fault()->what, HasSubstr("File too large"));
  EXPECT_EQ(full.get("a"), "text");
  EXPECT_FALSE(full.contains("b"));
}

}  // namespace
}  // namespace tlsbye
