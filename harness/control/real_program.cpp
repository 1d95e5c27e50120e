#include "harness/control/real_program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <span>

extern char** environ;

namespace tlsbye {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t most_in_the_clear = 64 * 1024;
constexpr std::size_t most_output = 4096;
constexpr milliseconds client_start{10000};  // to be up and to connect: programs that are started from a disk

milliseconds left_until(Clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

std::string said(milliseconds time) {
  return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000) : fmt::format("{} ms", time.count());
}

// Waits for one of them; false where the time was over first.
bool wait_for(std::span<pollfd> what, Clock::time_point deadline) {
  for (;;) {
    const int ready = ::poll(what.data(), what.size(), static_cast<int>(left_until(deadline).count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

struct Addresses {
  addrinfo* list = nullptr;
  ~Addresses() {
    if (list) ::freeaddrinfo(list);
  }
  std::optional<std::string> resolve(const std::string& host, const std::string& port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
    // A machine without /etc/hosts does not know the name; it means the loopback addresses all the same (RFC 6761 6.3).
    if (error != 0 && host == "localhost") {
      hints.ai_flags &= ~AI_PASSIVE;
      error = ::getaddrinfo(nullptr, port.c_str(), &hints, &list);
    }
    if (error == 0) return std::nullopt;
    return fmt::format("`{}` has no address: {}", shown_bytes(host), ::gai_strerror(error));
  }
};

}  // namespace

std::string shown_bytes(std::string_view bytes, std::size_t most) {
  std::string text;
  for (const char c : bytes.substr(0, most)) {
    if (c == '\n')
      text += "\\n";
    else if (c == '\r')
      text += "\\r";
    else if (c >= 0x20 && c < 0x7f)
      text += c;
    else
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return bytes.size() > most ? text + "..." : text;
}

std::variant<Listening, std::string> listen_at(const std::string& host, const std::string& port) {
  Addresses addresses;
  if (auto wrong = addresses.resolve(host, port, AI_PASSIVE)) return *wrong;
  Descriptor socket(::socket(addresses.list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket || ::bind(socket.get(), addresses.list->ai_addr, addresses.list->ai_addrlen) != 0 || ::listen(socket.get(), 16) != 0)
    return fmt::format("port {} of {} cannot be listened at: {}", port, host, std::strerror(errno));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  std::array<char, 64> name{}, number{};
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&bound), size, name.data(), name.size(), number.data(), number.size(),
                NI_NUMERICHOST | NI_NUMERICSERV);
  return Listening{std::move(socket), name.data(), number.data()};
}

// The client's process, in a group of its own; what it prints is read as it comes, and the beginning kept.
class RealProgram::Child {
 public:
  static std::variant<std::unique_ptr<Child>, std::string> start(const std::vector<std::string>& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fmt::format("pipe2: {}", std::strerror(errno));
    Descriptor output(ends[0]), theirs(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));  // NOLINT: it is only read
    words.push_back(nullptr);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, words.front(), &actions, &attributes, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) return fmt::format("`{}` cannot be started: {}", shown_bytes(command.front()), std::strerror(error));
    return std::unique_ptr<Child>(new Child(pid, std::move(output)));
  }

  ~Child() {
    kill();
    const std::uint64_t one = 1;
    while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    reader_.join();
  }

  int process() const { return process_.get(); }
  bool alive() const { return pid_ > 0; }
  milliseconds age() const { return std::chrono::duration_cast<milliseconds>(Clock::now() - began_); }
  std::string output() {
    const std::lock_guard lock(mutex_);
    return output_;
  }

  // How it ended, if it did.
  struct End {
    std::string how;
    std::optional<int> exit_code;
  };
  std::optional<End> ended() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    ::kill(-pid_, SIGKILL);  // whatever it has left behind
    pid_ = -1;
    if (WIFEXITED(status)) return End{fmt::format("exit code {}", WEXITSTATUS(status)), WEXITSTATUS(status)};
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return End{name ? fmt::format("SIG{}", name) : fmt::format("signal {}", WTERMSIG(status)), std::nullopt};
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  // All that was printed before the end has been read, or no process prints any more.
  void read_to_end() {
    std::unique_lock lock(mutex_);
    constexpr milliseconds most{200};  // a process that it has left behind may hold the pipe
    over_.wait_for(lock, most, [this] { return done_; });
  }

 private:
  Child(pid_t pid, Descriptor output)
      : pid_(pid),
        process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        pipe_(std::move(output)),
        stop_(::eventfd(0, EFD_CLOEXEC)),
        reader_([this] { read(); }) {}

  void read() {
    std::array<char, 4096> some{};
    for (;;) {
      std::array<pollfd, 2> ask{{{pipe_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      if (::poll(ask.data(), ask.size(), -1) < 0 && errno == EINTR) continue;
      if (ask[1].revents != 0) break;
      const ssize_t size = ::read(pipe_.get(), some.data(), some.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) break;
      const std::lock_guard lock(mutex_);
      output_.append(some.data(), std::min(static_cast<std::size_t>(size), most_output - output_.size()));
    }
    const std::lock_guard lock(mutex_);
    done_ = true;
    over_.notify_all();
  }

  const Clock::time_point began_ = Clock::now();
  pid_t pid_;
  Descriptor process_, pipe_, stop_;
  std::mutex mutex_;
  std::condition_variable over_;
  std::string output_;
  bool done_ = false;
  std::thread reader_;
};

RealProgram::RealProgram(const Program& program) : program_(program) {}
RealProgram::~RealProgram() = default;

std::variant<std::unique_ptr<RealProgram>, std::string> RealProgram::meet(const Program& program) {
  std::unique_ptr<RealProgram> it(new RealProgram(program));
  if (auto word = program.is_client() ? it->start() : it->connect()) return std::move(*word);
  const int on = 1;
  ::setsockopt(it->socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (auto word = it->say_preamble()) return std::move(*word);
  return it;
}

std::optional<std::string> RealProgram::connect() {
  Addresses addresses;
  if (auto wrong = addresses.resolve(program_.host, program_.port, 0)) return wrong;
  std::string met;
  const auto deadline = Clock::now() + program_.patience;
  for (const addrinfo* it = addresses.list; it != nullptr; it = it->ai_next) {
    socket_ = Descriptor(::socket(it->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return fmt::format("socket: {}", std::strerror(errno));
    int error = ::connect(socket_.get(), it->ai_addr, it->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      std::array<pollfd, 1> ask{{{socket_.get(), POLLOUT, 0}}};
      socklen_t size = sizeof error;
      if (!wait_for(ask, deadline))
        error = ETIMEDOUT;
      else
        ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) return std::nullopt;
    if (error == ECONNREFUSED)
      met = "nothing listens there (the connection was refused)";
    else if (error == ETIMEDOUT)
      met = fmt::format("no connection within {}: the host does not answer", said(program_.patience));
    else
      met = fmt::format("no connection: {}", std::strerror(error));
  }
  socket_.reset();
  return met;
}

std::optional<std::string> RealProgram::say_preamble() {
  const auto deadline = Clock::now() + program_.longest;
  std::string heard;
  for (const PlainStep& step : program_.preamble) {
    if (step.say) {
      for (std::string_view rest = step.text; !rest.empty();) {
        std::array<pollfd, 1> ask{{{socket_.get(), POLLOUT, 0}}};
        if (!wait_for(ask, std::min(deadline, Clock::now() + program_.patience))) return "in the clear, it does not read";
        const ssize_t size = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0) return fmt::format("in the clear, before TLS: {}", std::strerror(errno));
        rest.remove_prefix(static_cast<std::size_t>(size));
      }
      heard.clear();
      continue;
    }
    while (heard.find(step.text) == std::string::npos) {
      const std::string so_far = heard.empty() ? "nothing" : fmt::format("`{}`", shown_bytes(heard, 400));
      std::array<pollfd, 1> ask{{{socket_.get(), POLLIN, 0}}};
      if (!wait_for(ask, std::min(deadline, Clock::now() + program_.patience)))
        return fmt::format("in the clear, before TLS, `{}` was waited for and {} came, then silence", shown_bytes(step.text), so_far);
      std::array<char, 4096> some{};
      const ssize_t size = ::recv(socket_.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size <= 0)
        return fmt::format("in the clear, before TLS, `{}` was waited for and {} came, then {}", shown_bytes(step.text), so_far,
                           size == 0 ? "the end of the stream" : std::strerror(errno));
      heard.append(some.data(), static_cast<std::size_t>(size));
      if (heard.size() > most_in_the_clear)
        return fmt::format("in the clear, before TLS, `{}` was waited for, and more than {} bytes of other text came",
                           shown_bytes(step.text), most_in_the_clear);
      if (Clock::now() > deadline)
        return fmt::format("in the clear, before TLS, `{}` did not come within {}", shown_bytes(step.text), said(program_.longest));
    }
  }
  return std::nullopt;
}

std::optional<std::string> RealProgram::start() {
  // Who was sent away, or came too late, in the run before.
  const auto accept = [&] { return Descriptor(::accept4(program_.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); };
  while (accept()) {
  }
  if (!program_.command.empty()) {
    auto started = Child::start(program_.command);
    if (auto* wrong = std::get_if<std::string>(&started)) return std::move(*wrong);
    child_ = std::move(std::get<std::unique_ptr<Child>>(started));
  }
  const auto deadline = Clock::now() + std::max(client_start, program_.patience);
  for (;;) {
    socket_ = accept();
    if (socket_) return std::nullopt;
    std::array<pollfd, 2> ask{{{program_.listener, POLLIN, 0}, {child_ ? child_->process() : -1, POLLIN, 0}}};
    const bool came = wait_for(ask, deadline);
    if (came && ask[0].revents != 0) continue;
    if (!came) return fmt::format("it was started, and did not connect within {}", said(std::max(client_start, program_.patience)));
    const auto end = child_->ended();
    child_->read_to_end();
    const std::string printed = child_->output();
    return fmt::format("it ended ({}) without connecting{}", end ? end->how : "gone",
                       printed.empty() ? "" : fmt::format("; it printed `{}`", shown_bytes(printed, 200)));
  }
}

Report RealProgram::ask(const Line&, int) { return {}; }

PeerEnd RealProgram::put_down(Died::How how, std::string detail) {
  if (child_) child_->kill();
  return {how, std::move(detail), false};
}

std::optional<ProgramDid> RealProgram::see_the_end() {
  if (!child_) return std::nullopt;
  const auto deadline = Clock::now() + program_.patience;
  ProgramDid did{Side::subject, ProgramDid::What::kept_on, 0, {}, std::nullopt, {}};
  int more = 0;
  for (;;) {
    std::array<pollfd, 2> ask{{{child_->process(), POLLIN, 0}, {program_.listener, POLLIN, 0}}};
    const bool came = wait_for(ask, deadline);
    if (const auto end = child_->ended()) {
      did.what = ProgramDid::What::ended;
      did.text = end->how;
      did.exit_code = end->exit_code;
      break;
    }
    if (!came) break;
    if (ask[1].revents == 0) continue;
    const Descriptor other(::accept4(program_.listener, nullptr, nullptr, SOCK_CLOEXEC));
    more += other ? 1 : 0;
    if (Clock::now() > deadline) break;
  }
  did.milliseconds = child_->age().count();
  child_->kill();
  child_->read_to_end();
  did.output = child_->output();
  if (more > 0)
    did.text += fmt::format("{}it connected {} more, and was sent away", did.text.empty() ? "" : ", ",
                            more == 1 ? "once" : fmt::format("{} times", more));
  return did;
}

}  // namespace tlsbye
