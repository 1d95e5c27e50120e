#include "harness/wire/connection_test.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <csignal>
#include <stdexcept>
#include <utility>

namespace tlsbye {
namespace {

void must(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL refused to set the test up");
}

// One key and a certificate that vouches for itself.
SSL_CTX* make_context(bool is_server) {
  SSL_CTX* context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  must(context && SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0") == 1 &&
       SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
  SSL_CTX_set_keylog_callback(context, [](const SSL* ssl, const char* line) {
    auto* connection = static_cast<Connection*>(SSL_get_app_data(ssl));
    connection->keys.emplace_back(line);
    if (connection->keys_come) connection->wire->key_log(line);
  });
  if (!is_server) return context;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  must(key && certificate);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  must(X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0);
  must(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

SSL_CTX* context_of(Side side) {
  static const std::unique_ptr<SSL_CTX, FreeContext> clients(make_context(false)), servers(make_context(true));
  return side == client ? clients.get() : servers.get();
}

}  // namespace

StandingOrder standing(StandingOrder::Deed deed, Side from, RecordPattern::Kind what) {
  return {.deed = deed, .from = from, .what = {what, {}}};
}

Injection injection(Side from, ContentType type, std::string bytes) {
  Injection order{.from = from};
  order.content.type = type;
  order.content.bytes = std::move(bytes);
  return order;
}

std::string fates_of(const Transcript& transcript, int record) {
  std::string fates;
  const auto add = [&](std::string_view fate) { fates += (fates.empty() ? "" : ", ") + std::string(fate); };
  const Record& whole = *transcript.at(record).as<Record>();
  constexpr std::string_view lost[] = {"dropped", "cut", "ended", "keyless"};
  for (const Event& event : transcript.events()) {
    if (const auto* it = event.as<Delivered>(); it && it->record == record)
      add(it->bytes == whole.wire_bytes ? "delivered" : "delivered " + std::to_string(it->bytes));
    if (const auto* it = event.as<Withheld>(); it && it->record == record) add(it->why == Withheld::Why::hold ? "held" : "full");
    if (const auto* it = event.as<Replaced>(); it && it->record == record) add("replaced");
    if (const auto* it = event.as<Lost>(); it && it->record == record) add(lost[static_cast<std::size_t>(it->why)]);
  }
  return fates;
}

std::string fate_of(const Transcript& transcript, int record) {
  const std::string fates = fates_of(transcript, record);
  const std::size_t comma = fates.rfind(", ");
  return comma == std::string::npos ? fates : fates.substr(comma + 2);
}

std::vector<Seen> seen(const Transcript& transcript, Side from) {
  std::vector<Seen> found;
  for (const Event& event : transcript.events()) {
    if (const auto* record = event.as<Record>(); record && record->from == from)
      found.push_back({*record, event.number, fate_of(transcript, event.number)});
    const auto* opened = event.as<Opened>();
    if (!opened) continue;
    for (Seen& it : found) {
      if (it.event != opened->record) continue;
      static_cast<Contents&>(it) = *opened;
      it.reading = opened->reading;
      it.established = opened->established;
    }
  }
  return found;
}

Connection::Connection(Tls tls, TransportKind kind, bool come)
    : wire(std::make_unique<Wire>(make_transports(kind), Role::client, tls, transcript)), keys_come(come), tls_(tls), kind_(kind) {
  std::signal(SIGPIPE, SIG_IGN);
  make_peers();
}

void Connection::make_peers() {
  for (const Side side : {client, server}) {
    Peer& peer = sides_[static_cast<std::size_t>(side)];
    if (Descriptor end = wire->take_end(side)) peer.transport = std::move(end);
    fcntl(fd(side), F_SETFL, O_NONBLOCK);
    peer.ssl = SSL_new(context_of(side));
    must(peer.ssl && SSL_set_fd(peer.ssl, fd(side)) == 1);
    SSL_set_app_data(peer.ssl, this);
    const int version = TLS1_VERSION + static_cast<int>(tls_);
    must(SSL_set_min_proto_version(peer.ssl, version) == 1 && SSL_set_max_proto_version(peer.ssl, version) == 1);
    if (side == client)
      SSL_set_connect_state(peer.ssl);
    else
      SSL_set_accept_state(peer.ssl);
  }
}

Connection::~Connection() {
  for (Peer& peer : sides_) SSL_free(peer.ssl);
  ERR_clear_error();
}

void Connection::begin_session(bool same_transport, SSL_SESSION* resume) {
  for (Peer& peer : sides_) SSL_free(std::exchange(peer.ssl, nullptr));
  if (same_transport)
    wire->begin_session();
  else
    wire->begin_session(make_transports(kind_));
  make_peers();
  if (resume) must(SSL_set_session(ssl(client), resume) == 1);
}

void Connection::renegotiate() {
  must(SSL_renegotiate(ssl(server)) == 1);
  char byte;
  for (int turn = 0; turn < 4; ++turn) {
    SSL_do_handshake(ssl(server));
    pump();
    SSL_read(ssl(client), &byte, 1);
    pump();
    SSL_read(ssl(server), &byte, 1);
    pump();
  }
  ERR_clear_error();
  ASSERT_TRUE(!SSL_renegotiate_pending(ssl(server)) && SSL_is_init_finished(ssl(client)) && SSL_is_init_finished(ssl(server))) << story();
}

void Connection::handshake() {
  for (int turn = 0; turn < 8; ++turn) {
    for (const Side side : {client, server}) {
      SSL_do_handshake(ssl(side));
      pump();
    }
  }
  ERR_clear_error();
  char byte;
  ASSERT_EQ(SSL_read(ssl(client), &byte, 1), -1) << story();  // takes the tickets
  ASSERT_TRUE(SSL_is_init_finished(ssl(client)) && SSL_is_init_finished(ssl(server))) << story();
  after_handshake_ = transcript.next_number();
}

int Connection::write(Side side, std::string_view text) {
  const int result = SSL_write(ssl(side), text.data(), static_cast<int>(text.size()));
  pump();
  return result;
}

int Connection::shutdown(Side side) {
  ERR_clear_error();
  const int result = SSL_shutdown(ssl(side));
  pump();
  return result;
}

std::string Connection::read(Side side, int* error) {
  pump();
  ERR_clear_error();
  std::string all;
  char buffer[4096];
  while (all.size() < 65536) {
    const int size = SSL_read(ssl(side), buffer, sizeof buffer);
    if (size <= 0) {
      if (error) *error = SSL_get_error(ssl(side), size);
      break;
    }
    all.append(buffer, static_cast<std::size_t>(size));
  }
  pump();
  return all;
}

std::string Connection::reason() {
  std::string last;
  while (const unsigned long error = ERR_get_error()) {
    const char* words = ERR_reason_error_string(error);
    if (words && std::string_view(words) != "record layer failure") last = words;  // OpenSSL from 3.2 on adds this one to whatever it was
  }
  return last;
}

std::vector<Seen> Connection::records(Side from) const {
  std::vector<Seen> found = seen(transcript, from);
  std::erase_if(found, [this](const Seen& it) { return it.event < after_handshake_; });
  return found;
}

std::vector<TransportEnd> Connection::ends() const {
  std::vector<TransportEnd> found;
  for (const Event& event : transcript.events())
    if (const auto* end = event.as<TransportEnd>()) found.push_back(*end);
  return found;
}

std::string Connection::story() const {
  std::string text;
  for (const Event& event : transcript.events()) text += std::to_string(event.number) + "  " + narrate(event) + "\n";
  return text;
}

}  // namespace tlsbye
