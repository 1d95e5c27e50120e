// The Go peer: crypto/tls of Go's standard library, by a shim in Go (go/shim.go).
//
// A tls.Conn is written over a net.Conn, here one of the shim's that calls back to the transport; what Go's own does with a call that is
// interrupted or would block, that one does too. Go has no call that comes back to be made again: a goroutine waits. So sessions are
// blocking only.
//
// CloseWrite sends the close_notify, within five seconds, and lets nothing be written after it. Conn.Close does the same, closes the
// transport, and waits for nothing: there is a `close-write`, and no `close`; with `closes-transport` it is Conn.Close. A Read reports the bare end of the transport as it reports
// the peer's close_notify, io.EOF, where no record is cut by it.
//
// A Conn may be used by many goroutines, but they wait for each other's locks, and such a wait is not reported: `threads` is not promised.
// Conn.Close beside a Write or a Read that waits for the transport takes none that is held, and closing the net.Conn wakes whoever waits:
// `closes-beside`.
//
// Go's runtime has threads, which a forked process would miss: it is begun in the process that uses it. That is why it is a library of
// its own, carried in this program. Its clock is the kernel's: only deadlines, which are the net.Conn's to keep, run by the peer's.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/blocking.h"
#include "peers/go/shim.h"

// The shim's file.
__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    "tlsbye_go_library:\n"
    ".incbin \"" TLSBYE_SHIM
    "\"\n"
    "tlsbye_go_library_end:\n"
    ".previous\n");
extern "C" const unsigned char tlsbye_go_library[], tlsbye_go_library_end[];

namespace tlsbye::peer {
namespace {

void key(void* keys, const char* line, long size) { static_cast<KeyLog*>(keys)->line({line, static_cast<std::size_t>(size)}); }

constexpr tlsbye_go_below below{blocking::receive, blocking::send, blocking::close, blocking::now, key};

// The shim's functions, loaded into the process that uses them.
struct Shim {
  char* (*version)();
  void (*forget)();
  std::uintptr_t (*open)(const tlsbye_go_options*);
  void (*free)(std::uintptr_t);
  void (*limit)(std::uintptr_t, long);
  int (*keep)(std::uintptr_t);
  int (*resumed)(std::uintptr_t);
  void (*do_)(std::uintptr_t, tlsbye_go_call, void*, long, tlsbye_go_result*);

  Shim() {
    const int file = ::memfd_create("tlsbye-go", MFD_CLOEXEC);
    for (const unsigned char* at = tlsbye_go_library; at != tlsbye_go_library_end;) {
      const auto put = ::write(file, at, static_cast<std::size_t>(tlsbye_go_library_end - at));
      if (put <= 0) throw std::runtime_error("memfd_create: no room for the Go library");
      at += put;
    }
    void* library = ::dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    ::close(file);
    if (!library) throw std::runtime_error(::dlerror());
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      if (!function) throw std::runtime_error(std::string("the Go library has no ") + name);
    };
    find(version, "tlsbye_go_version");
    find(forget, "tlsbye_go_forget");
    find(open, "tlsbye_go_open");
    find(free, "tlsbye_go_free");
    find(limit, "tlsbye_go_limit");
    find(keep, "tlsbye_go_keep");
    find(resumed, "tlsbye_go_resumed");
    find(do_, "tlsbye_go_do");
  }
};

// A Read that gives data has done what it was asked for, whatever it says beside: the next one says it again.
Outcome outcome_of(const tlsbye_go_result& result, tlsbye_go_call call) {
  if (call == tlsbye_go_read && result.n > 0) return Outcome::done;
  switch (result.error) {
    case tlsbye_go_none:
      return Outcome::done;
    case tlsbye_go_eof:
      return call == tlsbye_go_read ? Outcome::end_of_data : Outcome::cut;
    case tlsbye_go_short:
      return Outcome::cut;
    case tlsbye_go_of_peer:
      return Outcome::alert;
    case tlsbye_go_of_system:
      return result.error_number == ECONNRESET || result.error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case tlsbye_go_not_now:
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

class GoSession final : public Session {
 public:
  GoSession(const Shim& shim, const SessionOptions& options, KeyLog& keys)
      : shim_(shim), resumes_(options.asks_for(Option::tickets)), closes_transport_(options.asks_for(Option::closes_transport)) {
    const tlsbye_go_options with{options.transport,
                                 options.role == Role::client,
                                 0x0301 + static_cast<int>(options.tls),
                                 resumes_,
                                 options.asks_for(Option::require_certificate),
                                 leaf_certificate,
                                 leaf_key,
                                 &below,
                                 &keys};
    conn_ = shim_.open(&with);
    if (conn_ == 0) throw std::runtime_error("tls.X509KeyPair");
  }
  ~GoSession() override { shim_.free(conn_); }

  Answer handshake() override {
    Answer answer = make("tls.Conn.Handshake", tlsbye_go_handshake, nullptr, 0);
    if (answer.outcome == Outcome::done && resumes_) resumed_ = shim_.resumed(conn_) != 0 ? "yes" : "no";
    return answer;
  }
  Answer read(std::span<std::byte> into) override { return make("tls.Conn.Read", tlsbye_go_read, into.data(), into.size()); }
  Answer write(std::span<const std::byte> from) override {
    return make("tls.Conn.Write", tlsbye_go_write, const_cast<std::byte*>(from.data()), from.size());
  }
  Answer close() override { return no_such_call(); }
  Answer close_write() override {
    return closes_transport_ ? make("tls.Conn.Close", tlsbye_go_close, nullptr, 0)
                             : make("tls.Conn.CloseWrite", tlsbye_go_close_write, nullptr, 0);
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    switch (call) {
      case Call::keep_session: {
        const int kept = shim_.keep(conn_);
        return {"tls.ClientSessionCache.Put", kept, {}, 0, {}, kept != 0 ? Outcome::done : Outcome::refused};
      }
      case Call::set:
        return set_timeout(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  State state() const override {
    if (resumed_.empty()) return {};
    return {{"resumed", resumed_}};
  }

 private:
  Answer make(std::string_view native, tlsbye_go_call call, void* data, std::size_t size) {
    tlsbye_go_result result{};
    shim_.do_(conn_, call, data, static_cast<long>(size), &result);
    const long returned = call == tlsbye_go_read || call == tlsbye_go_write ? result.n : result.error == tlsbye_go_none ? 0 : -1;
    return {native, returned, result.code, result.error_number, result.words, outcome_of(result, call), static_cast<std::size_t>(result.n)};
  }

  // A deadline that is set anew before every Read.
  Answer set_timeout(std::string_view name, std::string_view value) {
    long limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (name != spell(Switch::timeout) || error != std::errc() || end != value.data() + value.size()) return no_such_call();
    shim_.limit(conn_, limit);
    return done_by("tls.Conn.SetReadDeadline");
  }

  const Shim& shim_;
  std::uintptr_t conn_ = 0;
  bool resumes_, closes_transport_;
  std::string resumed_;
};

class Go final : public Stack {
 public:
  Hello hello() const override {
    return {"go",
            TLSBYE_GO_VERSION,
            {"tls-1.0", "tls-1.1", "tls-1.2", "tls-1.3", "client", "server", "close-write", "cut-as-end", "blocking-only", "own-memory",
             "key-log", "keep-session", "tickets", "saved-session", "set-timeout", "require-certificate", "closes-transport", "closes-beside"},
            "main"};  // of this program, which carries the library
  }

  void forget_sessions() override {
    if (process_ == ::getpid()) shim_->forget();
  }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    begin();
    return std::make_unique<GoSession>(*shim_, options, keys);
  }

 private:
  void begin() {
    if (process_ == ::getpid()) return;
    if (process_ != 0) throw std::runtime_error("Go's runtime does not survive a fork");
    shim_ = std::make_unique<Shim>();
    process_ = ::getpid();
    char* version = shim_->version();
    const bool as_told = std::string_view(version) == "go" TLSBYE_GO_VERSION;
    ::free(version);
    if (!as_told) throw std::runtime_error("the library is not of the Go that this peer was built for");
  }

  pid_t process_ = 0;
  std::unique_ptr<Shim> shim_;
};

}  // namespace

std::unique_ptr<Stack> make_go();
std::unique_ptr<Stack> make_go() { return std::make_unique<Go>(); }

}  // namespace tlsbye::peer
