#include "harness/data/messages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace tlsbye {
namespace {

// Standard error as that descriptor while it lives; -1: closed.
class StandardErrorAs {
 public:
  explicit StandardErrorAs(int descriptor) : kept_(::dup(STDERR_FILENO)) {
    ::close(STDERR_FILENO);
    if (descriptor >= 0) ::dup2(descriptor, STDERR_FILENO);
  }
  ~StandardErrorAs() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }
  StandardErrorAs(const StandardErrorAs&) = delete;
  StandardErrorAs& operator=(const StandardErrorAs&) = delete;

 private:
  int kept_;
};

TEST(Messages, AreLostWithoutHarmWhereStandardErrorIsFullOrClosed) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  for (const int descriptor : {full, -1}) {
    const StandardErrorAs here(descriptor);
    EXPECT_NO_THROW(tell_user("a line of {} words\n", 5));
  }
  ::close(full);
}

TEST(Messages, AreWrittenAsTheyAre) {
  ::testing::internal::CaptureStderr();
  tell_user("{} of {}\n", 1, "{}");
  tell_user_text("{}\n");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "1 of {}\n{}\n");
}

}  // namespace
}  // namespace tlsbye
