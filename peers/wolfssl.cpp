// The wolfSSL peer. Compiles against wolfSSL from 4.6 on; an ability that the library does not have is not promised.
#include <wolfssl/options.h>
// First of all, as wolfSSL wants it.
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfio.h>
// After them, as they were told to.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/heap.h"
#include "peers/common/stack.h"

// From 5.8 on, and a build can be without it.
#if defined(WOLFSSL_HAVE_MLKEM) && LIBWOLFSSL_VERSION_HEX >= 0x05008000
#define HYBRID
#endif

namespace tlsbye::peer {
namespace {

using Context = std::unique_ptr<WOLFSSL_CTX, Freed<wolfSSL_CTX_free>>;
using Ssl = std::unique_ptr<WOLFSSL, Freed<wolfSSL_free>>;
using Kept = std::unique_ptr<WOLFSSL_SESSION, Freed<wolfSSL_SESSION_free>>;

// In the order of preference. X25519 is what the library computes fast: P-256 took older ones five times as long as all the rest of a
// session. A build can be without it.
constexpr std::array usual_groups{
#ifdef HAVE_CURVE25519
    static_cast<int>(WOLFSSL_ECC_X25519),
#endif
    static_cast<int>(WOLFSSL_ECC_SECP256R1)};

void require(bool success, const char* what) {
  if (!success) throw std::runtime_error(std::string(what) + " failed");
}

// wolfSSL tells its errors' texts, but not their names. Those that can come up once keys are on, and a handshake's usual ones.
std::string error_name(int error) {
  switch (error) {
#define NAME(error) \
  case error:       \
    return #error;
    NAME(WOLFSSL_ERROR_NONE)
    NAME(WOLFSSL_ERROR_WANT_READ)
    NAME(WOLFSSL_ERROR_WANT_WRITE)
    NAME(WOLFSSL_ERROR_SYSCALL)
    NAME(WOLFSSL_ERROR_ZERO_RETURN)
    NAME(WOLFSSL_ERROR_SSL)
    NAME(WOLFSSL_FATAL_ERROR)
    NAME(VERIFY_FINISHED_ERROR)
    NAME(VERIFY_MAC_ERROR)
    NAME(PARSE_ERROR)
    NAME(UNKNOWN_HANDSHAKE_TYPE)
    NAME(SOCKET_ERROR_E)
    NAME(SOCKET_NODATA)
    NAME(INCOMPLETE_DATA)
    NAME(UNKNOWN_RECORD_TYPE)
    NAME(DECRYPT_ERROR)
    NAME(FATAL_ERROR)
    NAME(ENCRYPT_ERROR)
    NAME(BUILD_MSG_ERROR)
    NAME(NOT_READY_ERROR)
    NAME(VERSION_ERROR)
    NAME(BUFFER_ERROR)
    NAME(LENGTH_ERROR)
    NAME(SIDE_ERROR)
    NAME(SEQUENCE_ERROR)
    NAME(OUT_OF_ORDER_E)
    NAME(RECV_OVERFLOW_E)
    NAME(SECURE_RENEGOTIATION_E)
    NAME(NO_CHANGE_CIPHER_E)
    NAME(SANITY_MSG_E)
    NAME(DUPLICATE_MSG_E)
    NAME(SOCKET_PEER_CLOSED_E)
    NAME(HANDSHAKE_SIZE_ERROR)
    NAME(INPUT_SIZE_E)
    NAME(MISSING_HANDSHAKE_DATA)
    NAME(INVALID_PARAMETER)
    NAME(ALERT_COUNT_E)
    NAME(SSL_SHUTDOWN_ALREADY_DONE_E)
    NAME(APP_DATA_READY)
    NAME(NO_PEER_CERT)
    NAME(BAD_FUNC_ARG)
#undef NAME
    default:
      return "wolfSSL error " + std::to_string(error);
  }
}

// What a call that returned no success came to.
Outcome outcome_of(int error, int error_number) {
  switch (error) {
    case WOLFSSL_ERROR_WANT_READ:
      return Outcome::want_read;
    case WOLFSSL_ERROR_WANT_WRITE:
      return Outcome::want_write;
    case WOLFSSL_ERROR_ZERO_RETURN:
      return Outcome::end_of_data;
    case SOCKET_PEER_CLOSED_E:
    case WOLFSSL_ERROR_SYSCALL:
    case SOCKET_ERROR_E:
      // wolfSSL says "peer closed" of an end, of a reset and of a broken pipe alike; errno tells them apart.
      if (error_number == ECONNRESET || error_number == EPIPE) return Outcome::reset;
      return error == SOCKET_PEER_CLOSED_E || error_number == 0 ? Outcome::cut : Outcome::failed;
    case FATAL_ERROR:
      return Outcome::alert;
    case BAD_FUNC_ARG:  // not now, or not in this version
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

// Transport of our own, option `callbacks`: `descriptor` points to the transport's. What an error is to be called stands in wolfio.h.
int callback_error(int error_number, int would_block) {
  switch (error_number) {
    case EAGAIN:
      return would_block;
    case EINTR:
      return WOLFSSL_CBIO_ERR_ISR;
    case ECONNRESET:
      return WOLFSSL_CBIO_ERR_CONN_RST;
    case EPIPE:
      return WOLFSSL_CBIO_ERR_CONN_CLOSE;
    default:
      return WOLFSSL_CBIO_ERR_GENERAL;
  }
}
int receive(WOLFSSL*, char* into, int size, void* descriptor) {
  const auto got = ::recv(*static_cast<int*>(descriptor), into, static_cast<std::size_t>(size), 0);
  if (got < 0) return callback_error(errno, WOLFSSL_CBIO_ERR_WANT_READ);
  return got == 0 ? static_cast<int>(WOLFSSL_CBIO_ERR_CONN_CLOSE) : static_cast<int>(got);
}
int send(WOLFSSL*, char* from, int size, void* descriptor) {
  const auto put = ::send(*static_cast<int*>(descriptor), from, static_cast<std::size_t>(size), 0);
  return put < 0 ? callback_error(errno, WOLFSSL_CBIO_ERR_WANT_WRITE) : static_cast<int>(put);
}

// Transport by memory, option `memory-bio`: the callbacks take from one buffer and give to another, and bytes are carried by the adapter,
// as by applications with an event loop of their own. Before each call of the API what has come is put in, at most 64 KiB of it; after it
// what lies in memory is sent. What the transport does not take stays in memory, and goes out before or after the next call.
class InMemory {
 public:
  void serve(WOLFSSL* ssl, int transport) {
    transport_ = transport;
    wolfSSL_SSLSetIORecv(ssl, take);
    wolfSSL_SSLSetIOSend(ssl, give);
    wolfSSL_SetIOReadCtx(ssl, this);
    wolfSSL_SetIOWriteCtx(ssl, this);
  }
  bool used() const { return transport_ >= 0; }

  void fetch() {
    if (!used()) return;
    send_out();
    std::array<char, 65536> bytes;
    const auto got = ::recv(transport_, bytes.data(), bytes.size(), 0);
    if (got > 0) in_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got == 0) ended_ = true;
    if (got < 0 && errno != EAGAIN && errno != EINTR) error_ = errno;
    errno = 0;
  }
  void send_out() {
    if (out_.empty()) return;
    const auto sent = ::send(transport_, out_.data(), out_.size(), 0);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) broken_ = true;
  }
  std::size_t unsent() const { return out_.size(); }
  bool broken() const { return broken_; }

 private:
  static int take(WOLFSSL*, char* into, int size, void* self) {
    InMemory& memory = *static_cast<InMemory*>(self);
    const std::size_t taken = memory.in_.copy(into, static_cast<std::size_t>(size));
    memory.in_.erase(0, taken);
    if (taken > 0) return static_cast<int>(taken);
    if (memory.error_ != 0) {
      errno = memory.error_;
      return callback_error(errno, WOLFSSL_CBIO_ERR_WANT_READ);
    }
    return memory.ended_ ? WOLFSSL_CBIO_ERR_CONN_CLOSE : WOLFSSL_CBIO_ERR_WANT_READ;
  }
  static int give(WOLFSSL*, char* from, int size, void* self) {
    static_cast<InMemory*>(self)->out_.append(from, static_cast<std::size_t>(size));
    return size;
  }

  int transport_ = -1;
  std::string in_, out_;
  int error_ = 0;  // that receiving met; the transport is broken
  bool ended_ = false, broken_ = false;
};

class WolfSslSession final : public Session {
 public:
  WolfSslSession(WOLFSSL_CTX* context, Kept& kept, const SessionOptions& options, KeyLog& keys)
      : options_(options), kept_(kept), keys_(keys), ssl_(wolfSSL_new(context)) {
    WOLFSSL* ssl = ssl_.get();
    require(ssl != nullptr, "wolfSSL_new");
    require(wolfSSL_set_fd(ssl, options.transport) == WOLFSSL_SUCCESS, "wolfSSL_set_fd");
    if (options.asks_for(Option::callbacks)) {
      wolfSSL_SSLSetIORecv(ssl, receive);
      wolfSSL_SSLSetIOSend(ssl, send);
      wolfSSL_SetIOReadCtx(ssl, &options_.transport);
      wolfSSL_SetIOWriteCtx(ssl, &options_.transport);
    } else if (options.asks_for(Option::memory_bio)) {
      memory_.serve(ssl, options.transport);
    }
    wolfSSL_set_using_nonblock(ssl, options.io == Io::nonblocking);
    wolfSSL_KeepArrays(ssl);  // for the keys; never freed, since a session that is used again would die without them
    if (!options.asks_for(Option::tickets) && options.role == Role::server) {
      if (options.tls == Tls::v1_3) require(wolfSSL_no_ticket_TLSv13(ssl) == 0, "wolfSSL_no_ticket_TLSv13");
#if LIBWOLFSSL_VERSION_HEX >= 0x04007000
      else
        require(wolfSSL_NoTicketTLSv12(ssl) == WOLFSSL_SUCCESS, "wolfSSL_NoTicketTLSv12");
#endif
    }
    if (options.role == Role::client) {
      if (options.asks_for(Option::tickets) && options.tls != Tls::v1_3)
        require(wolfSSL_UseSessionTicket(ssl) == WOLFSSL_SUCCESS, "wolfSSL_UseSessionTicket");
      if (kept_) wolfSSL_set_session(ssl, kept_.get());  // what cannot be resumed is not offered
    }
    if (options.tls == Tls::v1_3) {
      int first = usual_groups.front();
#ifdef HYBRID
      if (options.asks_for(Option::hybrid_key_share)) {
        first = WOLFSSL_X25519MLKEM768;
        int groups[] = {first, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
        require(wolfSSL_set_groups(ssl, groups, 3) == WOLFSSL_SUCCESS, "wolfSSL_set_groups");
      }
#endif
      // Left alone, older ones send a key share of the last of their groups.
      if (options.role == Role::client)
        require(wolfSSL_UseKeyShare(ssl, static_cast<word16>(first)) == WOLFSSL_SUCCESS, "wolfSSL_UseKeyShare");
    }
    if (options.asks_for(Option::quiet_shutdown)) wolfSSL_set_quiet_shutdown(ssl, 1);
    if (options.asks_for(Option::require_certificate))
      wolfSSL_set_verify(ssl, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (options.asks_for(Option::verify_certificate) && options.role == Role::client) wolfSSL_set_verify(ssl, WOLFSSL_VERIFY_PEER, nullptr);
    if (options.asks_for(Option::post_handshake_auth) && options.tls == Tls::v1_3)
      require(wolfSSL_allow_post_handshake_auth(ssl) == 0, "wolfSSL_allow_post_handshake_auth");
  }

  Answer handshake() override {
    begin();
    const Answer answer = options_.role == Role::client ? this->answer("wolfSSL_connect", wolfSSL_connect(ssl_.get()))
                                                        : this->answer("wolfSSL_accept", wolfSSL_accept(ssl_.get()));
    if (answer.outcome == Outcome::done) tell_keys();
    return answer;
  }

  Answer read(std::span<std::byte> into) override {
    begin();
    return with_bytes(answer("wolfSSL_read", wolfSSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()))));
  }

  Answer write(std::span<const std::byte> from) override {
    begin();
    return with_bytes(answer("wolfSSL_write", wolfSSL_write(ssl_.get(), from.data(), static_cast<int>(from.size()))));
  }

  Answer close() override { return shutdown(Outcome::sent); }
  // One call for both: a first wolfSSL_shutdown that says "not done" has sent the close_notify, all that was asked for here.
  Answer close_write() override { return shutdown(Outcome::done); }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    begin();
    WOLFSSL* ssl = ssl_.get();
    switch (call) {
      case Call::peek:
        return with_bytes(answer("wolfSSL_peek", wolfSSL_peek(ssl, into.data(), static_cast<int>(into.size()))));
      case Call::key_update:  // whether it asks the other side for the same is up to the library
        return answer_in_return("wolfSSL_update_keys", wolfSSL_update_keys(ssl));
      case Call::clear:
        return clear();
      case Call::keep_session:
        kept_.reset(wolfSSL_get1_session(ssl));
        return {"wolfSSL_get1_session", kept_ != nullptr, {}, 0, {}, kept_ ? Outcome::done : Outcome::refused};
      case Call::set:
        return set(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  State state() const override {
    const int flags = wolfSSL_get_shutdown(ssl_.get());
    State state{{"shutdown", shutdown_flags(flags & WOLFSSL_SENT_SHUTDOWN, flags & WOLFSSL_RECEIVED_SHUTDOWN)},
                {"pending", std::to_string(wolfSSL_pending(ssl_.get()))}};
    if (memory_.used()) state.emplace_back("unsent", std::to_string(memory_.unsent()));
    if (!error_of_zero_.empty()) state.emplace_back("error-of-zero", error_of_zero_);
    if ((options_.asks_for(Option::tickets) || options_.asks_for(Option::session_cache)) && wolfSSL_is_init_finished(ssl_.get()))
      state.emplace_back("resumed", wolfSSL_session_reused(ssl_.get()) ? "yes" : "no");
    return state;
  }

 private:
  void begin() {
    wolfSSL_ERR_clear_error();
    error_of_zero_.clear();
    errno = 0;
    memory_.fetch();
  }

  // What is to be called again waits first for the room that what lies in memory needs; its own transport tells the application alone that
  // it is broken.
  Outcome with_memory(Outcome outcome) {
    memory_.send_out();
    if (!call_again(outcome) || memory_.unsent() == 0) return outcome;
    return memory_.broken() ? Outcome::reset : Outcome::want_write;
  }

  Answer answer(std::string_view native, int returned) {
    Answer answer = of_library(native, returned);
    answer.outcome = with_memory(answer.outcome);
    return answer;
  }

  Answer of_library(std::string_view native, int returned) const {
    const int error_number = errno;
    Answer answer{native, returned, {}, 0, {}, Outcome::done};
    if (returned > 0) return answer;
    const int error = wolfSSL_get_error(ssl_.get(), returned);
    answer.outcome = outcome_of(error, error_number);
    answer.code = error_name(error);
    answer.error_number = error_number;
    if (error < 0) answer.words = wolfSSL_ERR_reason_error_string(static_cast<unsigned long>(error));
    return answer;
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  // A function that returns its error instead of leaving it in the session.
  Answer answer_in_return(std::string_view native, int returned) {
    const int error_number = errno;
    if (returned == WOLFSSL_SUCCESS) return {native, returned, {}, 0, {}, with_memory(Outcome::done)};
    Answer answer{native, returned, error_name(returned), error_number, {}, with_memory(outcome_of(returned, error_number))};
    if (returned < 0) answer.words = wolfSSL_ERR_reason_error_string(static_cast<unsigned long>(returned));
    return answer;
  }

  Answer clear() {
    const Answer answer = this->answer("wolfSSL_clear", wolfSSL_clear(ssl_.get()));
    wolfSSL_KeepArrays(ssl_.get());  // for the next keys
    return answer;
  }

  Answer set(std::string_view name, std::string_view value) {
    if (name == spell(Switch::quiet_shutdown) && (value == "on" || value == "off")) {
      wolfSSL_set_quiet_shutdown(ssl_.get(), value == "on");
      return done_by("wolfSSL_set_quiet_shutdown");
    }
    const auto flags = read_shutdown_flags(value);
    if (name != spell(Switch::shutdown) || !flags) return no_such_call();
    wolfSSL_set_shutdown(ssl_.get(), (flags->first ? WOLFSSL_SENT_SHUTDOWN : 0) | (flags->second ? WOLFSSL_RECEIVED_SHUTDOWN : 0));
    return done_by("wolfSSL_set_shutdown");
  }

  Answer shutdown(Outcome of_not_done) {
    begin();
    const int returned = wolfSSL_shutdown(ssl_.get());
    if (returned != WOLFSSL_SHUTDOWN_NOT_DONE) return answer("wolfSSL_shutdown", returned);
    error_of_zero_ = error_name(wolfSSL_get_error(ssl_.get(), returned));  // shown, and decides nothing
    return {"wolfSSL_shutdown", returned, {}, 0, {}, with_memory(of_not_done)};
  }

  // No key log callback in this build. After the handshake there are still: the master secret (TLS 1.2 and before), and the keys in use
  // (TLS 1.3).
  void tell_keys() {
    WOLFSSL* ssl = ssl_.get();
    unsigned char *master = nullptr, *server_random = nullptr, *client_random = nullptr;
    unsigned master_size = 0, server_size = 0, client_size = 0;
    if (wolfSSL_get_keys(ssl, &master, &master_size, &server_random, &server_size, &client_random, &client_size) != WOLFSSL_SUCCESS) return;
    const std::string random = hex({client_random, client_size});
    if (options_.tls != Tls::v1_3) {
      keys_.line("CLIENT_RANDOM " + random + " " + hex({master, master_size}));
    } else {
      const std::size_t key = 16, iv = 12;  // of AES-128-GCM
      keys_.line("CLIENT_TRAFFIC_KEY " + random + " " + hex({wolfSSL_GetClientWriteKey(ssl), key}) +
                 hex({wolfSSL_GetClientWriteIV(ssl), iv}));
      keys_.line("SERVER_TRAFFIC_KEY " + random + " " + hex({wolfSSL_GetServerWriteKey(ssl), key}) +
                 hex({wolfSSL_GetServerWriteIV(ssl), iv}));
    }
  }

  SessionOptions options_;
  Kept& kept_;
  KeyLog& keys_;
  InMemory memory_;
  Ssl ssl_;
  std::string error_of_zero_;
};

WOLFSSL_METHOD* method(Role role, Tls tls) {
  switch (tls) {
    case Tls::v1_0:
      return nullptr;  // built without, as a rule
    case Tls::v1_1:
#ifdef NO_OLD_TLS
      return nullptr;
#else
      return role == Role::client ? wolfTLSv1_1_client_method() : wolfTLSv1_1_server_method();
#endif
    case Tls::v1_2:
      return role == Role::client ? wolfTLSv1_2_client_method() : wolfTLSv1_2_server_method();
    case Tls::v1_3:
      break;
  }
  return role == Role::client ? wolfTLSv1_3_client_method() : wolfTLSv1_3_server_method();
}

Context make_context(Role role, Tls tls, bool caches) {
  Context context(wolfSSL_CTX_new(method(role, tls)));
  require(context != nullptr, "wolfSSL_CTX_new");
  WOLFSSL_CTX* c = context.get();
  const char* suite = tls == Tls::v1_3   ? "TLS13-AES128-GCM-SHA256"
                      : tls == Tls::v1_2 ? "ECDHE-ECDSA-AES128-GCM-SHA256"
                                         : "ECDHE-ECDSA-AES128-SHA";
  require(wolfSSL_CTX_set_cipher_list(c, suite) == WOLFSSL_SUCCESS, "wolfSSL_CTX_set_cipher_list");
  require(wolfSSL_CTX_AllowEncryptThenMac(c, 0) == WOLFSSL_SUCCESS, "wolfSSL_CTX_AllowEncryptThenMac");
  auto groups = usual_groups;
  if (tls == Tls::v1_3) {
    require(wolfSSL_CTX_set_groups(c, groups.data(), static_cast<int>(groups.size())) == WOLFSSL_SUCCESS, "wolfSSL_CTX_set_groups");
  } else {
    for (const int group : groups)
      require(wolfSSL_CTX_UseSupportedCurve(c, static_cast<word16>(group)) == WOLFSSL_SUCCESS, "wolfSSL_CTX_UseSupportedCurve");
  }
  if (!caches) wolfSSL_CTX_set_session_cache_mode(c, WOLFSSL_SESS_CACHE_OFF);  // which cannot be taken back
  wolfSSL_CTX_set_verify(c, WOLFSSL_VERIFY_NONE, nullptr);
  if (role == Role::server) {
    const auto load = [&](auto use, const char* pem) {
      return use(c, reinterpret_cast<const unsigned char*>(pem), static_cast<long>(std::strlen(pem)), WOLFSSL_FILETYPE_PEM) ==
             WOLFSSL_SUCCESS;
    };
    require(load(wolfSSL_CTX_use_certificate_buffer, leaf_certificate), "wolfSSL_CTX_use_certificate_buffer");
    require(load(wolfSSL_CTX_use_PrivateKey_buffer, leaf_key), "wolfSSL_CTX_use_PrivateKey_buffer");
  }
  return context;
}

class WolfSsl final : public Stack {
 public:
  WolfSsl() { require(wolfSSL_Init() == WOLFSSL_SUCCESS, "wolfSSL_Init"); }
  ~WolfSsl() override {
    kept_.reset();
    contexts_ = {};
    wolfSSL_Cleanup();
  }
  WolfSsl(const WolfSsl&) = delete;
  WolfSsl& operator=(const WolfSsl&) = delete;

  Hello hello() const override {
    Hello hello{"wolfssl",
                wolfSSL_lib_version(),
                {
#ifndef NO_OLD_TLS
                    "tls-1.1",
#endif
                    "tls-1.2",
                    "tls-1.3",
                    "client",
                    "server",
                    "close",
                    "close-write",
                    "key-log",
                    "peek",
                    "key-update",
                    "clear",
                    "keep-session",
                    "set-quiet-shutdown",
                    "set-shutdown",
                    "tickets",
                    "session-cache",
                    "saved-session",  // a client forgets none, however its connection ended
                    "quiet-shutdown",
                    "callbacks",
                    "memory-bio",
                    "require-certificate",
                    "verify-certificate",
                    "post-handshake-auth"},
                "wolfSSL_shutdown"};
#ifdef HYBRID
    hello.abilities.emplace_back("hybrid-key-share");
#endif
    if (heap::possible) hello.abilities.emplace_back("starve");
    return hello;
  }

  // The cache is the library's own, and all that can be done about it is to put the empty one back. Ticket keys are a context's.
  void forget_sessions() override {
    kept_.reset();
    if (!std::exchange(remembers_, false)) return;
    contexts_ = {};
    if (!empty_cache_.empty())
      require(wolfSSL_memrestore_session_cache(empty_cache_.data(), static_cast<int>(empty_cache_.size())) == WOLFSSL_SUCCESS,
              "wolfSSL_memrestore_session_cache");
  }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    const bool caches = options.asks_for(Option::session_cache);
    if (caches && empty_cache_.empty()) {
      empty_cache_.resize(static_cast<std::size_t>(wolfSSL_get_session_cache_memsize()));
      require(wolfSSL_memsave_session_cache(empty_cache_.data(), static_cast<int>(empty_cache_.size())) == WOLFSSL_SUCCESS,
              "wolfSSL_memsave_session_cache");
    }
    remembers_ = remembers_ || caches || options.asks_for(Option::tickets);
    Context& context = contexts_[static_cast<std::size_t>(options.role)][static_cast<std::size_t>(options.tls)][caches];
    if (!context) context = make_context(options.role, options.tls, caches);
    return std::make_unique<WolfSslSession>(context.get(), kept_, options, keys);
  }

 private:
  std::array<std::array<std::array<Context, 2>, 4>, 2> contexts_;
  Kept kept_;               // by a client, for the next session
  bool remembers_ = false;  // something of this run
  std::vector<std::byte> empty_cache_;
};

}  // namespace

std::unique_ptr<Stack> make_wolfssl();
std::unique_ptr<Stack> make_wolfssl() { return std::make_unique<WolfSsl>(); }

}  // namespace tlsbye::peer
