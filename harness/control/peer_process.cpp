#include "harness/control/peer_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

extern char** environ;

namespace tlsbye {
namespace {

// A peer whose one answer costs that much CPU time is not slow, it spins: a whole close costs less than a thousandth of it.
constexpr std::chrono::milliseconds spin_budget{500};
// How often a peer that has not answered is looked at.
constexpr std::chrono::milliseconds glance{200};

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// CPU time that the process has used, with that of the children it has now (the sessions of --isolate), by proc(5).
std::chrono::milliseconds cpu_time(pid_t pid) {
  const std::string text = text_of(fmt::format("/proc/{}/stat", pid));
  const std::size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return {};
  std::istringstream fields(text.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  long user = 0, system = 0;
  fields >> user >> system;
  std::chrono::milliseconds time((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
  std::istringstream children(text_of(fmt::format("/proc/{}/task/{}/children", pid, pid)));
  for (pid_t child = 0; children >> child;) time += cpu_time(child);
  return time;
}

void set_receive_timeout(int descriptor, std::chrono::milliseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timeval limit{seconds.count(), std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count()};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : fmt::format("signal {}", number);
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::variant<PeerProcess, std::string> PeerProcess::start(const std::filesystem::path& program, std::chrono::milliseconds patience,
                                                          const Launch& launch) {
  if (::access(program.c_str(), F_OK) != 0) return fmt::format("{}: no such peer program", program.string());
  if (::access(program.c_str(), X_OK) != 0) return fmt::format("{}: the peer program is not executable", program.string());

  auto [ours, theirs] = channel_pair();
  set_receive_timeout(ours.descriptor(), glance);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.descriptor(), control_descriptor);
  // A group of its own: a Ctrl-C at the terminal is for the harness, and killing the group ends what the peer forked, too.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  std::vector<std::string> words{program.string()};
  words.insert(words.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string library_path = "LD_LIBRARY_PATH=" + launch.library_path;
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (launch.library_path.empty() || !std::string_view(*entry).starts_with("LD_LIBRARY_PATH="))
      environment.push_back(*entry);
    else
      library_path += ":" + std::string(*entry + std::strlen("LD_LIBRARY_PATH="));
  }
  if (!launch.library_path.empty()) environment.push_back(library_path.data());
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fmt::format("{}: cannot be started: {}", program.string(), std::strerror(error));
  theirs = Channel(Descriptor());

  PeerProcess peer(pid, std::move(ours));
  peer.patience_ = patience;
  std::optional<PeerEnd> hung;
  const Channel::Got got = peer.receive(hung);
  if (hung) return fmt::format("{}: said no hello ({})", program.string(), hung->detail);
  if (got == Channel::Got::end) return fmt::format("{}: ended before its hello ({})", program.string(), peer.ended().detail);
  if (got != Channel::Got::packet) return fmt::format("{}: said no hello ({})", program.string(), std::strerror(errno));
  const auto message = parse_message(peer.packet_);
  const auto* lines = std::get_if<std::vector<Line>>(&message);
  if (!lines || lines->size() != 1 || lines->front().word() != "hello")
    return fmt::format("{}: its first message is no hello: this is not a peer program", program.string());
  const Line& hello = lines->front();
  if (hello.number("protocol") != protocol_version)
    return fmt::format("{}: speaks protocol version {}, this harness speaks {}; build the peer and the harness from the same source",
                       program.string(), hello.get("protocol", "(none)"), protocol_version);
  peer.hello_ = {std::string(hello.get("stack")), std::string(hello.get("version")), split_words(hello.get("abilities")),
                 std::string(hello.get("library")), std::string(hello.get("build-id"))};
  if (peer.hello_.stack.empty() || peer.hello_.version.empty())
    return fmt::format("{}: its hello lacks the name or the version of its stack", program.string());
  return peer;
}

PeerProcess::PeerProcess(PeerProcess&& from) noexcept
    : pid_(std::exchange(from.pid_, -1)),
      channel_(std::move(from.channel_)),
      hello_(std::move(from.hello_)),
      packet_(std::move(from.packet_)),
      patience_(from.patience_) {}

PeerProcess& PeerProcess::operator=(PeerProcess&& from) noexcept {
  if (this != &from) {
    kill_group();
    pid_ = std::exchange(from.pid_, -1);
    channel_ = std::move(from.channel_);
    hello_ = std::move(from.hello_);
    packet_ = std::move(from.packet_);
    patience_ = from.patience_;
  }
  return *this;
}

PeerProcess::~PeerProcess() {
  if (!alive()) return;
  channel_ = Channel(Descriptor());  // its sign to go by itself
  wait_for_death();
  kill_group();
}

Report PeerProcess::ask(const Line& request, int passed) {
  packet_.clear();
  append_line(packet_, request);
  if (!alive()) return Report{{}, {}, PeerEnd{Died::How::exited, "it is not running"}};
  if (!channel_.send(packet_, passed)) return Report{{}, {}, ended()};
  return listen();
}

Report PeerProcess::listen() {
  Report report;
  while (true) {
    const Channel::Got got = receive(report.end);
    if (report.end) return report;
    if (got != Channel::Got::packet) {
      report.end = got == Channel::Got::end ? ended() : garbled(std::strerror(errno));
      return report;
    }
    auto message = parse_message(packet_);
    if (const auto* error = std::get_if<MessageError>(&message)) {
      report.end = garbled(fmt::format("{} at byte {}", error->problem, error->offset));
      return report;
    }
    auto& lines = std::get<std::vector<Line>>(message);
    const Line last = std::move(lines.back());
    lines.pop_back();
    for (Line& line : lines) report.lines.push_back(std::move(line));
    if (last.word() == "more") continue;
    if (last.word() == "ready") return report;
    if (last.word() == "spinning") {
      ended();
      report.end = PeerEnd{Died::How::spun, fmt::format("{} calls the transport without end", last.get("during"))};
      return report;
    }
    const auto on = read_word<Flow>(last.get("on"));
    const auto during = read_word<Call>(last.get("during"));
    if (last.word() == "blocked" && on && during) {
      report.blocked = Report::Blocked{*on, *during, static_cast<int>(last.number("id").value_or(0)), last.number("timeout")};
      return report;
    }
    report.end = garbled(fmt::format("a report that ends in `{}`", last.word()));
    return report;
  }
}

Channel::Got PeerProcess::receive(std::optional<PeerEnd>& hung) {
  Channel::Got got = channel_.receive(packet_);
  if (got != Channel::Got::timeout) return got;
  // One that computes, however slowly on a machine that has other things to do, is not silent.
  const auto used_before = cpu_time(pid_);
  auto used = used_before;
  for (std::chrono::milliseconds silent = glance; silent < patience_;) {
    got = channel_.receive(packet_);
    if (got != Channel::Got::timeout) return got;
    const auto used_now = cpu_time(pid_);
    if (used_now - used_before >= spin_budget) {
      kill_group();
      hung = PeerEnd{Died::How::spun, fmt::format("{} ms of CPU time and no answer", spin_budget.count())};
      return got;
    }
    if (used_now == used) silent += glance;
    used = used_now;
  }
  kill_group();
  hung = PeerEnd{Died::How::silent, fmt::format("no answer within {} ms", patience_.count())};
  return got;
}

PeerEnd PeerProcess::ended() {
  int status = 0;
  if (alive()) wait_for_death();
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0) return {Died::How::exited, "it is not running"};
  // Whoever closes the control socket is about to die, or goes on without us, and must not.
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {Died::How::crashed, signal_name(WTERMSIG(status))};
  return {Died::How::exited, fmt::format("exit code {}", WEXITSTATUS(status))};
}

PeerEnd PeerProcess::garbled(std::string_view what) {
  kill_group();
  return {Died::How::garbled, std::string(what)};
}

void PeerProcess::wait_for_death() {
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd gone{process.get(), POLLIN, 0};
  constexpr int most_ms = 2000;
  if (process) static_cast<void>(::poll(&gone, 1, most_ms));
}

void PeerProcess::kill_group() {
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0) return;
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace tlsbye
