// The rustls peer, by a shim in Rust (rustls/shim.rs) over rustls::Connection and rustls::Stream, with the provider `ring`.
//
// A Stream is given the transport for each call: something that implements Read and Write, here by recv and send as std::net does.
// What is written is flushed, as std::io::Write has it: Stream::write itself reports success although the transport is broken.
//
// send_close_notify puts the alert into the records that wait to be sent, and a flush sends them: there is a `close-write`, and no `close`.
#include <sys/socket.h>
#include <sys/time.h>

#include <charconv>
#include <memory>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/rustls/shim.h"

namespace tlsbye::peer {
namespace {

using rustls_shim::Error;
using rustls_shim::Result;

void log(void* keys, const char* line, std::size_t size) { static_cast<KeyLog*>(keys)->line({line, size}); }

class RustlsSession final : public Session {
 public:
  RustlsSession(const SessionOptions& options, KeyLog& keys) : transport_(options.transport), blocking_(options.io == Io::blocking) {
    char words[512] = {};
    it_.reset(rustls_shim::tlsbye_rustls_open(options.transport, options.role == Role::client, options.tls == Tls::v1_3, leaf_certificate,
                                              leaf_key, log, &keys, words));
    if (!it_) throw std::runtime_error(words);
  }

  Answer handshake() override { return make("rustls::Connection::complete_io", rustls_shim::Call::handshake, nullptr, 0); }
  Answer read(std::span<std::byte> into) override {
    return make("rustls::Stream::read", rustls_shim::Call::read, into.data(), into.size());
  }

  // What was taken is sent by the next calls; it is not taken twice.
  Answer write(std::span<const std::byte> from) override {
    if (taken_ == 0) {
      const Answer answer = make("rustls::Stream::write", rustls_shim::Call::write, const_cast<std::byte*>(from.data()), from.size());
      if (answer.outcome != Outcome::done) return answer;
      taken_ = answer.bytes;
    }
    Answer answer = make("rustls::Stream::flush", rustls_shim::Call::flush, nullptr, 0);
    if (answer.outcome == Outcome::done) answer.bytes = std::exchange(taken_, 0);
    return answer;
  }

  Answer close() override { return no_such_call(); }

  Answer close_write() override {
    (void)make("rustls::Connection::send_close_notify", rustls_shim::Call::close_notify, nullptr, 0);
    return make("rustls::Stream::flush", rustls_shim::Call::flush, nullptr, 0);
  }

  // As TcpStream::set_read_timeout.
  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    if (call != Call::set || arguments.at(0) != spell(Switch::timeout)) return no_such_call();
    const std::string& value = arguments.at(1);
    long limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (error != std::errc() || end != value.data() + value.size()) return no_such_call();
    const timeval time{limit / 1000, limit % 1000 * 1000};
    ::setsockopt(transport_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    return done_by("TcpStream::set_read_timeout");
  }

  State state() const override {
    return {{"wants-read", rustls_shim::tlsbye_rustls_wants_read(it_.get()) ? "yes" : "no"},
            {"wants-write", rustls_shim::tlsbye_rustls_wants_write(it_.get()) ? "yes" : "no"}};
  }

 private:
  Answer make(std::string_view native, rustls_shim::Call call, void* data, std::size_t size) {
    Result result{};
    rustls_shim::tlsbye_rustls_do(it_.get(), call, data, size, &result);
    const bool failed = result.error != Error::none;
    return {native,
            failed ? -1 : result.n,
            result.code,
            result.error_number,
            result.words,
            outcome_of(result, call, size),
            static_cast<std::size_t>(result.n)};
  }

  Outcome outcome_of(const Result& result, rustls_shim::Call call, std::size_t size) const {
    switch (result.error) {
      case Error::none:
        return call == rustls_shim::Call::read && size > 0 && result.n == 0 ? Outcome::end_of_data : Outcome::done;
      case Error::would_block:  // on a blocking socket: a time-out
        if (blocking_) return Outcome::failed;
        return rustls_shim::tlsbye_rustls_wants_write(it_.get()) ? Outcome::want_write : Outcome::want_read;
      case Error::interrupted:
        return Outcome::interrupted;
      case Error::unexpected_eof:
        return Outcome::cut;
      case Error::broken:
        return Outcome::reset;
      case Error::alert:
        return Outcome::alert;
      case Error::not_now:
        return Outcome::refused;
      case Error::other:
        break;
    }
    return Outcome::failed;
  }

  int transport_;
  bool blocking_;
  std::unique_ptr<rustls_shim::tlsbye_rustls, Freed<rustls_shim::tlsbye_rustls_free>> it_;
  std::size_t taken_ = 0;  // by a write, and not all sent
};

class Rustls final : public Stack {
 public:
  Hello hello() const override {
    return {"rustls",
            TLSBYE_RUSTLS_VERSION,
            {"tls-1.2", "tls-1.3", "client", "server", "close-write", "key-log", "set-timeout"},
            "main"};  // of this program, which the library is part of
  }

  void forget_sessions() override {}  // it keeps none

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    return std::make_unique<RustlsSession>(options, keys);
  }
};

}  // namespace

std::unique_ptr<Stack> make_rustls();
std::unique_ptr<Stack> make_rustls() { return std::make_unique<Rustls>(); }

}  // namespace tlsbye::peer
