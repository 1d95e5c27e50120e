#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "peers/common/report.h"
#include "peers/common/stack.h"
#include "peers/common/transport.h"
#include "peers/protocol/pattern.h"

namespace tlsbye::peer {
namespace {

constexpr int largest_repeat_count = 200;  // of one API call by `until`, in a row and without data: no close and no handshake needs so many
constexpr std::size_t largest_read = 1 << 20;
constexpr std::size_t largest_write = 1 << 24;
constexpr std::size_t largest_raw_data = 4096;  // bytes of a raw-read that are shown

std::atomic<int> pipe_signals = 0;  // caught, and not yet reported

void note_pipe_signal(int) { ++pipe_signals; }

std::string error_name(int number) {
  const char* name = ::strerrorname_np(number);
  return name ? name : std::to_string(number);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::optional<int> fault_error(std::string_view fault) {
  if (fault == "EAGAIN") return EAGAIN;
  if (fault == "EINTR") return EINTR;
  if (fault == "EPIPE") return EPIPE;
  if (fault == "ECONNRESET") return ECONNRESET;
  if (fault == "short" || fault == "EOF") return 0;
  return std::nullopt;
}

// A request that cannot be carried out, and why.
struct Unsupported {
  std::string why;
};

class Server final : public KeyLog, public TransportWatch {
 public:
  explicit Server(Stack& stack) : stack_(stack), hello_(stack.hello()), conversation_(Channel(Descriptor(control_descriptor))) {}
  int run();

 private:
  // What is being served: a transport, and on it a session, until it is abandoned.
  struct Connection {
    Connection(Descriptor socket, Io io, TransportWatch& watch) : transport(std::move(socket), io, watch) {}
    Transport transport;
    std::unique_ptr<Session> session;
    Role role{};
    bool log = false;
    std::size_t written = 0, read = 0;
    bool intact = true;
  };
  enum class Until { once, done, end };

  void carry_out(const Line& request, Descriptor passed);
  void open(const Line& request, Descriptor passed);
  void read(const Line& request);
  void write(const Line& request);
  void call(Call call, const Line& request);
  void abandon();
  void end();
  void raw_read();
  void raw_write(const Line& request);
  void plan(const Line& request);
  void raw(std::string_view verb, long result);

  template <typename Once, typename More>
  void repeat(Call call, Until until, Once once, More more);
  void report(Call call, const Answer& answer);
  Connection& connection();
  Session& session();
  static Until until(const Line& request);
  static std::size_t size(const Line& request, std::size_t otherwise, std::size_t largest);

  bool fork_for_session(Descriptor& passed);
  void watch_over(pid_t child);

  void line(std::string_view text) override { conversation_.line("keys").with("line", text); }
  void called(const TransportCall& call) override;
  bool blocked(Flow on) override;
  [[noreturn]] void spinning() override;
  void report_signals();

  Stack& stack_;
  Hello hello_;
  Conversation conversation_;
  std::unique_ptr<Connection> connection_;
  Call during_ = Call::handshake;
  std::vector<std::byte> buffer_;
  std::atomic<Turn>* shared_turn_ = nullptr;
  bool isolated_ = false;  // this process was forked for one session
};

int Server::run() {
  struct sigaction action {};
  action.sa_handler = note_pipe_signal;
  ::sigaction(SIGPIPE, &action, nullptr);

  std::string abilities;
  for (const std::string& ability : hello_.abilities) abilities += (abilities.empty() ? "" : " ") + ability;
  conversation_.hello(hello_.protocol, hello_.stack, hello_.version, abilities);
  Descriptor passed;
  while (const auto request = conversation_.next_request(&passed)) {
    if (request->word() == "open" && request->get("isolate") == "1" && !isolated_ && passed)
      if (!fork_for_session(passed)) continue;
    carry_out(*request, std::move(passed));
    report_signals();
    const bool over = isolated_ && request->word() == "end";
    conversation_.ready(over ? Turn::over : Turn::harness);
    if (over) break;
  }
  if (isolated_) ::_exit(0);
  return 0;
}

void Server::carry_out(const Line& request, Descriptor passed) try {
  const std::string& word = request.word();
  if (word == "open") return open(request, std::move(passed));
  if (word == "end") return end();
  if (word == "handshake" || word == "close" || word == "close-write") return call(*read_word<Call>(word), request);
  if (word == "read") return read(request);
  if (word == "write") return write(request);
  if (word == "abandon") return abandon();
  if (word == "raw-read") return raw_read();
  if (word == "raw-write") return raw_write(request);
  if (word == "fin") return raw("fin", ::shutdown(connection().transport.descriptor(), SHUT_WR));
  if (word == "hangup") return raw("hangup", connection().transport.hang_up());
  if (word == "plan") return plan(request);
  if (word.empty()) throw Unsupported{std::string(request.get("why"))};
  if (word == "resume" || word == "abort") throw Unsupported{"nothing is blocked"};
  throw Unsupported{"no such request: " + word};
} catch (const Unsupported& unsupported) {
  conversation_.line("unsupported").with("why", unsupported.why);
}

void Server::open(const Line& request, Descriptor passed) {
  end();
  const auto able = [&](const std::string& word) {
    if (std::find(hello_.abilities.begin(), hello_.abilities.end(), word) == hello_.abilities.end())
      throw Unsupported{"no ability " + word};
  };
  const auto role = read_word<Role>(request.get("role"));
  const auto tls = read_word<Tls>(request.get("tls"));
  const auto io = read_word<Io>(request.get("io"));
  if (!role || !tls || !io) throw Unsupported{"open needs role=, tls= and io="};
  if (!passed) throw Unsupported{"open needs a descriptor"};
  able(std::string(spell(*role)));
  able("tls-" + std::string(spell(*tls)));
  SessionOptions options{*role, *tls, *io, passed.get(), words_of(request.get("options"))};
  for (const std::string& option : options.options) able(option);

  auto opened = std::make_unique<Connection>(std::move(passed), *io, *this);
  opened->role = *role;
  opened->log = request.get("log") == "1";
  try {
    opened->session = stack_.open(options, *this);
  } catch (const std::runtime_error& error) {
    throw Unsupported{error.what()};
  }
  connection_ = std::move(opened);
}

Server::Connection& Server::connection() {
  if (!connection_) throw Unsupported{"no session is open"};
  return *connection_;
}

Session& Server::session() {
  if (!connection().session) throw Unsupported{"the session was abandoned"};
  return *connection_->session;
}

Server::Until Server::until(const Line& request) {
  const std::string_view word = request.get("until");
  if (word.empty()) return Until::once;
  if (word == "done") return Until::done;
  if (word == "end" && request.word() == "read") return Until::end;
  throw Unsupported{"no such until: " + std::string(word)};
}

std::size_t Server::size(const Line& request, std::size_t otherwise, std::size_t largest) {
  const auto size = request.find("size") ? request.number("size") : static_cast<long long>(otherwise);
  if (!size || *size < 0 || static_cast<std::size_t>(*size) > largest)
    throw Unsupported{"size is a number up to " + std::to_string(largest)};
  return static_cast<std::size_t>(*size);
}

// What a non-blocking caller would wait for before calling again. A stack that once more says no more than that its close_notify is out
// waits for the reply.
std::optional<Flow> waits_for(Outcome outcome, Outcome before) {
  if (outcome == Outcome::want_read || (outcome == Outcome::sent && before == Outcome::sent)) return Flow::recv;
  if (outcome == Outcome::want_write) return Flow::send;
  return std::nullopt;
}

// Makes one API call, and with `until` again: as long as its outcome says so, and after progress as long as there is `more` to do. Waits
// in between where the outcome and the kernel agree that there is something to wait for; in blocking mode the transport does that.
template <typename Once, typename More>
void Server::repeat(Call call, Until until, Once once, More more) {
  Transport& transport = connection_->transport;
  during_ = call;
  Outcome before = Outcome::done;
  for (int repeats = 0;;) {
    transport.begin_call();
    errno = 0;
    const Answer answer = once();
    report(call, answer);
    const bool progress = answer.outcome == Outcome::done && answer.bytes > 0;
    const bool again = call_again(answer.outcome) || (progress && more());
    if (until == Until::once || !again || transport.given_up()) return;
    repeats = progress ? 0 : repeats + 1;
    if (repeats == largest_repeat_count) {
      conversation_.line("endless").with("during", spell(call)).with("times", repeats);
      return;
    }
    const auto flow = waits_for(answer.outcome, std::exchange(before, answer.outcome));
    if (transport.io() == Io::nonblocking && flow && !transport.ready(*flow) && !blocked(*flow)) return transport.give_up();
  }
}

void Server::call(Call call, const Line& request) {
  Session& session = this->session();
  const auto no_more = [] { return false; };
  if (call == Call::handshake)
    repeat(
        call, Until::done, [&] { return session.handshake(); }, no_more);
  else if (call == Call::close)
    repeat(
        call, until(request), [&] { return session.close(); }, no_more);
  else
    repeat(
        call, until(request), [&] { return session.close_write(); }, no_more);
}

void Server::read(const Line& request) {
  Session& session = this->session();
  Connection& c = *connection_;
  const Until how = until(request);
  buffer_.resize(size(request, 16384, largest_read));
  const auto once = [&] {
    Answer answer = session.read(buffer_);
    for (std::size_t i = 0; i < answer.bytes; ++i) c.intact = c.intact && buffer_[i] == pattern_byte(other(c.role), c.read + i);
    c.read += answer.bytes;
    return answer;
  };
  repeat(Call::read, how, once, [&] { return how == Until::end; });
}

void Server::write(const Line& request) {
  Session& session = this->session();
  Connection& c = *connection_;
  const Until how = until(request);
  // A call that is made again gets the same bytes at the same place, as some libraries insist.
  buffer_.resize(size(request, 0, largest_write));
  for (std::size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = pattern_byte(c.role, c.written + i);
  std::span<const std::byte> left(buffer_);
  const auto once = [&] {
    Answer answer = session.write(left);
    c.written += answer.bytes;
    left = left.subspan(answer.bytes);
    return answer;
  };
  repeat(Call::write, how, once, [&] { return !left.empty(); });
}

void Server::abandon() {
  session();
  during_ = Call::abandon;
  connection_->transport.begin_call();
  connection_->session.reset();
}

void Server::end() {
  during_ = Call::abandon;
  connection_.reset();
}

void Server::report(Call call, const Answer& answer) {
  report_signals();
  LineWriter line = conversation_.line("api");
  line.with("call", spell(call)).with("native", answer.native).with("returned", answer.returned).with("outcome", spell(answer.outcome));
  if (!answer.code.empty()) line.with("code", answer.code);
  if (answer.error_number != 0) line.with("errno", error_name(answer.error_number));
  if (!answer.words.empty()) line.with("words", answer.words);
  if (call == Call::read || call == Call::write) {
    const std::size_t total = call == Call::read ? connection_->read : connection_->written;
    line.with("bytes", static_cast<long long>(answer.bytes)).with("total", static_cast<long long>(total));
  }
  if (call == Call::read) line.with("intact", connection_->intact ? 1 : 0);
  for (const auto& [name, value] : connection_->session->state()) line.with(std::string("state.").append(name), value);
}

void Server::report_signals() {
  for (; pipe_signals > 0; --pipe_signals) conversation_.line("signal").with("name", "SIGPIPE");
}

void Server::called(const TransportCall& call) {
  report_signals();
  if (!call.injected && !connection_->log) return;
  LineWriter line = conversation_.line("io");
  line.with("during", spell(during_)).with("function", call.function).with("flow", spell(call.flow));
  line.with("asked", static_cast<long long>(call.asked)).with("result", call.result);
  if (call.error_number != 0) line.with("errno", error_name(call.error_number));
  if (call.injected) line.with("injected", 1);
}

bool Server::blocked(Flow on) {
  for (;;) {
    conversation_.blocked(spell(on), spell(during_));
    const auto request = conversation_.next_request();
    if (!request) ::_exit(0);
    if (request->word() == "resume") return true;
    if (request->word() == "abort") {
      conversation_.mute();
      return false;
    }
    conversation_.line("unsupported").with("why", "only resume and abort while a call is blocked");
  }
}

void Server::spinning() {
  conversation_.spinning(spell(during_));
  ::_exit(1);
}

void Server::raw(std::string_view verb, long result) {
  const int error_number = errno;
  LineWriter line = conversation_.line("raw");
  line.with("verb", verb).with("result", result);
  if (result < 0) line.with("errno", error_name(error_number));
}

// What is there now: its bytes; or 0 at the end of the stream; or -1 and EAGAIN where nothing came, or the error that came instead.
void Server::raw_read() {
  const int descriptor = connection().transport.descriptor();
  std::string shown;
  char some[largest_raw_data];
  long total = 0, got = 0;
  while ((got = ::syscall(SYS_recvfrom, descriptor, some, sizeof some, MSG_DONTWAIT, nullptr, nullptr)) > 0) {
    shown.append(some, std::min(static_cast<std::size_t>(got), largest_raw_data - shown.size()));
    total += got;
  }
  const int error_number = got < 0 ? errno : 0;
  LineWriter line = conversation_.line("raw");
  line.with("verb", "raw-read").with("result", total > 0 ? total : got);
  if (error_number != 0 && !(total > 0 && error_number == EAGAIN)) line.with("errno", error_name(error_number));
  if (total > 0) line.with("data", shown);
}

void Server::raw_write(const Line& request) {
  const std::string_view data = request.get("data");
  const int descriptor = connection().transport.descriptor();
  raw("raw-write", ::syscall(SYS_sendto, descriptor, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0));
}

void Server::plan(const Line& request) {
  Transport& transport = connection().transport;
  if (request.get("clear") == "1") return transport.clear_plans();
  const auto flow = read_word<Flow>(request.get("flow"));
  const std::string_view fault = request.get("fault");
  const auto error_number = fault_error(fault);
  FaultPlan plan;
  plan.times = request.find("times") ? request.number("times").value_or(-1) : 1;
  plan.after = request.find("after") ? request.number("after").value_or(-1) : 0;
  const long long count = fault != "short" ? 0 : request.find("count") ? request.number("count").value_or(-1) : 1;
  if (!flow || !error_number || plan.times < 0 || plan.after < 0 || count < (fault == "short" ? 1 : 0))
    throw Unsupported{"plan needs flow=, fault=, and numbers for times=, after= and count="};
  if (fault == "EOF" && *flow == Flow::send) throw Unsupported{"only recv can meet an EOF"};
  plan.flow = *flow;
  plan.error_number = *error_number;
  plan.count = static_cast<std::size_t>(count);
  transport.plan(plan);
}

// True in the process that is to serve the session, false in the one that has watched over it until it was gone.
bool Server::fork_for_session(Descriptor& passed) {
  if (shared_turn_ == nullptr) {
    void* page = ::mmap(nullptr, sizeof *shared_turn_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return true;  // served here, as any other session
    shared_turn_ = new (page) std::atomic<Turn>;
  }
  shared_turn_->store(Turn::peer);
  end();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child > 0) {
    passed.reset();
    watch_over(child);
    return false;
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    isolated_ = true;
    conversation_.show_turn(shared_turn_);
  }
  return true;
}

// The child has the control socket to itself. When it is gone without having said so, that is what the harness gets to hear: at once
// where it waits for a report, otherwise in answer to its next request.
void Server::watch_over(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const Turn turn = shared_turn_->load();
  if (turn == Turn::over) return;
  if (turn == Turn::peer) conversation_.discard_request();
  if (turn == Turn::harness && !conversation_.next_request()) ::_exit(0);
  const std::string how =
      WIFSIGNALED(status) ? std::string("SIG") + ::sigabbrev_np(WTERMSIG(status)) : "exit code " + std::to_string(WEXITSTATUS(status));
  conversation_.line("died").with("status", how);
  conversation_.ready();
}

}  // namespace

int serve(Stack& stack) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a library that spins must not outlive the harness
  return Server(stack).run();
}

}  // namespace tlsbye::peer
