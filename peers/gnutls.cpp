// The GnuTLS peer.
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"
#include "peers/common/heap.h"
#include "peers/common/stack.h"

namespace tlsbye::peer {
namespace {

using Session_ = std::unique_ptr<gnutls_session_int, Freed<gnutls_deinit>>;
using Credentials = std::unique_ptr<gnutls_certificate_credentials_st, Freed<gnutls_certificate_free_credentials>>;
using AntiReplay = std::unique_ptr<gnutls_anti_replay_st, Freed<gnutls_anti_replay_deinit>>;
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
    case GNUTLS_E_INVALID_REQUEST:
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

// What a server keeps to resume sessions by id: the store behind gnutls_db_set_ptr.
class Store {
 public:
  void serve(gnutls_session_t session) {
    gnutls_db_set_ptr(session, this);
    gnutls_db_set_store_function(session, [](void* store, gnutls_datum_t key, gnutls_datum_t data) {
      of(store)[text(key)] = text(data);
      return 0;
    });
    gnutls_db_set_retrieve_function(session, [](void* store, gnutls_datum_t key) {
      const auto found = of(store).find(text(key));
      gnutls_datum_t data{};
      if (found == of(store).end()) return data;
      data.size = static_cast<unsigned>(found->second.size());
      data.data = static_cast<unsigned char*>(gnutls_malloc(data.size));
      if (data.data) std::memcpy(data.data, found->second.data(), data.size);
      return data;
    });
    gnutls_db_set_remove_function(session,
                                  [](void* store, gnutls_datum_t key) { return of(store).erase(text(key)) == 1 ? 0 : GNUTLS_E_DB_ERROR; });
  }
  std::size_t size() const { return entries_.size(); }
  void clear() { entries_.clear(); }

 private:
  using Entries = std::map<std::string, std::string>;
  static Entries& of(void* store) { return static_cast<Store*>(store)->entries_; }
  static std::string text(gnutls_datum_t datum) { return {reinterpret_cast<const char*>(datum.data), datum.size}; }

  Entries entries_;
};

// What outlives a session of one run, and no run.
struct Memory {
  Memory() { forget(); }
  ~Memory() { gnutls_free(ticket_key.data); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void forget() {
    gnutls_free(std::exchange(ticket_key.data, nullptr));
    require(gnutls_session_ticket_key_generate(&ticket_key), "gnutls_session_ticket_key_generate");
    store.clear();
    kept.clear();
    anti_replay.reset();
    hellos.clear();
  }

  // What a server must have that accepts early data: every ClientHello with early data is taken once
  // (gnutls_anti_replay_set_add_function(3)).
  gnutls_anti_replay_t against_replay() {
    if (!anti_replay) {
      gnutls_anti_replay_t made = nullptr;
      require(gnutls_anti_replay_init(&made), "gnutls_anti_replay_init");
      anti_replay.reset(made);
      gnutls_anti_replay_set_ptr(made, this);
      gnutls_anti_replay_set_add_function(made, [](void* self, time_t, const gnutls_datum_t* key, const gnutls_datum_t*) {
        const auto [at, fresh] = static_cast<Memory*>(self)->hellos.emplace(reinterpret_cast<const char*>(key->data), key->size);
        return fresh ? 0 : GNUTLS_E_DB_ENTRY_EXISTS;
      });
    }
    return anti_replay.get();
  }

  gnutls_datum_t ticket_key{};
  Store store;
  std::string kept;  // by a client, for the next session
  AntiReplay anti_replay;
  std::set<std::string> hellos;
};

class GnuTlsSession final : public Session {
 public:
  GnuTlsSession(const SessionOptions& options, gnutls_priority_st* priority, gnutls_certificate_credentials_st* credentials, Memory& memory,
                KeyLog& keys)
      : options_(options), memory_(memory), keys_(keys) {
    const bool tickets = options.asks_for(Option::tickets), server = options.role == Role::server;
    // One key share, not one of each group: what is not used costs as much.
    unsigned flags = server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP;
    if (options.io == Io::nonblocking) flags |= GNUTLS_NONBLOCK;
    // TLS 1.3 has no session ids: a client has nothing but tickets to keep.
    const bool keeps_tickets = tickets || (!server && options.tls == Tls::v1_3 && options.asks_for(Option::session_cache));
    if (!keeps_tickets) flags |= GNUTLS_NO_TICKETS;
    if (options.asks_for(Option::no_signal)) flags |= GNUTLS_NO_SIGNAL;
    if (options.asks_for(Option::false_start) && !server) flags |= GNUTLS_ENABLE_FALSE_START;
    if (options.asks_for(Option::early_data)) flags |= GNUTLS_ENABLE_EARLY_DATA;
    if (options.asks_for(Option::post_handshake_auth)) flags |= GNUTLS_POST_HANDSHAKE_AUTH;
    gnutls_session_t session = nullptr;
    require(gnutls_init(&session, flags), "gnutls_init");
    session_.reset(session);
    require(gnutls_priority_set(session, priority), "gnutls_priority_set");
    require(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "gnutls_credentials_set");
    if (tickets && server) require(gnutls_session_ticket_enable_server(session, &memory.ticket_key), "gnutls_session_ticket_enable_server");
    if (options.asks_for(Option::session_cache) && server) memory.store.serve(session);
    if (options.asks_for(Option::early_data) && server) gnutls_anti_replay_enable(session, memory.against_replay());
    if (options.asks_for(Option::require_certificate) && server) gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    if (options.asks_for(Option::verify_certificate) && !server) gnutls_session_set_verify_cert(session, nullptr, 0);
    error_ = 0;
    // What cannot be resumed is not offered.
    if (!server && !memory.kept.empty()) gnutls_session_set_data(session, memory.kept.data(), memory.kept.size());
    gnutls_handshake_set_timeout(session, 0);
    if (options.asks_for(Option::callbacks)) {
      gnutls_transport_set_ptr(session, this);
      gnutls_transport_set_pull_function(session, pull);
      gnutls_transport_set_push_function(session, push);
    } else {
      gnutls_transport_set_int(session, options.transport);
    }
    gnutls_session_set_ptr(session, this);
    gnutls_session_set_keylog_function(session, log_key);
  }

  Answer handshake() override {
    const Answer answer = this->answer("gnutls_handshake", gnutls_handshake(session_.get()), Outcome::done);
    has_keys_ = has_keys_ || answer.outcome == Outcome::done;
    return answer;
  }

  Answer read(std::span<std::byte> into) override {
    if (options_.asks_for(Option::receive_packet)) return read_packet(into);
    const bool numbered = options_.asks_for(Option::receive_seq);
    std::array<unsigned char, 8> number{};
    const ssize_t returned = numbered ? gnutls_record_recv_seq(session_.get(), into.data(), into.size(), number.data())
                                      : gnutls_record_recv(session_.get(), into.data(), into.size());
    return received(numbered ? "gnutls_record_recv_seq" : "gnutls_record_recv", returned, into);
  }

  Answer write(std::span<const std::byte> from) override {
    return with_bytes(answer("gnutls_record_send", gnutls_record_send(session_.get(), from.data(), from.size()), Outcome::done));
  }

  Answer close() override { return answer("gnutls_bye", gnutls_bye(session_.get(), GNUTLS_SHUT_RDWR), Outcome::done); }
  Answer close_write() override { return answer("gnutls_bye", gnutls_bye(session_.get(), GNUTLS_SHUT_WR), Outcome::done); }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    gnutls_session_t session = session_.get();
    switch (call) {
      case Call::send_alert: {
        if (options_.asks_for(Option::due_alert))
          return answer("gnutls_alert_send_appropriate", gnutls_alert_send_appropriate(session, due_), Outcome::done);
        const auto level = static_cast<gnutls_alert_level_t>(number(arguments.at(0)));
        const auto description = static_cast<gnutls_alert_description_t>(number(arguments.at(1)));
        return answer("gnutls_alert_send", gnutls_alert_send(session, level, description), Outcome::done);
      }
      case Call::key_update:
        return answer("gnutls_session_key_update", gnutls_session_key_update(session, arguments.empty() ? 0 : GNUTLS_KU_PEER),
                      Outcome::done);
      case Call::renegotiate:  // a server asks for it, a client begins: gnutls_rehandshake(3)
        if (options_.role == Role::client) return handshake();
        return answer("gnutls_rehandshake", gnutls_rehandshake(session), Outcome::done);
      case Call::write_early: {  // all or nothing; it goes out with the handshake
        const int due = due_;
        Answer answer =
            this->answer("gnutls_record_send_early_data", gnutls_record_send_early_data(session, into.data(), into.size()), Outcome::done);
        due_ = due;  // it keeps the data, and speaks with nobody
        if (answer.outcome == Outcome::done) answer.bytes = into.size();
        return answer;
      }
      case Call::read_early: {
        const int due = due_;
        Answer answer =
            this->answer("gnutls_record_recv_early_data", gnutls_record_recv_early_data(session, into.data(), into.size()), Outcome::done);
        if (answer.returned == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) answer.outcome = has_keys_ ? Outcome::end_of_data : Outcome::refused;
        due_ = due;  // it gives what an earlier call has read, and speaks with nobody
        return with_bytes(answer);
      }
      case Call::keep_session:
        return keep_session();
      case Call::set:
        return set(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  State state() const override {
    gnutls_session_t session = session_.get();
    State state{{"direction", sends() ? "send" : "recv"}, {"pending", std::to_string(gnutls_record_check_pending(session))}};
    if (corks_) state.emplace_back("corked", std::to_string(gnutls_record_check_corked(session)));
    if (error_ < 0) {
      state.emplace_back("fatal", gnutls_error_is_fatal(error_) ? "yes" : "no");
      state.emplace_back("due-alert", due_alert());
    }
    if (options_.asks_for(Option::receive_packet)) state.emplace_back("packet", packet_ ? "set" : "null");
    if (error_ == GNUTLS_E_FATAL_ALERT_RECEIVED || error_ == GNUTLS_E_WARNING_ALERT_RECEIVED) state.emplace_back("alert", alert());
    const bool caches = options_.asks_for(Option::session_cache);
    if (has_keys_ && (caches || options_.asks_for(Option::tickets)))
      state.emplace_back("resumed", gnutls_session_is_resumed(session) ? "yes" : "no");
    if (options_.asks_for(Option::early_data) && has_keys_)
      state.emplace_back("early-data", gnutls_session_get_flags(session) & GNUTLS_SFLAGS_EARLY_DATA ? "accepted" : "no");
    if (options_.asks_for(Option::false_start) && has_keys_)
      state.emplace_back("false-start", gnutls_session_get_flags(session) & GNUTLS_SFLAGS_FALSE_START ? "yes" : "no");
    if (caches && options_.role == Role::server) state.emplace_back("stored", std::to_string(memory_.store.size()));
    return state;
  }

 private:
  static long number(std::string_view text) {
    long number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

  Answer received(std::string_view native, ssize_t returned, std::span<std::byte> into) const {
    return with_bytes(answer(native, returned, returned == 0 && !into.empty() ? Outcome::end_of_data : Outcome::done));
  }

  // A packet is a record: it fits into all that is no shorter.
  Answer read_packet(std::span<std::byte> into) {
    if (into.size() < 16384) return no_such_call();
    packet_ = reinterpret_cast<gnutls_packet_t>(this);  // no packet at all: whether it is set to null is to be seen
    const ssize_t returned = gnutls_record_recv_packet(session_.get(), &packet_);
    if (returned > 0) {
      gnutls_datum_t data{};
      gnutls_packet_get(packet_, &data, nullptr);
      std::memcpy(into.data(), data.data, data.size);
      gnutls_packet_deinit(packet_);
    }
    return received("gnutls_record_recv_packet", returned, into);
  }

  Answer keep_session() {
    gnutls_datum_t data{};
    const int due = due_;
    Answer answer = this->answer("gnutls_session_get_data2", gnutls_session_get_data2(session_.get(), &data), Outcome::done);
    if (due != 0) due_ = due;  // behind an error it does not speak; otherwise, in TLS 1.3, it reads, and may meet one
    memory_.kept.assign(reinterpret_cast<const char*>(data.data), data.size);
    gnutls_free(data.data);
    return answer;
  }

  Answer set(std::string_view name, std::string_view value) {
    gnutls_session_t session = session_.get();
    error_ = 0;
    if (name == spell(Switch::timeout)) {
      gnutls_record_set_timeout(session, static_cast<unsigned>(number(value)));
      return done_by("gnutls_record_set_timeout");
    }
    if (name != spell(Switch::cork)) return no_such_call();
    corks_ = true;
    if (value != "on") return answer("gnutls_record_uncork", gnutls_record_uncork(session, 0), Outcome::done);
    gnutls_record_cork(session);
    return done_by("gnutls_record_cork");
  }

  // Transport of our own, as gnutls_transport_set_pull_function(3) and its likes ask for it. There is none that waits with a timeout.
  static ssize_t pull(gnutls_transport_ptr_t self, void* into, std::size_t size) {
    return moved(self, ::recv(of(self).options_.transport, into, size, 0));
  }
  static ssize_t push(gnutls_transport_ptr_t self, const void* from, std::size_t size) {
    return moved(self, ::send(of(self).options_.transport, from, size, of(self).options_.asks_for(Option::no_signal) ? MSG_NOSIGNAL : 0));
  }
  static ssize_t moved(gnutls_transport_ptr_t self, ssize_t result) {
    if (result < 0) gnutls_transport_set_errno(of(self).session_.get(), errno);
    return result;
  }
  static GnuTlsSession& of(void* self) { return *static_cast<GnuTlsSession*>(self); }

  std::string alert() const {
    const char* name = gnutls_alert_get_name(gnutls_alert_get(session_.get()));
    return name ? name : "unknown alert";
  }

  std::string due_alert() const {
    int level = 0;
    const int alert = gnutls_error_to_alert(error_, &level);
    const char* name = gnutls_alert_get_name(static_cast<gnutls_alert_description_t>(alert));
    return std::string(level == GNUTLS_AL_FATAL ? "fatal " : "warning ") + (name ? name : "unknown alert");
  }

  bool sends() const { return gnutls_record_get_direction(session_.get()) == 1; }

  Answer answer(std::string_view native, ssize_t returned, Outcome success) const {
    const int error_number = errno;
    Answer answer{native, returned, {}, 0, {}, success};
    error_ = returned < 0 ? static_cast<int>(returned) : 0;
    due_ = error_;
    if (returned >= 0) return answer;
    const int error = static_cast<int>(returned);
    answer.outcome = outcome_of(error, sends(), error_number);
    const char* name = gnutls_strerror_name(error);
    answer.code = name ? name : std::to_string(error);
    answer.error_number = error_number;
    answer.words = gnutls_strerror(error);
    if (answer.outcome == Outcome::alert) answer.words.append(" ").append(alert());
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

  // Of this thread's last call: a thread that sends and one that receives may share a session.
  static inline thread_local int error_ = 0;
  static inline thread_local int due_ = 0;  // the same, of the latest call that spoke with the other side

  SessionOptions options_;
  Memory& memory_;
  KeyLog& keys_;
  Session_ session_;
  bool has_keys_ = false, corks_ = false;
  gnutls_packet_t packet_ = nullptr;  // as the last call left it
};

class GnuTls final : public Stack {
 public:
  GnuTls() {
    for (Credentials& credentials : credentials_) {
      gnutls_certificate_credentials_t made = nullptr;
      require(gnutls_certificate_allocate_credentials(&made), "gnutls_certificate_allocate_credentials");
      credentials.reset(made);
    }
    const gnutls_datum_t certificate = datum(leaf_certificate), key = datum(leaf_key);
    gnutls_certificate_credentials_t of_server = credentials_[static_cast<std::size_t>(Role::server)].get();
    require(gnutls_certificate_set_x509_key_mem(of_server, &certificate, &key, GNUTLS_X509_FMT_PEM), "gnutls_certificate_set_x509_key_mem");
    const std::string common = ":+ECDHE-ECDSA:+GROUP-X25519:+GROUP-SECP256R1:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256";
    const std::string gcm = common + ":+AES-128-GCM:+AEAD:+SHA256", cbc = common + ":+SIGN-ECDSA-SHA1:+AES-128-CBC:+SHA1:%NO_ETM";
    priorities_ = {make_priority("NONE:+VERS-TLS1.0" + cbc), make_priority("NONE:+VERS-TLS1.1" + cbc),
                   make_priority("NONE:+VERS-TLS1.2" + gcm), make_priority("NONE:+VERS-TLS1.3" + gcm)};
    // From 3.8.8 on, and a build can be without it.
    gnutls_priority_t hybrid = nullptr;
    if (gnutls_priority_init(&hybrid, ("NONE:+VERS-TLS1.3:+GROUP-X25519-MLKEM768" + gcm).c_str(), nullptr) == GNUTLS_E_SUCCESS)
      hybrid_.reset(hybrid);
  }

  Hello hello() const override {
    Hello hello{"gnutls",
                gnutls_check_version(nullptr),
                {"tls-1.0",
                 "tls-1.1",
                 "tls-1.2",
                 "tls-1.3",
                 "client",
                 "server",
                 "close",
                 "close-write",
                 "key-log",
                 "threads",
                 "fork",
                 "send-alert",
                 "key-update",
                 "renegotiate",
                 "keep-session",
                 "set-timeout",
                 "set-cork",
                 "tickets",
                 "session-cache",
                 "saved-session",  // what gnutls_session_get_data2 gives is a copy
                 "callbacks",
                 "early-data",
                 "false-start",
                 "write-early",
                 "read-early",
                 "no-signal",
                 "receive-seq",
                 "receive-packet",
                 "due-alert",
                 "require-certificate",
                 "verify-certificate",
                 "post-handshake-auth"},
                "gnutls_bye"};
    if (hybrid_) hello.abilities.emplace_back("hybrid-key-share");
    if (heap::possible) hello.abilities.emplace_back("starve");
    return hello;
  }

  void forget_sessions() override { memory_.forget(); }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    const bool hybrid = options.tls == Tls::v1_3 && options.asks_for(Option::hybrid_key_share);
    const Priority& priority = hybrid ? hybrid_ : priorities_[static_cast<std::size_t>(options.tls)];
    const Credentials& credentials = credentials_[static_cast<std::size_t>(options.role)];
    return std::make_unique<GnuTlsSession>(options, priority.get(), credentials.get(), memory_, keys);
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

  std::array<Credentials, 2> credentials_;  // by role
  std::array<Priority, 4> priorities_;      // by version
  Priority hybrid_;  // TLS 1.3 with X25519MLKEM768; none where the library does not have it
  Memory memory_;
};

}  // namespace

std::unique_ptr<Stack> make_gnutls();
std::unique_ptr<Stack> make_gnutls() { return std::make_unique<GnuTls>(); }

}  // namespace tlsbye::peer
