// The wolfSSL peer.
#include <wolfssl/options.h>
// First of all, as wolfSSL wants it.
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/stack.h"

namespace tlsbye::peer {
namespace {

using Context = std::unique_ptr<WOLFSSL_CTX, Freed<wolfSSL_CTX_free>>;
using Ssl = std::unique_ptr<WOLFSSL, Freed<wolfSSL_free>>;

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
    default:
      return Outcome::failed;
  }
}

class WolfSslSession final : public Session {
 public:
  WolfSslSession(WOLFSSL_CTX* context, const SessionOptions& options, KeyLog& keys)
      : role_(options.role), tls_(options.tls), keys_(keys), ssl_(wolfSSL_new(context)) {
    WOLFSSL* ssl = ssl_.get();
    require(ssl != nullptr, "wolfSSL_new");
    require(wolfSSL_set_fd(ssl, options.transport) == WOLFSSL_SUCCESS, "wolfSSL_set_fd");
    wolfSSL_set_using_nonblock(ssl, options.io == Io::nonblocking);
    wolfSSL_KeepArrays(ssl);  // for the keys
    if (!options.asks_for("tickets") && options.role == Role::server) {
      if (options.tls == Tls::v1_3)
        require(wolfSSL_no_ticket_TLSv13(ssl) == 0, "wolfSSL_no_ticket_TLSv13");
      else
        require(wolfSSL_NoTicketTLSv12(ssl) == WOLFSSL_SUCCESS, "wolfSSL_NoTicketTLSv12");
    }
    if (options.asks_for("quiet-shutdown")) wolfSSL_set_quiet_shutdown(ssl, 1);
  }

  Answer handshake() override {
    begin();
    const Answer answer = role_ == Role::client ? this->answer("wolfSSL_connect", wolfSSL_connect(ssl_.get()))
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

  Answer extra(Call, const std::vector<std::string>&, std::span<std::byte>) override { return {"", 0, {}, 0, {}, Outcome::unsupported}; }

  State state() const override {
    const int flags = wolfSSL_get_shutdown(ssl_.get());
    State state{{"shutdown", shutdown_flags(flags & WOLFSSL_SENT_SHUTDOWN, flags & WOLFSSL_RECEIVED_SHUTDOWN)},
                {"pending", std::to_string(wolfSSL_pending(ssl_.get()))}};
    if (!error_of_zero_.empty()) state.emplace_back("error-of-zero", error_of_zero_);
    return state;
  }

 private:
  void begin() {
    wolfSSL_ERR_clear_error();
    error_of_zero_.clear();
    errno = 0;
  }

  Answer answer(std::string_view native, int returned) const {
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

  Answer shutdown(Outcome of_not_done) {
    begin();
    const int returned = wolfSSL_shutdown(ssl_.get());
    if (returned != WOLFSSL_SHUTDOWN_NOT_DONE) return answer("wolfSSL_shutdown", returned);
    error_of_zero_ = error_name(wolfSSL_get_error(ssl_.get(), returned));  // shown, and decides nothing
    return {"wolfSSL_shutdown", returned, {}, 0, {}, of_not_done};
  }

  // No key log callback in this build. After the handshake there are still: the master secret (TLS 1.2), and the keys in use (TLS 1.3).
  void tell_keys() {
    WOLFSSL* ssl = ssl_.get();
    unsigned char *master = nullptr, *server_random = nullptr, *client_random = nullptr;
    unsigned master_size = 0, server_size = 0, client_size = 0;
    if (wolfSSL_get_keys(ssl, &master, &master_size, &server_random, &server_size, &client_random, &client_size) != WOLFSSL_SUCCESS) return;
    const std::string random = hex({client_random, client_size});
    if (tls_ == Tls::v1_2) {
      keys_.line("CLIENT_RANDOM " + random + " " + hex({master, master_size}));
    } else {
      const std::size_t key = 16, iv = 12;  // of AES-128-GCM
      keys_.line("CLIENT_TRAFFIC_KEY " + random + " " + hex({wolfSSL_GetClientWriteKey(ssl), key}) +
                 hex({wolfSSL_GetClientWriteIV(ssl), iv}));
      keys_.line("SERVER_TRAFFIC_KEY " + random + " " + hex({wolfSSL_GetServerWriteKey(ssl), key}) +
                 hex({wolfSSL_GetServerWriteIV(ssl), iv}));
    }
    wolfSSL_FreeArrays(ssl);
  }

  Role role_;
  Tls tls_;
  KeyLog& keys_;
  Ssl ssl_;
  std::string error_of_zero_;
};

WOLFSSL_METHOD* method(Role role, Tls tls) {
  if (role == Role::client) return tls == Tls::v1_2 ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method();
  return tls == Tls::v1_2 ? wolfTLSv1_2_server_method() : wolfTLSv1_3_server_method();
}

Context make_context(Role role, Tls tls) {
  Context context(wolfSSL_CTX_new(method(role, tls)));
  require(context != nullptr, "wolfSSL_CTX_new");
  WOLFSSL_CTX* c = context.get();
  const char* suite = tls == Tls::v1_2 ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS13-AES128-GCM-SHA256";
  require(wolfSSL_CTX_set_cipher_list(c, suite) == WOLFSSL_SUCCESS, "wolfSSL_CTX_set_cipher_list");
  require(wolfSSL_CTX_UseSupportedCurve(c, WOLFSSL_ECC_SECP256R1) == WOLFSSL_SUCCESS, "wolfSSL_CTX_UseSupportedCurve");
  wolfSSL_CTX_set_session_cache_mode(c, WOLFSSL_SESS_CACHE_OFF);
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
    for (auto& of_role : contexts_)
      for (Context& context : of_role) context.reset();
    wolfSSL_Cleanup();
  }
  WolfSsl(const WolfSsl&) = delete;
  WolfSsl& operator=(const WolfSsl&) = delete;

  Hello hello() const override {
    return {"wolfssl",
            wolfSSL_lib_version(),
            {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write", "key-log", "tickets", "quiet-shutdown"}};
  }

  void forget_sessions() override {}

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    Context& context = contexts_[options.role == Role::server][options.tls == Tls::v1_3];
    if (!context) context = make_context(options.role, options.tls);
    return std::make_unique<WolfSslSession>(context.get(), options, keys);
  }

 private:
  std::array<std::array<Context, 2>, 2> contexts_;
};

}  // namespace

std::unique_ptr<Stack> make_wolfssl();
std::unique_ptr<Stack> make_wolfssl() { return std::make_unique<WolfSsl>(); }

}  // namespace tlsbye::peer
