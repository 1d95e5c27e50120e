// The s2n-tls peer.
//
// A security policy, which has a name, stands for suites, groups and versions. For TLS 1.2 and for 1.3 there is one that has that version
// alone and our suite and group first; there is none for TLS 1.0 or 1.1 alone. s2n_connection_request_key_update sends nothing, the next
// write of data does: there is no `key-update`. The library does not say which release it is; its version is that of its soname.
//
// After an error that a peer may have caused s2n sleeps for 10 to 30 seconds before it returns (blinding), as it does by default.
#include <s2n.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"

namespace tlsbye::peer {
namespace {

using Config = std::unique_ptr<s2n_config, Freed<s2n_config_free>>;
using Chain = std::unique_ptr<s2n_cert_chain_and_key, Freed<s2n_cert_chain_and_key_free>>;
using Connection = std::unique_ptr<s2n_connection, Freed<s2n_connection_free>>;
using Bytes = std::vector<std::uint8_t>;

void require(int returned, const char* what) {
  if (returned != S2N_SUCCESS) throw std::runtime_error(std::string(what) + ": " + s2n_strerror(s2n_errno, "EN"));
}

Outcome outcome_of(int type, s2n_blocked_status blocked, int error_number) {
  switch (type) {
    case S2N_ERR_T_BLOCKED:
      return blocked == S2N_BLOCKED_ON_WRITE ? Outcome::want_write : Outcome::want_read;
    case S2N_ERR_T_CLOSED:
      return Outcome::cut;
    case S2N_ERR_T_ALERT:
      return Outcome::alert;
    case S2N_ERR_T_IO:
      return error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset : Outcome::failed;
    case S2N_ERR_T_USAGE:
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

// What outlives a session of a run.
struct Memory {
  std::map<Bytes, Bytes> cache;      // a server's: id, session
  Bytes kept;                        // by a client, for the next session
  std::array<std::uint8_t, 32> key;  // tickets and what is in the cache are sealed with it
  Memory() {
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) throw std::runtime_error("getrandom");
  }
};

class S2nSession final : public Session {
 public:
  S2nSession(Memory& memory, s2n_cert_chain_and_key* chain, const SessionOptions& options, KeyLog& keys)
      : memory_(memory), options_(options), keys_(keys), config_(s2n_config_new_minimal()) {
    if (!config_) throw std::runtime_error("s2n_config_new_minimal");
    s2n_config* config = config_.get();
    const char* policy = options.tls == Tls::v1_3 ? "AWS-CRT-SDK-TLSv1.3" : "ELBSecurityPolicy-TLS-1-2-2017-01";
    require(s2n_config_set_cipher_preferences(config, policy), "s2n_config_set_cipher_preferences");
    require(s2n_config_disable_x509_verification(config), "s2n_config_disable_x509_verification");
    require(s2n_config_set_key_log_cb(config, tell_key, this), "s2n_config_set_key_log_cb");
    if (resumes()) {
      require(s2n_config_set_session_tickets_onoff(config, options.asks_for(Option::tickets)), "s2n_config_set_session_tickets_onoff");
      require(s2n_config_set_session_ticket_cb(config, take_ticket, this), "s2n_config_set_session_ticket_cb");
    }
    if (options.role == Role::server) serve(chain);
    connection_.reset(s2n_connection_new(options.role == Role::server ? S2N_SERVER : S2N_CLIENT));
    if (!connection_) throw std::runtime_error("s2n_connection_new");
    prepare();
  }

  Answer handshake() override {
    begin();
    return answer("s2n_negotiate", s2n_negotiate(connection_.get(), &blocked_));
  }

  Answer read(std::span<std::byte> into) override {
    begin();
    const ssize_t got = s2n_recv(connection_.get(), into.data(), static_cast<ssize_t>(into.size()), &blocked_);
    if (got == 0 && !into.empty()) return {"s2n_recv", 0, {}, 0, {}, Outcome::end_of_data};
    return with_bytes(answer("s2n_recv", got));
  }

  Answer write(std::span<const std::byte> from) override {
    begin();
    Answer answer =
        with_bytes(this->answer("s2n_send", s2n_send(connection_.get(), from.data(), static_cast<ssize_t>(from.size()), &blocked_)));
    if (answer.outcome == Outcome::cut) answer.outcome = Outcome::refused;  // closed for writing: the transport is not asked
    return answer;
  }

  Answer close() override {
    begin();
    return answer("s2n_shutdown", s2n_shutdown(connection_.get(), &blocked_));
  }

  Answer close_write() override {
    begin();
    return answer("s2n_shutdown_send", s2n_shutdown_send(connection_.get(), &blocked_));
  }

  Answer extra(Call call, const std::vector<std::string>&, std::span<std::byte>) override {
    begin();
    if (call == Call::keep_session) return keep_session();
    if (call != Call::clear) return no_such_call();
    const Answer answer = this->answer("s2n_connection_wipe", s2n_connection_wipe(connection_.get()));
    if (answer.outcome == Outcome::done) prepare();
    return answer;
  }

  State state() const override {
    s2n_connection* connection = connection_.get();
    State state{{"pending", std::to_string(s2n_peek(connection))}};
    if (resumes() && s2n_connection_handshake_complete(connection) == 1)
      state.emplace_back("resumed", s2n_connection_is_session_resumed(connection) == 1 ? "yes" : "no");
    return state;
  }

 private:
  bool resumes() const { return options_.asks_for(Option::tickets) || options_.asks_for(Option::session_cache); }

  void serve(s2n_cert_chain_and_key* chain) {
    s2n_config* config = config_.get();
    require(s2n_config_add_cert_chain_and_key_to_store(config, chain), "s2n_config_add_cert_chain_and_key_to_store");
    if (options_.asks_for(Option::require_certificate))
      require(s2n_config_set_client_auth_type(config, S2N_CERT_AUTH_REQUIRED), "s2n_config_set_client_auth_type");
    if (options_.asks_for(Option::session_cache)) {
      require(s2n_config_set_cache_store_callback(config, store, &memory_), "s2n_config_set_cache_store_callback");
      require(s2n_config_set_cache_retrieve_callback(config, retrieve, &memory_), "s2n_config_set_cache_retrieve_callback");
      require(s2n_config_set_cache_delete_callback(config, remove, &memory_), "s2n_config_set_cache_delete_callback");
      require(s2n_config_set_session_cache_onoff(config, 1), "s2n_config_set_session_cache_onoff");
    }
    if (!resumes()) return;
    // Only now: a config that does not resume does not take the key, and does not say so.
    static constexpr std::uint8_t name[] = "tlsbye";
    require(s2n_config_add_ticket_crypto_key(config, name, sizeof name, memory_.key.data(), std::tuple_size_v<decltype(memory_.key)>, 0),
            "s2n_config_add_ticket_crypto_key");
  }

  // What has to be said of a connection, a new one or one that was wiped.
  void prepare() {
    s2n_connection* connection = connection_.get();
    require(s2n_connection_set_config(connection, config_.get()), "s2n_connection_set_config");
    if (options_.asks_for(Option::callbacks)) {
      require(s2n_connection_set_recv_cb(connection, receive), "s2n_connection_set_recv_cb");
      require(s2n_connection_set_send_cb(connection, send), "s2n_connection_set_send_cb");
      require(s2n_connection_set_recv_ctx(connection, &options_.transport), "s2n_connection_set_recv_ctx");
      require(s2n_connection_set_send_ctx(connection, &options_.transport), "s2n_connection_set_send_ctx");
    } else {
      require(s2n_connection_set_fd(connection, options_.transport), "s2n_connection_set_fd");
    }
    if (options_.role == Role::client && !memory_.kept.empty())
      require(s2n_connection_set_session(connection, memory_.kept.data(), memory_.kept.size()), "s2n_connection_set_session");
  }

  // TLS 1.3 sends tickets after the handshake; before, the handshake had all. Both are copies.
  Answer keep_session() {
    if (options_.tls == Tls::v1_3) {
      memory_.kept = ticket_;
      return {"s2n_session_ticket_get_data", !ticket_.empty(), {}, 0, {}, ticket_.empty() ? Outcome::refused : Outcome::done};
    }
    const int size = s2n_connection_get_session_length(connection_.get());
    memory_.kept.resize(static_cast<std::size_t>(std::max(size, 0)));
    const int got = size > 0 ? s2n_connection_get_session(connection_.get(), memory_.kept.data(), memory_.kept.size()) : size;
    if (got <= 0) memory_.kept.clear();
    return {"s2n_connection_get_session", got, {}, 0, {}, got > 0 ? Outcome::done : Outcome::refused};
  }

  void begin() {
    s2n_errno = S2N_ERR_T_OK;
    errno = 0;
    blocked_ = S2N_NOT_BLOCKED;
  }

  Answer answer(std::string_view native, ssize_t returned) const {
    if (returned >= 0) return {native, static_cast<long>(returned), {}, 0, {}, Outcome::done};
    const int error_number = errno, error = s2n_errno;
    const Outcome outcome = outcome_of(s2n_error_get_type(error), blocked_, error_number);
    return {native, static_cast<long>(returned), s2n_strerror_name(error), error_number, s2n_strerror(error, "EN"), outcome};
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  // What the library calls back.
  static int tell_key(void* session, s2n_connection*, std::uint8_t* line, std::size_t size) {
    static_cast<S2nSession*>(session)->keys_.line({reinterpret_cast<const char*>(line), size});
    return S2N_SUCCESS;
  }
  static int take_ticket(s2n_connection*, void* session, s2n_session_ticket* ticket) {
    std::size_t size = 0;
    if (s2n_session_ticket_get_data_len(ticket, &size) != S2N_SUCCESS) return S2N_FAILURE;
    Bytes& into = static_cast<S2nSession*>(session)->ticket_;
    into.resize(size);
    return s2n_session_ticket_get_data(ticket, size, into.data());
  }
  static int receive(void* transport, std::uint8_t* into, std::uint32_t size) {
    return static_cast<int>(::recv(*static_cast<const int*>(transport), into, size, 0));
  }
  static int send(void* transport, const std::uint8_t* from, std::uint32_t size) {
    return static_cast<int>(::send(*static_cast<const int*>(transport), from, size, 0));
  }
  static Bytes bytes_at(const void* from, std::uint64_t size) {
    const auto* begin = static_cast<const std::uint8_t*>(from);
    return {begin, begin + size};
  }
  static int store(s2n_connection*, void* memory, std::uint64_t, const void* id, std::uint64_t id_size, const void* session,
                   std::uint64_t size) {
    static_cast<Memory*>(memory)->cache[bytes_at(id, id_size)] = bytes_at(session, size);
    return S2N_SUCCESS;
  }
  static int retrieve(s2n_connection*, void* memory, const void* id, std::uint64_t id_size, void* session, std::uint64_t* size) {
    const auto& cache = static_cast<Memory*>(memory)->cache;
    const auto found = cache.find(bytes_at(id, id_size));
    if (found == cache.end() || found->second.size() > *size) return S2N_FAILURE;
    std::copy(found->second.begin(), found->second.end(), static_cast<std::uint8_t*>(session));
    *size = found->second.size();
    return S2N_SUCCESS;
  }
  static int remove(s2n_connection*, void* memory, const void* id, std::uint64_t id_size) {
    static_cast<Memory*>(memory)->cache.erase(bytes_at(id, id_size));
    return S2N_SUCCESS;
  }

  Memory& memory_;
  SessionOptions options_;
  KeyLog& keys_;
  Config config_;
  Connection connection_;
  s2n_blocked_status blocked_ = S2N_NOT_BLOCKED;
  Bytes ticket_;  // the last that a client was given
};

class S2n final : public Stack {
 public:
  S2n() {
    ::setenv("S2N_DONT_MLOCK", "1", 1);  // what may be locked in memory is little
    require(s2n_disable_atexit(), "s2n_disable_atexit");
    require(s2n_init(), "s2n_init");
    chain_.reset(s2n_cert_chain_and_key_new());
    require(s2n_cert_chain_and_key_load_pem(chain_.get(), leaf_certificate, leaf_key), "s2n_cert_chain_and_key_load_pem");
    forget_sessions();
  }

  Hello hello() const override {
    return {"s2n",
            "1.0.0",
            {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write", "key-log", "clear", "keep-session", "tickets",
             "session-cache", "saved-session", "callbacks", "require-certificate"},
            "s2n_shutdown"};
  }

  void forget_sessions() override { memory_ = std::make_unique<Memory>(); }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    return std::make_unique<S2nSession>(*memory_, chain_.get(), options, keys);
  }

 private:
  Chain chain_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace

std::unique_ptr<Stack> make_s2n();
std::unique_ptr<Stack> make_s2n() { return std::make_unique<S2n>(); }

}  // namespace tlsbye::peer
