#include "harness/control/peer_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "harness/data/printable.h"

extern char** environ;

namespace tlsbye {
namespace {

// A peer whose one answer costs that much CPU time is not slow, it spins: a whole close costs less than a thousandth of it. What it was
// asked to write takes a slow library a second for 10 MiB.
constexpr std::chrono::milliseconds spin_budget{500};
constexpr long long bytes_a_millisecond = 10 << 10;
// Once a request was answered so often, half of it is enough, and a tenth where it has also spun before; or four times what the slowest
// answer took: a slow machine keeps its room.
constexpr std::size_t familiar_after = 300;
constexpr int familiar_share = 2, familiar_spin_share = 10, of_the_slowest = 4;
// A runtime (ability own-memory) loads and compiles while it answers, on several processors: so many times as much.
constexpr int runtime_share = 20;
// How often a peer that has not answered is looked at. Its CPU time counts from the first look.
constexpr std::chrono::milliseconds usual_glance{10}, glance_at_known{5};
// One that has not answered so often, and seldom did, is known for it: from then on it has a tenth of the time.
constexpr std::size_t known_after = 3;
constexpr int known_share = 10;

// What one report may have. A peer says no more than 16 MiB of one request, and a library that calls its transport without end is stopped
// by its own peer program long before (peers/common/transport.h).
constexpr std::size_t most_packets = 1000;
constexpr std::size_t most_bytes = 16U << 20;
constexpr std::size_t most_lines = 200'000;
constexpr std::size_t longest_value = 8192;
constexpr std::size_t longest_name = 64;

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// What a process has done so far, with the children it has now (the sessions of --isolate), by proc(5).
struct Look {
  std::chrono::milliseconds used{};  // CPU time
  bool waits = true;                 // and would use no more if it could
};
Look look_at(pid_t pid) {
  const std::string text = text_of(fmt::format("/proc/{}/stat", pid));
  const std::size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return {};
  std::istringstream fields(text.substr(after_name + 1));
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 14; ++field) fields >> skipped;
  long user = 0, system = 0;
  fields >> user >> system;
  Look look{std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK)), state != "R" && state != "D"};
  std::istringstream children(text_of(fmt::format("/proc/{}/task/{}/children", pid, pid)));
  for (pid_t child = 0; children >> child;) {
    const Look at_child = look_at(child);
    look.used += at_child.used;
    look.waits = look.waits && at_child.waits;
  }
  return look;
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

// The line as it comes in.
Line admitted(Line&& line) {
  const auto plain = [](const auto& field) {
    const std::string& value = field.second;
    return value.size() <= longest_value && std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  if (std::all_of(line.fields().begin(), line.fields().end(), plain)) return std::move(line);
  Line safe(line.word());
  for (const auto& [key, value] : line.fields()) {
    const std::string_view part = std::string_view(value).substr(0, longest_value);
    safe.with(key, line.word() == "raw" && key == "data" ? std::string(part) : printable(part));
  }
  return safe;
}

bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
  });
}

// What is wrong with the names in a hello; empty where nothing is.
std::string wrong_name(const PeerHello& hello) {
  constexpr std::string_view upper_case = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (hello.stack.empty() || hello.version.empty()) return "lacks the name or the version of its stack";
  if (!is_word(hello.stack, "-_"))
    return fmt::format("names its stack `{}`: it must be a word of lower case letters, digits, - and _, {} at most", hello.stack,
                       longest_name);
  if (!is_word(hello.version, std::string("-_.+~").append(upper_case)))
    return fmt::format("names the version `{}`: it must be made of letters, digits and . - _ + ~, {} at most", hello.version, longest_name);
  for (const std::string& ability : hello.abilities)
    if (!is_word(ability, "-_."))
      return fmt::format("names an ability `{}`: it must be a word of lower case letters, digits, . - and _, {} at most", ability,
                         longest_name);
  if (!hello.build_id.empty() && hello.build_id.find_first_not_of("0123456789abcdef") != std::string::npos)
    return fmt::format("has the build id `{}`: it must be written in hexadecimal digits", hello.build_id);
  return {};
}

// What tools read that watch a program from inside: sanitizers, coverage.
bool is_of_a_watching_tool(std::string_view name) {
  return name.ends_with("SAN_OPTIONS") || name == "ASAN_SYMBOLIZER_PATH" || name == "LLVM_PROFILE_FILE" || name.starts_with("GCOV_PREFIX");
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

PeerEnd end_of(std::string status) {
  // Those that a process earns by what it does itself (signal(7)); all others are sent.
  constexpr std::array<std::string_view, 10> own{"SIGSEGV", "SIGBUS", "SIGFPE",  "SIGILL",  "SIGABRT",
                                                 "SIGTRAP", "SIGSYS", "SIGPIPE", "SIGXCPU", "SIGXFSZ"};
  const bool by_signal = status.starts_with("SIG") || status.starts_with("signal ");
  const bool sent = by_signal && std::find(own.begin(), own.end(), status) == own.end();
  return {by_signal ? Died::How::crashed : Died::How::exited, std::move(status), sent};
}

std::vector<std::string> peer_environment(const std::string& library_path) {
  std::vector<std::string> list{"LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin", "TZ=UTC"};
  if (!library_path.empty()) list.push_back("LD_LIBRARY_PATH=" + library_path);
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (is_of_a_watching_tool(std::string_view(*entry).substr(0, std::string_view(*entry).find('=')))) list.emplace_back(*entry);
  std::sort(list.begin(), list.end());
  return list;
}

std::variant<PeerProcess, std::string> PeerProcess::start(const std::filesystem::path& program, std::chrono::milliseconds patience,
                                                          const Launch& launch) {
  if (::access(program.c_str(), F_OK) != 0) return fmt::format("{}: no such peer program", program.string());
  if (::access(program.c_str(), X_OK) != 0) return fmt::format("{}: the peer program is not executable", program.string());

  auto [ours, theirs] = channel_pair();

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

  std::vector<std::string> words;
  // A loader of another system has its own places to look into, and not this system's list of libraries (ld.so(8)).
  if (!launch.loader.empty()) words = {launch.loader, "--inhibit-cache", "--library-path", launch.library_path};
  words.push_back(program.string());
  words.insert(words.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> surroundings = peer_environment(launch.loader.empty() ? launch.library_path : std::string());
  std::vector<char*> environment;
  for (std::string& entry : surroundings) environment.push_back(entry.data());
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words.front().c_str(), &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fmt::format("{}: cannot be started: {}", program.string(), std::strerror(error));
  theirs = Channel(Descriptor());
  const rlimit none{};
  ::prlimit(pid, RLIMIT_CORE, &none, nullptr);  // peers are made to crash: no files are wanted of it

  PeerProcess peer(pid, std::move(ours));
  peer.patience_ = patience;
  peer.experience_ = launch.experience;
  std::optional<PeerEnd> hung;
  const Channel::Got got = peer.receive(hung);
  if (hung) return fmt::format("{}: said no hello ({})", program.string(), hung->detail);
  if (got == Channel::Got::end) return fmt::format("{}: ended before its hello ({})", program.string(), peer.ended().detail);
  if (got != Channel::Got::packet) return fmt::format("{}: said no hello ({})", program.string(), std::strerror(errno));
  auto message = parse_message(peer.packet_);
  auto* lines = std::get_if<std::vector<Line>>(&message);
  if (!lines || lines->size() != 1 || lines->front().word() != "hello")
    return fmt::format("{}: its first message is not a hello: this is not a peer program", program.string());
  const Line hello = admitted(std::move(lines->front()));
  if (hello.number("protocol") != protocol_version)
    return fmt::format("{}: speaks protocol version {}, this harness speaks {}; build the peer and the harness from the same source",
                       program.string(), hello.get("protocol", "(none)"), protocol_version);
  peer.hello_ = {std::string(hello.get("stack")),   std::string(hello.get("version")),  split_words(hello.get("abilities")),
                 std::string(hello.get("library")), std::string(hello.get("build-id")), std::string(hello.get("compiler"))};
  if (const std::string wrong = wrong_name(peer.hello_); !wrong.empty()) return fmt::format("{}: its hello {}", program.string(), wrong);
  return peer;
}

PeerProcess::PeerProcess(PeerProcess&& from) noexcept
    : pid_(std::exchange(from.pid_, -1)),
      channel_(std::move(from.channel_)),
      hello_(std::move(from.hello_)),
      packet_(std::move(from.packet_)),
      patience_(from.patience_),
      experience_(from.experience_),
      asked_(std::move(from.asked_)),
      asked_size_(from.asked_size_),
      glance_(from.glance_) {}

PeerProcess& PeerProcess::operator=(PeerProcess&& from) noexcept {
  if (this != &from) {
    kill_group();
    pid_ = std::exchange(from.pid_, -1);
    channel_ = std::move(from.channel_);
    hello_ = std::move(from.hello_);
    packet_ = std::move(from.packet_);
    patience_ = from.patience_;
    experience_ = from.experience_;
    asked_ = std::move(from.asked_);
    asked_size_ = from.asked_size_;
    glance_ = from.glance_;
  }
  return *this;
}

PeerProcess::~PeerProcess() {
  if (!alive()) return;
  channel_ = Channel(Descriptor());  // its sign to go by itself
  static_cast<void>(wait_for_death());
  kill_group();
}

Report PeerProcess::ask(const Line& request, int passed) {
  packet_.clear();
  append_line(packet_, request);
  if (!alive()) return Report{{}, {}, PeerEnd{Died::How::exited, "it is not running"}};
  if (request.word() != "resume" && request.word() != "pass") {
    asked_ = request.word();
    asked_size_ = request.number("size").value_or(0);
  }
  if (!channel_.send(packet_, passed)) return Report{{}, {}, ended()};
  Report report = listen();
  have_learnt(report.end);
  return report;
}

void PeerProcess::have_learnt(const std::optional<PeerEnd>& end) {
  if (!experience_) return;
  Answered& answered = (*experience_)[asked_];
  ++(end && (end->how == Died::How::spun || end->how == Died::How::silent) ? answered.never : answered.times);
}

Report PeerProcess::listen() {
  Report report;
  std::size_t bytes = 0;
  for (std::size_t packets = 1;; ++packets) {
    const Channel::Got got = receive(report.end);
    if (report.end) return report;
    if (got != Channel::Got::packet) {
      report.end = got == Channel::Got::end ? ended() : garbled(std::strerror(errno));
      return report;
    }
    bytes += packet_.size();
    if (packets > most_packets || bytes > most_bytes || report.lines.size() > most_lines) {
      report.lines.clear();
      report.end = garbled(fmt::format("a report without end: {} packets, {} bytes, and more; or the line of the script makes more calls than "
                                       "one report can hold",
                                       packets - 1, bytes - packet_.size()));
      return report;
    }
    auto message = parse_message(packet_);
    if (const auto* error = std::get_if<MessageError>(&message)) {
      report.end = garbled(fmt::format("{} at byte {}", error->problem, error->offset));
      return report;
    }
    auto& lines = std::get<std::vector<Line>>(message);
    const Line last = admitted(std::move(lines.back()));
    lines.pop_back();
    for (Line& line : lines) report.lines.push_back(admitted(std::move(line)));
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

std::chrono::milliseconds PeerProcess::budget() const {
  const std::chrono::milliseconds writing{asked_size_ / bytes_a_millisecond};
  if (std::find(hello_.abilities.begin(), hello_.abilities.end(), "own-memory") != hello_.abilities.end())
    return spin_budget * runtime_share + writing;
  const auto found = experience_ ? experience_->find(asked_) : Experience::iterator();
  if (!experience_ || found == experience_->end() || found->second.times < familiar_after) return spin_budget + writing;
  const int share = found->second.never >= known_after ? familiar_spin_share : familiar_share;
  return std::clamp(found->second.slowest * of_the_slowest, spin_budget / share, spin_budget) + writing;
}

Channel::Got PeerProcess::receive(std::optional<PeerEnd>& hung) {
  const auto found = experience_ ? experience_->find(asked_) : Experience::iterator();
  const bool known = experience_ && found != experience_->end() && found->second.never >= known_after && found->second.seldom();
  const int share = known ? known_share : 1;
  const std::chrono::milliseconds glance = known ? glance_at_known : usual_glance;
  if (std::exchange(glance_, glance) != glance) set_receive_timeout(channel_.descriptor(), glance);
  Channel::Got got = channel_.receive(packet_);
  if (got != Channel::Got::timeout) return got;
  const std::chrono::milliseconds budget = this->budget() / share;
  // One that computes, or could if the machine had nothing else to do, is not silent.
  const Look first = look_at(pid_);
  Look last = first;
  for (std::chrono::milliseconds silent = glance; silent < patience_ / share;) {
    got = channel_.receive(packet_);
    if (got != Channel::Got::timeout) {
      if (experience_) {
        auto& slowest = (*experience_)[asked_].slowest;
        slowest = std::max(slowest, glance + look_at(pid_).used - first.used);
      }
      return got;
    }
    const Look now = look_at(pid_);
    if (now.used - first.used >= budget) {
      kill_group();
      hung = PeerEnd{Died::How::spun, "it used up its CPU time and did not answer"};
      return got;
    }
    if (now.used == last.used && now.waits) silent += glance;
    last = now;
  }
  kill_group();
  hung = PeerEnd{Died::How::silent, fmt::format("no answer within {} ms", patience_.count())};
  return got;
}

PeerEnd PeerProcess::ended() {
  int status = 0;
  const bool by_itself = alive() && wait_for_death();
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0) return {Died::How::exited, "it is not running"};
  // Whoever closes the control socket is about to die, or goes on without us, and must not.
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!by_itself) return {Died::How::garbled, "it closed the control socket and went on"};
  return end_of(WIFSIGNALED(status) ? signal_name(WTERMSIG(status)) : fmt::format("exit code {}", WEXITSTATUS(status)));
}

PeerEnd PeerProcess::put_down(Died::How how, std::string detail) {
  kill_group();
  PeerEnd end{how, std::move(detail)};
  have_learnt(end);
  return end;
}

PeerEnd PeerProcess::garbled(std::string_view what) { return put_down(Died::How::garbled, printable(what)); }

bool PeerProcess::wait_for_death() {
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd gone{process.get(), POLLIN, 0};
  constexpr int most_ms = 2000;
  int ready = 0;
  do ready = process ? ::poll(&gone, 1, most_ms) : -1;
  while (ready < 0 && process && errno == EINTR);
  return ready > 0;
}

void PeerProcess::kill_group() {
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0) return;
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace tlsbye
