// The libc functions of this program are those of transport.cpp: what a TLS library would call is called here.
#include "peers/common/transport.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>

#include "peers/common/clock.h"

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
  Wait blocked(Flow on, Timeout left) override {
    std::string text(spell(on));
    if (left) text += " " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*left).count()) + " ms";
    blocks.push_back(text);
    return when_blocked ? when_blocked() : Wait::give_up;
  }
  [[noreturn]] void spinning() override { throw Spinning{}; }

  std::vector<std::string> calls, blocks;
  std::function<Wait()> when_blocked;
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
    return Wait::again;
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
    return Wait::again;
  };
  EXPECT_EQ(::write(fd, much.data(), much.size()), static_cast<ssize_t>(much.size()));
  EXPECT_FALSE(watch.blocks.empty());
  EXPECT_THAT(watch.blocks, testing::Each("send"));
  watch.when_blocked();
  EXPECT_EQ(seen, much.size());
}

TEST_F(TransportTest, GivingUpMakesThisCallAndAllLaterOnesFail) {
  open(Io::blocking);
  watch.when_blocked = [] { return Wait::give_up; };
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
    return Wait::again;
  };
  EXPECT_EQ(::poll(&entry, 1, 60000), 1);
  EXPECT_EQ(entry.revents, POLLIN);
  EXPECT_THAT(watch.blocks, ElementsAre("recv 60000 ms"));
  EXPECT_THAT(watch.calls, ElementsAre("poll 0 = 0", "poll 0 = 1"));
  const timespec at_once{};
  EXPECT_EQ(::ppoll(&entry, 1, &at_once, nullptr), 1);
}

TEST_F(TransportTest, ATimedWaitEndsWhenItsTimeHasPassed) {
  using std::chrono::milliseconds;
  open(Io::blocking);
  std::vector<milliseconds> steps{milliseconds(100), milliseconds(0), milliseconds(199), milliseconds(1)};
  watch.when_blocked = [&, next = steps.begin()]() mutable {
    clock::pass(*next++);
    return Wait::again;
  };
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 300), 0);
  EXPECT_THAT(watch.blocks, ElementsAre("recv 300 ms", "recv 200 ms", "recv 200 ms", "recv 1 ms"));
  EXPECT_THAT(watch.calls, ElementsAre("poll 0 = 0"));
  watch.when_blocked = [] {
    clock::pass(milliseconds(1000));
    return Wait::again;
  };
  fd_set read_set;
  FD_ZERO(&read_set);
  FD_SET(fd, &read_set);
  timeval second{1, 0};
  EXPECT_EQ(::select(fd + 1, &read_set, nullptr, nullptr, &second), 0);
  EXPECT_FALSE(FD_ISSET(fd, &read_set));
  const timespec half{0, 500000000};
  EXPECT_EQ(::ppoll(&entry, 1, &half, nullptr), 0);
  EXPECT_THAT(std::vector(watch.blocks.begin() + 4, watch.blocks.end()), ElementsAre("recv 1000 ms", "recv 500 ms"));
}

TEST_F(TransportTest, WhatArrivesAsTheTimeEndsIsStillSeen) {
  open(Io::blocking);
  watch.when_blocked = [&] {
    arrives("x");
    clock::pass(std::chrono::milliseconds(300));
    return Wait::again;
  };
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 300), 1);
}

TEST_F(TransportTest, WhoMayNotWaitGetsEagainAndTheNextCallIsFree) {
  open(Io::blocking);
  watch.when_blocked = [] { return Wait::refused; };
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 5), -1);
  EXPECT_EQ(errno, EAGAIN);
  arrives("x");
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
  const std::string much(3 << 20, 'm');
  const ssize_t part = ::write(fd, much.data(), much.size());
  EXPECT_EQ(part, static_cast<ssize_t>(drained().size()));
  EXPECT_THAT(watch.calls, ElementsAre("recv 1 = -1 EAGAIN injected", "poll 0 = -1 EAGAIN injected", "recv 1 = 1",
                                       "write 3145728 = " + std::to_string(part) + " injected"));
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
    return Wait::again;
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

TEST(Clock, StandsStillAndMovesForAllClocksAlike) {
  using namespace std::chrono;
  const auto before = system_clock::now();
  const auto steady_before = steady_clock::now();
  const time_t seconds_before = ::time(nullptr);
  timespec kernel_before{}, kernel_after{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel_before);
  do ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel_after);
  while (kernel_after.tv_sec == kernel_before.tv_sec && kernel_after.tv_nsec == kernel_before.tv_nsec);
  EXPECT_EQ(system_clock::now(), before);
  EXPECT_EQ(steady_clock::now(), steady_before);
  clock::pass(milliseconds(2500));
  EXPECT_EQ(system_clock::now() - before, milliseconds(2500));
  EXPECT_EQ(steady_clock::now() - steady_before, milliseconds(2500));
  EXPECT_THAT(::time(nullptr) - seconds_before, testing::AnyOf(2, 3));
  timeval day{};
  EXPECT_EQ(::gettimeofday(&day, nullptr), 0);
  EXPECT_EQ(day.tv_sec, ::time(nullptr));
  timespec cpu{};
  EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu), 0);
  EXPECT_EQ(::clock_gettime(static_cast<clockid_t>(4711), &cpu), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Clock, IsSharedWithForkedProcesses) {
  const auto before = clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    clock::pass(std::chrono::milliseconds(7));
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(clock::now() - before, std::chrono::milliseconds(7));
}

}  // namespace
}  // namespace tlsbye::peer
