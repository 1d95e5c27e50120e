#include "harness/wire/reader.h"

#include <algorithm>
#include <utility>

namespace tlsbye {
namespace {

constexpr std::uint8_t protected_type = 23;                   // the outer type of every encrypted record of TLS 1.3
constexpr std::size_t least_record = record_header + 1 + 16;  // that is encrypted, in whatever version

ContentType content_type(std::uint8_t number) {
  return number >= 20 && number <= 23 ? static_cast<ContentType>(number) : ContentType::unknown;
}

// Whether a payload is exactly one handshake message. A stack that begins a new connection on the old transport sends its ClientHello
// plain, which TLS 1.2 does not show in the record's header; behind a nonce nothing looks like that.
bool is_plain_handshake(std::uint8_t type, std::string_view payload) {
  HandshakeReader reader;
  std::string begun;
  if (type != static_cast<std::uint8_t>(ContentType::handshake) || payload.empty()) return false;
  const auto messages = reader.feed(payload, begun);
  return messages.size() == 1 && messages[0].is(HandshakeType::client_hello);
}

}  // namespace

// The stream.

void Reader::script_wrote(std::size_t unread, std::size_t bytes) {
  const std::uint64_t end = received_ + unread;
  if (bytes > 0) script_.push_back({end - std::min(bytes, unread), end});
}

void Reader::feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    const bool by_script = !script_.empty() && script_.front().begin <= received_;
    const std::uint64_t border = by_script ? script_.front().end : script_.empty() ? received_ + bytes.size() : script_.front().begin;
    const std::string_view part = bytes.substr(0, border - received_);
    bytes.remove_prefix(part.size());
    received_ += part.size();
    if (!by_script) {
      records_.feed(part);
      take_all(take);
      continue;
    }
    if (script_bytes_.empty())
      if (const PiecePtr cut = unfinished()) take(cut);
    script_bytes_ += part;
    if (received_ < border) continue;
    script_.pop_front();
    for (const PiecePtr& piece : script_records(std::exchange(script_bytes_, {}))) take(piece);
  }
}

void Reader::take_all(const Take& take) {
  while (const auto framed = records_.next()) take(library_record(*framed));
}

void Reader::miss(std::size_t bytes, const Take& take) {
  if (bytes == 0) return;
  missed_ = true;
  const std::size_t waiting = records_.rest().size(), announced = records_.announced();
  received_ += bytes;
  if (announced > 0 && bytes <= announced - waiting) {
    hole_ = true;
    records_.feed(std::string(bytes, '\0'));
    return take_all(take);
  }
  PiecePtr piece = piece_of(records_.take_rest());
  piece->unseen = true;
  piece->missing = bytes;
  out_ += bytes;
  piece->reading = Reading::no_keys;
  piece->encrypted = piece->established = true;
  hole_ = false;
  skipped_ += (waiting + bytes) / least_record + 1;
  lose();
  take(piece);
}

void Reader::lose() {
  lost_ = true;
  unread_.clear();
  records_.find_record();
}

// After a hole within a session: the record may be the first whose place is known again.
bool Reader::find_again(const Piece& piece) {
  constexpr std::uint64_t most_places = 4096;
  constexpr int most_tries = 16;
  Epoch& epoch = sender_.epoch;
  ++skipped_;
  RecordProtection* keys = epochs_.established(sender_) && tries_ < most_tries ? epochs_.keys(epoch) : nullptr;
  if (!keys || epochs_.version(sender_) == Tls::v1_0) return false;
  ++tries_;
  for (std::uint64_t i = 0; i <= std::min(skipped_, most_places); ++i) {
    const Place place{epoch.place.sequence + i};
    if (!keys->open(piece.bytes, place)) continue;
    epoch.place = place;
    sender_.messages = {};
    lost_ = false;
    skipped_ = 0;
    tries_ = 0;
    return true;
  }
  return false;
}

PiecePtr Reader::unfinished() {
  PiecePtr piece;
  if (!script_bytes_.empty()) {
    piece = raw(std::exchange(script_bytes_, {}));
    piece->by_script = true;
  } else if (lost_ && !records_.rest().empty()) {
    piece = piece_of(records_.take_rest());
    piece->reading = Reading::no_keys;
    piece->encrypted = piece->established = piece->unseen = true;
  } else if (!records_.rest().empty()) {
    const std::size_t announced = std::max(records_.announced(), record_header);
    piece = piece_of(records_.take_rest());
    piece->missing = announced - piece->bytes.size();
    piece->encrypted = sender_.epoch.stage != Stage::plain;
  }
  return piece;
}

PiecePtr Reader::unfinished_with_a_hole() {
  if (!std::exchange(hole_, false) || records_.rest().empty()) return nullptr;
  PiecePtr piece = piece_of(records_.take_rest());
  piece->reading = Reading::no_keys;
  piece->encrypted = piece->established = piece->unseen = true;
  return piece;
}

PiecePtr Reader::piece_of(std::string_view bytes) {
  auto piece = std::make_shared<Piece>();
  piece->bytes = bytes;
  piece->offset = out_;
  piece->session = sender_.session;
  out_ += bytes.size();
  return piece;
}

PiecePtr Reader::raw(std::string_view bytes) {
  PiecePtr piece = piece_of(bytes);
  piece->type = ContentType::raw;
  piece->content = bytes;
  piece->known = true;
  return piece;
}

PiecePtr Reader::library_record(const Framed& framed) {
  if (framed.raw && !lost_) return raw(framed.bytes);
  PiecePtr piece = piece_of(framed.bytes);
  if (const bool hole = std::exchange(hole_, false); hole || framed.raw || (lost_ && !find_again(*piece))) {
    piece->unseen = hole || framed.raw;
    piece->reading = Reading::no_keys;
    piece->encrypted = piece->established = true;
    // Within a session a record is one step; what a handshake's record would have changed is not known.
    if (hole && epochs_.established(sender_) && epochs_.version(sender_) != Tls::v1_0)
      ++sender_.epoch.place.sequence;
    else if (hole)
      lose();
    return piece;
  }
  piece->reading = read(*piece);
  if (missed_ && piece->reading == Reading::garbled) {
    piece->reading = Reading::no_keys;  // what was missed may have changed the keys
    lose();
    return piece;
  }
  if (piece->encrypted && piece->known)
    unread_.clear();  // of the handshake, and never to be read any more
  else if (piece->encrypted && piece->reading != Reading::garbled)
    unread_.push_back(piece);
  return piece;
}

std::vector<PiecePtr> Reader::script_records(std::string_view bytes) {
  std::vector<PiecePtr> pieces;
  RecordReader records;
  records.feed(bytes);
  bool plain = true;
  while (const auto framed = records.next())
    plain = plain && !framed->raw && content_type(framed->type()) != ContentType::unknown && !looks_encrypted(*framed);
  plain &= records.rest().empty();
  if (plain) {
    records = {};
    records.feed(bytes);
    while (const auto framed = records.next()) {
      PiecePtr piece = raw(framed->payload());
      piece->bytes = framed->bytes;
      out_ += record_header;
      piece->type = content_type(framed->type());
      if (piece->type == ContentType::handshake) HandshakeReader().feed(piece->content, piece->begun);
      pieces.push_back(std::move(piece));
    }
  } else {
    pieces.push_back(raw(bytes));
  }
  for (const PiecePtr& piece : pieces) piece->by_script = true;
  return pieces;
}

// Whether a receiver that follows this sender takes the record for an encrypted one.
bool Reader::looks_encrypted(const Framed& framed) const {
  if (epochs_.version(sender_) == Tls::v1_3) return framed.type() >= protected_type;
  return sender_.epoch.stage != Stage::plain && framed.payload().size() >= epochs_.least_encrypted(sender_) &&
         !is_plain_handshake(framed.type(), framed.payload());
}

// Sessions.

void Reader::begin_session(bool same_transport) {
  records_.await_session();
  ++session_;
  first_handshake_ = epochs_.secrets().handshakes();
  if (same_transport) return;
  sender_ = {session_, {first_handshake_}, {}, {}};
  unread_.clear();
  script_.clear();
  script_bytes_.clear();
  received_ = out_ = 0;
}

// Whether the sender's next session begins with this record.
bool Reader::begins_session(const Piece& piece) const {
  if (sender_.session == session_) return false;
  const bool client = epochs_.writer() == Role::client;
  const auto hello = static_cast<std::uint8_t>(client ? HandshakeType::client_hello : HandshakeType::server_hello);
  return (client || epochs_.secrets().handshakes() > first_handshake_) && begins_with_hello(piece.bytes, hello);
}

// Records.

Reading Reader::read(Piece& piece) {
  const auto outer = static_cast<std::uint8_t>(piece.bytes[0]);
  const std::string_view payload = std::string_view(piece.bytes).substr(record_header);
  if (begins_session(piece)) {
    unread_.clear();
    sender_ = {session_, {epochs_.secrets().handshakes() - (epochs_.writer() == Role::server)}, {}, {}};
  }
  piece.session = sender_.session;
  const Tls tls = epochs_.version(sender_);
  Epoch& epoch = sender_.epoch;
  if (tls == Tls::v1_3) {
    piece.encrypted = outer == protected_type;
    if (piece.encrypted && epoch.stage == Stage::plain) epoch.stage = Stage::handshake;
  } else {
    piece.encrypted = epoch.stage != Stage::plain && payload.size() >= epochs_.least_encrypted(sender_);
  }
  if (piece.encrypted) {
    piece.established = epochs_.established(sender_) || (epoch.stage == Stage::application && !unread_.empty());
    const Reading reading = lost() ? Reading::no_keys : read_encrypted(piece);
    if (reading != Reading::garbled || !is_plain_handshake(outer, payload) || tls == Tls::v1_3) return reading;
    piece.encrypted = piece.established = false;
  }
  piece.type = content_type(outer);
  piece.content = payload;
  piece.known = true;
  pass(piece);
  return Reading::read;
}

Reading Reader::read_encrypted(Piece& piece) {
  Epoch epoch = sender_.epoch;
  auto opened = open_early(piece, epoch);
  RecordProtection* keys = epochs_.keys(epoch);
  if (!keys) keys = keys_of_resumed(piece);
  const bool trial = !keys && epoch.stage == Stage::handshake;
  if (trial) {
    // The stack may tell its application key only; the application stage begins with the record that it opens as its first.
    epoch = {epoch.handshake, Stage::application};
    keys = epochs_.keys(epoch);
  }
  if (!keys) return Reading::no_keys;
  if (!opened) opened = keys->open(piece.bytes, epoch.place);
  // Early data whose key is not known, or is one of another suite.
  if (!opened && sender_.offers_early && epoch == Epoch{epoch.handshake, Stage::handshake}) return Reading::no_keys;
  if (!opened && trial && !sender_.finished) {
    piece.type = ContentType::handshake;  // all that a handshake which came to application keys can have sent under others
    sender_.finished = piece.bytes.size() == epochs_.finished_record(sender_);
    return Reading::read;
  }
  if (!opened) return Reading::garbled;
  sender_.epoch = piece.epoch = epoch;
  piece.established = epochs_.established(sender_);
  piece.early = epoch.stage == Stage::early;
  piece.type = content_type(opened->type);
  piece.content = std::move(opened->content);
  piece.padding = opened->padding;
  piece.known = true;
  pass(piece);
  return Reading::read;
}

// A client may send early data behind its hello, and then, with an EndOfEarlyData or, where the server refused it, without one, goes on
// under the keys of the handshake (RFC 8446 2.3, 4.5). Sets the epoch to where the record is in either case; nullopt: it is not early data.
std::optional<Plaintext> Reader::open_early(const Piece& piece, Epoch& epoch) {
  const bool first = epoch == Epoch{epoch.handshake, Stage::handshake} && sender_.offers_early;
  if (!first && epoch.stage != Stage::early) return std::nullopt;
  const Epoch early{epoch.handshake, Stage::early, 0, epoch.place};
  RecordProtection* keys = epochs_.keys(early);
  std::optional<Plaintext> opened;
  if (keys) opened = keys->open(piece.bytes, early.place);
  epoch = opened ? early : Epoch{epoch.handshake, Stage::handshake};
  return opened;
}

// The sender has sent it; its content is known.
void Reader::pass(Piece& piece) {
  Passed passed = epochs_.pass(sender_, piece.type, piece.content, piece.encrypted, piece.bytes);
  piece.begun = std::move(passed.begun);
  piece.offers = passed.offers;
  piece.accepts_early = passed.accepts_early;
}

// Null where the sender does not begin its keys with this record, or they are not those of an earlier session.
RecordProtection* Reader::keys_of_resumed(const Piece& piece) {
  const Epoch& epoch = sender_.epoch;
  if (epoch.stage != Stage::application || epoch.place != Place{}) return nullptr;
  const bool found = epochs_.secrets().find_resumed(epoch.handshake, epochs_.writer(), [&](const WriteKey& key) {
    return RecordProtection(epochs_.version(sender_), key).open(piece.bytes, epoch.place).has_value();
  });
  return found ? epochs_.keys(epoch) : nullptr;
}

bool Reader::lost() const {
  return std::any_of(unread_.begin(), unread_.end(), [](const PiecePtr& piece) { return piece->reading == Reading::no_keys; });
}

bool Reader::is_unread(const Piece& piece) const {
  return std::any_of(unread_.begin(), unread_.end(), [&](const PiecePtr& it) { return it.get() == &piece; });
}

int Reader::unread_after(int event) const {
  for (const PiecePtr& piece : unread_)
    if (piece->event > event) return piece->event;
  return 0;
}

PiecePtr Reader::read_again(int event) {
  const auto at = std::find_if(unread_.begin(), unread_.end(), [&](const PiecePtr& it) { return it->event == event; });
  const PiecePtr piece = *at;
  const Reading before = piece->reading;
  const Reading now = read_encrypted(*piece);
  if (now == Reading::no_keys) return nullptr;
  piece->reading = now;
  if (piece->known || now == Reading::garbled)
    unread_.erase(unread_.begin(), at + 1);
  else if (before == now)
    return nullptr;
  return piece;
}

}  // namespace tlsbye
