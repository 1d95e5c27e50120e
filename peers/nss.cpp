// The NSS peer. NSS is a layer of NSPR's: a connection is a PRFileDesc, and what is called on it are NSPR's functions.
//
// PR_Shutdown with PR_SHUTDOWN_SEND sends the close_notify, and then shuts the transport down for writing as well; PR_Close does the same,
// closes the transport and frees the descriptor. Neither waits for a reply, so there is a `close-write`, which ends the transport, and no
// `close`. PR_Recv returns 0 at the peer's close_notify and at the end of the transport alike.
//
// With `closes-transport` the one-way close is PR_Close. There is nothing left then that could be called: what is asked for afterwards is
// refused here, and the library does not hear of it.
//
// NSPR does not block: it makes its sockets non-blocking, and polls where the application has asked for a blocking one.
#include <cert.h>
#include <fcntl.h>
#include <keyhi.h>
#include <nspr.h>
#include <nss.h>
#include <nssb64.h>
#include <pk11pub.h>
#include <poll.h>
#include <private/pprio.h>
#include <secerr.h>
#include <secmod.h>
#include <ssl.h>
#include <sslerr.h>
#include <sslexp.h>
#include <sslproto.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "certificates.h"
#include "peers/common/adapter.h"

namespace tlsbye::peer {
namespace {

using Certificate = std::unique_ptr<CERTCertificate, Freed<CERT_DestroyCertificate>>;
using Key = std::unique_ptr<SECKEYPrivateKey, Freed<SECKEY_DestroyPrivateKey>>;
using Slot = std::unique_ptr<PK11SlotInfo, Freed<PK11_FreeSlot>>;

std::string error_name(PRErrorCode error) {
  const char* name = PR_ErrorToName(error);
  return name ? name : std::to_string(error);
}

std::string error_words(PRErrorCode error) {
  const char* words = PR_ErrorToString(error, PR_LANGUAGE_I_DEFAULT);
  return words ? words : "";
}

void require(bool success, const char* what) {
  if (!success) throw std::runtime_error(std::string(what) + ": " + error_name(PR_GetError()) + ", " + error_words(PR_GetError()));
}

// The codes for alerts that the peer has sent are named after them, but for one.
bool tells_an_alert(PRErrorCode error) {
  switch (error) {
    case SSL_ERROR_RX_MALFORMED_ALERT:
    case SSL_ERROR_RX_UNEXPECTED_ALERT:
      return false;
    case SSL_ERROR_NEXT_PROTOCOL_NO_PROTOCOL:
      return true;
    default:
      return error_name(error).ends_with("_ALERT");
  }
}

// What a call that failed came to. `waits_for` is what PR_Poll would wait for.
Outcome outcome_of(PRErrorCode error, Flow waits_for) {
  switch (error) {
    case PR_WOULD_BLOCK_ERROR:
      return waits_for == Flow::send ? Outcome::want_write : Outcome::want_read;
    case PR_PENDING_INTERRUPT_ERROR:
      return Outcome::interrupted;
    case PR_END_OF_FILE_ERROR:
      return Outcome::cut;
    case PR_CONNECT_RESET_ERROR:
    case PR_CONNECT_ABORTED_ERROR:
      return Outcome::reset;
    case PR_SOCKET_SHUTDOWN_ERROR:  // not now, or not so: nothing was tried
    case PR_INVALID_ARGUMENT_ERROR:
    case PR_INVALID_METHOD_ERROR:
    case SEC_ERROR_INVALID_ARGS:
    case SSL_ERROR_HANDSHAKE_NOT_COMPLETED:
    case SSL_ERROR_FEATURE_NOT_SUPPORTED_FOR_VERSION:
    case SSL_ERROR_RENEGOTIATION_NOT_ALLOWED:
      return Outcome::refused;
    default:
      return tells_an_alert(error) ? Outcome::alert : Outcome::failed;
  }
}

// The layers below NSS. Where the transport is a pair of Unix sockets, one thing about it has to be made up: a client of NSS asks who its
// peer is, and takes nothing but an IP address for an answer.
PRStatus made_up_address(PRFileDesc*, PRNetAddr* address) {
  PR_InitializeNetAddr(PR_IpAddrLoopback, 443, address);
  return PR_SUCCESS;
}

PRDescIdentity layer_identity() {
  static const PRDescIdentity identity = PR_GetUniqueIdentity("tlsbye");
  return identity;
}

const PRIOMethods* above_a_socket() {
  static const PRIOMethods methods = [] {
    PRIOMethods made = *PR_GetDefaultIOMethods();
    made.getpeername = made_up_address;
    return made;
  }();
  return &methods;
}

// A transport of our own, option `callbacks`: a lowest layer that calls recv and send, and keeps the transport when NSS shuts it down. As
// NSPR's own sockets do, it waits and goes on by itself where the application has asked for a blocking one: NSS counts on that.
struct Callbacks {
  int transport = -1;
  bool nonblocking = false;

  static Callbacks& of(PRFileDesc* layer) { return *reinterpret_cast<Callbacks*>(layer->secret); }

  static PRInt32 failed() {
    switch (errno) {
      case EAGAIN:
      case EINTR:
        PR_SetError(PR_WOULD_BLOCK_ERROR, errno);
        break;
      case ECONNRESET:
      case EPIPE:
        PR_SetError(PR_CONNECT_RESET_ERROR, errno);
        break;
      default:
        PR_SetError(PR_IO_ERROR, errno);
    }
    return -1;
  }
  // Whether a call that failed is to be made again, once there is something to be done.
  static bool goes_on(PRFileDesc* layer, short events) {
    if (of(layer).nonblocking || (errno != EAGAIN && errno != EINTR)) return false;
    pollfd entry{of(layer).transport, events, 0};
    if (errno == EAGAIN) return ::poll(&entry, 1, -1) > 0 || errno == EINTR;
    return true;
  }
  static PRInt32 receive(PRFileDesc* layer, void* into, PRInt32 size, PRIntn, PRIntervalTime) {
    ssize_t got = 0;
    do got = ::recv(of(layer).transport, into, static_cast<std::size_t>(size), 0);
    while (got < 0 && goes_on(layer, POLLIN));
    return got < 0 ? failed() : static_cast<PRInt32>(got);
  }
  static PRInt32 send(PRFileDesc* layer, const void* from, PRInt32 size, PRIntn, PRIntervalTime) {
    ssize_t put = 0;
    do put = ::send(of(layer).transport, from, static_cast<std::size_t>(size), 0);
    while (put < 0 && goes_on(layer, POLLOUT));
    return put < 0 ? failed() : static_cast<PRInt32>(put);
  }
  static PRStatus shutdown(PRFileDesc*, PRIntn) { return PR_SUCCESS; }
  // What PR_Close comes to here, and the end of the session, which has taken the transport away before.
  static PRStatus close(PRFileDesc* layer) {
    if (of(layer).transport >= 0) ::close(of(layer).transport);
    layer->secret = nullptr;
    layer->dtor(layer);
    return PR_SUCCESS;
  }
  static PRStatus option(PRFileDesc* layer, PRSocketOptionData* data) {
    if (data->option != PR_SockOpt_Nonblocking) return PR_FAILURE;
    data->value.non_blocking = of(layer).nonblocking;
    return PR_SUCCESS;
  }
  static PRStatus set_option(PRFileDesc* layer, const PRSocketOptionData* data) {
    if (data->option != PR_SockOpt_Nonblocking) return PR_FAILURE;
    of(layer).nonblocking = data->value.non_blocking;
    return PR_SUCCESS;
  }
  static PRInt16 poll(PRFileDesc*, PRInt16 how, PRInt16* out) {
    *out = 0;
    return how;
  }

  static const PRIOMethods* methods() {
    static const PRIOMethods methods = [] {
      PRIOMethods made = *PR_GetDefaultIOMethods();
      made.recv = receive;
      made.send = send;
      made.shutdown = shutdown;
      made.close = close;
      made.getsocketoption = option;
      made.setsocketoption = set_option;
      made.poll = poll;
      made.getpeername = made_up_address;
      return made;
    }();
    return &methods;
  }
};

// What servers show. Keys belong to the process that read them.
struct Identity {
  Certificate leaf;
  Key key;

  Identity() {
    std::string pem = leaf_certificate;
    leaf.reset(CERT_DecodeCertFromPackage(pem.data(), static_cast<int>(pem.size())));
    require(leaf != nullptr, "CERT_DecodeCertFromPackage");
    const Slot slot(PK11_GetInternalSlot());
    SECItem der = from_pem(leaf_key);
    SECKEYPrivateKey* read = nullptr;
    const SECStatus status =
        PK11_ImportDERPrivateKeyInfoAndReturnKey(slot.get(), &der, nullptr, nullptr, PR_FALSE, PR_TRUE, KU_ALL, &read, nullptr);
    SECITEM_FreeItem(&der, PR_FALSE);
    require(status == SECSuccess, "PK11_ImportDERPrivateKeyInfoAndReturnKey");
    key.reset(read);
  }

 private:
  static SECItem from_pem(std::string_view pem) {
    const std::size_t begin = pem.find('\n') + 1, end = pem.find("-----END");
    SECItem der{siBuffer, nullptr, 0};
    require(NSSBase64_DecodeBuffer(nullptr, &der, pem.data() + begin, static_cast<unsigned>(end - begin)) != nullptr,
            "NSSBase64_DecodeBuffer");
    return der;
  }
};

class NssSession final : public Session {
 public:
  NssSession(Identity& identity, const SessionOptions& options)
      : client_(options.role == Role::client),
        closes_transport_(options.asks_for(Option::closes_transport)),
        callbacks_{options.transport, options.io == Io::nonblocking} {
    if (options.asks_for(Option::callbacks))
      lay_callbacks();
    else
      lay_socket(options);
    PRFileDesc* below = fd_;
    fd_ = SSL_ImportFD(nullptr, below);
    if (!fd_) {
      fd_ = below;
      give_back();
      require(false, "SSL_ImportFD");
    }
    try {
      prepare(identity, options);
    } catch (...) {
      give_back();
      throw;
    }
  }

  // PR_Close would send a close_notify, and close the transport.
  ~NssSession() override {
    if (fd_) give_back();
  }

  Answer handshake() override {
    if (!fd_) return nothing_left();
    return showing_pending(answer("SSL_ForceHandshake", SSL_ForceHandshake(fd_), PR_POLL_READ));
  }

  Answer read(std::span<std::byte> into) override { return receive(into, 0); }

  Answer write(std::span<const std::byte> from) override {
    if (!fd_) return nothing_left();
    return with_bytes(
        answer("PR_Send", PR_Send(fd_, from.data(), static_cast<PRInt32>(from.size()), 0, PR_INTERVAL_NO_TIMEOUT), PR_POLL_WRITE));
  }

  Answer close() override { return no_such_call(); }

  Answer close_write() override {
    if (!fd_) return nothing_left();
    if (!closes_transport_) return answer("PR_Shutdown", PR_Shutdown(fd_, PR_SHUTDOWN_SEND), PR_POLL_WRITE);
    const PRStatus status = PR_Close(std::exchange(fd_, nullptr));  // frees it, whatever it returns
    pending_ = 0;
    return answer("PR_Close", status, Flow::send);
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    if (!fd_) return nothing_left();
    switch (call) {
      case Call::peek:
        return receive(into, PR_MSG_PEEK);
      case Call::key_update:
        return answer("SSL_KeyUpdate", SSL_KeyUpdate(fd_, arguments.empty() ? PR_FALSE : PR_TRUE), PR_POLL_WRITE);
      case Call::renegotiate:
        return answer("SSL_ReHandshake", SSL_ReHandshake(fd_, PR_TRUE), PR_POLL_READ);
      case Call::set:
        return set_timeout(arguments.at(0), arguments.at(1));
      default:
        return no_such_call();
    }
  }

  State state() const override {
    State state{{"pending", std::to_string(pending_)}};
    if (!alert_.empty()) state.emplace_back("alert", alert_);
    return state;
  }

 private:
  void lay_socket(const SessionOptions& options) {
    socket_ = PR_ImportTCPSocket(options.transport);
    require(socket_ != nullptr, "PR_ImportTCPSocket");
    fd_ = socket_;
    PRSocketOptionData data{};
    data.option = PR_SockOpt_Nonblocking;
    data.value.non_blocking = options.io == Io::nonblocking;
    PRFileDesc* layer = PR_CreateIOLayerStub(layer_identity(), above_a_socket());
    if (PR_SetSocketOption(socket_, &data) != PR_SUCCESS || !layer || PR_PushIOLayer(fd_, PR_TOP_IO_LAYER, layer) != PR_SUCCESS) {
      if (layer) layer->dtor(layer);
      give_back();
      require(false, "PR_PushIOLayer");
    }
  }

  void lay_callbacks() {
    fd_ = PR_CreateIOLayerStub(layer_identity(), Callbacks::methods());
    require(fd_ != nullptr, "PR_CreateIOLayerStub");
    fd_->secret = reinterpret_cast<PRFilePrivate*>(&callbacks_);
  }

  // Frees the library's objects. What they send and close meanwhile meets another file in place of the transport.
  void give_back() {
    callbacks_.transport = -1;
    if (PRFileDesc* lowest = socket_ ? PR_GetIdentitiesLayer(fd_, PR_NSPR_IO_LAYER) : nullptr)
      PR_ChangeFileDescNativeHandle(lowest, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    PR_Close(fd_);
  }
  void prepare(Identity& identity, const SessionOptions& options) {
    const auto set = [&](PRInt32 option, PRIntn value) { require(SSL_OptionSet(fd_, option, value) == SECSuccess, "SSL_OptionSet"); };
    set(SSL_SECURITY, PR_TRUE);
    set(client_ ? SSL_HANDSHAKE_AS_CLIENT : SSL_HANDSHAKE_AS_SERVER, PR_TRUE);
    set(SSL_NO_CACHE, PR_TRUE);  // no resumption
    set(SSL_ENABLE_POST_HANDSHAKE_AUTH, options.asks_for(Option::post_handshake_auth));
    if (options.asks_for(Option::require_certificate)) {
      set(SSL_REQUEST_CERTIFICATE, PR_TRUE);
      set(SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS);
    }
    speak_only(options.tls);
    // NSS's own checks the certificate, and its database has no issuer.
    if (!options.asks_for(Option::verify_certificate))
      SSL_AuthCertificateHook(
          fd_, [](void*, PRFileDesc*, PRBool, PRBool) { return SECSuccess; }, nullptr);
    SSL_AlertReceivedCallback(fd_, alert_came, this);
    if (client_) {
      require(SSL_SetURL(fd_, "localhost") == SECSuccess, "SSL_SetURL");
    } else {
      require(SSL_ConfigServerCert(fd_, identity.leaf.get(), identity.key.get(), nullptr, 0) == SECSuccess, "SSL_ConfigServerCert");
    }
    require(SSL_ResetHandshake(fd_, !client_) == SECSuccess, "SSL_ResetHandshake");
  }

  void speak_only(Tls tls) {
    const auto version = static_cast<PRUint16>(SSL_LIBRARY_VERSION_TLS_1_0 + static_cast<int>(tls));
    const SSLVersionRange range{version, version};
    require(SSL_VersionRangeSet(fd_, &range) == SECSuccess, "SSL_VersionRangeSet");
    const PRUint16 wanted = tls == Tls::v1_3   ? TLS_AES_128_GCM_SHA256
                            : tls == Tls::v1_2 ? TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                                               : TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA;
    const PRUint16* suites = SSL_GetImplementedCiphers();
    for (PRUint16 i = 0; i < SSL_GetNumImplementedCiphers(); ++i)
      require(SSL_CipherPrefSet(fd_, suites[i], suites[i] == wanted) == SECSuccess, "SSL_CipherPrefSet");
    static constexpr SSLNamedGroup groups[] = {ssl_grp_ec_curve25519, ssl_grp_ec_secp256r1};
    require(SSL_NamedGroupConfig(fd_, groups, 2) == SECSuccess, "SSL_NamedGroupConfig");
  }

  // After PR_Close: no function is called.
  static Answer nothing_left() { return {"", -1, {}, 0, "PR_Close has freed the descriptor", Outcome::refused}; }

  Answer receive(std::span<std::byte> into, PRIntn flags) {
    if (!fd_) return nothing_left();
    const PRInt32 returned = PR_Recv(fd_, into.data(), static_cast<PRInt32>(into.size()), flags, limit_);
    if (returned == 0 && !into.empty()) return showing_pending({"PR_Recv", 0, {}, 0, {}, Outcome::end_of_data});
    return showing_pending(with_bytes(answer("PR_Recv", returned, PR_POLL_READ)));
  }

  // PRStatus, SECStatus and numbers of bytes have this in common: below zero is a failure.
  Answer answer(std::string_view native, int returned, PRInt16 how) const {
    if (returned >= 0) return {native, returned, {}, 0, {}, Outcome::done};
    const PRErrorCode error = PR_GetError();
    const int error_number = PR_GetOSError();
    return failure(native, returned, error, error_number, waits_for(how));
  }
  static Answer answer(std::string_view native, int returned, Flow waits_for) {
    if (returned >= 0) return {native, returned, {}, 0, {}, Outcome::done};
    return failure(native, returned, PR_GetError(), PR_GetOSError(), waits_for);
  }
  static Answer failure(std::string_view native, int returned, PRErrorCode error, int error_number, Flow waits_for) {
    return {native, returned, error_name(error), error_number, error_words(error), outcome_of(error, waits_for)};
  }

  static Answer with_bytes(Answer answer) {
    answer.bytes = answer.returned > 0 ? static_cast<std::size_t>(answer.returned) : 0;
    return answer;
  }

  // SSL_DataPending waits for whoever is reading: it is asked by the reader only.
  Answer showing_pending(Answer answer) {
    pending_ = SSL_DataPending(fd_);
    return answer;
  }

  // What PR_Poll asks each layer: what to wait for at the lowest one, where the application waits for `how`.
  Flow waits_for(PRInt16 how) const {
    PRInt16 ready = 0;
    const PRInt16 asked = fd_->methods->poll(fd_, how, &ready);
    return (asked & PR_POLL_READ) ? Flow::recv : (asked & PR_POLL_WRITE) ? Flow::send : how == PR_POLL_READ ? Flow::recv : Flow::send;
  }

  // The limit that PR_Recv is called with.
  Answer set_timeout(std::string_view name, std::string_view value) {
    std::uint32_t limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (name != spell(Switch::timeout) || error != std::errc() || end != value.data() + value.size()) return no_such_call();
    limit_ = limit > 0 ? PR_MillisecondsToInterval(limit) : PR_INTERVAL_NO_TIMEOUT;
    return done_by("PR_Recv");
  }

  static void alert_came(const PRFileDesc*, void* session, const SSLAlert* alert) {
    static_cast<NssSession*>(session)->alert_ = std::to_string(alert->level) + " " + std::to_string(alert->description);
  }

  bool client_, closes_transport_;
  Callbacks callbacks_;
  PRFileDesc* socket_ = nullptr;
  PRFileDesc* fd_ = nullptr;
  PRIntervalTime limit_ = PR_INTERVAL_NO_TIMEOUT;
  int pending_ = 0;
  std::string alert_;
};

class Nss final : public Stack {
 public:
  Hello hello() const override {
    Hello hello{"nss",
                NSSSSL_GetVersion(),
                {"client", "server", "close-write", "ends-transport", "cut-as-end", "peek", "key-update", "renegotiate", "set-timeout",
                 "callbacks", "closes-transport", "require-certificate", "verify-certificate", "post-handshake-auth"},
                "SSL_ImportFD"};
    SSLVersionRange range{};
    require(SSL_VersionRangeGetSupported(ssl_variant_stream, &range) == SECSuccess, "SSL_VersionRangeGetSupported");
    for (const auto tls : {Tls::v1_3, Tls::v1_2, Tls::v1_1, Tls::v1_0}) {
      const int version = SSL_LIBRARY_VERSION_TLS_1_0 + static_cast<int>(tls);
      if (version >= range.min && version <= range.max)
        hello.abilities.insert(hello.abilities.begin(), std::string("tls-").append(spell(tls)));
    }
    return hello;
  }

  void forget_sessions() override {}  // it keeps none

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog&) override {
    begin();
    return std::make_unique<NssSession>(*identity_, options);
  }

 private:
  // In the process that uses it: the modules of a parent are of no use to a forked process.
  void begin() {
    if (process_ == ::getpid()) return;
    if (process_ == 0)
      require(NSS_NoDB_Init(nullptr) == SECSuccess && NSS_SetDomesticPolicy() == SECSuccess, "NSS_NoDB_Init");
    else
      require(SECMOD_RestartModules(PR_TRUE) == SECSuccess, "SECMOD_RestartModules");
    process_ = ::getpid();
    identity_.emplace();
  }

  pid_t process_ = 0;
  std::optional<Identity> identity_;
};

}  // namespace

std::unique_ptr<Stack> make_nss();
std::unique_ptr<Stack> make_nss() { return std::make_unique<Nss>(); }

}  // namespace tlsbye::peer
