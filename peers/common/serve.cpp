#include <dirent.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "peers/common/clock.h"
#include "peers/common/heap.h"
#include "peers/common/loaded_file.h"
#include "peers/common/server.h"

namespace tlsbye::peer {
namespace {

constexpr std::size_t largest_raw_data = 4096;           // bytes of a raw-read that are shown
constexpr long long largest_pass = 30LL * 86400 * 1000;  // ms

std::atomic<int> pipe_signals = 0;  // caught, and not yet reported

void note_pipe_signal(int) { ++pipe_signals; }

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

}  // namespace

std::string error_name(int number) {
  const char* name = ::strerrorname_np(number);
  return name ? name : std::to_string(number);
}

int Server::run() {
  struct sigaction action {};
  action.sa_handler = note_pipe_signal;
  ::sigaction(SIGPIPE, &action, nullptr);

  std::string abilities;
  for (const std::string& ability : hello_.abilities) abilities += (abilities.empty() ? "" : " ") + ability;
  Line hello("hello");
  hello.with("protocol", hello_.protocol).with("stack", hello_.stack).with("version", hello_.version).with("abilities", abilities);
  const LoadedFile library = hello_.function ? loaded_file(hello_.function) : LoadedFile{};
  if (!library.path.empty()) hello.with("library", library.path);
  if (!library.build_id.empty()) hello.with("build-id", library.build_id);
#if defined(__clang__)
  hello.with("compiler", "clang++ " __clang_version__);
#elif defined(__GNUC__)
  hello.with("compiler", "g++ " __VERSION__);
#endif
  conversation_.hello(hello);
  Descriptor passed;
  while (const auto request = conversation_.next_request(&passed)) {
    if (request->word() == "open" && request->get("isolate") == "1" && !isolated_ && passed)
      if (!fork_for_session(passed)) continue;
    or_unsupported([&] { carry_out(*request, std::move(passed)); });
    report_signals();
    report_sent();
    const bool over = isolated_ && request->word() == "end";
    conversation_.ready(over ? Turn::over : Turn::harness);
    if (over) break;
  }
  if (isolated_) ::_exit(0);
  return 0;
}

void Server::carry_out(const Line& request, Descriptor passed) {
  const std::string& word = request.word();
  if (word == "open") return open(request, std::move(passed));
  if (word == "end") return end();
  if (word == "raw-read") return raw_read();
  if (word == "raw-write") return raw_write(request);
  if (word == "fin") return raw("fin", connection().transport.finish_raw());
  if (word == "hangup") return raw("hangup", connection().transport.hang_up());
  if (word == "plan") return plan(request);
  if (word == "starve") return starve(request);
  if (const auto call = read_word<Call>(word)) return this->call(*call, request);
  if (carry_out_at_any_time(request, false)) return;
  if (word.empty()) throw Unsupported{std::string(request.get("why"))};
  if (word == "resume" || word == "abort" || word == "enough") throw Unsupported{"nothing is blocked"};
  throw Unsupported{"no such request: " + word};
}

// What may be asked for while a call is blocked, too. False where the request is none of that.
bool Server::carry_out_at_any_time(const Line& request, bool while_blocked) {
  if (request.word() == "aside")
    aside(request, Aside::thread, while_blocked);
  else if (request.word() == "fork")
    aside(request, Aside::process, while_blocked);
  else if (request.word() == "pass")
    pass(request);
  else if (request.word() == "measure")
    measure();
  else
    return false;
  return true;
}

bool Server::able(std::string_view word) const {
  return std::find(hello_.abilities.begin(), hello_.abilities.end(), word) != hello_.abilities.end();
}

void Server::require(std::string_view ability) const {
  if (!able(ability)) throw Unsupported{"no ability " + std::string(ability)};
}

void Server::open(const Line& request, Descriptor passed) {
  const bool again = request.get("again") == "1", same_transport = again && !passed;
  if (same_transport) {
    connection();
    leave_session();
  } else {
    end();
  }
  const auto role = read_word<Role>(request.get("role"));
  const auto tls = read_word<Tls>(request.get("tls"));
  const auto io = read_word<Io>(request.get("io"));
  if (!role || !tls || !io) throw Unsupported{"open needs role=, tls= and io="};
  if (!passed && !same_transport) throw Unsupported{"open needs a descriptor"};
  require(spell(*role));
  require("tls-" + std::string(spell(*tls)));
  SessionOptions options{*role, *tls, *io, -1, words_of(request.get("options"))};
  for (const std::string& option : options.options) require(option);
  const bool over_memory = options.asks_for(Option::memory_bio);
  if (*io == Io::nonblocking && !over_memory && able("blocking-only")) throw Unsupported{"blocking only"};
  if (*io == Io::blocking && over_memory) throw Unsupported{"what reads and writes memory does not block"};
  options.usual_suites = request.get("suites") == "usual";
  options.server_name = request.get("sni");
  options.alpn = request.get("alpn");
  options.trust = request.get("trust");
  options.certificate = request.get("certificate");
  options.key = request.get("key");
  if (options.usual_suites || !options.server_name.empty() || !options.alpn.empty() || !options.trust.empty() ||
      !options.certificate.empty())
    require("programs");

  if (!same_transport) connection_ = std::make_unique<Connection>(std::move(passed), *io, *this);
  heap::forget();
  Connection& c = *connection_;
  c.transport.use_again(*io);
  c.role = *role;
  c.log = request.get("log") == "1";
  c.closes_transport = options.asks_for(Option::closes_transport);
  c.calls = 0;
  c.moved = {};
  options.transport = c.transport.descriptor();
  try {
    if (!again && std::exchange(sessions_kept_, false)) stack_.forget_sessions();
    sessions_kept_ = sessions_kept_ || options.asks_for(Option::tickets) || options.asks_for(Option::session_cache);
    c.session = stack_.open(options, *this);
  } catch (const std::runtime_error& error) {
    if (!same_transport) end();
    throw Unsupported{error.what()};
  }
}

void Server::leave_session() {
  now_ = {Call::abandon, 0, Aside::no, true, {}};
  begin_call();
  connection_->session.reset();
}

void Server::end() {
  if (!connection_) return;
  leave_session();
  const Moved moved = connection_->transport.moved();
  conversation_.line("moved").with("sent", moved.sent).with("received", moved.received).with("unread", moved.unread);
  connection_.reset();
}

Server::Connection& Server::connection() {
  if (!connection_) throw Unsupported{"no session is open"};
  return *connection_;
}

Session& Server::session() {
  if (!connection().session) throw Unsupported{"the session was abandoned"};
  return *connection_->session;
}

void Server::pass(const Line& request) {
  const auto time = request.number("ms");
  if (!time || *time < 0 || *time > largest_pass) throw Unsupported{"pass needs ms=, up to " + std::to_string(largest_pass)};
  clock::pass(std::chrono::milliseconds(*time));
}

void Server::starve(const Line& request) {
  connection();
  require("starve");
  if (!heap::possible) throw Unsupported{"the allocator is a sanitizer's"};
  const auto after = request.find("after") ? request.number("after") : 0;
  if (!after || *after < 0) throw Unsupported{"starve needs a number for after="};
  heap::starve(static_cast<long>(*after));
}

void Server::measure() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const long long heap = -1;  // the allocator is the sanitizer's
#else
  const struct mallinfo2 info = ::mallinfo2();
  // What a runtime with memory of its own keeps is not here, and what its compiler takes is.
  const auto heap = able("own-memory") ? -1LL : static_cast<long long>(info.uordblks + info.hblkhd);
#endif
  long long descriptors = -1;  // without the one that counts
  if (DIR* directory = ::opendir("/proc/self/fd")) {
    while (const dirent* entry = ::readdir(directory)) descriptors += entry->d_name[0] != '.';
    ::closedir(directory);
  }
  conversation_.line("usage").with("descriptors", descriptors).with("heap", heap);
}

void Server::report_signals() {
  for (; pipe_signals > 0; --pipe_signals) conversation_.line("signal").with("name", "SIGPIPE");
}

void Server::called(const TransportCall& call) {
  report_signals();
  if (!call.injected && !connection_->log) return;
  LineWriter line = conversation_.line("io");
  line.with("during", spell(now_.call)).with("id", now_.id).with("function", call.function).with("flow", spell(call.flow));
  line.with("asked", static_cast<long long>(call.asked)).with("result", call.result);
  if (now_.aside != Aside::no) line.with("aside", spell(now_.aside));
  if (call.error_number != 0) line.with("errno", error_name(call.error_number));
  if (call.injected) line.with("injected", 1);
}

Wait Server::wait(Flow on, Timeout left, bool between_calls) {
  if (!now_.may_wait) return Wait::refused;
  const auto end = clock::now() + left.value_or(std::chrono::nanoseconds());
  for (;;) {
    std::optional<long long> left_ms;
    if (left) left_ms = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now()).count();
    report_sent();
    conversation_.blocked(spell(on), spell(now_.call), now_.id, left_ms);
    const auto request = conversation_.next_request();
    if (!request) ::_exit(0);
    if (request->word() == "resume") return Wait::again;
    if (request->word() == "enough" && between_calls) return Wait::enough;
    if (request->word() == "abort") {
      conversation_.mute();
      return Wait::give_up;
    }
    or_unsupported([&] {
      if (!carry_out_at_any_time(*request, true)) throw Unsupported{"not while a call is blocked"};
    });
    if (left && clock::now() >= end) return Wait::again;
    if (connection_->transport.closed()) return Wait::again;  // by a call beside, which wakes who waits
  }
}

// What the other end is to wait for.
void Server::report_sent() {
  if (!connection_ || !connection_->transport.over_tcp()) return;
  const Moved moved = connection_->transport.moved();
  conversation_.line("sent").with("bytes", moved.sent).with("finished", moved.finished ? 1 : 0);
}

void Server::raw(std::string_view verb, long result) {
  const int error_number = errno;
  LineWriter line = conversation_.line("raw");
  line.with("verb", verb).with("result", result);
  if (result < 0) line.with("errno", error_name(error_number));
}

// What is there now: its bytes; or 0 at the end of the stream; or -1 and EAGAIN where nothing came, or the error that came instead. An
// error that stands behind the bytes, and the end of the stream (EOF), is told beside them.
void Server::raw_read() {
  Transport& transport = connection().transport;
  std::string shown;
  char some[largest_raw_data];
  long total = 0, got = 0;
  while ((got = transport.receive_raw(some, sizeof some)) > 0) {
    shown.append(some, std::min(static_cast<std::size_t>(got), largest_raw_data - shown.size()));
    total += got;
  }
  const int error_number = got < 0 ? errno : 0;
  LineWriter line = conversation_.line("raw");
  line.with("verb", "raw-read").with("result", total > 0 ? total : got);
  if (error_number != 0 && !(total > 0 && error_number == EAGAIN)) line.with("errno", error_name(error_number));
  if (total > 0 && got == 0) line.with("errno", "EOF");
  if (total > 0) line.with("data", shown);
}

void Server::raw_write(const Line& request) { raw("raw-write", connection().transport.send_raw(request.get("data"))); }

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

int serve(Stack& stack) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a library that spins must not outlive the harness
  return Server(stack).run();
}

}  // namespace tlsbye::peer
