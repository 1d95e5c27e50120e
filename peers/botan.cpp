// The Botan peer. Compiles against Botan 2.19 and 3.7 and later; an ability that the library does not have is not promised. Botan 3 shares
// what it is given, has TLS 1.3 and a key log, says whether a session was resumed, and has no TLS below 1.2 any more.
//
// Botan moves no bytes. The application gives it what came, and gets what is to be sent by a callback; the transport and its end are the
// application's own business. So each call here is one of TLS::Channel, with one recv before it or the sends that it asked for behind it,
// and `callbacks` is the only way. What could not be sent is kept, as an application would, and sent before anything else.
//
// TLS::Channel::close sends the alert and waits for nothing: there is a `close-write`, and no `close`. A close_notify is answered as
// tls_peer_closed_connection does it by default (Botan 3, TLS 1.3). A read gives what the library gave, in its order: data that came before
// an alert or an exception comes before it, and a close_notify or a fatal alert before what the library makes of that which came behind it.
// Once one of these has closed the channel, no more is given to it.
#include <botan/auto_rng.h>
#include <botan/credentials_manager.h>
#include <botan/data_src.h>
#include <botan/pkcs8.h>
#include <botan/tls_alert.h>
#include <botan/tls_callbacks.h>
#include <botan/tls_client.h>
#include <botan/tls_exceptn.h>
#include <botan/tls_messages.h>
#include <botan/tls_policy.h>
#include <botan/tls_server.h>
#include <botan/tls_session.h>
#include <botan/tls_session_manager.h>
#include <botan/version.h>
#if BOTAN_VERSION_MAJOR >= 3
#include <botan/tls_session_manager_memory.h>
#include <botan/tls_session_manager_noop.h>
#include <botan/tls_session_manager_stateless.h>
#endif
#include <botan/x509cert.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"

namespace tlsbye::peer {
namespace {

namespace tls = Botan::TLS;

#if BOTAN_VERSION_MAJOR >= 3
constexpr bool is_3 = true;
using Bytes = std::span<const std::uint8_t>;
using Kept = tls::Session_with_Handle;
// Shared, but nobody's to delete: all that a channel uses outlives it here.
template <typename T>
std::shared_ptr<T> given(T& it) {
  return {std::shared_ptr<void>(), &it};
}
#else
constexpr bool is_3 = false;
using Kept = tls::Session;
template <typename T>
T& given(T& it) {
  return it;
}
#endif

tls::Protocol_Version version_of(Tls version) { return tls::Protocol_Version(3, static_cast<std::uint8_t>(1 + static_cast<int>(version))); }

// One suite, the groups of all stacks, one version; all else as the library does it.
class OneSuite final : public tls::Policy {
 public:
  OneSuite(Tls version, bool requires_certificate) : version_(version), requires_certificate_(requires_certificate) {}
  std::vector<std::string> allowed_ciphers() const override { return {old() ? "AES-128" : "AES-128/GCM"}; }
  std::vector<std::string> allowed_macs() const override { return {old() ? "SHA-1" : "AEAD"}; }
  std::vector<std::string> allowed_key_exchange_methods() const override { return {"ECDH"}; }
  std::vector<std::string> allowed_signature_methods() const override { return {"ECDSA"}; }
  std::vector<std::string> allowed_signature_hashes() const override { return {old() ? "SHA-1" : "SHA-256"}; }
  std::vector<tls::Group_Params> key_exchange_groups() const override { return {tls::Group_Params::X25519, tls::Group_Params::SECP256R1}; }
#if BOTAN_VERSION_MAJOR >= 3
  bool allow_tls13() const override { return version_ == Tls::v1_3; }
  bool allow_ssl_key_log_file() const override { return true; }
#else
  bool allow_tls10() const override { return version_ == Tls::v1_0; }
  bool allow_tls11() const override { return version_ == Tls::v1_1; }
#endif
  bool allow_tls12() const override { return version_ == Tls::v1_2; }
  bool negotiate_encrypt_then_mac() const override { return false; }
  bool require_cert_revocation_info() const override { return false; }
  bool require_client_certificate_authentication() const override { return requires_certificate_; }

 private:
  bool old() const { return version_ < Tls::v1_2; }
  Tls version_;
  bool requires_certificate_;
};

// What servers show, and the key that tickets are sealed with: a new one for each run.
class Identity final : public Botan::Credentials_Manager {
 public:
  Identity() {
    Botan::DataSource_Memory certificate(leaf_certificate), key(leaf_key);
    chain_.emplace_back(certificate);
    key_ = Botan::PKCS8::load_key(key);
  }
  void make_ticket_key(bool wanted, Botan::RandomNumberGenerator& random) {
    if (!wanted) ticket_key_.reset();
    if (wanted && !ticket_key_) ticket_key_.emplace(random, 32);
  }
  void forget() { ticket_key_.reset(); }

#if BOTAN_VERSION_MAJOR >= 3
  std::vector<Botan::X509_Certificate> find_cert_chain(const std::vector<std::string>&, const std::vector<Botan::AlgorithmIdentifier>&,
                                                       const std::vector<Botan::X509_DN>&, const std::string& type,
                                                       const std::string&) override {
    return type == "tls-server" ? chain_ : std::vector<Botan::X509_Certificate>{};
  }
  std::shared_ptr<Botan::Private_Key> private_key_for(const Botan::X509_Certificate&, const std::string&, const std::string&) override {
    return key_;
  }
  Botan::secure_vector<std::uint8_t> session_ticket_key() override {
    return ticket_key_ ? ticket_key_->bits_of() : Botan::secure_vector<std::uint8_t>{};
  }
#else
  std::vector<Botan::X509_Certificate> find_cert_chain(const std::vector<std::string>&, const std::vector<Botan::X509_DN>&,
                                                       const std::string& type, const std::string&) override {
    return type == "tls-server" ? chain_ : std::vector<Botan::X509_Certificate>{};
  }
  Botan::Private_Key* private_key_for(const Botan::X509_Certificate&, const std::string&, const std::string&) override {
    return key_.get();
  }
  Botan::SymmetricKey psk(const std::string& type, const std::string& context, const std::string& identity) override {
    if (type == "tls-server" && context == "session-ticket" && ticket_key_) return *ticket_key_;
    return Botan::Credentials_Manager::psk(type, context, identity);
  }
#endif

 private:
  std::vector<Botan::X509_Certificate> chain_;
  std::shared_ptr<Botan::Private_Key> key_;
  std::optional<Botan::SymmetricKey> ticket_key_;
};

// What outlives a session of a run. Random numbers are those of the process that uses them.
struct Memory {
  Botan::AutoSeeded_RNG random;
  tls::Session_Manager_In_Memory server{given(random)};
  std::optional<Kept> kept;       // by a client, for the next session
#if BOTAN_VERSION_MAJOR < 3
  std::shared_ptr<tls::Session_Manager> keeper;  // or whose manager may still have it
#endif
  std::set<std::string> secrets;  // of the sessions so far
};

class BotanSession final : public Session, public tls::Callbacks {
 public:
  BotanSession(Memory& memory, Identity& identity, const SessionOptions& options, KeyLog& keys)
      : options_(options),
        memory_(memory),
        identity_(identity),
        keys_(keys),
        policy_(options.tls, options.asks_for(Option::require_certificate)),
#if BOTAN_VERSION_MAJOR >= 3
        of_client_(given(memory.random)) {
#else
        of_client_(std::make_shared<tls::Session_Manager_In_Memory>(memory.random)) {
#endif
    if (options.role == Role::client) return;
    identity.make_ticket_key(options.asks_for(Option::tickets), memory.random);
    channel_ = std::make_unique<tls::Server>(given(*this), given(sessions()), given(identity), given(policy_), given(memory.random));
  }

  // A client's first message goes out as soon as there is a TLS::Client.
  Answer handshake() override {
    if (!channel_) {
      const Answer answer = call("TLS::Client", [&] {
        if (const auto kept = for_this_session()) offer(*kept);
        channel_ = std::make_unique<tls::Client>(given(*this), given(sessions()), given(identity_), given(policy_), given(memory_.random),
                                                 server_, version_of(options_.tls));
      });
      if (answer.outcome != Outcome::done || !channel_) return answer;
    }
    if (is_complete()) return sent(done_when, Outcome::done);
    return received(65536, [&] { return is_complete() ? Outcome::done : Outcome::want_read; });
  }

  Answer read(std::span<std::byte> into) override {
    if (!channel_) return refused("TLS::Channel::received_data");
    if (!data_.empty()) return data(into);
    if (!told_later_.empty()) {
      const Answer answer = std::move(told_later_.front());
      told_later_.pop_front();
      return answer;
    }
    if (is_ended()) return sent("TLS::Channel::is_closed", Outcome::end_of_data);
    Answer answer = received(65536, [&] { return Outcome::want_read; });
    if (data_.empty()) return answer;
    // What the library gave before it reported an alert, or failed, comes before that.
    if (answer.outcome == Outcome::alert || answer.outcome == Outcome::end_of_data || answer.outcome == Outcome::failed ||
        answer.outcome == Outcome::refused)
      told_later_.push_front(answer);
    return data(into);
  }

  Answer write(std::span<const std::byte> from) override {
    if (!channel_) return refused("TLS::Channel::send");
    if (broken_) return *broken_;
    // A write that is made again after its records could not be sent is not protected again, whatever has sent them since. Behind a close
    // there is nothing to be made again: the library is asked, and refuses.
    if (writing_ == 0) {
      const Answer answer = call("TLS::Channel::send", [&] { channel_->send(bytes(from.data()), from.size()); });
      if (answer.outcome == Outcome::done) return with_bytes(answer, from.size());
      if (answer.outcome == Outcome::want_write || answer.outcome == Outcome::interrupted) writing_ = from.size();
      return answer;
    }
    const Answer answer = sent("TLS::Channel::send", Outcome::done);
    if (answer.outcome != Outcome::done) return answer;
    const std::size_t of_it = std::min(writing_, from.size());
    writing_ -= of_it;
    return with_bytes(answer, of_it);
  }

  Answer close() override { return no_such_call(); }

  Answer close_write() override {
    if (!channel_) return refused("TLS::Channel::close");
    return call_that_sends("TLS::Channel::close", [&] {
      channel_->close();
      writing_ = 0;
    });
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    switch (call) {
      case Call::send_alert: {
        if (!channel_) return refused("TLS::Channel::send_alert");
        const tls::Alert alert(static_cast<tls::Alert::Type>(std::stoi(arguments.at(1))), arguments.at(0) == "2");
        return call_that_sends("TLS::Channel::send_alert", [&] { channel_->send_alert(alert); });
      }
#if BOTAN_VERSION_MAJOR >= 3
      case Call::key_update:
        if (!channel_) return refused("TLS::Channel::update_traffic_keys");
        return call_that_sends("TLS::Channel::update_traffic_keys", [&] { channel_->update_traffic_keys(!arguments.empty()); });
      case Call::keep_session: {
        auto stored = of_client_.find(server_, *this, policy_);
        memory_.kept = stored.empty() ? std::nullopt : std::optional(std::move(stored.back()));
        return {"TLS::Session_Manager::find", memory_.kept.has_value(), {}, 0, {}, memory_.kept ? Outcome::done : Outcome::refused};
      }
#else
      // A copy where it was asked for; otherwise the next session offers what the library's manager still has then.
      case Call::keep_session: {
        const bool copies = options_.asks_for(Option::saved_session);
        memory_.kept = copies ? established_ : std::nullopt;
        memory_.keeper = !copies && established_ ? of_client_ : nullptr;
        return {"TLS::Callbacks::tls_session_established",      established_.has_value(), {}, 0, {},
                established_ ? Outcome::done : Outcome::refused};
      }
#endif
      default:
        return no_such_call();
    }
  }

  State state() const override {
    State state{{"pending", std::to_string(data_.size())},
                {"active", channel_ && channel_->is_active() ? "yes" : "no"},
                {"closed", channel_ && channel_->is_closed() ? "yes" : "no"}};
#if BOTAN_VERSION_MAJOR >= 3
    state.emplace_back("closed-for-reading", channel_ && channel_->is_closed_for_reading() ? "yes" : "no");
    state.emplace_back("closed-for-writing", channel_ && channel_->is_closed_for_writing() ? "yes" : "no");
#endif
    if (alert_) state.emplace_back("alert", alert_->type_string());
    if (resumes() && resumed_) state.emplace_back("resumed", *resumed_ ? "yes" : "no");
    return state;
  }

 private:
  static const std::uint8_t* bytes(const std::byte* from) { return reinterpret_cast<const std::uint8_t*>(from); }
  bool resumes() const { return options_.asks_for(Option::tickets) || options_.asks_for(Option::session_cache); }
  tls::Session_Manager& sessions() {
    if (options_.role == Role::client) return resumes() ? of_client() : none_;
    if (options_.asks_for(Option::session_cache)) return memory_.server;
#if BOTAN_VERSION_MAJOR >= 3
    if (options_.asks_for(Option::tickets)) return of_tickets_;
#endif
    return none_;
  }
  // Over by an alert of either side, of which the application knows: it gives the channel nothing more.
  bool is_over() const { return has_failed_ && channel_->is_closed(); }
  bool is_ended() const { return alert_ && static_cast<int>(alert_->type()) == 0; }
  bool is_told_its_end() const { return is_ended() || (alert_ && alert_->is_fatal()); }

  // What the library calls back.
  void take(const std::uint8_t from[], std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(from);
    data_.insert(data_.end(), begin, begin + size);
  }
  void tls_alert(tls::Alert alert) override {
    if (!is_told_its_end()) alert_ = alert;  // the library tells of those behind it too
  }
#if BOTAN_VERSION_MAJOR >= 3
  // A server of TLS 1.3 is active before the client has finished.
  static constexpr std::string_view done_when = "TLS::Channel::is_handshake_complete";
  bool is_complete() const { return channel_->is_handshake_complete(); }
  tls::Session_Manager& of_client() { return of_client_; }
  std::optional<Kept> for_this_session() const { return memory_.kept; }
  void offer(const Kept& session) { of_client_.store(session.session, session.handle); }
  void tls_emit_data(Bytes from) override { to_send_.append(reinterpret_cast<const char*>(from.data()), from.size()); }
  void tls_record_received(std::uint64_t, Bytes from) override { take(from.data(), from.size()); }
  void tls_session_established(const tls::Session_Summary& session) override { resumed_ = session.was_resumption(); }
  void tls_ssl_key_log_data(std::string_view label, Bytes client_random, Bytes secret) const override {
    keys_.line(std::string(label) + " " + hex(client_random) + " " + hex(secret));
  }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>& chain,
                             const std::vector<std::optional<Botan::OCSP::Response>>& responses,
                             const std::vector<Botan::Certificate_Store*>& trusted, Botan::Usage_Type usage, std::string_view name,
                             const tls::Policy& policy) override {
    if (options_.asks_for(Option::verify_certificate))
      tls::Callbacks::tls_verify_cert_chain(chain, responses, trusted, usage, name, policy);
  }
#else
  static constexpr std::string_view done_when = "TLS::Channel::is_active";
  bool is_complete() const { return channel_->is_active(); }
  tls::Session_Manager& of_client() { return *of_client_; }
  std::optional<Kept> for_this_session() {
    if (!memory_.keeper) return memory_.kept;
    tls::Session session;
    const bool still_there = memory_.keeper->load_from_server_info(server_, session);
    memory_.keeper = of_client_;
    return still_there ? std::optional(session) : std::nullopt;
  }
  void offer(const Kept& session) { of_client_->save(session); }
  void tls_emit_data(const std::uint8_t from[], std::size_t size) override { to_send_.append(reinterpret_cast<const char*>(from), size); }
  void tls_record_received(std::uint64_t, const std::uint8_t from[], std::size_t size) override { take(from, size); }
  bool tls_session_established(const tls::Session& session) override {
    // Botan does not say whether a session was resumed. Its master secret does: it is one of an earlier session.
    const std::string secret = hex({session.master_secret().data(), session.master_secret().size()});
    resumed_ = !memory_.secrets.insert(secret).second;
    established_ = session;
    keys_.line("CLIENT_RANDOM " + hex(client_random_) + " " + secret);
    return true;
  }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>& chain,
                             const std::vector<std::shared_ptr<const Botan::OCSP::Response>>& responses,
                             const std::vector<Botan::Certificate_Store*>& trusted, Botan::Usage_Type usage, const std::string& name,
                             const tls::Policy& policy) override {
    if (options_.asks_for(Option::verify_certificate))
      tls::Callbacks::tls_verify_cert_chain(chain, responses, trusted, usage, name, policy);
  }
  void tls_inspect_handshake_msg(const tls::Handshake_Message& message) override {
    if (const auto* hello = dynamic_cast<const tls::Client_Hello*>(&message)) client_random_ = hello->random();
    tls::Callbacks::tls_inspect_handshake_msg(message);
  }
#endif

  // One call of the library, then what it wants to be sent.
  template <typename Do>
  Answer call(std::string_view native, Do make) {
    errno = 0;
    try {
      make();
    } catch (const tls::TLS_Exception& error) {
      return failed(native, error, tls::Alert(error.type()).type_string());
    } catch (const Botan::Invalid_State& error) {
      return {native, -1, "Invalid_State", 0, error.what(), Outcome::refused};
    } catch (const Botan::Exception& error) {
      return failed(native, error, Botan::to_string(error.error_type()));
    }
    return sent(native, Outcome::done);
  }

  template <typename Do>
  Answer call_that_sends(std::string_view native, Do make) {
    return broken_ ? *broken_ : call(native, make);
  }

  // The library has thrown, and may have an alert to send.
  Answer failed(std::string_view native, const std::exception& error, std::string code) {
    (void)send_all();
    return {native, -1, std::move(code), 0, error.what(), Outcome::failed};
  }
  static Answer refused(std::string_view native) { return {native, -1, {}, 0, "no handshake yet", Outcome::refused}; }

  // One recv of the application's, and the library gets what came. `otherwise`, where nothing better can be said.
  template <typename Otherwise>
  Answer received(std::size_t most, Otherwise otherwise) {
    if (const Answer answer = sent("TLS::Channel::received_data", Outcome::done); answer.outcome != Outcome::done) return answer;
    if (is_over()) return {"TLS::Channel::is_closed", 1, {}, 0, {}, Outcome::refused};
    std::vector<std::uint8_t> some(most);
    const auto got = ::recv(options_.transport, some.data(), some.size(), 0);
    if (got < 0) return of_transport("recv", Outcome::want_read);
    if (got == 0) return {"recv", 0, {}, 0, {}, Outcome::cut};
    const bool was_told = is_told_its_end();
    const Answer answer = call("TLS::Channel::received_data", [&] { channel_->received_data(some.data(), static_cast<std::size_t>(got)); });
    has_failed_ = answer.outcome == Outcome::failed || (alert_ && alert_->is_fatal());
    // The library told the end, or a fatal alert, and then failed over what came behind it.
    if (is_told_its_end() && !was_told && (answer.outcome == Outcome::failed || answer.outcome == Outcome::refused)) {
      told_later_.push_back(answer);
      return {answer.native, 0, {}, 0, {}, is_ended() ? Outcome::end_of_data : Outcome::alert};
    }
    if (answer.outcome != Outcome::done) return answer;
    if (is_ended()) return with(answer, Outcome::end_of_data);
    if (alert_ && alert_->is_fatal()) return with(answer, Outcome::alert);
    return with(answer, otherwise());
  }

  Answer data(std::span<std::byte> into) {
    const std::size_t size = std::min(into.size(), data_.size());
    std::copy_n(data_.begin(), size, into.begin());
    data_.erase(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(size));
    return with_bytes({"TLS::Callbacks::tls_record_received", static_cast<long>(size), {}, 0, {}, Outcome::done}, size);
  }

  // All that is to be sent, as far as the transport takes it. Nothing goes out any more on one that broke.
  bool send_all() {
    while (!to_send_.empty() && !broken_) {
      const auto put = ::send(options_.transport, to_send_.data(), to_send_.size(), 0);
      if (put < 0) {
        if (errno != EAGAIN && errno != EINTR) broken_ = of_transport("send", Outcome::want_write);
        return false;
      }
      to_send_.erase(0, static_cast<std::size_t>(put));
    }
    return true;
  }
  Answer sent(std::string_view native, Outcome done) {
    if (!send_all()) return of_transport("send", Outcome::want_write);
    return {native, 0, {}, 0, {}, done};
  }
  static Answer of_transport(std::string_view native, Outcome would_block) {
    const int error_number = errno;
    const Outcome outcome = error_number == EAGAIN                                ? would_block
                            : error_number == EINTR                               ? Outcome::interrupted
                            : error_number == ECONNRESET || error_number == EPIPE ? Outcome::reset
                                                                                  : Outcome::failed;
    return {native, -1, {}, error_number, {}, outcome};
  }
  static Answer with(Answer answer, Outcome outcome) {
    answer.outcome = outcome;
    return answer;
  }
  static Answer with_bytes(Answer answer, std::size_t bytes) {
    answer.bytes = bytes;
    return answer;
  }

  SessionOptions options_;
  Memory& memory_;
  Identity& identity_;
  KeyLog& keys_;
  OneSuite policy_;
#if BOTAN_VERSION_MAJOR >= 3
  tls::Session_Manager_In_Memory of_client_;
#else
  std::shared_ptr<tls::Session_Manager> of_client_;
#endif
  tls::Session_Manager_Noop none_;
#if BOTAN_VERSION_MAJOR >= 3
  tls::Session_Manager_Stateless of_tickets_{given<Botan::Credentials_Manager>(identity_),
                                             given<Botan::RandomNumberGenerator>(memory_.random)};
#else
  std::optional<tls::Session> established_;
  std::vector<std::uint8_t> client_random_;
#endif
  tls::Server_Information server_{"localhost", 443};
  std::unique_ptr<tls::Channel> channel_;
  std::string to_send_;
  std::size_t writing_ = 0;     // bytes of a write that was taken, and not yet told as done
  std::deque<std::byte> data_;  // received, and not yet read
  std::optional<tls::Alert> alert_;
  bool has_failed_ = false;
  std::deque<Answer> told_later_;
  std::optional<Answer> broken_;  // the transport, for sending
  std::optional<bool> resumed_;
};

class BotanStack final : public Stack {
 public:
  Hello hello() const override {
    Hello hello{"botan",
                Botan::short_version_cstr(),
                {"tls-1.2", "client", "server", "close-write", "key-log", "send-alert", "keep-session", "tickets", "session-cache",
                 "saved-session", "callbacks", "moves-no-bytes", "require-certificate", "verify-certificate"},
                "botan_ffi_api_version"};
    for (const char* ability : is_3 ? std::vector{"tls-1.3", "key-update"} : std::vector{"tls-1.0", "tls-1.1"})
      hello.abilities.emplace_back(ability);
    return hello;
  }

  void forget_sessions() override {
    memory_.reset();
    identity_.forget();
  }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    try {
      if (!memory_) memory_ = std::make_unique<Memory>();
      return std::make_unique<BotanSession>(*memory_, identity_, options, keys);
    } catch (const Botan::Exception& error) {
      throw std::runtime_error(error.what());
    }
  }

 private:
  Identity identity_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace

std::unique_ptr<Stack> make_botan();
std::unique_ptr<Stack> make_botan() { return std::make_unique<BotanStack>(); }

}  // namespace tlsbye::peer
