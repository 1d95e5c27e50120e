// The OpenSSL peer. Compiles against OpenSSL from 1.1.1 on; an ability that the library does not have is not promised.
//
// Compiled against the headers of BoringSSL or AWS-LC it is that stack's peer. FORK marks what is otherwise there: the API for TLS 1.3 is
// their own, a client is given what it can resume by a callback, nothing can be chosen that they do not have (encrypt-then-mac, security
// levels, post-handshake authentication), and a handshake cannot be asked for again.
#include "peers/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/heap.h"

#ifdef OPENSSL_IS_AWSLC
#include <openssl/service_indicator.h>
#endif
#if defined(OPENSSL_IS_BORINGSSL) || defined(OPENSSL_IS_AWSLC)
#define FORK
#endif

namespace tlsbye::peer {
namespace {

using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using BioMethod = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;
using Kept = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;

std::string error_name(int error) {
  static constexpr const char* names[] = {
      "SSL_ERROR_NONE",    "SSL_ERROR_SSL",         "SSL_ERROR_WANT_READ",    "SSL_ERROR_WANT_WRITE",  "SSL_ERROR_WANT_X509_LOOKUP",
      "SSL_ERROR_SYSCALL", "SSL_ERROR_ZERO_RETURN", "SSL_ERROR_WANT_CONNECT", "SSL_ERROR_WANT_ACCEPT",
  };
  if (error >= 0 && error < static_cast<int>(std::size(names))) return names[error];
  return "SSL_ERROR_" + std::to_string(error);
}

void require(bool success, const char* what) {
  if (success) return;
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  throw std::runtime_error(std::string(what) + ": " + (reason ? reason : "no reason given"));
}

// What a call that returned no success came to. A close_notify that has been sent is not told here: see close().
// `eof_control`: the transport's BIO can say that it has ended.
Outcome outcome_of(int error, decltype(ERR_peek_error()) reason, int error_number, [[maybe_unused]] bool eof_control) {
  switch (error) {
    case SSL_ERROR_NONE:
      return Outcome::done;
    case SSL_ERROR_WANT_READ:
      return Outcome::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Outcome::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::end_of_data;
    case SSL_ERROR_SYSCALL:
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
      // OpenSSL 3 reports the transport's end by that reason, where BIO_eof says that it is one; here it speaks of an error that an earlier
      // call met.
      if (error_number == 0) return eof_control || reason != 0 ? Outcome::failed : Outcome::cut;
#else
      if (error_number == 0) return Outcome::cut;  // SSL_get_error(3) of 1.1.1, BUGS
#endif
      return error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case SSL_ERROR_SSL:
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
      if (ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return Outcome::cut;
#endif
      if (ERR_GET_LIB(reason) == ERR_LIB_SSL && ERR_GET_REASON(reason) >= SSL_AD_REASON_OFFSET) return Outcome::alert;
      return Outcome::failed;
    default:
      return Outcome::failed;
  }
}

// A transport of our own, option `callbacks`: what BIO_s_socket does, by the rules of BIO_meth_new(3) and BIO_should_retry(3). With
// `no-eof-control` it does not answer BIO_eof, as many that applications bring: a read of 0 bytes is all that it says of the end.
struct Callbacks {
  int transport;
  bool eof_control = true;
  bool ended = false;

  static Callbacks& of(BIO* bio) { return *static_cast<Callbacks*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    const auto got = ::recv(of(bio).transport, into, static_cast<std::size_t>(size), 0);
    if (got == 0) of(bio).ended = true;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const auto put = ::send(of(bio).transport, from, static_cast<std::size_t>(size), 0);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(put);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return of(bio).eof_control && of(bio).ended;
    return command == BIO_CTRL_FLUSH;
  }

  static BioMethod method() {
    BioMethod method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "callbacks"));
    require(method != nullptr, "BIO_meth_new");
    BIO_meth_set_read(method.get(), read);
    BIO_meth_set_write(method.get(), write);
    BIO_meth_set_ctrl(method.get(), control);
    return method;
  }
};

// Transport by memory, option `memory-bio`: the library reads from one BIO_s_mem and writes to another, and bytes are carried by the
// adapter, as by applications with an event loop of their own. Before each call of the API what has come is put in, at most 64 KiB of it;
// after it what lies in memory is sent. What the transport does not take stays in memory, and goes out before or after the next call.
class InMemory {
 public:
  void serve(SSL* ssl, int transport) {
    transport_ = transport;
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    require(in_ != nullptr && out_ != nullptr, "BIO_new");
    SSL_set_bio(ssl, in_, out_);
  }
  bool used() const { return in_ != nullptr; }

  // The end of the transport is told as BIO_s_mem(3) has it; a reset cannot be told otherwise.
  void fetch() {
    if (!used()) return;
    send_out();
    std::array<char, 65536> bytes;
    const auto got = ::recv(transport_, bytes.data(), bytes.size(), 0);
    if (got > 0) BIO_write(in_, bytes.data(), static_cast<int>(got));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) BIO_set_mem_eof_return(in_, 0);
    errno = 0;
  }
  void send_out() {
    char* bytes = nullptr;
    const long size = used() ? BIO_get_mem_data(out_, &bytes) : 0;
    if (size <= 0) return;
    const auto sent = ::send(transport_, bytes, static_cast<std::size_t>(size), 0);
    std::vector<char> gone(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    if (sent > 0) BIO_read(out_, gone.data(), static_cast<int>(gone.size()));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) broken_ = true;
  }
  std::size_t unsent() const { return used() ? BIO_ctrl_pending(out_) : 0; }
  bool broken() const { return broken_; }

 private:
  int transport_ = -1;
  BIO* in_ = nullptr;  // the library's, as the next one
  BIO* out_ = nullptr;
  bool broken_ = false;
};

// A client sends a key share of the first one.
constexpr const char* hybrid_groups = "X25519MLKEM768:X25519:P-256";

class OpenSslSession final : public Session {
 public:
  OpenSslSession(SSL_CTX* context, BIO_METHOD* callbacks, Kept& kept, const SessionOptions& options, KeyLog& keys)
      : keys_(keys),
        callbacks_{options.transport, !options.asks_for(Option::no_eof_control)},
        ssl_(SSL_new(context)),
        kept_(kept),
        saves_(options.asks_for(Option::saved_session)),
        resumes_(options.asks_for(Option::tickets) || options.asks_for(Option::session_cache)),
        counts_sessions_(options.role == Role::server && options.asks_for(Option::session_cache)) {
    require(ssl_ != nullptr, "SSL_new");
    SSL* ssl = ssl_.get();
    SSL_set_app_data(ssl, this);
    if (options.asks_for(Option::callbacks) || options.asks_for(Option::no_eof_control)) {
      BIO* bio = BIO_new(callbacks);
      require(bio != nullptr, "BIO_new");
      BIO_set_data(bio, &callbacks_);
      BIO_set_init(bio, 1);
      SSL_set_bio(ssl, bio, bio);
    } else if (options.asks_for(Option::memory_bio)) {
      memory_.serve(ssl, options.transport);
    } else {
      require(SSL_set_fd(ssl, options.transport) == 1, "SSL_set_fd");
    }
    // TLS 1.3 has no session ids: there, tickets that stand for an entry of the cache take their place (SSL_CTX_set_options(3)).
    if (!options.asks_for(Option::tickets)) SSL_set_options(ssl, SSL_OP_NO_TICKET);
    if (options.role == Role::client && kept_) SSL_set_session(ssl, kept_.get());  // what cannot be resumed is not offered
    if (options.asks_for(Option::require_certificate)) SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (options.asks_for(Option::verify_certificate) && options.role == Role::client) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
#ifndef FORK
    // 16384 bytes at most, all that SSL_set_recv_max_early_data takes by default.
    shows_early_data_ = options.asks_for(Option::early_data);
    if (shows_early_data_ && options.role == Role::server) require(SSL_set_max_early_data(ssl, 16384) == 1, "SSL_set_max_early_data");
    if (options.asks_for(Option::post_handshake_auth)) SSL_set_post_handshake_auth(ssl, 1);
#endif
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    if (options.asks_for(Option::ignore_eof)) SSL_set_options(ssl_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    if (options.asks_for(Option::hybrid_key_share)) require(SSL_set1_curves_list(ssl, hybrid_groups) == 1, "SSL_set1_curves_list");
    if (options.asks_for(Option::quiet_shutdown)) SSL_set_quiet_shutdown(ssl_.get(), 1);
    if (options.asks_for(Option::read_ahead)) SSL_set_read_ahead(ssl_.get(), 1);
    if (!options.server_name.empty()) require(SSL_set_tlsext_host_name(ssl, options.server_name.c_str()) == 1, "SSL_set_tlsext_host_name");
    if (!options.alpn.empty()) offer(options.alpn);
    if (!options.trust.empty()) trust(options);
    if (!options.certificate.empty()) {
#ifdef FORK  // of one session it takes the certificate alone
      require(SSL_use_certificate_file(ssl, options.certificate.c_str(), SSL_FILETYPE_PEM) == 1, "SSL_use_certificate_file");
#else
      require(SSL_use_certificate_chain_file(ssl, options.certificate.c_str()) == 1, "SSL_use_certificate_chain_file");
#endif
      require(SSL_use_PrivateKey_file(ssl, options.key.c_str(), SSL_FILETYPE_PEM) == 1, "SSL_use_PrivateKey_file");
    }
    options.role == Role::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  }

  Answer handshake() override {
    begin();
    return answer("SSL_do_handshake", SSL_do_handshake(ssl_.get()));
  }

  Answer read(std::span<std::byte> into) override {
    begin();
    return with_bytes(answer("SSL_read", SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()))));
  }

  Answer write(std::span<const std::byte> from) override {
    begin();
    return with_bytes(answer("SSL_write", SSL_write(ssl_.get(), from.data(), static_cast<int>(from.size()))));
  }

  Answer close() override { return shutdown(Outcome::sent); }
  // OpenSSL has one call for both: a first SSL_shutdown that returns 0 has sent the close_notify, all that was asked for here.
  Answer close_write() override { return shutdown(Outcome::done); }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    begin();
    switch (call) {
      case Call::peek:
        return with_bytes(answer("SSL_peek", SSL_peek(ssl_.get(), into.data(), static_cast<int>(into.size()))));
      case Call::key_update:
        return key_update(arguments.empty() ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED);
#ifndef FORK
      case Call::renegotiate:
        return renegotiate();
      case Call::write_early:
        return write_early(into);
      case Call::read_early:
        return read_early(into);
#endif
      case Call::clear:
        return answer("SSL_clear", SSL_clear(ssl_.get()));
      case Call::keep_session:
        return keep_session();
      case Call::set:
        return set(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  // What the library calls back.
  static OpenSslSession& of(const SSL* ssl) { return *static_cast<OpenSslSession*>(SSL_get_app_data(ssl)); }
  void tell_key(const char* line) { keys_.line(line); }
#ifdef FORK
  void take(SSL_SESSION* session) { newest_.reset(session); }
#endif

  State state() const override {
    SSL* ssl = ssl_.get();
    const int flags = SSL_get_shutdown(ssl);
    State state{{"shutdown", shutdown_flags(flags & SSL_SENT_SHUTDOWN, flags & SSL_RECEIVED_SHUTDOWN)},
                {"pending", std::to_string(SSL_pending(ssl))}};
#ifndef LIBRESSL_VERSION_NUMBER
    state.emplace_back("has-pending", std::to_string(SSL_has_pending(ssl)));
#endif
    if (memory_.used()) state.emplace_back("unsent", std::to_string(memory_.unsent()));
    if (!error_of_zero_.empty()) state.emplace_back("error-of-zero", error_of_zero_);
    if (resumes_ && SSL_is_init_finished(ssl)) state.emplace_back("resumed", SSL_session_reused(ssl) ? "yes" : "no");
    if (const SSL_SESSION* session = resumes_ ? SSL_get_session(ssl) : nullptr)
      state.emplace_back("resumable", SSL_SESSION_is_resumable(session) ? "yes" : "no");
#ifndef FORK
    static constexpr const char* early_data[] = {"not-sent", "rejected", "accepted"};
    if (shows_early_data_) state.emplace_back("early-data", early_data[SSL_get_early_data_status(ssl)]);
#endif
    if (counts_sessions_) state.emplace_back("sessions", std::to_string(SSL_CTX_sess_number(SSL_get_SSL_CTX(ssl))));
    return state;
  }

 private:
  // RFC 7301 3.1: each name behind its length.
  void offer(const std::string& names) {
    std::string list;
    for (std::size_t from = 0; from <= names.size();) {
      const std::size_t to = std::min(names.find(',', from), names.size());
      list += static_cast<char>(to - from) + names.substr(from, to - from);
      from = to + 1;
    }
    const int failed =
        SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned int>(list.size()));
    require(failed == 0, "SSL_set_alpn_protos");
  }

  void trust(const SessionOptions& options) {
    X509_STORE* store = X509_STORE_new();
    const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> owner(store);
    const bool loaded = options.trust == "system" ? X509_STORE_set_default_paths(store) == 1
                                                  : X509_STORE_load_locations(store, options.trust.c_str(), nullptr) == 1;
    require(loaded, "X509_STORE_load_locations");
    require(SSL_set1_verify_cert_store(ssl_.get(), store) == 1, "SSL_set1_verify_cert_store");
    if (!options.server_name.empty()) require(SSL_set1_host(ssl_.get(), options.server_name.c_str()) == 1, "SSL_set1_host");
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  }

  void begin() {
    if (!std::exchange(stale_error_, false)) ERR_clear_error();
    error_of_zero_.clear();
    errno = 0;
    memory_.fetch();
  }

  Answer answer(std::string_view native, int returned) {
    Answer answer = of_library(native, returned);
    answer.outcome = with_memory(answer.outcome);
    return answer;
  }

  // What is to be called again waits first for the room that what lies in memory needs; its own transport tells the application alone that
  // it is broken.
  Outcome with_memory(Outcome outcome) {
    memory_.send_out();
    if (!call_again(outcome) || memory_.unsent() == 0) return outcome;
    return memory_.broken() ? Outcome::reset : Outcome::want_write;
  }

  Answer of_library(std::string_view native, int returned) const {
    const int error_number = errno;
    const int error = SSL_get_error(ssl_.get(), returned);
    const auto reason = ERR_peek_error();
    Answer answer{native, returned, {}, 0, {}, outcome_of(error, reason, error_number, callbacks_.eof_control)};
    if (error == SSL_ERROR_NONE) return answer;
    answer.code = error_name(error);
    answer.error_number = error_number;
    if (const char* words = reason ? ERR_reason_error_string(reason) : nullptr) answer.words = words;
    return answer;
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  Answer kept(std::string_view native, Kept session) {
    kept_ = std::move(session);
    return {native, kept_ != nullptr, {}, 0, {}, kept_ ? Outcome::done : Outcome::refused};
  }

#ifdef FORK
  // The session of a TLS 1.3 handshake is none that can be resumed, those that SSL_CTX_sess_set_new_cb tells are. A copy is its bytes.
  Answer keep_session() {
    SSL_SESSION* session = newest_.get();
    if (session && !saves_) SSL_SESSION_up_ref(session);
    if (!session || !saves_) return kept("SSL_CTX_sess_set_new_cb", Kept(session));
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    require(SSL_SESSION_to_bytes(session, &bytes, &size) == 1, "SSL_SESSION_to_bytes");
    Kept copy(SSL_SESSION_from_bytes(bytes, size, SSL_get_SSL_CTX(ssl_.get())));
    OPENSSL_free(bytes);
    return kept("SSL_SESSION_from_bytes", std::move(copy));
  }

  // The call only queues it, and a write of nothing sends it (SSL_key_update in ssl.h).
  Answer key_update(int kind) {
    if (SSL_key_update(ssl_.get(), kind) != 1) return refused("SSL_key_update");
    const int written = SSL_write(ssl_.get(), nullptr, 0);
    return written < 0 ? answer("SSL_write", written) : Answer{"SSL_write", written, {}, 0, {}, Outcome::done};
  }
#else
  // A copy does not share the mark that OpenSSL sets on a session whose connection ends badly.
  Answer keep_session() {
    SSL_SESSION* session = SSL_get_session(ssl_.get());
    if (saves_ && session) return kept("SSL_SESSION_dup", Kept(SSL_SESSION_dup(session)));
    return kept("SSL_get1_session", Kept(SSL_get1_session(ssl_.get())));
  }

  // SSL_key_update(3): the call only marks it, SSL_do_handshake carries it out at once; and where that would block, it alone is called
  // again.
  Answer key_update(int kind) {
    const OSSL_HANDSHAKE_STATE at = SSL_get_state(ssl_.get());
    const bool under_way = at == TLS_ST_CW_KEY_UPDATE || at == TLS_ST_SW_KEY_UPDATE;
    if (!under_way && SSL_key_update(ssl_.get(), kind) != 1) return refused("SSL_key_update");
    return answer("SSL_do_handshake", SSL_do_handshake(ssl_.get()));
  }

  // SSL_read_early_data(3). What is called when it may not be was not tried.
  Answer early(std::string_view native, int returned) {
    const bool not_now = returned == 0 && ERR_GET_REASON(ERR_peek_error()) == ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED;
    Answer answer = this->answer(native, returned);
    if (not_now) answer.outcome = Outcome::refused;
    return answer;
  }
  Answer write_early(std::span<const std::byte> from) {
    // A server may call it too, but what it writes before the client's Finished is data like any other (SSL_read_early_data(3)).
    if (SSL_is_server(ssl_.get())) return refused("SSL_write_early_data");
    std::size_t written = 0;
    Answer answer = early("SSL_write_early_data", SSL_write_early_data(ssl_.get(), from.data(), from.size(), &written));
    if (answer.outcome == Outcome::done) answer.bytes = written;
    return answer;
  }
  Answer read_early(std::span<std::byte> into) {
    std::size_t got = 0;
    Answer answer = early("SSL_read_early_data", SSL_read_early_data(ssl_.get(), into.data(), into.size(), &got));
    if (answer.returned == SSL_READ_EARLY_DATA_FINISH) answer.outcome = Outcome::end_of_data;
    if (answer.outcome == Outcome::done) answer.bytes = got;
    return answer;
  }

  // As above: SSL_renegotiate only marks it. A server then sends its HelloRequest, a client its ClientHello.
  Answer renegotiate() {
    if (!SSL_in_init(ssl_.get()) && SSL_renegotiate(ssl_.get()) != 1) return refused("SSL_renegotiate");
    return answer("SSL_do_handshake", SSL_do_handshake(ssl_.get()));
  }
#endif

  // A call that marks something, and would not: nothing was tried on the transport.
  Answer refused(std::string_view native) const {
    Answer answer = of_library(native, 0);
    answer.outcome = Outcome::refused;
    return answer;
  }

  Answer set(std::string_view name, std::string_view value) {
    SSL* ssl = ssl_.get();
    const bool on = value == "on";
    if (name == spell(Switch::shutdown)) {
      const auto flags = read_shutdown_flags(value);
      if (!flags) return no_such_call();
      SSL_set_shutdown(ssl, (flags->first ? SSL_SENT_SHUTDOWN : 0) | (flags->second ? SSL_RECEIVED_SHUTDOWN : 0));
      return done_by("SSL_set_shutdown");
    }
    if (!on && value != "off") return no_such_call();
    if (name == spell(Switch::quiet_shutdown)) {
      SSL_set_quiet_shutdown(ssl, on);
      return done_by("SSL_set_quiet_shutdown");
    }
    if (name == spell(Switch::context_quiet_shutdown)) {
      SSL_CTX_set_quiet_shutdown(SSL_get_SSL_CTX(ssl), on);
      return done_by("SSL_CTX_set_quiet_shutdown");
    }
    if (name == spell(Switch::auto_retry)) {
      on ? SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY) : SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
      return done_by(on ? "SSL_set_mode" : "SSL_clear_mode");
    }
    if (name == spell(Switch::stale_error) && on) {
      stale_error_ = true;
      // As an application would have left it there; begin() leaves it once.
#ifdef ERR_raise
      ERR_raise(ERR_LIB_USER, ERR_R_OPERATION_FAIL);
      return done_by("ERR_raise");
#else
      ERR_put_error(ERR_LIB_USER, 0, ERR_R_INTERNAL_ERROR, __FILE__, __LINE__);
      return done_by("ERR_put_error");
#endif
    }
    return no_such_call();
  }

  Answer shutdown(Outcome of_zero) {
    begin();
    const int returned = SSL_shutdown(ssl_.get());
    if (returned != 0) return answer("SSL_shutdown", returned);
    // The manual: SSL_get_error after 0 means nothing. It is shown, and decides nothing.
    error_of_zero_ = error_name(SSL_get_error(ssl_.get(), returned));
    return {"SSL_shutdown", 0, {}, 0, {}, with_memory(of_zero)};
  }

  friend SSL* tlsbye::peer::ssl_of(Session&);

  KeyLog& keys_;
  Callbacks callbacks_;
  InMemory memory_;
  Ssl ssl_;
  Kept& kept_;
#ifdef FORK
  Kept newest_;  // of those that a client was given
#endif
  bool saves_, resumes_, counts_sessions_;
#ifndef FORK
  bool shows_early_data_ = false;
#endif
  std::string error_of_zero_;
  bool stale_error_ = false;
};

bool speaks_only(SSL_CTX* context, Tls tls) {
  static constexpr std::uint16_t versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
  const auto version = versions[static_cast<std::size_t>(tls)];
  return SSL_CTX_set_min_proto_version(context, version) == 1 && SSL_CTX_set_max_proto_version(context, version) == 1;
}

// Of the library that is loaded, which may have been built without a version.
bool offers(Tls tls) {
  const Context context(SSL_CTX_new(TLS_method()));
  return context && speaks_only(context.get(), tls);
}

// "3.5.9": the second word of "OpenSSL 3.5.9 7 Apr 2026". BoringSSL has no versions; its API is numbered, by its headers alone.
std::string version() {
#if defined(OPENSSL_IS_BORINGSSL)
  return std::to_string(BORINGSSL_API_VERSION);
#elif defined(OPENSSL_IS_AWSLC)
  const std::string_view words = awslc_version_string();  // "AWS-LC 1.2.3"
  return std::string(words.substr(words.rfind(' ') + 1));
#elif defined(OPENSSL_VERSION_STRING)
  return OpenSSL_version(OPENSSL_VERSION_STRING);
#else
  const std::string_view words = OpenSSL_version(OPENSSL_VERSION), version = words.substr(words.find(' ') + 1);
  return std::string(version.substr(0, version.find(' ')));
#endif
}

// `usual`: the suites and groups that the library has by default.
Context make_context(Role role, Tls tls, bool usual) {
  Context context(SSL_CTX_new(role == Role::client ? TLS_client_method() : TLS_server_method()));
  require(context != nullptr, "SSL_CTX_new");
  SSL_CTX* c = context.get();
  require(speaks_only(c, tls), "SSL_CTX_set_min_proto_version");
#ifndef OPENSSL_IS_BORINGSSL
  if (!usual) require(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1, "SSL_CTX_set_ciphersuites");
#endif
  // SHA-1, which TLS 1.0 and 1.1 sign with, is left to security level 0. Their suite is to be the plain one of RFC 4492.
  const bool old = tls < Tls::v1_2;
  std::string suites = usual ? "DEFAULT" : old ? "ECDHE-ECDSA-AES128-SHA" : "ECDHE-ECDSA-AES128-GCM-SHA256";
#ifndef FORK
  if (old) suites += ":@SECLEVEL=0";
#endif
  require(SSL_CTX_set_cipher_list(c, suites.c_str()) == 1, "SSL_CTX_set_cipher_list");
  // A server without renegotiation_info (RFC 5746), as old libraries are, is a server all the same.
  SSL_CTX_set_options(c, SSL_OP_LEGACY_SERVER_CONNECT);
#ifdef SSL_OP_NO_ENCRYPT_THEN_MAC
  if (!usual) SSL_CTX_set_options(c, SSL_OP_NO_ENCRYPT_THEN_MAC);
#endif
  if (!usual) require(SSL_CTX_set1_curves_list(c, "X25519:P-256") == 1, "SSL_CTX_set1_curves_list");
  static constexpr unsigned char session_context[] = "tlsbye";
  require(SSL_CTX_set_session_id_context(c, session_context, sizeof session_context) == 1, "SSL_CTX_set_session_id_context");
  SSL_CTX_set_verify(c, SSL_VERIFY_NONE, nullptr);
  // A write that is made again is given what is left, which may lie elsewhere.
  SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_keylog_callback(c, [](const SSL* ssl, const char* line) { OpenSslSession::of(ssl).tell_key(line); });
#ifdef FORK
  SSL_CTX_sess_set_new_cb(c, [](SSL* ssl, SSL_SESSION* session) {
    OpenSslSession::of(ssl).take(session);
    return 1;
  });
#endif
  if (role == Role::server) {
    const Bio certificate(BIO_new_mem_buf(leaf_certificate, -1)), key(BIO_new_mem_buf(leaf_key, -1));
    const std::unique_ptr<X509, Freed<X509_free>> x509(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> pkey(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    require(SSL_CTX_use_certificate(c, x509.get()) == 1, "SSL_CTX_use_certificate");
    require(SSL_CTX_use_PrivateKey(c, pkey.get()) == 1, "SSL_CTX_use_PrivateKey");
  }
  return context;
}

// OpenSSL has it from 3.5 on, and a build can be without it.
bool has_hybrid_groups() {
  const Context context(SSL_CTX_new(TLS_method()));
  require(context != nullptr, "SSL_CTX_new");
  const bool has = SSL_CTX_set1_curves_list(context.get(), hybrid_groups) == 1;
  ERR_clear_error();
  return has;
}

// A FORK hands a client its sessions by a callback, and only if the context caches for clients; the library's own cache can stay off.
int not_cached([[maybe_unused]] Role role) {
#ifdef FORK
  if (role == Role::client) return SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL;
#endif
  return SSL_SESS_CACHE_OFF;
}

#ifdef OPENSSL_IS_BORINGSSL
constexpr const char* stack_name = "boringssl";
#elif defined(OPENSSL_IS_AWSLC)
constexpr const char* stack_name = "aws-lc";
#else
constexpr const char* stack_name = "openssl";
#endif

class OpenSsl final : public Stack {
 public:
  Hello hello() const override {
    Hello hello{stack_name,
                version(),
                {"client", "server", "close", "close-write", "key-log", "peek", "key-update", "clear", "keep-session", "set-quiet-shutdown",
                 "set-context-quiet-shutdown", "tickets", "session-cache", "saved-session", "quiet-shutdown", "callbacks",
                 "require-certificate", "programs"},
                "SSL_shutdown"};
#ifndef FORK
    for (const char* ability : {"renegotiate", "set-shutdown", "set-auto-retry", "set-stale-error", "read-ahead", "memory-bio",
                                "no-eof-control", "early-data", "write-early", "read-early", "verify-certificate", "post-handshake-auth"})
      hello.abilities.emplace_back(ability);
#endif
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    hello.abilities.emplace_back("ignore-eof");
#endif
    for (const auto tls : {Tls::v1_3, Tls::v1_2, Tls::v1_1, Tls::v1_0})
      if (offers(tls)) hello.abilities.insert(hello.abilities.begin(), std::string("tls-").append(spell(tls)));
    if (has_hybrid_groups()) hello.abilities.emplace_back("hybrid-key-share");
    if (heap::possible) hello.abilities.emplace_back("starve");
    return hello;
  }

  // The contexts stay, as new ones cost too much to be made for every run: what a run can leave in them is taken out.
  void forget_sessions() override {
    kept_.reset();
    for (auto& of_role : contexts_)
      for (const Context& context : of_role) {
        if (!context) continue;
        SSL_CTX* c = context.get();
        SSL_CTX_set_quiet_shutdown(c, 0);
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
        SSL_CTX_flush_sessions_ex(c, 0);
#else
        SSL_CTX_flush_sessions(c, 0);
#endif
        std::vector<unsigned char> ticket_keys(static_cast<std::size_t>(SSL_CTX_get_tlsext_ticket_keys(c, nullptr, 0)));
        require(RAND_bytes(ticket_keys.data(), static_cast<int>(ticket_keys.size())) == 1, "RAND_bytes");
        require(SSL_CTX_set_tlsext_ticket_keys(c, ticket_keys.data(), ticket_keys.size()) == 1, "SSL_CTX_set_tlsext_ticket_keys");
      }
  }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    const std::size_t which = 2 * static_cast<std::size_t>(options.role) + (options.usual_suites ? 1 : 0);
    Context& context = contexts_[which][static_cast<std::size_t>(options.tls)];
    if (!context) context = make_context(options.role, options.tls, options.usual_suites);
    const bool resumes = options.asks_for(Option::tickets) || options.asks_for(Option::session_cache);
    SSL_CTX_set_num_tickets(context.get(), resumes ? 2 : 0);  // by default it is two
    // What protects early data from being replayed is that a session is taken out of the cache when it is resumed (SSL_read_early_data(3)).
    const bool caches = options.role == Role::server && (options.asks_for(Option::session_cache) || options.asks_for(Option::early_data));
    SSL_CTX_set_session_cache_mode(context.get(), caches ? SSL_SESS_CACHE_SERVER : not_cached(options.role));
    return std::make_unique<OpenSslSession>(context.get(), callbacks_.get(), kept_, options, keys);
  }

 private:
  BioMethod callbacks_ = Callbacks::method();
  std::array<std::array<Context, 4>, 4> contexts_;  // by role, and by whether the suites are the usual ones; by version
  Kept kept_;                                       // by a client, for the next session
};

}  // namespace

SSL* ssl_of(Session& session) { return static_cast<OpenSslSession&>(session).ssl_.get(); }

std::unique_ptr<Stack> make_openssl() { return std::make_unique<OpenSsl>(); }

}  // namespace tlsbye::peer
