// The Mbed TLS peer. Compiles against Mbed TLS 2.16, 2.28 and 3; an ability that the library does not have is not promised.
//
// Mbed TLS has one call that closes, mbedtls_ssl_close_notify: it sends the alert and waits for nothing. So there is a `close-write`, and
// no `close`. Its functions return their errors as numbers; the names stand in its headers only, and here.
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif
#if MBEDTLS_VERSION_NUMBER >= 0x02130000  // before 2.19 it tells a secret, and not whose
#define TLSBYE_NAMES_THE_SESSION_OF_ITS_KEYS
#endif
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <set>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/stack.h"

namespace tlsbye::peer {
namespace {

// One of the library's structs, which have a function to begin and one to end with.
template <typename T, auto Init, auto Free>
class Held {
 public:
  Held() { Init(&it_); }
  ~Held() { Free(&it_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  T* get() { return &it_; }
  const T* get() const { return &it_; }

 private:
  T it_;
};
using Certificate = Held<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using Key = Held<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using Entropy = Held<mbedtls_entropy_context, mbedtls_entropy_init, mbedtls_entropy_free>;
using Generator = Held<mbedtls_ctr_drbg_context, mbedtls_ctr_drbg_init, mbedtls_ctr_drbg_free>;
using Config = Held<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;
using Ssl = Held<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;
using Saved = Held<mbedtls_ssl_session, mbedtls_ssl_session_init, mbedtls_ssl_session_free>;
using Tickets = Held<mbedtls_ssl_ticket_context, mbedtls_ssl_ticket_init, mbedtls_ssl_ticket_free>;
using Cache = Held<mbedtls_ssl_cache_context, mbedtls_ssl_cache_init, mbedtls_ssl_cache_free>;

// Those that can come up once keys are on, and a handshake's usual ones.
std::string error_name(int error) {
  switch (error) {
#define NAME(error) \
  case error:       \
    return #error;
    NAME(MBEDTLS_ERR_NET_CONN_RESET)
    NAME(MBEDTLS_ERR_NET_INVALID_CONTEXT)
    NAME(MBEDTLS_ERR_NET_RECV_FAILED)
    NAME(MBEDTLS_ERR_NET_SEND_FAILED)
    NAME(MBEDTLS_ERR_SSL_ALLOC_FAILED)
    NAME(MBEDTLS_ERR_SSL_BAD_INPUT_DATA)
    NAME(MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL)
    NAME(MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED)
    NAME(MBEDTLS_ERR_SSL_CONN_EOF)
    NAME(MBEDTLS_ERR_SSL_CONTINUE_PROCESSING)
    NAME(MBEDTLS_ERR_SSL_COUNTER_WRAPPING)
    NAME(MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
    NAME(MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE)
    NAME(MBEDTLS_ERR_SSL_INTERNAL_ERROR)
    NAME(MBEDTLS_ERR_SSL_INVALID_MAC)
    NAME(MBEDTLS_ERR_SSL_INVALID_RECORD)
    NAME(MBEDTLS_ERR_SSL_NON_FATAL)
    NAME(MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
    NAME(MBEDTLS_ERR_SSL_TIMEOUT)
    NAME(MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE)
    NAME(MBEDTLS_ERR_SSL_UNEXPECTED_RECORD)
    NAME(MBEDTLS_ERR_SSL_WANT_READ)
    NAME(MBEDTLS_ERR_SSL_WANT_WRITE)
    NAME(MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
#if MBEDTLS_VERSION_MAJOR >= 3
    NAME(MBEDTLS_ERR_SSL_DECODE_ERROR)
    NAME(MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE)
    NAME(MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER)
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
    NAME(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
#endif
#else
    NAME(MBEDTLS_ERR_SSL_BAD_HS_CLIENT_HELLO)
    NAME(MBEDTLS_ERR_SSL_BAD_HS_FINISHED)
    NAME(MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN)
    NAME(MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE)
#endif
#undef NAME
    default:
      break;
  }
  std::array<char, 8> digits{};
  std::to_chars(digits.data(), digits.data() + digits.size() - 1, -error, 16);
  return std::string("-0x") + digits.data();
}

std::string error_words(int error) {
  std::array<char, 200> words{};
  mbedtls_strerror(error, words.data(), words.size());
  return words.data();
}

void require(int result, const char* what) {
  if (result != 0) throw std::runtime_error(std::string(what) + ": " + error_words(result));
}

// What a call that returned an error came to.
Outcome outcome_of(int error) {
  switch (error) {
    case MBEDTLS_ERR_SSL_WANT_READ:
      return Outcome::want_read;
    case MBEDTLS_ERR_SSL_WANT_WRITE:
      return Outcome::want_write;
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
    case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:  // "can be ignored", and there may be data behind it
      return Outcome::interrupted;
#endif
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
      return Outcome::end_of_data;
    case MBEDTLS_ERR_SSL_CONN_EOF:
      return Outcome::cut;
    case MBEDTLS_ERR_NET_CONN_RESET:
      return Outcome::reset;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      return Outcome::alert;
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA:  // not now, or not so
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

// A transport of our own, option `callbacks`, by the rules of mbedtls_ssl_send_t and mbedtls_ssl_recv_t.
int callback_error(int otherwise, int would_block) {
  if (errno == EAGAIN || errno == EINTR) return would_block;
  return errno == ECONNRESET || errno == EPIPE ? MBEDTLS_ERR_NET_CONN_RESET : otherwise;
}
int send_by_callback(void* net, const unsigned char* from, std::size_t size) {
  const auto put = ::send(static_cast<mbedtls_net_context*>(net)->fd, from, size, 0);
  return put < 0 ? callback_error(MBEDTLS_ERR_NET_SEND_FAILED, MBEDTLS_ERR_SSL_WANT_WRITE) : static_cast<int>(put);
}
int receive_by_callback(void* net, unsigned char* into, std::size_t size) {
  const auto got = ::recv(static_cast<mbedtls_net_context*>(net)->fd, into, size, 0);
  return got < 0 ? callback_error(MBEDTLS_ERR_NET_RECV_FAILED, MBEDTLS_ERR_SSL_WANT_READ) : static_cast<int>(got);
}

// Random numbers. Seeded by the process that uses them: a forked one would repeat its parent's.
class Random {
 public:
  Random() { require(mbedtls_ctr_drbg_seed(generator_.get(), mbedtls_entropy_func, entropy_.get(), nullptr, 0), "mbedtls_ctr_drbg_seed"); }
  void* get() { return generator_.get(); }

 private:
  Entropy entropy_;
  Generator generator_;
};

// What outlives a session of a run.
struct Memory {
  Random random;
  Tickets tickets;
  Cache cache;
  std::unique_ptr<Saved> kept;    // by a client, for the next session
  std::set<std::string> secrets;  // of the sessions so far

  Memory() {
    require(mbedtls_ssl_ticket_setup(tickets.get(), mbedtls_ctr_drbg_random, random.get(), MBEDTLS_CIPHER_AES_256_GCM, 86400),
            "mbedtls_ssl_ticket_setup");
  }
};

struct Identity {
  Certificate ca, leaf;
  Key key;

  Identity() {
    const auto bytes = [](const auto& pem) { return reinterpret_cast<const unsigned char*>(pem); };
    require(mbedtls_x509_crt_parse(ca.get(), bytes(ca_certificate), sizeof ca_certificate), "mbedtls_x509_crt_parse");
    require(mbedtls_x509_crt_parse(leaf.get(), bytes(leaf_certificate), sizeof leaf_certificate), "mbedtls_x509_crt_parse");
#if MBEDTLS_VERSION_MAJOR >= 3
    Random random;
    require(mbedtls_pk_parse_key(key.get(), bytes(leaf_key), sizeof leaf_key, nullptr, 0, mbedtls_ctr_drbg_random, random.get()),
            "mbedtls_pk_parse_key");
#else
    require(mbedtls_pk_parse_key(key.get(), bytes(leaf_key), sizeof leaf_key, nullptr, 0), "mbedtls_pk_parse_key");
#endif
  }
};

class MbedTlsSession final : public Session {
 public:
  MbedTlsSession(Memory& memory, Identity& identity, const SessionOptions& options, KeyLog& keys)
      : options_(options), memory_(memory), keys_(keys), net_{options.transport} {
    mbedtls_ssl_config* config = config_.get();
    const bool client = options.role == Role::client;
    require(mbedtls_ssl_config_defaults(config, client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT),
            "mbedtls_ssl_config_defaults");
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, random_.get());
    speak_only(options.tls);
    mbedtls_ssl_conf_encrypt_then_mac(config, MBEDTLS_SSL_ETM_DISABLED);
    // Whoever trusts the leaf alone does not know its issuer.
    const bool verifies = client && options.asks_for(Option::verify_certificate),
               requires_one = !client && options.asks_for(Option::require_certificate);
    mbedtls_ssl_conf_authmode(config, verifies || requires_one ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_ca_chain(config, verifies ? identity.leaf.get() : identity.ca.get(), nullptr);
    if (client) {
      mbedtls_ssl_conf_session_tickets(
          config, options.asks_for(Option::tickets) ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    } else {
      require(mbedtls_ssl_conf_own_cert(config, identity.leaf.get(), identity.key.get()), "mbedtls_ssl_conf_own_cert");
      if (options.asks_for(Option::tickets))
        mbedtls_ssl_conf_session_tickets_cb(config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, memory.tickets.get());
      if (options.asks_for(Option::session_cache))
        mbedtls_ssl_conf_session_cache(config, memory.cache.get(), mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
    }
#if MBEDTLS_VERSION_MAJOR < 3 && defined(TLSBYE_NAMES_THE_SESSION_OF_ITS_KEYS)
    mbedtls_ssl_conf_export_keys_ext_cb(config, exported, this);
#elif MBEDTLS_VERSION_MAJOR < 3
    mbedtls_ssl_conf_export_keys_cb(config, exported, this);
#endif
    require(mbedtls_ssl_setup(ssl_.get(), config), "mbedtls_ssl_setup");
#if MBEDTLS_VERSION_MAJOR >= 3
    mbedtls_ssl_set_export_keys_cb(ssl_.get(), exported, this);
    if (client) mbedtls_ssl_set_hostname(ssl_.get(), nullptr);  // which 3.6 wants to be said
#endif
    if (client && memory.kept) mbedtls_ssl_set_session(ssl_.get(), memory.kept->get());  // what cannot be resumed is not offered
    const bool callbacks = options.asks_for(Option::callbacks);
    mbedtls_ssl_set_bio(ssl_.get(), &net_, callbacks ? send_by_callback : mbedtls_net_send,
                        callbacks ? receive_by_callback : mbedtls_net_recv, nullptr);
  }

  Answer handshake() override {
    errno = 0;
    const Answer answer = this->answer("mbedtls_ssl_handshake", mbedtls_ssl_handshake(ssl_.get()));
    if (answer.outcome == Outcome::done) handshaken_ = true;
    return answer;
  }

  Answer read(std::span<std::byte> into) override {
    errno = 0;
    const int returned = mbedtls_ssl_read(ssl_.get(), reinterpret_cast<unsigned char*>(into.data()), into.size());
    // 0: the transport ended without a close_notify.
    if (returned == 0 && !into.empty()) return {"mbedtls_ssl_read", 0, {}, 0, {}, Outcome::cut};
    return with_bytes(answer("mbedtls_ssl_read", returned));
  }

  Answer write(std::span<const std::byte> from) override {
    errno = 0;
    return with_bytes(
        answer("mbedtls_ssl_write", mbedtls_ssl_write(ssl_.get(), reinterpret_cast<const unsigned char*>(from.data()), from.size())));
  }

  Answer close() override { return no_such_call(); }

  Answer close_write() override {
    errno = 0;
    return answer("mbedtls_ssl_close_notify", mbedtls_ssl_close_notify(ssl_.get()));
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    errno = 0;
    mbedtls_ssl_context* ssl = ssl_.get();
    switch (call) {
      case Call::send_alert:
        return answer("mbedtls_ssl_send_alert_message",
                      mbedtls_ssl_send_alert_message(ssl, static_cast<unsigned char>(std::stoi(arguments.at(0))),
                                                     static_cast<unsigned char>(std::stoi(arguments.at(1)))));
      case Call::clear:
        handshaken_ = false;
        return answer("mbedtls_ssl_session_reset", mbedtls_ssl_session_reset(ssl));
      case Call::keep_session: {
        auto kept = std::make_unique<Saved>();
        const Answer answer = this->answer("mbedtls_ssl_get_session", mbedtls_ssl_get_session(ssl, kept->get()));
        if (answer.outcome == Outcome::done) memory_.kept = std::move(kept);
        return answer;
      }
      case Call::set:
        return set_timeout(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  State state() const override {
    State state{{"pending", std::to_string(mbedtls_ssl_get_bytes_avail(ssl_.get()))},
                {"check-pending", std::to_string(mbedtls_ssl_check_pending(ssl_.get()))}};
    if (handshaken_ && tells_resumption()) state.emplace_back("resumed", resumed_ ? "yes" : "no");
    return state;
  }

 private:
  static Answer answer(std::string_view native, int returned) {
    const int error_number = errno;
    if (returned >= 0) return {native, returned, {}, 0, {}, Outcome::done};
    return {native, returned, error_name(returned), error_number, error_words(returned), outcome_of(returned)};
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  // A read with a limit is one by mbedtls_net_recv_timeout, which asks select first.
  Answer set_timeout(std::string_view name, std::string_view value) {
    std::uint32_t limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (name != spell(Switch::timeout) || error != std::errc() || end != value.data() + value.size()) return no_such_call();
    mbedtls_ssl_conf_read_timeout(config_.get(), limit);
    mbedtls_ssl_set_bio(ssl_.get(), &net_, mbedtls_net_send, mbedtls_net_recv, limit > 0 ? mbedtls_net_recv_timeout : nullptr);
    return done_by("mbedtls_ssl_conf_read_timeout");
  }

  void speak_only(Tls tls) {
    static constexpr int suites[][2] = {{MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, 0},
                                        {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, 0},
                                        {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0},
                                        {0x1301, 0}};  // TLS_AES_128_GCM_SHA256
    mbedtls_ssl_config* config = config_.get();
    mbedtls_ssl_conf_ciphersuites(config, suites[static_cast<std::size_t>(tls)]);
#if MBEDTLS_VERSION_MAJOR >= 3
    const auto version = tls == Tls::v1_3 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
    mbedtls_ssl_conf_min_tls_version(config, version);
    mbedtls_ssl_conf_max_tls_version(config, version);
    static constexpr std::uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                               MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    mbedtls_ssl_conf_groups(config, groups);
#else
    const int minor = MBEDTLS_SSL_MINOR_VERSION_1 + static_cast<int>(tls);
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, minor);
    mbedtls_ssl_conf_max_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, minor);
    static constexpr mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
    const bool has_x25519 = mbedtls_ecp_curve_info_from_grp_id(curves[0]) != nullptr;  // 2.16 does not have it in TLS
    mbedtls_ssl_conf_curves(config, has_x25519 ? curves : curves + 1);
#endif
  }

  // Mbed TLS does not say whether a session was resumed. Before TLS 1.3 its master secret does: it is one of an earlier session.
  bool tells_resumption() const {
    return (options_.asks_for(Option::tickets) || options_.asks_for(Option::session_cache)) && options_.tls != Tls::v1_3;
  }
  void tell(const std::string& label, std::span<const unsigned char> random, std::span<const unsigned char> secret) {
    keys_.line(label + " " + hex(random) + " " + hex(secret));
    if (label == "CLIENT_RANDOM") remember(secret);
  }
  void remember(std::span<const unsigned char> master) {
    if (tells_resumption()) resumed_ = !memory_.secrets.insert(hex(master)).second;
  }

#if MBEDTLS_VERSION_MAJOR >= 3
  static void exported(void* session, mbedtls_ssl_key_export_type type, const unsigned char* secret, std::size_t size,
                       const unsigned char client_random[32], const unsigned char*, mbedtls_tls_prf_types) {
    const char* label = type == MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET ? "CLIENT_RANDOM" : nullptr;
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET) label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET) label = "SERVER_HANDSHAKE_TRAFFIC_SECRET";
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET) label = "CLIENT_TRAFFIC_SECRET_0";
    if (type == MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET) label = "SERVER_TRAFFIC_SECRET_0";
#endif
    if (label) static_cast<MbedTlsSession*>(session)->tell(label, {client_random, 32}, {secret, size});
  }
#elif defined(TLSBYE_NAMES_THE_SESSION_OF_ITS_KEYS)
  static int exported(void* session, const unsigned char* master, const unsigned char*, std::size_t, std::size_t, std::size_t,
                      const unsigned char client_random[32], const unsigned char*, mbedtls_tls_prf_types) {
    static_cast<MbedTlsSession*>(session)->tell("CLIENT_RANDOM", {client_random, 32}, {master, 48});
    return 0;
  }
#else
  static int exported(void* session, const unsigned char* master, const unsigned char*, std::size_t, std::size_t, std::size_t) {
    static_cast<MbedTlsSession*>(session)->remember({master, 48});
    return 0;
  }
#endif

  SessionOptions options_;
  Memory& memory_;
  KeyLog& keys_;
  mbedtls_net_context net_;
  Random random_;
  Config config_;
  Ssl ssl_;
  bool handshaken_ = false, resumed_ = false;
};

class MbedTls final : public Stack {
 public:
#if MBEDTLS_VERSION_MAJOR >= 3
  MbedTls() { require(psa_crypto_init() == PSA_SUCCESS ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR, "psa_crypto_init"); }
#endif

  Hello hello() const override {
    std::array<char, 16> version{};
    mbedtls_version_get_string(version.data());
    return {"mbedtls",
            version.data(),
            {
#ifdef MBEDTLS_SSL_PROTO_TLS1
                "tls-1.0",
#endif
#ifdef MBEDTLS_SSL_PROTO_TLS1_1
                "tls-1.1",
#endif
#ifdef MBEDTLS_SSL_PROTO_TLS1_2
                "tls-1.2",
#endif
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
                "tls-1.3",
#endif
#ifdef TLSBYE_NAMES_THE_SESSION_OF_ITS_KEYS
                "key-log",
#endif
                "client", "server", "close-write", "send-alert", "clear", "keep-session", "set-timeout", "tickets",
                "session-cache", "callbacks", "require-certificate", "verify-certificate", "saved-session"},
            "mbedtls_ssl_close_notify"};
  }

  void forget_sessions() override { memory_.reset(); }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    if (!memory_) memory_ = std::make_unique<Memory>();
    return std::make_unique<MbedTlsSession>(*memory_, identity_, options, keys);
  }

 private:
  Identity identity_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace

std::unique_ptr<Stack> make_mbedtls();
std::unique_ptr<Stack> make_mbedtls() { return std::make_unique<MbedTls>(); }

}  // namespace tlsbye::peer
