// Peers that do what no peer should, and the harness that lives with them. The peers are this program itself, started with the name of
// what they do (`misbehave`, below).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/control/peer_process.h"

extern char** environ;

namespace tlsbye {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The side of the peer.

void say(std::string_view packet) { static_cast<void>(::send(control_descriptor, packet.data(), packet.size(), MSG_NOSIGNAL)); }

Line honest_hello() {
  return Line("hello").with("protocol", protocol_version).with("stack", "fake").with("version", "1.0").with("abilities", "client tls-1.3");
}

void greet(const Line& hello = honest_hello()) {
  std::string packet;
  append_line(packet, hello);
  say(packet);
}

bool is_asked() {
  char request[1000];
  return ::recv(control_descriptor, request, sizeof request, 0) > 0;
}

void pass_descriptors(int count) {
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
  static_cast<void>(::sendmsg(control_descriptor, &message, MSG_NOSIGNAL));
}

void tell_environment() {
  std::string packet;
  for (char** entry = environ; *entry != nullptr; ++entry) append_line(packet, Line("found").with("entry", *entry));
  say(packet + "ready\n");
}

const std::string unprintable =
    "a\x1b[2Jb\nc\rd\te\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xff"
    "f\xc3\xa9";
constexpr std::string_view printed = R"(a\x1b[2Jb\x0ac\x0dd\x09e\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xfff)"
                                     "\xc3\xa9";

// What a peer does when it is asked for something, by the name of it.
const std::map<std::string, std::function<void()>, std::less<>> acts{
    {"answers", [] { say("ready\n"); }},
    {"tells its environment", tell_environment},
    {"goes on with more",
     [] {
       while (true) say("more\n");
     }},
    {"goes on with lines",
     [] {
       std::string packet;
       while (packet.size() < largest_message - 100) packet += "io\tfunction=recv\n";
       while (true) say(packet + "more\n");
     }},
    {"goes on with lines of one letter",
     [] {
       std::string packet;
       while (packet.size() < largest_message - 100) packet += "a\n";
       while (true) say(packet + "more\n");
     }},
    {"passes two descriptors", [] { pass_descriptors(2); }},
    {"passes a hundred descriptors", [] { pass_descriptors(100); }},
    {"says a long packet", [] { say(std::string(largest_message + 1, 'x')); }},
    {"says what cannot be printed",
     [] {
       std::string packet;
       append_line(packet,
                   Line("api").with("words", unprintable).with("code", "\x1b]0;owned\x07").with("native", "n\nsubject  close = done"));
       append_line(packet, Line("raw").with("data", unprintable));
       say(packet + "ready\n");
     }},
    {"says a long value", [] { say("api\twords=" + std::string(50000, 'x') + "\nready\n"); }},
    {"says many fields",
     [] {
       std::string packet = "api";
       for (int i = 0; i < 1000; ++i) packet += fmt::format("\tf{}=", i);
       say(packet + "\nready\n");
     }},
    {"closes the control socket and stays",
     [] {
       ::close(control_descriptor);
       while (true) ::pause();
     }},
    {"SIGKILL", [] { ::raise(SIGKILL); }},
    {"SIGTERM", [] { ::raise(SIGTERM); }},
    {"SIGHUP", [] { ::raise(SIGHUP); }},
    {"SIGSEGV", [] { ::raise(SIGSEGV); }},
    {"SIGABRT", [] { ::raise(SIGABRT); }},
    {"goes with 7", [] { ::_exit(7); }},
    {"computes",
     [] {
       while (true) static_cast<void>(::getppid());
     }},
    {"keeps silent",
     [] {
       while (true) ::pause();
     }},
};

int misbehave(const std::string& what) {
  if (const std::string file = "leave a mark in "; what.starts_with(file)) {
    static std::string path;
    path = what.substr(file.size());
    std::atexit([] { static_cast<void>(std::fclose(std::fopen(path.c_str(), "w"))); });
    greet();
    while (is_asked()) say("ready\n");
    return 0;
  }
  if (const std::string field = "hello "; what.starts_with(field)) {
    // "hello stack=a b": a hello with that value
    const std::size_t sign = what.find('=');
    const Line honest = honest_hello();
    Line hello("hello");
    for (const auto& [key, value] : honest.fields())
      hello.with(key, key == what.substr(field.size(), sign - field.size()) ? what.substr(sign + 1) : value);
    greet(hello);
    while (is_asked()) say("ready\n");
    return 0;
  }
  greet();
  while (is_asked()) acts.at(what)();
  return 0;
}

// The side of the harness.

std::variant<PeerProcess, std::string> started(const std::string& what, std::chrono::milliseconds patience = 30s) {
  return PeerProcess::start("/proc/self/exe", patience, {{"--be", what}, {}});
}

PeerProcess peer_that(const std::string& what, std::chrono::milliseconds patience = 30s) {
  auto peer = started(what, patience);
  if (auto* problem = std::get_if<std::string>(&peer)) throw std::runtime_error(*problem);
  return std::move(std::get<PeerProcess>(peer));
}

PeerEnd end_of_one_that(const std::string& what, std::chrono::milliseconds patience = 30s) {
  PeerProcess peer = peer_that(what, patience);
  const Report report = peer.ask(Line("close"));
  EXPECT_TRUE(report.end.has_value()) << what;
  EXPECT_FALSE(peer.alive()) << what;
  EXPECT_LT(report.lines.size(), 300'000U) << what;
  return report.end.value_or(PeerEnd{});
}

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

TEST(PeerProcess, AReportWithoutEndIsABrokenProtocol) {
  for (const std::string what : {"goes on with more", "goes on with lines", "goes on with lines of one letter"}) {
    const PeerEnd end = end_of_one_that(what);
    EXPECT_EQ(end.how, Died::How::garbled) << what;
    EXPECT_THAT(end.detail, HasSubstr("without end")) << what;
  }
}

TEST(PeerProcess, WhatNoMessageMayBeIsABrokenProtocol) {
  const PeerEnd long_one = end_of_one_that("says a long packet");
  EXPECT_EQ(long_one.how, Died::How::garbled);
  EXPECT_THAT(long_one.detail, HasSubstr("too long"));
  const PeerEnd wide = end_of_one_that("says many fields");
  EXPECT_EQ(wide.how, Died::How::garbled);
  EXPECT_THAT(wide.detail, HasSubstr("more fields"));
}

TEST(PeerProcess, DescriptorsThatAPeerPassesAreClosed) {
  for (const std::string what : {"passes two descriptors", "passes a hundred descriptors"}) {
    PeerProcess peer = peer_that(what);
    const auto before = open_files();
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(peer.ask(Line("close")).end);
    EXPECT_EQ(open_files(), before) << what;
  }
}

TEST(PeerProcess, WhatCannotBePrintedIsWrittenOutInEveryValueButBytes) {
  PeerProcess peer = peer_that("says what cannot be printed");
  const Report report = peer.ask(Line("close"));
  ASSERT_EQ(report.lines.size(), 2U);
  EXPECT_EQ(report.lines[0].get("words"), printed);
  EXPECT_EQ(report.lines[0].get("code"), R"(\x1b]0;owned\x07)");
  EXPECT_EQ(report.lines[0].get("native"), R"(n\x0asubject  close = done)");
  EXPECT_EQ(report.lines[1].get("data"), unprintable);
}

TEST(PeerProcess, ALongValueIsCut) {
  PeerProcess peer = peer_that("says a long value");
  const Report report = peer.ask(Line("close"));
  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_EQ(report.lines[0].get("words").size(), 8192U);
}

TEST(PeerProcess, AHelloIsMadeOfWords) {
  const auto refused = [](const std::string& field) {
    const auto peer = started("hello " + field);
    const auto* problem = std::get_if<std::string>(&peer);
    return problem ? *problem : std::string();
  };
  for (const std::string field : {"stack=", "stack=Fake", "stack=a b", "stack=a:b", "stack=a/b", "stack=a@b", "stack=a\x1b[1m",
                                  "stack=\xe2\x80\xae"
                                  "a",
                                  "stack=a\nb", "stack={{data}}"})
    EXPECT_THAT(refused(field), AllOf(HasSubstr("stack"), Not(HasSubstr("\x1b")), Not(HasSubstr("\n")))) << field;
  EXPECT_THAT(refused("stack=" + std::string(65, 'a')), HasSubstr("64 at most"));
  for (const std::string field : {"version=", "version=1 2", "version=1:2", "version=1/2", "version=1@2", "version=1\n2",
                                  "version=\xc2\x9b"
                                  "1"})
    EXPECT_THAT(refused(field), HasSubstr("version")) << field;
  for (const std::string version : {"3.1.4+quic", "17.0.9+9", "1.1.1w", "3.0.0-beta2", "5.5.4~rc1", "1.0_2"})
    EXPECT_EQ(refused("version=" + version), "") << version;
  EXPECT_THAT(refused("abilities=client a\x1b[1m"), HasSubstr("ability"));
  EXPECT_THAT(refused("abilities=client TLS"), HasSubstr("ability"));
}

TEST(PeerProcess, ItsEnvironmentIsTheSameEverywhereAndIsTold) {
  ::setenv("OPENSSL_CONF", "/nowhere", 1);
  ::setenv("LD_LIBRARY_PATH", "/nowhere", 1);
  ::setenv("ASAN_OPTIONS", "detect_leaks=1", 1);
  PeerProcess peer = peer_that("tells its environment");
  std::vector<std::string> found;
  for (const Line& line : peer.ask(Line("close")).lines) found.emplace_back(line.get("entry"));
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(peer_environment()));
  EXPECT_THAT(found, Contains("ASAN_OPTIONS=detect_leaks=1"));
  EXPECT_THAT(found, Not(Contains(StartsWith("OPENSSL_CONF="))));
  EXPECT_THAT(found, Not(Contains(StartsWith("LD_LIBRARY_PATH="))));
  EXPECT_THAT(found, Not(Contains(StartsWith("HOME="))));
  EXPECT_THAT(peer_environment("/opt/lib"), Contains("LD_LIBRARY_PATH=/opt/lib"));
}

TEST(PeerProcess, LeavesNoCoreFiles) {
  PeerProcess peer = peer_that("answers");
  rlimit limit{1, 1};
  ASSERT_EQ(::prlimit(peer.pid(), RLIMIT_CORE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, 0U);
  EXPECT_EQ(limit.rlim_max, 0U);
}

TEST(PeerProcess, ADeathByASignalThatOthersSendComesFromOutside) {
  for (const std::string name : {"SIGKILL", "SIGTERM", "SIGHUP"}) {
    const PeerEnd end = end_of_one_that(name);
    EXPECT_EQ(end.detail, name);
    EXPECT_TRUE(end.from_outside) << name;
  }
  for (const std::string name : {"SIGSEGV", "SIGABRT"}) {
    const PeerEnd end = end_of_one_that(name);
    EXPECT_EQ(end.how, Died::How::crashed);
    EXPECT_EQ(end.detail, name);
    EXPECT_FALSE(end.from_outside) << name;
  }
  const PeerEnd gone = end_of_one_that("goes with 7");
  EXPECT_EQ(gone.how, Died::How::exited);
  EXPECT_EQ(gone.detail, "exit code 7");
  EXPECT_FALSE(gone.from_outside);
}

TEST(PeerProcess, OneThatGoesOnWithoutItsControlSocketBrokeTheProtocol) {
  const PeerEnd end = end_of_one_that("closes the control socket and stays");
  EXPECT_EQ(end.how, Died::How::garbled);
  EXPECT_FALSE(end.from_outside);
}

TEST(PeerProcess, SpinsOrKeepsSilent) {
  EXPECT_EQ(end_of_one_that("computes").how, Died::How::spun);
  EXPECT_EQ(end_of_one_that("keeps silent", 1s).how, Died::How::silent);
}

TEST(PeerProcess, WhatIsNeverAnsweredIsRememberedBeyondTheProcess) {
  Experience experience;
  for (std::size_t times = 1; times <= 5; ++times) {
    auto started = PeerProcess::start("/proc/self/exe", 30s, {{"--be", "computes"}, {}, &experience});
    ASSERT_TRUE(std::holds_alternative<PeerProcess>(started));
    const Report report = std::get<PeerProcess>(started).ask(Line("close"));
    ASSERT_TRUE(report.end);
    EXPECT_EQ(report.end->how, Died::How::spun);
    ASSERT_TRUE(experience.contains("close"));
    EXPECT_EQ(experience["close"].never, times);
    EXPECT_TRUE(experience["close"].seldom());
  }
  auto honest = PeerProcess::start("/proc/self/exe", 30s, {{"--be", "answers"}, {}, &experience});
  EXPECT_FALSE(std::get<PeerProcess>(honest).ask(Line("close")).end);
  EXPECT_EQ(experience["close"].times, 1U);
}

TEST(PeerProcess, ARequestThatWasAlwaysAnsweredAtOnceHasLessTimeAndLessStillOnceItHasSpun) {
  const auto once = [](std::size_t times, std::chrono::milliseconds slowest, std::size_t never) {
    const auto used = [] {
      rusage children{};
      ::getrusage(RUSAGE_CHILDREN, &children);
      return std::chrono::seconds(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
             std::chrono::microseconds(children.ru_utime.tv_usec + children.ru_stime.tv_usec);
    };
    Experience experience;
    experience["close"] = {times, never, slowest};
    const auto before = used();
    auto started = PeerProcess::start("/proc/self/exe", 30s, {{"--be", "computes"}, {}, &experience});
    EXPECT_EQ(std::get<PeerProcess>(started).ask(Line("close")).end->how, Died::How::spun);
    return used() - before;
  };
  // The least of three: a harness that does not get the processor lets its peer use more than it may, never less.
  const auto used_up = [&](std::size_t times, std::chrono::milliseconds slowest, std::size_t never = 0) {
    return std::min({once(times, slowest, never), once(times, slowest, never), once(times, slowest, never)});
  };
  const auto familiar = used_up(300, 0ms);
  EXPECT_LT(familiar, used_up(299, 0ms));
  EXPECT_LT(familiar, used_up(300, 200ms));
  EXPECT_LT(used_up(300, 0ms, 3), familiar);
  EXPECT_LT(familiar, used_up(300, 200ms, 3));
}

TEST(PeerProcess, GoesByItselfWhenItIsNoLongerWanted) {
  const std::string mark = testing::TempDir() + "tlsbye-mark-" + std::to_string(::getpid());
  { const PeerProcess peer = peer_that("leave a mark in " + mark); }
  EXPECT_TRUE(std::filesystem::remove(mark));
}

}  // namespace
}  // namespace tlsbye

int main(int count, char** arguments) {
  if (count == 3 && std::string_view(arguments[1]) == "--be") return tlsbye::misbehave(arguments[2]);
  testing::InitGoogleMock(&count, arguments);
  return RUN_ALL_TESTS();
}
