#include "harness/cli/out_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "harness/cli/house.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> interrupted{false}, again{false};

template <typename Handler>
void handle(Handler handler, int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler == SIG_IGN) return;  // nohup(1) asks to go on
  // The kernel and the shell both report a terminal's end: the second signal does not mean that the user is impatient.
  hangup.sa_handler = [](int) { interrupted.store(true, std::memory_order_relaxed); };
  hangup.sa_flags = SA_RESTART;
  ::sigaction(SIGHUP, &hangup, nullptr);
}

void prepare(const fs::path& out, std::initializer_list<const char*> inside) {
  std::error_code error;
  fs::create_directories(out, error);
  for (const char* folder : inside)
    if (!error) fs::create_directories(out / folder, error);
  if (!error) {
    // Under an unused name: every file of the folder may be the user's.
    std::string name = (out / "tlsbye-XXXXXX").string();
    const int probe = ::mkostemp(name.data(), O_CLOEXEC);
    if (probe < 0 || ::write(probe, "\n", 1) != 1) error = std::error_code(errno, std::generic_category());
    if (probe >= 0) ::unlink(name.c_str()), ::close(probe);
  }
  const bool full = error == std::errc::no_space_on_device || error == std::error_code(EDQUOT, std::generic_category());
  if (error)
    throw Stop{full ? exit_harness : exit_usage,
               fmt::format("tlsbye: cannot write to the output folder {}: {}; choose another with --out", out.string(), error.message())};
}

}  // namespace

const std::atomic<bool>& interrupted_gently() {
  handle([](int) { interrupted.store(true, std::memory_order_relaxed); }, SA_RESETHAND);
  return interrupted;
}

const std::atomic<bool>& interrupted_again() {
  handle(
      [](int signal) {
        if (!interrupted.exchange(true, std::memory_order_relaxed)) return;
        again.store(true, std::memory_order_relaxed);
        ::signal(signal, SIG_DFL);
      },
      0);
  return again;
}

OutFolder::OutFolder(const fs::path& out, std::initializer_list<const char*> inside) {
  prepare(out, inside);
  descriptor_ = ::open(out.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw Stop{exit_usage, fmt::format("tlsbye: another run writes to {}; wait for it, or choose another folder with --out", out.string())};
  }
}

OutFolder::~OutFolder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace tlsbye
