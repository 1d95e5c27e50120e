// The Botan peer. Compiles against Botan 2.19; an ability that the library does not have is not promised.
//
// Botan moves no bytes. The application gives it what came, and gets what is to be sent by a callback; the transport and its end are the
// application's own business. So each call here is one of TLS::Channel, with one recv before it or the sends that it asked for behind it,
// and `callbacks` is the only way. What could not be sent is kept, as an application would, and sent before anything else.
//
// TLS::Channel::close sends the alert and waits for nothing: there is a `close-write`, and no `close`.
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
#include <botan/x509cert.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <exception>
#include <optional>
#include <set>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"

namespace tlsbye::peer {
namespace {

namespace tls = Botan::TLS;

tls::Protocol_Version version_of(Tls version) { return tls::Protocol_Version(3, static_cast<std::uint8_t>(1 + static_cast<int>(version))); }

// One suite, one curve, one version; all else as the library does it.
class OneSuite final : public tls::Policy {
 public:
  OneSuite(Tls version, bool requires_certificate) : version_(version), requires_certificate_(requires_certificate) {}
  std::vector<std::string> allowed_ciphers() const override { return {old() ? "AES-128" : "AES-128/GCM"}; }
  std::vector<std::string> allowed_macs() const override { return {old() ? "SHA-1" : "AEAD"}; }
  std::vector<std::string> allowed_key_exchange_methods() const override { return {"ECDH"}; }
  std::vector<std::string> allowed_signature_methods() const override { return {"ECDSA"}; }
  std::vector<std::string> allowed_signature_hashes() const override { return {old() ? "SHA-1" : "SHA-256"}; }
  std::vector<tls::Group_Params> key_exchange_groups() const override { return {tls::Group_Params::SECP256R1}; }
  bool allow_tls10() const override { return version_ == Tls::v1_0; }
  bool allow_tls11() const override { return version_ == Tls::v1_1; }
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

 private:
  std::vector<Botan::X509_Certificate> chain_;
  std::unique_ptr<Botan::Private_Key> key_;
  std::optional<Botan::SymmetricKey> ticket_key_;
};

// What outlives a session of a run. Random numbers are those of the process that uses them.
struct Memory {
  Botan::AutoSeeded_RNG random;
  tls::Session_Manager_In_Memory server{random};
  std::optional<tls::Session> kept;  // by a client, for the next session
  std::set<std::string> secrets;     // of the sessions so far
};

class BotanSession final : public Session, public tls::Callbacks {
 public:
  BotanSession(Memory& memory, Identity& identity, const SessionOptions& options, KeyLog& keys)
      : options_(options),
        memory_(memory),
        identity_(identity),
        keys_(keys),
        policy_(options.tls, options.asks_for(Option::require_certificate)),
        of_client_(memory.random) {
    if (options.role == Role::client) return;
    identity.make_ticket_key(options.asks_for(Option::tickets), memory.random);
    channel_ = std::make_unique<tls::Server>(*this, sessions(), identity, policy_, memory.random);
  }

  // A client's first message goes out as soon as there is a TLS::Client.
  Answer handshake() override {
    if (!channel_) {
      const Answer answer = call("TLS::Client", [&] {
        if (memory_.kept) of_client_.save(*memory_.kept);
        channel_ = std::make_unique<tls::Client>(*this, sessions(), identity_, policy_, memory_.random, server_, version_of(options_.tls));
      });
      if (answer.outcome != Outcome::done || !channel_) return answer;
    }
    if (channel_->is_active()) return sent("TLS::Channel::is_active", Outcome::done);
    return received(65536, [&] { return channel_->is_active() ? Outcome::done : Outcome::want_read; });
  }

  Answer read(std::span<std::byte> into) override {
    if (!data_.empty() || !channel_) return data(into);
    if (alert_ && alert_->type() == tls::Alert::CLOSE_NOTIFY) return {"TLS::Channel::is_closed", 1, {}, 0, {}, Outcome::end_of_data};
    Answer answer = received(65536, [&] { return Outcome::want_read; });
    if (data_.empty() || (answer.outcome != Outcome::want_read && answer.outcome != Outcome::end_of_data)) return answer;
    return data(into);
  }

  Answer write(std::span<const std::byte> from) override {
    if (!channel_) return refused("TLS::Channel::send");
    // A write that is made again after its records could not be sent is not protected again.
    if (writing_ == 0 || to_send_.empty()) {
      const Answer answer = call("TLS::Channel::send", [&] { channel_->send(bytes(from.data()), from.size()); });
      if (answer.outcome == Outcome::done) return with_bytes(answer, from.size());
      if (answer.outcome == Outcome::want_write || answer.outcome == Outcome::interrupted) writing_ = from.size();
      return answer;
    }
    const Answer answer = sent("TLS::Channel::send", Outcome::done);
    return answer.outcome == Outcome::done ? with_bytes(answer, std::exchange(writing_, 0)) : answer;
  }

  Answer close() override { return no_such_call(); }

  Answer close_write() override {
    if (!channel_) return refused("TLS::Channel::close");
    return call("TLS::Channel::close", [&] { channel_->close(); });
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte>) override {
    switch (call) {
      case Call::send_alert: {
        if (!channel_) return refused("TLS::Channel::send_alert");
        const tls::Alert alert(static_cast<tls::Alert::Type>(std::stoi(arguments.at(1))), arguments.at(0) == "2");
        return this->call("TLS::Channel::send_alert", [&] { channel_->send_alert(alert); });
      }
      case Call::keep_session:
        memory_.kept = established_;
        return {"TLS::Callbacks::tls_session_established",      established_.has_value(), {}, 0, {},
                established_ ? Outcome::done : Outcome::refused};
      default:
        return no_such_call();
    }
  }

  State state() const override {
    State state{{"pending", std::to_string(data_.size())},
                {"active", channel_ && channel_->is_active() ? "yes" : "no"},
                {"closed", channel_ && channel_->is_closed() ? "yes" : "no"}};
    if (alert_) state.emplace_back("alert", alert_->type_string());
    if (resumes() && resumed_) state.emplace_back("resumed", *resumed_ ? "yes" : "no");
    return state;
  }

 private:
  static const std::uint8_t* bytes(const std::byte* from) { return reinterpret_cast<const std::uint8_t*>(from); }
  bool resumes() const { return options_.asks_for(Option::tickets) || options_.asks_for(Option::session_cache); }
  tls::Session_Manager& sessions() {
    if (options_.role == Role::client) return resumes() ? static_cast<tls::Session_Manager&>(of_client_) : none_;
    return options_.asks_for(Option::session_cache) ? static_cast<tls::Session_Manager&>(memory_.server) : none_;
  }

  // What the library calls back.
  void tls_emit_data(const std::uint8_t from[], std::size_t size) override { to_send_.append(reinterpret_cast<const char*>(from), size); }
  void tls_record_received(std::uint64_t, const std::uint8_t from[], std::size_t size) override {
    const auto* begin = reinterpret_cast<const std::byte*>(from);
    data_.insert(data_.end(), begin, begin + size);
  }
  void tls_alert(tls::Alert alert) override { alert_ = alert; }
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
    std::vector<std::uint8_t> some(most);
    const auto got = ::recv(options_.transport, some.data(), some.size(), 0);
    if (got < 0) return of_transport("recv", Outcome::want_read);
    if (got == 0) return {"recv", 0, {}, 0, {}, Outcome::cut};
    const Answer answer = call("TLS::Channel::received_data", [&] { channel_->received_data(some.data(), static_cast<std::size_t>(got)); });
    if (answer.outcome == Outcome::failed || answer.outcome == Outcome::refused) return answer;
    if (alert_ && alert_->type() == tls::Alert::CLOSE_NOTIFY) return with(answer, Outcome::end_of_data);
    if (alert_ && alert_->is_fatal()) return with(answer, Outcome::alert);
    return with(answer, otherwise());
  }

  Answer data(std::span<std::byte> into) {
    const std::size_t size = std::min(into.size(), data_.size());
    std::copy_n(data_.begin(), size, into.begin());
    data_.erase(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(size));
    return with_bytes({"TLS::Callbacks::tls_record_received", static_cast<long>(size), {}, 0, {}, Outcome::done}, size);
  }

  // All that is to be sent, as far as the transport takes it.
  bool send_all() {
    while (!to_send_.empty()) {
      const auto put = ::send(options_.transport, to_send_.data(), to_send_.size(), 0);
      if (put < 0) return false;
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
  tls::Session_Manager_In_Memory of_client_;
  tls::Session_Manager_Noop none_;
  tls::Server_Information server_{"localhost", 443};
  std::unique_ptr<tls::Channel> channel_;
  std::string to_send_;
  std::size_t writing_ = 0;     // bytes of a write whose records are not all sent
  std::deque<std::byte> data_;  // received, and not yet read
  std::optional<tls::Alert> alert_;
  std::optional<tls::Session> established_;
  std::optional<bool> resumed_;
  std::vector<std::uint8_t> client_random_;
};

class BotanStack final : public Stack {
 public:
  Hello hello() const override {
    return {"botan",
            Botan::short_version_cstr(),
            {"tls-1.0", "tls-1.1", "tls-1.2", "client", "server", "close-write", "key-log", "send-alert", "keep-session", "tickets",
             "session-cache", "saved-session", "callbacks", "require-certificate", "verify-certificate"},
            "botan_ffi_api_version"};
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
