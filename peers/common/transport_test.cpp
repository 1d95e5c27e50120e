// The libc functions of this program are those of transport.cpp: what a TLS library would call is called here.
#include "peers/common/transport.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "peers/common/clock.h"

// The forms that are called where a library was built with _FORTIFY_SOURCE, and libc's own names.
extern "C" {
ssize_t __read_chk(int, void*, size_t, size_t);
ssize_t __recv_chk(int, void*, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void*, size_t, size_t, int, sockaddr*, socklen_t*);
int __poll_chk(pollfd*, nfds_t, int, size_t);
int __ppoll_chk(pollfd*, nfds_t, const timespec*, const sigset_t*, size_t);
ssize_t __read(int, void*, size_t);
ssize_t __write(int, const void*, size_t);
ssize_t __send(int, const void*, size_t, int);
int __poll(pollfd*, nfds_t, int);
int __close(int);
}

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
  EXPECT_TRUE(transport->ready(Flow::recv));
  EXPECT_EQ(::recv(far.get(), buffer, 1, 0), 0);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  const Descriptor next(::open("/dev/null", O_RDONLY));
  EXPECT_NE(next.get(), fd);
}

// What the library does to the socket itself.

TEST_F(TransportTest, ALibraryThatMakesItsTransportNonBlockingMeetsEagainAndIsNotTakenToBlock) {
  const auto by_fcntl = [&](bool on) { return ::fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0); };
  const auto by_ioctl = [&](bool on) {
    int value = on;
    return ::ioctl(fd, FIONBIO, &value);
  };
  for (const std::function<int(bool)>& set : {std::function<int(bool)>(by_fcntl), std::function<int(bool)>(by_ioctl)}) {
    open(Io::blocking);
    EXPECT_EQ(set(true), 0);
    EXPECT_TRUE(transport->nonblocking());
    EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    const std::string much(3 << 20, 'm');
    EXPECT_LT(::write(fd, much.data(), much.size()), static_cast<ssize_t>(much.size()));
    EXPECT_THAT(watch.blocks, IsEmpty());
    EXPECT_EQ(set(false), 0);
    EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
    EXPECT_THAT(watch.blocks, ElementsAre("recv"));
    EXPECT_EQ(set(true), 0);
    transport->use_again(Io::blocking);
    EXPECT_FALSE(transport->nonblocking());
    transport.reset();
    watch = {};
  }
}

TEST_F(TransportTest, ASingleCallCanAskNotToWait) {
  open(Io::blocking);
  EXPECT_EQ(::recv(fd, buffer, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  const std::string much(3 << 20, 'm');
  EXPECT_LT(::send(fd, much.data(), much.size(), MSG_DONTWAIT), static_cast<ssize_t>(much.size()));
  EXPECT_THAT(watch.blocks, IsEmpty());
}

TEST_F(TransportTest, HowMuchLiesThereIsTheKernelsWord) {
  open(Io::blocking);
  arrives("12345");
  int bytes = 0;
  EXPECT_EQ(::ioctl(fd, FIONREAD, &bytes), 0);
  EXPECT_EQ(bytes, 5);
  int error = 1;
  socklen_t size = sizeof error;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, 0);
}

TEST_F(TransportTest, ALimitThatTheLibrarySetRunsByThePeersClock) {
  open(Io::blocking);
  const timeval limit{2, 500000};
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  watch.when_blocked = [] {
    clock::pass(std::chrono::milliseconds(1500));
    return Wait::again;
  };
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_THAT(watch.blocks, ElementsAre("recv 2500 ms", "recv 1000 ms"));
  const std::string much(3 << 20, 'm');
  const ssize_t part = ::write(fd, much.data(), much.size());
  EXPECT_EQ(part, static_cast<ssize_t>(drained().size()));
  EXPECT_THAT(watch.blocks, ElementsAre("recv 2500 ms", "recv 1000 ms", "send 2500 ms", "send 1000 ms"));
  EXPECT_THAT(watch.calls, ElementsAre("recv 1 = -1 EAGAIN", "write 3145728 = " + std::to_string(part)));
}

TEST_F(TransportTest, AReadOfAllWaitsForAll) {
  open(Io::blocking);
  arrives("12");
  watch.when_blocked = [&] {
    arrives("34");
    return Wait::again;
  };
  EXPECT_EQ(::recv(fd, buffer, 5, MSG_WAITALL), 5);
  EXPECT_EQ(std::string(buffer, 5), "12343");
  EXPECT_THAT(watch.blocks, ElementsAre("recv", "recv"));
  far.reset();
  EXPECT_EQ(::recv(fd, buffer, 5, MSG_WAITALL), 1);
  EXPECT_THAT(watch.calls, ElementsAre("recv 5 = 5", "recv 5 = 1"));
}

TEST_F(TransportTest, APeekOfAllWaitsForAllAndTakesNothing) {
  open(Io::blocking);
  arrives("12");
  watch.when_blocked = [&] {
    arrives("34");
    return Wait::again;
  };
  EXPECT_EQ(::recv(fd, buffer, 4, MSG_PEEK | MSG_WAITALL), 4);
  EXPECT_EQ(std::string(buffer, 4), "1234");
  far.reset();
  EXPECT_EQ(::recv(fd, buffer, 5, MSG_PEEK | MSG_WAITALL), 4);
  EXPECT_EQ(::recv(fd, buffer, 5, 0), 4);
  EXPECT_EQ(watch.blocks.size(), 1u);
}

TEST_F(TransportTest, APeekUsesUpNoFaultAndCountsNoBytes) {
  open(Io::nonblocking);
  arrives("abc");
  transport->plan({Flow::recv, EINTR, 0, 1, 1});
  transport->plan({Flow::recv, ECONNRESET, 0, 1, 2});
  EXPECT_EQ(::recv(fd, buffer, 2, MSG_PEEK), 2);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
  EXPECT_EQ(::recv(fd, buffer, 2, MSG_PEEK), 2);  // an interruption that is due is none for it
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(::recv(fd, buffer, 1, MSG_PEEK), -1);  // an end that is due is one for all
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(::recv(fd, buffer, 5, 0), 2);
  EXPECT_EQ(transport->moved().received, 3);
  EXPECT_THAT(watch.calls, ElementsAre("recv(MSG_PEEK) 2 = 2", "recv 1 = 1", "recv(MSG_PEEK) 2 = 2", "recv 1 = -1 EINTR injected",
                                       "recv(MSG_PEEK) 1 = -1 ECONNRESET injected", "recv 1 = -1 ECONNRESET injected", "recv 5 = 2"));
}

TEST_F(TransportTest, ShuttingDownIsNotedAndDone) {
  open(Io::blocking);
  EXPECT_EQ(::shutdown(fd, SHUT_WR), 0);
  EXPECT_EQ(::recv(far.get(), buffer, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(::shutdown(far.get(), SHUT_WR), 0);
  EXPECT_THAT(watch.calls, ElementsAre("shutdown 0 = 0"));
}

TEST_F(TransportTest, AfterALibraryClosedItTheNumberStaysTakenAndDead) {
  open(Io::blocking);
  EXPECT_EQ(::close(fd), 0);
  EXPECT_EQ(::recv(far.get(), buffer, 1, MSG_DONTWAIT), 0);
  const Descriptor next(::open("/dev/null", O_RDONLY));
  EXPECT_NE(next.get(), fd);
  EXPECT_EQ(::send(fd, "x", 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(::close(fd), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_THAT(watch.calls, ElementsAre("close 0 = 0", "send 1 = -1 EBADF", "close 0 = -1 EBADF"));
  transport.reset();
  const Descriptor after(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(after.get(), fd);  // let go of, once
}

TEST_F(TransportTest, ATransportThatIsOverClosesNothingThatTheNumberMeansNow) {
  open(Io::blocking);
  const Descriptor other(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(::dup2(other.get(), fd), fd);
  EXPECT_EQ(::recv(far.get(), buffer, 1, MSG_DONTWAIT), 0);  // which closed it
  EXPECT_EQ(::read(fd, buffer, 1), 0);
  EXPECT_THAT(watch.calls, IsEmpty());
  EXPECT_EQ(transport->receive_raw(buffer, 1), -1);
  EXPECT_EQ(errno, EBADF);
  transport.reset();
  const Descriptor libraries(fd);
  EXPECT_GE(::fcntl(fd, F_GETFD), 0);
}

TEST_F(TransportTest, ANumberThatTheLibraryMadeMeansTheTransportToo) {
  open(Io::blocking);
  const int made[] = {::dup(fd), ::fcntl(fd, F_DUPFD, 0), ::fcntl(fd, F_DUPFD_CLOEXEC, 0), ::dup2(fd, 90), ::dup3(fd, 91, O_CLOEXEC)};
  for (const int number : made) {
    arrives("x");
    EXPECT_EQ(::read(number, buffer, 1), 1);
    EXPECT_EQ(::recv(number, buffer, 1, 0), -1);  // has been given up
    transport->use_again(Io::blocking);
  }
  EXPECT_EQ(watch.blocks.size(), std::size(made));
  EXPECT_EQ(::close(fd), 0);
  EXPECT_EQ(::send(made[0], "still", 5, 0), 5);
  EXPECT_EQ(drained(), "still");
  watch.calls.clear();
  for (const int number : made) EXPECT_EQ(::close(number), 0);
  EXPECT_THAT(watch.calls, testing::Each("close 0 = 0"));
  EXPECT_EQ(::recv(far.get(), buffer, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(::close(made[0]), -1);
}

TEST_F(TransportTest, ANumberThatMeansAnotherFileNowIsNoNumberOfTheTransport) {
  open(Io::blocking);
  const int made = ::dup(fd);
  ::syscall(SYS_close, made);  // as libc's own code does, unseen
  const Descriptor other(::open("/dev/null", O_RDONLY));
  ASSERT_EQ(other.get(), made);
  EXPECT_EQ(::read(made, buffer, 1), 0);
  EXPECT_THAT(watch.calls, IsEmpty());
}

TEST_F(TransportTest, SeveralMessagesAtOnceAreOneCallEach) {
  open(Io::blocking);
  iovec parts[2] = {{buffer, 2}, {buffer + 2, 2}};
  mmsghdr messages[2]{};
  for (int i = 0; i < 2; ++i) {
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  arrives("abc");
  EXPECT_EQ(::recvmmsg(fd, messages, 2, MSG_WAITFORONE, nullptr), 2);
  EXPECT_EQ(messages[1].msg_len, 1u);
  EXPECT_EQ(::recvmmsg(fd, messages, 2, MSG_DONTWAIT, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(::sendmmsg(fd, messages, 2, 0), 2);
  EXPECT_EQ(drained().substr(0, 3), "abc");
  transport->plan({Flow::send, EAGAIN, 0, 1, 1});
  EXPECT_EQ(::sendmmsg(fd, messages, 2, 0), 1);
  EXPECT_THAT(watch.calls, ElementsAre("recvmmsg 2 = 2", "recvmmsg 2 = 1", "recvmmsg 2 = -1 EAGAIN", "sendmmsg 2 = 2", "sendmmsg 2 = 2",
                                       "sendmmsg 2 = 2", "sendmmsg 2 = -1 EAGAIN injected"));
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Descriptor here(ends[0]), there(ends[1]);
  EXPECT_EQ(::sendmmsg(ends[0], messages, 2, 0), 2);
  EXPECT_EQ(::recvmmsg(ends[1], messages, 1, 0, nullptr), 1);
  EXPECT_EQ(watch.calls.size(), 7u);
}

TEST_F(TransportTest, ReadingAndWritingWithFlagsIsNoted) {
  open(Io::blocking);
  arrives("abc");
  const iovec part{buffer, 2};
  EXPECT_EQ(::preadv2(fd, &part, 1, -1, 0), 2);
  EXPECT_EQ(::preadv2(fd, &part, 1, -1, RWF_NOWAIT), 1);
  EXPECT_EQ(::preadv2(fd, &part, 1, -1, RWF_NOWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(::preadv2(fd, &part, 1, 0, 0), -1);
  EXPECT_EQ(errno, ESPIPE);
  EXPECT_EQ(::pwritev2(fd, &part, 1, -1, 0), 2);
  EXPECT_EQ(::pwritev2(fd, &part, 1, 7, 0), -1);
  EXPECT_EQ(errno, ESPIPE);
  EXPECT_THAT(watch.calls, ElementsAre("preadv2 2 = 2", "preadv2 2 = 1", "preadv2 2 = -1 EAGAIN", "pwritev2 2 = 2"));
  char name[] = "/tmp/tlsbye-transport-XXXXXX";
  const Descriptor file(::mkstemp(name));
  ::unlink(name);
  EXPECT_EQ(::pwritev2(file.get(), &part, 1, 3, 0), 2);
  EXPECT_EQ(::preadv2(file.get(), &part, 1, 4, 0), 1);
}

TEST_F(TransportTest, WhatMovesFilesIsRefusedSoThatNothingGoesPast) {
  open(Io::blocking);
  char name[] = "/tmp/tlsbye-transport-XXXXXX";
  const Descriptor file(::mkstemp(name));
  ::unlink(name);
  ASSERT_EQ(::write(file.get(), "abc", 3), 3);
  off_t place = 0;
  EXPECT_EQ(::sendfile(fd, file.get(), &place, 3), -1);
  EXPECT_EQ(errno, EINVAL);
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const Descriptor from(pipe[0]), to(pipe[1]);
  ASSERT_EQ(::write(to.get(), "x", 1), 1);
  EXPECT_EQ(::splice(from.get(), nullptr, fd, nullptr, 1, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(::splice(fd, nullptr, to.get(), nullptr, 1, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(drained(), "");
  EXPECT_THAT(watch.calls, ElementsAre("sendfile 0 = -1 EINVAL", "splice 0 = -1 EINVAL", "splice 0 = -1 EINVAL"));
  EXPECT_EQ(::sendfile(to.get(), file.get(), &place, 3), 3);
  EXPECT_EQ(::splice(from.get(), nullptr, file.get(), nullptr, 4, 0), 4);
}

TEST_F(TransportTest, OtherNamesOfAFunctionAreNoted) {
  open(Io::blocking);
  arrives("abcdef");
  sockaddr_storage from;
  socklen_t size = sizeof from;
  pollfd entry{fd, POLLIN, 0};
  EXPECT_EQ(::__read_chk(fd, buffer, 1, sizeof buffer), 1);
  EXPECT_EQ(::__recv_chk(fd, buffer, 1, sizeof buffer, 0), 1);
  EXPECT_EQ(::__recvfrom_chk(fd, buffer, 1, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size), 1);
  EXPECT_EQ(::__poll_chk(&entry, 1, 0, 1), 1);
  EXPECT_EQ(::__ppoll_chk(&entry, 1, nullptr, nullptr, 1), 1);
  EXPECT_EQ(::__read(fd, buffer, 1), 1);
  EXPECT_EQ(::__write(fd, "x", 1), 1);
  EXPECT_EQ(::__send(fd, "x", 1, 0), 1);
  EXPECT_EQ(::__poll(&entry, 1, 0), 1);
  EXPECT_EQ(::fcntl64(fd, F_SETFL, O_NONBLOCK), 0);
  EXPECT_TRUE(transport->nonblocking());
  EXPECT_EQ(::__close(fd), 0);
  EXPECT_THAT(watch.calls, ElementsAre("read 1 = 1", "recv 1 = 1", "recvfrom 1 = 1", "poll 0 = 1", "ppoll 0 = 1", "read 1 = 1",
                                       "write 1 = 1", "send 1 = 1", "poll 0 = 1", "close 0 = 0"));
}

// Waiting.

TEST_F(TransportTest, PselectTellsTheTruthAndReportsInsteadOfWaiting) {
  open(Io::nonblocking);
  fd_set read_set;
  FD_ZERO(&read_set);
  FD_SET(fd, &read_set);
  watch.when_blocked = [&] {
    arrives("x");
    return Wait::again;
  };
  const timespec second{1, 0};
  EXPECT_EQ(::pselect(fd + 1, &read_set, nullptr, nullptr, &second, nullptr), 1);
  EXPECT_THAT(watch.blocks, ElementsAre("recv 1000 ms"));
  EXPECT_THAT(watch.calls, ElementsAre("pselect 0 = 1"));
  FD_ZERO(&read_set);
  FD_SET(far.get(), &read_set);
  const timespec at_once{};
  EXPECT_EQ(::pselect(far.get() + 1, &read_set, nullptr, nullptr, &at_once, nullptr), 0);
  EXPECT_EQ(watch.calls.size(), 1u);
}

TEST_F(TransportTest, AnEpollThatWatchesItTellsTheTruthAndReportsInsteadOfWaiting) {
  open(Io::nonblocking);
  const Descriptor epoll(::epoll_create1(0));
  epoll_event asked{EPOLLIN, {.u64 = 7}}, events[3]{};
  const timespec half{0, 500000000};
  EXPECT_EQ(::epoll_wait(epoll.get(), events, 3, 0), 0);
  EXPECT_THAT(watch.calls, IsEmpty());  // it does not watch it yet
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &asked), 0);
  watch.when_blocked = [] {
    clock::pass(std::chrono::milliseconds(500));
    return Wait::again;
  };
  EXPECT_EQ(::epoll_wait(epoll.get(), events, 3, 1000), 0);
  EXPECT_EQ(::epoll_pwait2(epoll.get(), events, 3, &half, nullptr), 0);
  EXPECT_THAT(watch.blocks, ElementsAre("recv 1000 ms", "recv 500 ms", "recv 500 ms"));
  watch.when_blocked = [&] {
    arrives("x");
    return Wait::again;
  };
  EXPECT_EQ(::epoll_pwait(epoll.get(), events, 3, -1, nullptr), 1);
  EXPECT_EQ(events[0].data.u64, 7u);
  asked.events = EPOLLOUT;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, fd, &asked), 0);
  EXPECT_EQ(::epoll_wait(epoll.get(), events, 3, -1), 1);
  EXPECT_EQ(events[0].events, EPOLLOUT);
  EXPECT_THAT(watch.calls, ElementsAre("epoll_wait 0 = 0", "epoll_pwait2 0 = 0", "epoll_pwait 0 = 1", "epoll_wait 0 = 1"));
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr), 0);
  EXPECT_EQ(::epoll_wait(epoll.get(), events, 3, 0), 0);
  EXPECT_EQ(watch.calls.size(), 4u);
}

// Waits in each way for the transport to be readable; how many are ready.
std::vector<std::pair<std::string, std::function<int(int fd, int milliseconds)>>> ways_to_wait() {
  return {{"poll",
           [](int fd, int ms) {
             pollfd entry{fd, POLLIN, 0};
             const int ready = ::poll(&entry, 1, ms);
             EXPECT_EQ(ready > 0, entry.revents == POLLIN);
             return ready;
           }},
          {"select",
           [](int fd, int ms) {
             fd_set set;
             FD_ZERO(&set);
             FD_SET(fd, &set);
             timeval time{ms / 1000, ms % 1000 * 1000};
             const int ready = ::select(fd + 1, &set, nullptr, nullptr, ms < 0 ? nullptr : &time);
             EXPECT_TRUE(ready < 0 || (ready > 0) == FD_ISSET(fd, &set));
             return ready;
           }},
          {"pselect",
           [](int fd, int ms) {
             fd_set set;
             FD_ZERO(&set);
             FD_SET(fd, &set);
             const timespec time{ms / 1000, ms % 1000 * 1000000L};
             return ::pselect(fd + 1, &set, nullptr, nullptr, ms < 0 ? nullptr : &time, nullptr);
           }},
          {"epoll_wait", [](int fd, int ms) {
             const Descriptor epoll(::epoll_create1(0));
             epoll_event asked{EPOLLIN, {.u64 = 7}}, event{};
             EXPECT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &asked), 0);
             const int ready = ::epoll_wait(epoll.get(), &event, 1, ms);
             EXPECT_TRUE(ready <= 0 || event.data.u64 == 7);
             EXPECT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr), 0);
             return ready;
           }}};
}

TEST_F(TransportTest, AnEndThatIsDueIsFoundByWhoWaitsFirst) {
  for (const auto& [name, wait] : ways_to_wait()) {
    SCOPED_TRACE(name);
    for (const int error_number : {ECONNRESET, EPIPE, 0}) {
      open(Io::blocking);
      EXPECT_EQ(wait(fd, 0), 0);
      transport->plan({Flow::recv, error_number, 0, 1, 0});
      EXPECT_TRUE(transport->ready(Flow::recv));
      EXPECT_EQ(wait(fd, -1), 1);
      errno = 0;
      EXPECT_EQ(::recv(fd, buffer, 1, MSG_DONTWAIT), error_number == 0 ? 0 : -1);
      EXPECT_EQ(errno, error_number);
      EXPECT_EQ(wait(fd, 0), 0);
      EXPECT_THAT(watch.blocks, IsEmpty());
      transport.reset();
    }
  }
}

TEST_F(TransportTest, AWaitForMoreThanTheTransportFindsAnEndThatIsDueOnce) {
  open(Io::blocking);
  arrives("x");
  transport->plan({Flow::recv, ECONNRESET, 0, 1, 0});
  for (const auto& [name, wait] : ways_to_wait()) EXPECT_EQ(wait(fd, -1), 1) << name;
  transport->plan({Flow::send, EPIPE, 0, 1, 0});
  pollfd entry{fd, POLLIN | POLLOUT, 0};
  EXPECT_EQ(::poll(&entry, 1, -1), 1);
  EXPECT_EQ(entry.revents, POLLIN | POLLOUT);
}

TEST_F(TransportTest, WhatIsNotDueYetOrEndsNothingIsNotFoundByWhoWaits) {
  open(Io::blocking);
  transport->plan({Flow::recv, ECONNRESET, 0, 1, 1});
  transport->plan({Flow::recv, EAGAIN, 0, 1, 0});
  transport->plan({Flow::send, EPIPE, 0, 1, 0});
  for (const auto& [name, wait] : ways_to_wait()) EXPECT_EQ(wait(fd, 0), 0) << name;
  EXPECT_FALSE(transport->ready(Flow::recv));
}

TEST_F(TransportTest, AnInterruptionHitsTheWaitBeforeTheCallAndThenTheCall) {
  open(Io::blocking);
  for (const auto& [name, wait] : ways_to_wait()) {
    SCOPED_TRACE(name);
    watch.calls.clear();
    transport->plan({Flow::recv, EINTR, 0, 1, 0});
    EXPECT_EQ(wait(fd, 0), 0);  // what does not wait is not interrupted
    EXPECT_EQ(wait(fd, 1000), -1);
    EXPECT_EQ(errno, EINTR);
    EXPECT_THAT(watch.blocks, IsEmpty());
    watch.when_blocked = [&] {
      arrives("x");
      return Wait::again;
    };
    EXPECT_EQ(wait(fd, 1000), 1);
    EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
    EXPECT_EQ(errno, EINTR);
    EXPECT_EQ(::recv(fd, buffer, 1, 0), 1);
    EXPECT_THAT(watch.calls,
                ElementsAre(name + " 0 = 0", name + " 0 = -1 EINTR injected", name + " 0 = 1", "recv 1 = -1 EINTR injected", "recv 1 = 1"));
    watch.blocks.clear();
  }
}

// NSPR does so. A call on a non-blocking descriptor never waits, so that no signal can interrupt it.
TEST_F(TransportTest, WhereTheLibraryMadeItNonBlockingAnInterruptionHitsTheWaitAndNoOtherCall) {
  for (const auto& [name, wait] : ways_to_wait()) {
    SCOPED_TRACE(name);
    open(Io::blocking);
    ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    watch.calls.clear();
    transport->plan({Flow::recv, EINTR, 0, 1, 0});
    transport->plan({Flow::recv, ECONNRESET, 0, 1, 0});
    EXPECT_EQ(::recv(fd, buffer, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
    transport->plan({Flow::recv, ECONNRESET, 0, 1, 0});
    EXPECT_EQ(wait(fd, 1000), -1);
    EXPECT_EQ(errno, EINTR);
    EXPECT_EQ(wait(fd, 1000), 1) << "the reset is due";
    EXPECT_THAT(watch.calls, ElementsAre("recv 1 = -1 ECONNRESET injected", name + " 0 = -1 EINTR injected", name + " 0 = 1"));
  }
}

TEST_F(TransportTest, AnInterruptionOfSendingIsNoneOfAWaitForInput) {
  open(Io::blocking);
  transport->plan({Flow::send, EINTR, 0, 1, 0});
  watch.when_blocked = [] {
    clock::pass(std::chrono::seconds(1));
    return Wait::again;
  };
  for (const auto& [name, wait] : ways_to_wait()) EXPECT_EQ(wait(fd, 1000), 0) << name;
}

// Counting.

TEST_F(TransportTest, BytesAreCountedWhoeverMovesThem) {
  open(Io::blocking);
  arrives("abcdefgh");
  EXPECT_EQ(transport->moved().unread, 8);
  EXPECT_EQ(::recv(fd, buffer, 2, 0), 2);
  EXPECT_EQ(::recv(fd, buffer, 2, MSG_PEEK), 2);
  EXPECT_EQ(transport->receive_raw(buffer, 1), 1);
  transport->plan({Flow::recv, 0, 1, 1, 0});
  EXPECT_EQ(::read(fd, buffer, 2), 1);
  EXPECT_EQ(::send(fd, "12345", 5, 0), 5);
  EXPECT_EQ(transport->send_raw("678"), 3);
  const pid_t child = ::fork();
  if (child == 0) {
    ::send(fd, "9", 1, 0);
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(transport->moved().sent, 9);
  EXPECT_EQ(transport->moved().received, 4);
  EXPECT_EQ(transport->moved().unread, 4);
  EXPECT_EQ(transport->hang_up(), 0);
  EXPECT_EQ(transport->moved().unread, 4);
  EXPECT_EQ(drained(), "123456789");
  transport.reset();
  open(Io::blocking);
  EXPECT_EQ(transport->moved().sent, 0);
}

TEST_F(TransportTest, WhatGoesPastIsNotCounted) {
  open(Io::blocking);
  EXPECT_EQ(::syscall(SYS_sendto, fd, "x", 1, 0, nullptr, 0), 1);
  EXPECT_EQ(transport->moved().sent, 0);
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

TEST(Clock, WhoMakesCallsDoesNotSleepButTimeGoesOn) {
  using namespace std::chrono;
  const timespec day{86400, 5}, wrong{0, 1'000'000'000};
  const auto slept = [](const std::function<int()>& sleep) {
    const auto before = clock::now();
    EXPECT_EQ(sleep(), 0);
    return clock::now() - before;
  };
  EXPECT_EQ(slept([&] { return ::nanosleep(&day, nullptr); }), days(1) + nanoseconds(5));
  EXPECT_EQ(slept([&] { return ::clock_nanosleep(CLOCK_MONOTONIC, 0, &day, nullptr); }), days(1) + nanoseconds(5));
  EXPECT_EQ(slept([] { return ::usleep(900'000'000); }), minutes(15));
  EXPECT_EQ(slept([] { return static_cast<int>(::sleep(86400)); }), days(1));
  EXPECT_EQ(slept([&] { return ::thrd_sleep(&day, nullptr); }), days(1) + nanoseconds(5));
  EXPECT_EQ(slept([] { return ::poll(nullptr, 0, 86'400'000); }), days(1));
  EXPECT_EQ(slept([&] { return ::pselect(0, nullptr, nullptr, nullptr, &day, nullptr); }), days(1) + nanoseconds(5));
  EXPECT_EQ(slept([] {
              timeval hour{3600, 0};
              return ::select(0, nullptr, nullptr, nullptr, &hour);
            }),
            hours(1));
  EXPECT_EQ(slept([] {
              timespec until{};
              ::clock_gettime(CLOCK_REALTIME, &until);
              until.tv_sec += 3600;
              return ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr);
            }),
            hours(1));
  EXPECT_EQ(slept([] {
              timespec past{};
              return ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, nullptr);
            }),
            hours(0));
  EXPECT_EQ(::nanosleep(&wrong, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  timespec now{};
  EXPECT_EQ(::timespec_get(&now, TIME_UTC), TIME_UTC);
  EXPECT_EQ(now.tv_sec, ::time(nullptr));
}

// A moment that is away by that much, by that clock.
timespec in(std::chrono::nanoseconds time, clockid_t id) {
  timespec at{};
  ::clock_gettime(id, &at);
  const auto moment = std::chrono::nanoseconds(at.tv_nsec) + time;
  const auto whole = std::chrono::floor<std::chrono::seconds>(moment);  // just behind a full second, 3 ms ago belong to the one before
  at.tv_sec += whole.count();
  at.tv_nsec = (moment - whole).count();
  return at;
}

TEST(Clock, AWaitForAnotherThreadEndsWhenItsTimeIsOverAndTimeHasGoneOnThen) {
  using namespace std::chrono;
  clock::pass(days(30));  // for the kernel, such a time is far away
  constexpr milliseconds time(3);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  sem_t semaphore;
  ASSERT_EQ(::sem_init(&semaphore, 0, 0), 0);
  ASSERT_EQ(::pthread_mutex_lock(&mutex), 0);
  const auto or_errno = [](int result) { return result == 0 ? 0 : errno; };
  const std::vector<std::function<int(const timespec&, clockid_t)>> waits{
      [&](const timespec& until, clockid_t) { return ::pthread_cond_timedwait(&condition, &mutex, &until); },
      [&](const timespec& until, clockid_t id) { return ::pthread_cond_clockwait(&condition, &mutex, id, &until); },
      [&](const timespec& until, clockid_t id) { return or_errno(::sem_clockwait(&semaphore, id, &until)); },
      [&](const timespec& until, clockid_t id) { return ::pthread_mutex_clocklock(&mutex, id, &until); }};
  for (const clockid_t id : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
    for (const auto& wait : waits) {
      const auto before = clock::now();
      EXPECT_EQ(wait(in(time, id), id), ETIMEDOUT);
      EXPECT_EQ(clock::now() - before, time);
      EXPECT_EQ(wait(in(-time, id), id), ETIMEDOUT);
      EXPECT_EQ(clock::now() - before, time);
    }
  }
  timespec until = in(time, CLOCK_REALTIME);
  EXPECT_EQ(or_errno(::sem_timedwait(&semaphore, &until)), ETIMEDOUT);
  until = in(time, CLOCK_REALTIME);
  EXPECT_EQ(::pthread_mutex_timedlock(&mutex, &until), ETIMEDOUT);
  ::pthread_mutex_unlock(&mutex);
}

TEST(Clock, AnotherThreadThatComesEndsTheWait) {
  const auto before = clock::now();
  sem_t semaphore;
  ASSERT_EQ(::sem_init(&semaphore, 0, 0), 0);
  std::thread other([&] { ::sem_post(&semaphore); });
  const timespec until = in(std::chrono::hours(1), CLOCK_REALTIME);
  EXPECT_EQ(::sem_timedwait(&semaphore, &until), 0);
  other.join();
  EXPECT_EQ(clock::now(), before);
}

TEST(Clock, AThreadOfTheLibrarysOwnSleepsReallyAndTimeStandsStill) {
  const auto before = clock::now();
  std::thread([] {
    timespec real_before{}, real_after{};
    ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &real_before);
    const timespec time{0, 2'000'000};
    EXPECT_EQ(::nanosleep(&time, nullptr), 0);
    ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &real_after);
    EXPECT_GE((real_after.tv_sec - real_before.tv_sec) * 1'000'000'000 + real_after.tv_nsec - real_before.tv_nsec, 2'000'000);
  }).join();
  EXPECT_EQ(clock::now(), before);
  std::thread([] {
    clock::join();
    ::sleep(86400);
  }).join();
  EXPECT_EQ(clock::now() - before, std::chrono::days(1));
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
