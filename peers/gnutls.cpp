// The GnuTLS peer.
#include <gnutls/gnutls.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/stack.h"

namespace tlsbye::peer {
namespace {

using Session_ = std::unique_ptr<gnutls_session_int, Freed<gnutls_deinit>>;
using Credentials = std::unique_ptr<gnutls_certificate_credentials_st, Freed<gnutls_certificate_free_credentials>>;
using Priority = std::unique_ptr<gnutls_priority_st, Freed<gnutls_priority_deinit>>;

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + gnutls_strerror(result));
}

// What a call that returned an error came to. `sends`: gnutls_record_get_direction after it.
Outcome outcome_of(int error, bool sends, int error_number) {
  switch (error) {
    case GNUTLS_E_AGAIN:
      return sends ? Outcome::want_write : Outcome::want_read;
    case GNUTLS_E_INTERRUPTED:
      return Outcome::interrupted;
    case GNUTLS_E_PREMATURE_TERMINATION:
      return Outcome::cut;
    case GNUTLS_E_PUSH_ERROR:
    case GNUTLS_E_PULL_ERROR:
      return error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
      return Outcome::alert;
    case GNUTLS_E_INVALID_SESSION:
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

class GnuTlsSession final : public Session {
 public:
  GnuTlsSession(const SessionOptions& options, gnutls_priority_st* priority, gnutls_certificate_credentials_st* credentials,
                const gnutls_datum_t& ticket_key, KeyLog& keys)
      : keys_(keys) {
    const bool tickets = options.asks_for("tickets");
    unsigned flags = options.role == Role::client ? GNUTLS_CLIENT : GNUTLS_SERVER;
    if (options.io == Io::nonblocking) flags |= GNUTLS_NONBLOCK;
    if (!tickets) flags |= GNUTLS_NO_TICKETS;
    gnutls_session_t session = nullptr;
    require(gnutls_init(&session, flags), "gnutls_init");
    session_.reset(session);
    require(gnutls_priority_set(session, priority), "gnutls_priority_set");
    require(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "gnutls_credentials_set");
    if (tickets && options.role == Role::server)
      require(gnutls_session_ticket_enable_server(session, &ticket_key), "gnutls_session_ticket_enable_server");
    gnutls_handshake_set_timeout(session, 0);
    gnutls_transport_set_int(session, options.transport);
    gnutls_session_set_ptr(session, this);
    gnutls_session_set_keylog_function(session, log_key);
  }

  Answer handshake() override { return answer("gnutls_handshake", gnutls_handshake(session_.get()), Outcome::done); }

  Answer read(std::span<std::byte> into) override {
    const ssize_t returned = gnutls_record_recv(session_.get(), into.data(), into.size());
    return with_bytes(answer("gnutls_record_recv", returned, returned == 0 && !into.empty() ? Outcome::end_of_data : Outcome::done));
  }

  Answer write(std::span<const std::byte> from) override {
    return with_bytes(answer("gnutls_record_send", gnutls_record_send(session_.get(), from.data(), from.size()), Outcome::done));
  }

  Answer close() override { return answer("gnutls_bye", gnutls_bye(session_.get(), GNUTLS_SHUT_RDWR), Outcome::done); }
  Answer close_write() override { return answer("gnutls_bye", gnutls_bye(session_.get(), GNUTLS_SHUT_WR), Outcome::done); }

  Answer extra(Call, const std::vector<std::string>&, std::span<std::byte>) override { return {"", 0, {}, 0, {}, Outcome::unsupported}; }

  State state() const override {
    return {{"direction", sends() ? "send" : "recv"}, {"pending", std::to_string(gnutls_record_check_pending(session_.get()))}};
  }

 private:
  bool sends() const { return gnutls_record_get_direction(session_.get()) == 1; }

  Answer answer(std::string_view native, ssize_t returned, Outcome success) const {
    const int error_number = errno;
    Answer answer{native, returned, {}, 0, {}, success};
    if (returned >= 0) return answer;
    const int error = static_cast<int>(returned);
    answer.outcome = outcome_of(error, sends(), error_number);
    const char* name = gnutls_strerror_name(error);
    answer.code = name ? name : std::to_string(error);
    answer.error_number = error_number;
    answer.words = gnutls_strerror(error);
    if (answer.outcome == Outcome::alert) {
      const char* alert = gnutls_alert_get_name(gnutls_alert_get(session_.get()));
      answer.words.append(" ").append(alert ? alert : "unknown alert");
    }
    return answer;
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  static int log_key(gnutls_session_t session, const char* label, const gnutls_datum_t* secret) {
    gnutls_datum_t client{}, server{};
    gnutls_session_get_random(session, &client, &server);
    static_cast<GnuTlsSession*>(gnutls_session_get_ptr(session))
        ->keys_.line(std::string(label) + " " + hex({client.data, client.size}) + " " + hex({secret->data, secret->size}));
    return 0;
  }

  KeyLog& keys_;
  Session_ session_;
};

class GnuTls final : public Stack {
 public:
  GnuTls() {
    gnutls_certificate_credentials_t credentials = nullptr;
    require(gnutls_certificate_allocate_credentials(&credentials), "gnutls_certificate_allocate_credentials");
    credentials_.reset(credentials);
    const gnutls_datum_t certificate = datum(leaf_certificate), key = datum(leaf_key);
    require(gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM),
            "gnutls_certificate_set_x509_key_mem");
    require(gnutls_session_ticket_key_generate(&ticket_key_), "gnutls_session_ticket_key_generate");
    const std::string common = "+AES-128-GCM:+AEAD:+SHA256:+ECDHE-ECDSA:+GROUP-SECP256R1:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256";
    priority_1_2_ = make_priority("NONE:+VERS-TLS1.2:" + common);
    priority_1_3_ = make_priority("NONE:+VERS-TLS1.3:" + common);
  }
  ~GnuTls() override { gnutls_free(ticket_key_.data); }
  GnuTls(const GnuTls&) = delete;
  GnuTls& operator=(const GnuTls&) = delete;

  Hello hello() const override {
    return {
        "gnutls", gnutls_check_version(nullptr), {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write", "key-log", "tickets"}};
  }

  void forget_sessions() override {}

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    const Priority& priority = options.tls == Tls::v1_2 ? priority_1_2_ : priority_1_3_;
    return std::make_unique<GnuTlsSession>(options, priority.get(), credentials_.get(), ticket_key_, keys);
  }

 private:
  static gnutls_datum_t datum(const char* text) {
    return {reinterpret_cast<unsigned char*>(const_cast<char*>(text)), static_cast<unsigned>(std::strlen(text))};
  }

  static Priority make_priority(const std::string& words) {
    gnutls_priority_t priority = nullptr;
    require(gnutls_priority_init(&priority, words.c_str(), nullptr), "gnutls_priority_init");
    return Priority(priority);
  }

  Credentials credentials_;
  gnutls_datum_t ticket_key_{};
  Priority priority_1_2_, priority_1_3_;
};

}  // namespace

std::unique_ptr<Stack> make_gnutls();
std::unique_ptr<Stack> make_gnutls() { return std::make_unique<GnuTls>(); }

}  // namespace tlsbye::peer
