// The OpenSSL peer.
#include "peers/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"

namespace tlsbye::peer {
namespace {

using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

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
Outcome outcome_of(int error, unsigned long reason, int error_number) {
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
      if (error_number == 0) return Outcome::cut;
      return error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case SSL_ERROR_SSL:
      if (ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return Outcome::cut;
      if (ERR_GET_LIB(reason) == ERR_LIB_SSL && ERR_GET_REASON(reason) >= SSL_AD_REASON_OFFSET) return Outcome::alert;
      return Outcome::failed;
    default:
      return Outcome::failed;
  }
}

class OpenSslSession final : public Session {
 public:
  OpenSslSession(SSL_CTX* context, const SessionOptions& options, KeyLog& keys) : ssl_(SSL_new(context)) {
    require(ssl_ != nullptr, "SSL_new");
    SSL_set_app_data(ssl_.get(), &keys);
    require(SSL_set_fd(ssl_.get(), options.transport) == 1, "SSL_set_fd");
    if (!options.asks_for("tickets")) {
      SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET);
      SSL_set_num_tickets(ssl_.get(), 0);
    }
    if (options.asks_for("ignore-eof")) SSL_set_options(ssl_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (options.asks_for("quiet-shutdown")) SSL_set_quiet_shutdown(ssl_.get(), 1);
    if (options.asks_for("read-ahead")) SSL_set_read_ahead(ssl_.get(), 1);
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

  Answer extra(Call, const std::vector<std::string>&, std::span<std::byte>) override { return {"", 0, {}, 0, {}, Outcome::unsupported}; }

  State state() const override {
    const int flags = SSL_get_shutdown(ssl_.get());
    State state{{"shutdown", shutdown_flags(flags & SSL_SENT_SHUTDOWN, flags & SSL_RECEIVED_SHUTDOWN)},
                {"pending", std::to_string(SSL_pending(ssl_.get()))}};
    if (!error_of_zero_.empty()) state.emplace_back("error-of-zero", error_of_zero_);
    return state;
  }

 private:
  void begin() {
    ERR_clear_error();
    error_of_zero_.clear();
    errno = 0;
  }

  Answer answer(std::string_view native, int returned) const {
    const int error_number = errno;
    const int error = SSL_get_error(ssl_.get(), returned);
    const unsigned long reason = ERR_peek_error();
    Answer answer{native, returned, {}, 0, {}, outcome_of(error, reason, error_number)};
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

  Answer shutdown(Outcome of_zero) {
    begin();
    const int returned = SSL_shutdown(ssl_.get());
    if (returned != 0) return answer("SSL_shutdown", returned);
    // The manual: SSL_get_error after 0 means nothing. It is shown, and decides nothing.
    error_of_zero_ = error_name(SSL_get_error(ssl_.get(), returned));
    return {"SSL_shutdown", 0, {}, 0, {}, of_zero};
  }

  friend SSL* tlsbye::peer::ssl_of(Session&);

  Ssl ssl_;
  std::string error_of_zero_;
};

Context make_context(Role role, Tls tls) {
  Context context(SSL_CTX_new(role == Role::client ? TLS_client_method() : TLS_server_method()));
  require(context != nullptr, "SSL_CTX_new");
  SSL_CTX* c = context.get();
  const int version = tls == Tls::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
  require(SSL_CTX_set_min_proto_version(c, version) == 1 && SSL_CTX_set_max_proto_version(c, version) == 1,
          "SSL_CTX_set_min_proto_version");
  require(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1, "SSL_CTX_set_ciphersuites");
  require(SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1, "SSL_CTX_set_cipher_list");
  require(SSL_CTX_set1_groups_list(c, "P-256") == 1, "SSL_CTX_set1_groups_list");
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(c, SSL_VERIFY_NONE, nullptr);
  // A write that is made again is given what is left, which may lie elsewhere.
  SSL_CTX_set_mode(c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_keylog_callback(c, [](const SSL* ssl, const char* line) { static_cast<KeyLog*>(SSL_get_app_data(ssl))->line(line); });
  if (role == Role::server) {
    const Bio certificate(BIO_new_mem_buf(leaf_certificate, -1)), key(BIO_new_mem_buf(leaf_key, -1));
    const std::unique_ptr<X509, Freed<X509_free>> x509(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> pkey(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    require(SSL_CTX_use_certificate(c, x509.get()) == 1, "SSL_CTX_use_certificate");
    require(SSL_CTX_use_PrivateKey(c, pkey.get()) == 1, "SSL_CTX_use_PrivateKey");
  }
  return context;
}

class OpenSsl final : public Stack {
 public:
  Hello hello() const override {
    return {"openssl",
            OpenSSL_version(OPENSSL_VERSION_STRING),
            {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write", "key-log", "tickets", "ignore-eof", "quiet-shutdown",
             "read-ahead"}};
  }

  void forget_sessions() override {}

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    Context& context = contexts_[options.role == Role::server][options.tls == Tls::v1_3];
    if (!context) context = make_context(options.role, options.tls);
    return std::make_unique<OpenSslSession>(context.get(), options, keys);
  }

 private:
  std::array<std::array<Context, 2>, 2> contexts_;
};

}  // namespace

SSL* ssl_of(Session& session) { return static_cast<OpenSslSession&>(session).ssl_.get(); }

std::unique_ptr<Stack> make_openssl() { return std::make_unique<OpenSsl>(); }

}  // namespace tlsbye::peer
