#include "harness/data/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class File : public ::testing::Test {
 protected:
  File() {
    std::string name = (fs::temp_directory_path() / "tlsbye-file-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~File() override { fs::remove_all(folder_); }

  static std::string content(const fs::path& file) {
    const auto read = read_file(file);
    return std::holds_alternative<std::string>(read) ? std::get<std::string>(read) : "error: " + std::get<FileError>(read).what;
  }
  static std::string problem(const std::optional<FileError>& error) { return error ? error->what : ""; }

  fs::path folder_;
};

TEST_F(File, WhatIsWrittenCanBeRead) {
  const std::string text = "one\n\0two"s + std::string(200000, 'x');
  EXPECT_EQ(problem(write_file(folder_ / "a", text)), "");
  EXPECT_EQ(content(folder_ / "a"), text);
  EXPECT_EQ(problem(write_file(folder_ / "a", "")), "");
  EXPECT_EQ(content(folder_ / "a"), "");
  EXPECT_FALSE(fs::exists(folder_ / "a.partial"));
}

TEST_F(File, WhatIsNotAFileIsNamedAndNotWaitedFor) {
  ::mkfifo((folder_ / "pipe").c_str(), 0600);
  EXPECT_THAT(content(folder_), HasSubstr("is a folder, not a file"));
  EXPECT_THAT(content(folder_ / "pipe"), HasSubstr("is a pipe into which nothing is written"));
  EXPECT_THAT(content("/dev/zero"), HasSubstr("is a device, not a file"));
  EXPECT_THAT(content(folder_ / "none"), HasSubstr("cannot be read: No such file"));
}

TEST_F(File, APipeIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string text(1 << 20, 'x');
  std::thread writer([&] {
    for (std::size_t at = 0; at < text.size();)
      at += static_cast<std::size_t>(std::max<ssize_t>(0, ::write(ends[1], &text[at], text.size() - at)));
    ::close(ends[1]);
  });
  EXPECT_EQ(content("/dev/fd/" + std::to_string(ends[0])), text);
  writer.join();
  ::close(ends[0]);
}

TEST_F(File, OneThatIsTooLargeIsNotReadWhole) {
  ASSERT_EQ(problem(write_file(folder_ / "a", std::string(3 << 20, 'x'))), "");
  const auto read = read_file(folder_ / "a", 2 << 20);
  EXPECT_EQ(std::get<FileError>(read).what, "is larger than 2 MiB");
}

TEST_F(File, WhatCannotBeWrittenLeavesWhatWasThere) {
  ASSERT_EQ(problem(write_file(folder_ / "a", "before")), "");
  EXPECT_THAT(problem(write_file(folder_, "x")), HasSubstr("it is a folder"));
  EXPECT_THAT(problem(write_file(folder_ / "none" / "a", "x")), StartsWith("cannot be written: No such file"));
  EXPECT_THAT(problem(write_file("/dev/full", "x")), StartsWith("cannot be written: No space left"));
  fs::create_directory(folder_ / "a.partial");
  EXPECT_EQ(problem(write_file(folder_ / "a", "after")), "");
  EXPECT_EQ(content(folder_ / "a"), "after");
}

TEST_F(File, ALinkStaysALinkAndPermissionsStay) {
  ASSERT_EQ(problem(write_file(folder_ / "a", "before")), "");
  fs::permissions(folder_ / "a", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("a", folder_ / "link");
  EXPECT_EQ(problem(write_file(folder_ / "link", "after")), "");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(content(folder_ / "a"), "after");
  EXPECT_EQ(fs::status(folder_ / "a").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(File, WhatWasSentToADescriptorBeforeStays) {
  ASSERT_EQ(problem(write_file(folder_ / "a", "before ")), "");
  const int open = ::open((folder_ / "a").c_str(), O_WRONLY | O_APPEND);
  EXPECT_EQ(problem(write_file("/dev/fd/" + std::to_string(open), "after")), "");
  ::close(open);
  EXPECT_EQ(content(folder_ / "a"), "before after");
}

}  // namespace
}  // namespace tlsbye
