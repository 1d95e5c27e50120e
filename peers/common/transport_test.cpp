// The libc functions of this program are those of transport.cpp: what a TLS library would call is called here.
#include "peers/common/transport.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>

namespace tlsbye::peer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Spinning {};

// Notes what it is told, and does what the test says where a call blocks.
class Watch final : public TransportWatch {
 public:
  void called(const TransportCall& call) override {
    std::string text(call.function);
    text += " " + std::to_string(call.asked) + " = " + std::to_string(call.result);
    if (call.error_number != 0) text += std::string(" ") + ::strerrorname_np(call.error_number);
    if (call.injected) text += " injected";
    calls.push_back(text);
  }
  bool blocked(Flow on) override {
    blocks.emplace_back(spell(on));
    return when_blocked && when_blocked();
  }
  [[noreturn]] void spinning() override { throw Spinning{}; }

  std::vector<std::string> calls, blocks;
  std::function<bool()> when_blocked;
};

class TransportTest : public testing::Test {
 protected:
  void open(Io io) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    transport.emplace(Descriptor(ends[0]), io, watch);
    fd = ends[0];
    far = Descriptor(ends[1]);
  }
  void arrives(std::string_view bytes) { ASSERT_EQ(::write(far.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size())); }
  std::string drained() {
    std::string all(1 << 20, '\0');
    const ssize_t got = ::recv(far.get(), all.data(), all.size(), MSG_DONTWAIT);
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

  Watch watch;
  std::optional<Transport> transport;
  Descriptor far;
  int fd = -1;
  char buffer[64] = {};
};

TEST_F(TransportTest, OtherDescriptorsGoStraightToTheKernel) {
  open(Io::blocking);
  arrives("x");
  EXPECT_EQ(::send(far.get(), "y", 1, 0), 1);
  pollfd entry{far.get(), POLLOUT, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 1);
  EXPECT_THAT(watch.calls, IsEmpty());
}

TEST_F(TransportTest, EveryFormOfReadingAndWritingIsNoted) {
  open(Io::nonblocking);
  arrives("abcdefghijkl");
  iovec parts[2] = {{buffer, 1}, {buffer + 1, 2}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  sockaddr_storage from;
  socklen_t from_size = sizeof from;
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
  EXPECT_EQ(::read(fd, buffer, 2), 2);
  EXPECT_EQ(::readv(fd, parts, 2), 3);
  EXPECT_EQ(std::string(buffer, 3), "def");
  EXPECT_EQ(::recvmsg(fd, &message, 0), 3);
  EXPECT_EQ(::recvfrom(fd, buffer, 3, 0, reinterpret_cast<sockaddr*>(&from), &from_size), 3);
  EXPECT_EQ(::send(fd, "1", 1, 0), 1);
  EXPECT_EQ(::write(fd, "2", 1), 1);
  EXPECT_EQ(::sendto(fd, "3", 1, 0, nullptr, 0), 1);
  EXPECT_EQ(::sendmsg(fd, &message, 0), 3);
  EXPECT_EQ(::writev(fd, parts, 2), 3);
  EXPECT_THAT(watch.calls, ElementsAre("recv 1 = 1", "read 2 = 2", "readv 3 = 3", "recvmsg 3 = 3", "recvfrom 3 = 3", "send 1 = 1",
                                       "write 1 = 1", "sendto 1 = 1", "sendmsg 3 = 3", "writev 3 = 3"));
  EXPECT_EQ(drained(), "123jkljkl");
}

TEST_F(TransportTest, TheDescriptorIsNonBlockingExactlyWhenAsked) {
  open(Io::nonblocking);
  EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
  EXPECT_EQ(::read(fd, buffer, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_THAT(watch.blocks, IsEmpty());
  transport.reset();
  open(Io::blocking);
  EXPECT_FALSE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
}

TEST_F(TransportTest, ABlockingReadReportsAndWaitsInsteadOfBlocking) {
  open(Io::blocking);
  watch.when_blocked = [&] {
    if (watch.blocks.size() == 2) arrives("late");
    return true;
  };
  errno = EDOM;
  EXPECT_EQ(::recv(fd, buffer, sizeof buffer, 0), 4);
  EXPECT_EQ(errno, EDOM);
  EXPECT_THAT(watch.blocks, ElementsAre("recv", "recv"));
  EXPECT_THAT(watch.calls, ElementsAre("recv 64 = 4"));
}

TEST_F(TransportTest, ABlockingWriteGoesOnUntilAllIsMoved) {
  open(Io::blocking);
  const std::string much(3 << 20, 'm');
  std::size_t seen = 0;
  watch.when_blocked = [&] {
    for (std::string some; !(some = drained()).empty();) seen += some.size();
    return true;
  };
  EXPECT_EQ(::write(fd, much.data(), much.size()), static_cast<ssize_t>(much.size()));
  EXPECT_FALSE(watch.blocks.empty());
  EXPECT_THAT(watch.blocks, testing::Each("send"));
  watch.when_blocked();
  EXPECT_EQ(seen, much.size());
}

TEST_F(TransportTest, GivingUpMakesThisCallAndAllLaterOnesFail) {
  open(Io::blocking);
  watch.when_blocked = [] { return false; };
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, -1), -1);
  EXPECT_THAT(watch.blocks, ElementsAre("recv"));
  EXPECT_EQ(drained(), "");
}

TEST_F(TransportTest, AFaultHitsTheCallsOfItsFlowThatThePlanNames) {
  open(Io::nonblocking);
  arrives("abc");
  transport->plan({Flow::recv, EINTR, 0, 2, 1});
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
  EXPECT_EQ(::send(fd, "x", 1, 0), 1);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
  EXPECT_EQ(buffer[0], 'b');
  EXPECT_THAT(watch.calls,
              ElementsAre("recv 1 = 1", "send 1 = 1", "recv 1 = -1 EINTR injected", "recv 1 = -1 EINTR injected", "recv 1 = 1"));
}

TEST_F(TransportTest, FaultsThatFallDueTogetherTakeTurnsAndCanBeForgotten) {
  open(Io::nonblocking);
  transport->plan({Flow::send, EAGAIN, 0, 1, 0});
  transport->plan({Flow::send, EINTR, 0, 5, 0});
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EINTR);
  transport->clear_plans();
  EXPECT_EQ(::send(fd, "x", 1, 0), 1);
}

TEST_F(TransportTest, AShortCountMovesThatManyBytesAndSucceeds) {
  open(Io::blocking);
  transport->plan({Flow::send, 0, 2, 1, 0});
  transport->plan({Flow::recv, 0, 3, 1, 0});
  iovec parts[3] = {{const_cast<char*>("a"), 1}, {const_cast<char*>(""), 0}, {const_cast<char*>("bcd"), 3}};
  EXPECT_EQ(::writev(fd, parts, 3), 2);
  EXPECT_EQ(drained(), "ab");
  arrives("12345");
  EXPECT_EQ(::read(fd, buffer, 5), 3);
  EXPECT_EQ(::read(fd, buffer, 5), 2);
  EXPECT_THAT(watch.calls, ElementsAre("writev 4 = 2 injected", "read 5 = 3 injected", "read 5 = 2"));
}

TEST_F(TransportTest, AnEndIsInjectedAsAReadOfNothing) {
  open(Io::nonblocking);
  arrives("x");
  transport->plan({Flow::recv, 0, 0, 1, 0});
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 0);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
}

volatile std::sig_atomic_t pipe_signals = 0;

TEST_F(TransportTest, ABrokenPipeRaisesTheSignalUnlessTheLibraryAskedNotTo) {
  open(Io::blocking);
  const auto before = std::signal(SIGPIPE, [](int) { pipe_signals = 1 + pipe_signals; });
  transport->plan({Flow::send, EPIPE, 0, 2, 0});
  EXPECT_EQ(::send(fd, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(pipe_signals, 0);
  EXPECT_EQ(::write(fd, "x", 1), -1);
  EXPECT_EQ(pipe_signals, 1);
  far.reset();
  EXPECT_EQ(::write(fd, "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(pipe_signals, 2);
  std::signal(SIGPIPE, before);
}

TEST_F(TransportTest, PollTellsTheTruthAndReportsInsteadOfWaiting) {
  open(Io::nonblocking);
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 0), 0);
  EXPECT_THAT(watch.blocks, IsEmpty());
  watch.when_blocked = [&] {
    arrives("x");
    return true;
  };
  EXPECT_EQ(::poll(&entry, 1, 60000), 1);
  EXPECT_EQ(entry.revents, POLLIN);
  EXPECT_THAT(watch.blocks, ElementsAre("recv"));
  EXPECT_THAT(watch.calls, ElementsAre("poll 0 = 0", "poll 0 = 1"));
  const timespec at_once{};
  EXPECT_EQ(::ppoll(&entry, 1, &at_once, nullptr), 1);
}

TEST_F(TransportTest, SelectTellsTheTruthAndReportsInsteadOfWaiting) {
  open(Io::nonblocking);
  fd_set read_set, write_set;
  FD_ZERO(&read_set);
  FD_ZERO(&write_set);
  FD_SET(fd, &read_set);
  FD_SET(far.get(), &read_set);
  timeval at_once{};
  EXPECT_EQ(::select(1 + std::max(fd, far.get()), &read_set, nullptr, nullptr, &at_once), 0);
  FD_SET(fd, &read_set);
  watch.when_blocked = [&] {
    arrives("x");
    return true;
  };
  EXPECT_EQ(::select(fd + 1, &read_set, &write_set, nullptr, nullptr), 1);
  EXPECT_TRUE(FD_ISSET(fd, &read_set));
  EXPECT_THAT(watch.blocks, ElementsAre("recv"));
  EXPECT_EQ(watch.calls.size(), 2u);
  FD_ZERO(&read_set);
  FD_SET(far.get(), &read_set);
  EXPECT_EQ(::select(far.get() + 1, &read_set, nullptr, nullptr, &at_once), 0);
  EXPECT_EQ(watch.calls.size(), 2u);
}

TEST_F(TransportTest, MoreCallsThanAnyCloseNeedsAreSpinning) {
  open(Io::nonblocking);
  for (int round = 0; round < 2; ++round) {
    transport->begin_call();
    for (int i = 0; i < largest_call_count; ++i) ASSERT_EQ(::recv(fd, buffer, 1, 0), -1);
  }
  EXPECT_THROW(::recv(fd, buffer, 1, 0), Spinning);
}

TEST_F(TransportTest, AfterAHangUpTheNumberStaysTakenAndDead) {
  open(Io::blocking);
  EXPECT_EQ(transport->hang_up(), 0);
  EXPECT_EQ(::recv(far.get(), buffer, 1, 0), 0);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  const Descriptor next(::open("/dev/null", O_RDONLY));
  EXPECT_NE(next.get(), fd);
}

}  // namespace
}  // namespace tlsbye::peer
