#include "harness/wire/epochs.h"

#include <algorithm>
#include <utility>

namespace tlsbye {

RecordProtection* KeyRing::at(Stage stage, int generation) {
  switch (stage) {
    case Stage::plain:
      return nullptr;
    case Stage::early:
      return early();
    case Stage::handshake:
      return handshake();
    case Stage::application:
      return application(generation);
  }
  return nullptr;
}

// The suite is that of the session which is resumed; where the handshake has agreed on no other one yet, that of our own runs.
RecordProtection* KeyRing::early() {
  if (!early_)
    if (const auto secret = secrets_.traffic_secret(of_, writer_, Stage::early))
      early_.emplace(Tls::v1_3, traffic_key(*secrets_.suite(of_), *secret));
  return early_ ? &*early_ : nullptr;
}

RecordProtection* KeyRing::handshake() {
  if (!handshake_)
    if (const auto secret = secrets_.traffic_secret(of_, writer_, Stage::handshake))
      handshake_.emplace(Tls::v1_3, traffic_key(*secrets_.suite(of_), *secret));
  return handshake_ ? &*handshake_ : nullptr;
}

RecordProtection* KeyRing::application(int generation) {
  if (application_.empty()) {
    last_secret_ = secrets_.traffic_secret(of_, writer_, Stage::application);
    const auto key = last_secret_ ? traffic_key(*secrets_.suite(of_), *last_secret_) : secrets_.application_key(of_, writer_);
    if (!key) return nullptr;
    application_.emplace_back(secrets_.version(of_), *key);
  }
  if (generation > 0 && !last_secret_ && application_.size() == 1) last_secret_ = secrets_.traffic_secret(of_, writer_, Stage::application);
  while (std::cmp_less_equal(application_.size(), generation)) {
    if (!last_secret_) return nullptr;
    const Suite suite = *secrets_.suite(of_);
    last_secret_ = next_secret(suite, *last_secret_);
    application_.emplace_back(secrets_.version(of_), traffic_key(suite, *last_secret_));
  }
  return &application_[static_cast<std::size_t>(generation)];
}

RecordProtection* Epochs::keys(const Epoch& epoch) {
  return keys_.try_emplace(epoch.handshake, writer_, secrets_, epoch.handshake).first->second.at(epoch.stage, epoch.generation);
}

Passed Epochs::pass(Standing& standing, ContentType type, std::string_view content, bool encrypted, std::string_view bytes) {
  Epoch& epoch = standing.epoch;
  const bool tls_1_3 = version(standing) == Tls::v1_3;
  if (encrypted) {
    ++epoch.place.sequence;
    if (version(standing) == Tls::v1_0) {
      const auto agreed = secrets_.suite(epoch.handshake);
      const std::size_t behind = sizeof(Block) + (agreed && agreed->mac_after ? agreed->mac_bytes() : 0);
      if (bytes.size() >= behind)
        std::copy_n(bytes.end() - static_cast<std::ptrdiff_t>(behind), sizeof(Block), epoch.place.before.emplace().begin());
    }
  }
  if (type == ContentType::change_cipher_spec && !tls_1_3) {
    // One too many changes no keys.
    if (epoch.stage == Stage::plain) epoch = {epoch.handshake, Stage::application};
    if (const auto next = standing.next_handshake; next && secrets_.answered(*next)) {
      epoch = {*next, Stage::application};
      standing.next_handshake.reset();
    }
  }
  Passed passed;
  if (type != ContentType::handshake) return passed;
  // A message without protection where there should be one has its name, and no other effect.
  HandshakeReader apart;
  const bool belongs = encrypted == (epoch.stage != Stage::plain);
  for (const auto& message : (belongs ? standing.messages : apart).feed(content, passed.begun)) {
    if (!belongs) continue;
    passed.offers |= message.is(HandshakeType::client_hello) && offers_session(message.body, secrets_.session_ids());
    passed.accepts_early |= message.is(HandshakeType::encrypted_extensions) && accepts_early_data(message.body);
    standing.offers_early |= message.is(HandshakeType::client_hello) && offers_early_data(message.body);
    std::optional<int> agreeing;  // the handshake of a hello
    if (message.is(HandshakeType::client_hello) && writer_ == Role::client) {
      if (const auto random = client_random(message.body)) agreeing = secrets_.saw_client_hello(*random);
    } else if (message.is(HandshakeType::server_hello) && writer_ == Role::server) {
      if (const auto hello = server_hello(message.body)) agreeing = secrets_.saw_server_hello(*hello);
    } else if (tls_1_3 && encrypted && message.is(HandshakeType::end_of_early_data) && epoch.stage == Stage::early) {
      epoch = {epoch.handshake, Stage::handshake};
    } else if (tls_1_3 && encrypted && message.is(HandshakeType::finished) && epoch.stage == Stage::handshake) {
      epoch = {epoch.handshake, Stage::application};
    } else if (tls_1_3 && encrypted && message.is(HandshakeType::key_update) && epoch.stage == Stage::application) {
      epoch = {epoch.handshake, Stage::application, epoch.generation + 1};
    }
    if (agreeing && epoch.stage == Stage::plain)
      epoch.handshake = *agreeing;
    else if (agreeing)
      standing.next_handshake = agreeing;
  }
  return passed;
}

}  // namespace tlsbye
