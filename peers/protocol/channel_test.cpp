#include "peers/protocol/channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "peers/protocol/message.h"

namespace tlsbye {
namespace {

int open_files() {
  int count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] != '.';
  ::closedir(directory);
  return count;
}

// One packet with that many descriptors, as a peer that does not keep to the contract sends it.
void send_with(const Channel& channel, int count) {
  const std::vector<int> numbers(static_cast<std::size_t>(count), STDIN_FILENO);
  char text[] = "ready\n";
  iovec part{text, sizeof text - 1};
  std::vector<char> control(CMSG_SPACE(numbers.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(numbers.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), numbers.data(), numbers.size() * sizeof(int));
  ASSERT_EQ(::sendmsg(channel.descriptor(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(part.iov_len));
}

class PassedInExcess : public testing::TestWithParam<int> {};

TEST_P(PassedInExcess, DescriptorsAreClosed) {
  auto [ours, theirs] = channel_pair();
  std::string packet;
  const int before = open_files();
  send_with(theirs, GetParam());
  EXPECT_EQ(ours.receive(packet), Channel::Got::packet);
  EXPECT_EQ(packet, "ready\n");
  EXPECT_EQ(open_files(), before);
  send_with(theirs, GetParam());
  Descriptor one;
  EXPECT_EQ(ours.receive(packet, &one), Channel::Got::packet);
  EXPECT_TRUE(one);
  EXPECT_EQ(open_files(), before + 1);
}

INSTANTIATE_TEST_SUITE_P(Counts, PassedInExcess, testing::Values(1, 2, 3, 8, 9, 200));

TEST(Channel, APacketThatIsTooLongIsAnErrorOfThatName) {
  auto [ours, theirs] = channel_pair();
  const std::string long_one(largest_message + 1, 'x');
  ASSERT_EQ(::send(theirs.descriptor(), long_one.data(), long_one.size(), MSG_NOSIGNAL), static_cast<ssize_t>(long_one.size()));
  std::string packet;
  EXPECT_EQ(ours.receive(packet), Channel::Got::error);
  EXPECT_EQ(errno, EMSGSIZE);
}

}  // namespace
}  // namespace tlsbye
