#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "peers/common/clock.h"
#include "peers/common/server.h"

namespace tlsbye::peer {
namespace {

constexpr int spun = 1;  // the exit code after `spinning`

}  // namespace

// A call by another thread than the one that makes all calls: that one is blocked in a call, or has nothing to do, and waits here.
void Server::aside(const Line& request, Aside who, bool while_blocked) {
  const auto call = read_word<Call>(request.get("call"));
  const bool closes = who == Aside::thread && call == Call::close_write && connection_ && connection_->closes_transport;
  if (!closes || !able("closes-beside")) require(who == Aside::thread ? "threads" : "fork");
  if (!call || *call == Call::handshake || *call == Call::abandon || *call == Call::clear)
    throw Unsupported{"no such call aside: " + std::string(request.get("call"))};
  const Now before = std::exchange(now_, Now{*call, 0, who, !while_blocked, {}});
  or_unsupported([&] {
    const auto make = [&] { or_unsupported([&] { this->call(*call, request); }); };
    if (who == Aside::process) return in_process(make);
    try {
      std::thread([&] {
        clock::join();
        make();
      }).join();
    } catch (const std::system_error& error) {
      throw Unsupported{error.what()};
    }
  });
  now_ = before;
}

// Runs it in a process that ends with it. What that one says is part of this report.
template <typename Do>
void Server::in_process(Do run) {
  const pid_t child = fork_to_watch();
  if (child < 0) throw Unsupported{std::string("fork: ") + std::strerror(errno)};
  if (child == 0) {
    run();
    conversation_.leave(Turn::over);
    ::_exit(0);
  }
  const auto exit_code = watch_over(child);
  if (connection_) connection_->calls = shared_->calls;
  if (exit_code != spun) return;
  shared_->turn.store(Turn::over);  // that one has said it for all of them
  ::_exit(spun);
}

// True in the process that is to serve the session, false in the one that has watched over it until it was gone.
bool Server::fork_for_session(Descriptor& passed) {
  end();
  const pid_t child = fork_to_watch();
  if (child > 0) {
    passed.reset();
    if (!watch_over(child)) conversation_.ready();
    return false;
  }
  isolated_ = child == 0;
  return true;  // where there can be no other process, the session is served as any other
}

// As fork(). The child has the control socket to itself, and shows whose turn it is.
pid_t Server::fork_to_watch() {
  if (shared_ == nullptr) {
    void* page = ::mmap(nullptr, sizeof *shared_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return -1;
    shared_ = new (page) Shared;
  }
  shared_->turn.store(Turn::peer);
  if (connection_) shared_->calls.store(connection_->calls);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    conversation_.show_turn(&shared_->turn);
  }
  return child;
}

// Waits until the child is gone. Its exit code where it had said all that there was to say; nothing where it had not: then the report
// under way says how it died, or, where the child had ended that, the report to the next request.
std::optional<int> Server::watch_over(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const Turn turn = shared_->turn.exchange(Turn::peer);
  if (turn == Turn::over) return WEXITSTATUS(status);
  if (turn == Turn::peer) conversation_.discard_request();
  if (turn == Turn::harness && !conversation_.next_request()) ::_exit(0);
  const std::string how =
      WIFSIGNALED(status) ? std::string("SIG") + ::sigabbrev_np(WTERMSIG(status)) : "exit code " + std::to_string(WEXITSTATUS(status));
  conversation_.line("died").with("status", how);
  return std::nullopt;
}

void Server::spinning() {
  conversation_.spinning(spell(now_.call));
  ::_exit(spun);
}

}  // namespace tlsbye::peer
