#include "harness/wire/direction.h"

#include <algorithm>
#include <utility>

#include "peers/protocol/pattern.h"

namespace tlsbye {
namespace {

constexpr std::size_t most_content_noted = 64;   // bytes of Record::content
constexpr std::uint8_t protected_type = 23;      // the outer type of every encrypted record of TLS 1.3
constexpr std::size_t least_encrypted = 8 + 16;  // before TLS 1.3: what is shorter than a nonce and a tag is not encrypted

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

bool matches(const RecordPattern& pattern, ContentType type, std::string_view content, std::string_view begun) {
  using Kind = RecordPattern::Kind;
  switch (pattern.kind) {
    case Kind::any:
      return true;
    case Kind::close_notify:
      return type == ContentType::alert && content.size() == 2 && content[1] == 0;
    case Kind::alert:
      return type == ContentType::alert;
    case Kind::application_data:
      return type == ContentType::application_data;
    case Kind::change_cipher_spec:
      return type == ContentType::change_cipher_spec;
    case Kind::handshake:
      return type == ContentType::handshake && (pattern.handshake.empty() || begun.substr(0, begun.find(',')) == pattern.handshake);
  }
  return false;
}

}  // namespace

RecordProtection* KeyRing::at(Stage stage, int generation) {
  switch (stage) {
    case Stage::plain:
      return nullptr;
    case Stage::handshake:
      return handshake();
    case Stage::application:
      return application(generation);
  }
  return nullptr;
}

RecordProtection* KeyRing::handshake() {
  if (!handshake_)
    if (const auto secret = secrets_.traffic_secret(of_, writer_, Stage::handshake)) handshake_.emplace(Tls::v1_3, traffic_key(*secret));
  return handshake_ ? &*handshake_ : nullptr;
}

RecordProtection* KeyRing::application(int generation) {
  if (application_.empty()) {
    last_secret_ = secrets_.traffic_secret(of_, writer_, Stage::application);
    const auto key = last_secret_ ? traffic_key(*last_secret_) : secrets_.application_key(of_, writer_);
    if (!key) return nullptr;
    application_.emplace_back(secrets_.version(of_), *key);
  }
  if (generation > 0 && !last_secret_ && application_.size() == 1) last_secret_ = secrets_.traffic_secret(of_, writer_, Stage::application);
  while (std::cmp_less_equal(application_.size(), generation)) {
    if (!last_secret_) return nullptr;
    last_secret_ = next_secret(*last_secret_);
    application_.emplace_back(secrets_.version(of_), traffic_key(*last_secret_));
  }
  return &application_[static_cast<std::size_t>(generation)];
}

Direction::Direction(Side from, Role writer, Secrets& secrets, Transcript& transcript)
    : from_(from), writer_(writer), secrets_(secrets), transcript_(transcript) {
  reader_.await_session();
}

RecordProtection* Direction::keys_at(const Epoch& epoch) {
  return keys_.try_emplace(epoch.handshake, writer_, secrets_, epoch.handshake).first->second.at(epoch.stage, epoch.generation);
}

// Sessions.

void Direction::begin_session(bool same_transport, int line) {
  if (const std::string rest(reader_.rest()); same_transport && !rest.empty()) {
    auto piece = std::make_shared<Piece>();
    piece->bytes = piece->content = rest;
    piece->announced = rest.size();
    piece->type = ContentType::raw;
    piece->known = true;
    handle(piece, line);
  }
  reader_.await_session();
  ++session_;
  first_hello_ = secrets_.handshakes();
  data_delivered_ = 0;
  receiver_ = {session_, {first_hello_}, {}, {}};
  if (same_transport) return;

  sender_ = receiver_;
  forget_unread();
  held_.clear();
  claims_.clear();
  out_.clear();
  out_taken_ = put_ = taken_ = 0;
  holding_ = cut_ = closed_ = gone_ = false;
  end_.reset();
  limit_.reset();
}

// What could not be read until now never will be.
void Direction::forget_unread() {
  not_authentic_ |= lost();
  unread_.clear();
}

// Whether the sender's next session begins with this record.
bool Direction::begins_session(const Piece& piece) const {
  if (sender_.session == session_) return false;
  const bool client = writer_ == Role::client;
  const auto hello = static_cast<std::uint8_t>(client ? HandshakeType::client_hello : HandshakeType::server_hello);
  return (client || secrets_.handshakes() > first_hello_) && begins_with_hello(piece.bytes, hello);
}

// The sender's bytes.

void Direction::arrive(std::string_view bytes, int line) {
  reader_.feed(bytes);
  while (const auto framed = reader_.next()) {
    auto piece = std::make_shared<Piece>();
    piece->bytes = framed->bytes;
    piece->announced = framed->bytes.size();
    if (framed->raw) {
      piece->type = ContentType::raw;
      piece->content = piece->bytes;
      piece->known = true;
    }
    handle(piece, line);
  }
}

void Direction::sender_ended(End how, int line) {
  if (const std::string_view rest = reader_.rest(); !rest.empty()) {
    auto piece = std::make_shared<Piece>();
    piece->bytes = rest;
    piece->announced = std::max(reader_.announced(), rest.size());
    piece->limit = rest.size();
    piece->encrypted = sender_.epoch.stage != Stage::plain;
    handle(piece, line);
    reader_ = {};
  }
  transcript_.add(line, TransportEnd{from_, false, false, how});
  end_ = how;
}

std::optional<Direction::Due> Direction::end_due() {
  if (limit_ && taken_ >= *limit_) {
    const std::optional<End> how = std::exchange(end_at_limit_, std::nullopt);
    return how ? std::optional(Due{*how, true}) : std::nullopt;
  }
  // A reset may come after a fin.
  if (!end_ || (closed_ && *end_ != End::reset) || cut_ || !held_.empty() || !outgoing().empty()) return std::nullopt;
  return Due{*std::exchange(end_, std::nullopt), false};
}

// Reading what was sent.

std::string Direction::pass(Standing& standing, ContentType type, std::string_view content, bool encrypted, std::string_view bytes) {
  Epoch& epoch = standing.epoch;
  const bool tls_1_3 = version(standing) == Tls::v1_3;
  if (encrypted) {
    ++epoch.place.sequence;
    if (version(standing) == Tls::v1_0) std::copy_n(bytes.end() - sizeof(Block), sizeof(Block), epoch.place.before.emplace().begin());
  }
  if (type == ContentType::change_cipher_spec && !tls_1_3) {
    // One too many changes no keys.
    if (epoch.stage == Stage::plain) epoch = {epoch.handshake, Stage::application};
    if (const auto next = standing.next_handshake; next && secrets_.answered(*next)) {
      epoch = {*next, Stage::application};
      standing.next_handshake.reset();
    }
  }
  std::string begun;
  if (type != ContentType::handshake) return begun;
  // A message without protection where there should be one has its name, and no other effect.
  HandshakeReader apart;
  const bool belongs = encrypted == (epoch.stage != Stage::plain);
  for (const auto& message : (belongs ? standing.messages : apart).feed(content, begun)) {
    if (!belongs) continue;
    std::optional<int> agreeing;  // the handshake of a hello
    if (message.is(HandshakeType::client_hello) && writer_ == Role::client) {
      if (const auto random = client_random(message.body)) agreeing = secrets_.saw_client_hello(*random);
    } else if (message.is(HandshakeType::server_hello) && writer_ == Role::server) {
      if (const auto hello = server_hello(message.body)) agreeing = secrets_.saw_server_hello(*hello);
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
  return begun;
}

Direction::Reading Direction::read(Piece& piece) {
  const auto outer = static_cast<std::uint8_t>(piece.bytes[0]);
  const std::string_view payload = std::string_view(piece.bytes).substr(record_header);
  if (begins_session(piece)) {
    forget_unread();
    sender_ = {session_, {secrets_.handshakes() - (writer_ == Role::server)}, {}, {}};
  }
  piece.session = sender_.session;
  const Tls tls = version(sender_);
  Epoch& epoch = sender_.epoch;
  if (tls == Tls::v1_3) {
    piece.encrypted = outer == protected_type;
    if (piece.encrypted && epoch.stage == Stage::plain) epoch.stage = Stage::handshake;
  } else {
    piece.encrypted = epoch.stage != Stage::plain && payload.size() >= least_encrypted;
  }
  if (piece.encrypted) {
    const Reading reading = lost() ? Reading::no_keys : read_encrypted(piece);
    if (reading != Reading::not_authentic || !is_plain_handshake(outer, payload) || tls == Tls::v1_3) return reading;
    piece.encrypted = false;
  }
  piece.type = content_type(outer);
  piece.content = payload;
  piece.known = true;
  piece.begun = pass(sender_, piece.type, piece.content, false, piece.bytes);
  return Reading::done;
}

Direction::Reading Direction::read_encrypted(Piece& piece) {
  Epoch epoch = sender_.epoch;
  RecordProtection* keys = keys_at(epoch);
  if (!keys) keys = keys_of_resumed(piece);
  const bool trial = !keys && epoch.stage == Stage::handshake;
  if (trial) {
    // The stack may tell its application key only; the application stage begins with the record that it opens as its first.
    epoch = {epoch.handshake, Stage::application};
    keys = keys_at(epoch);
  }
  if (!keys) return Reading::no_keys;
  auto opened = keys->open(piece.bytes, epoch.place);
  if (!opened && trial) {
    piece.in_handshake = true;
    piece.type = ContentType::handshake;  // all that a handshake which came to application keys can have sent under others
    return Reading::no_keys;
  }
  if (!opened) return Reading::not_authentic;
  piece.epoch = epoch;
  piece.type = content_type(opened->type);
  piece.content = std::move(opened->content);
  piece.padding = opened->padding;
  piece.known = true;
  sender_.epoch = epoch;
  piece.begun = pass(sender_, piece.type, piece.content, true, piece.bytes);
  return Reading::done;
}

// Null where the sender does not begin its keys with this record, or they are not those of an earlier session.
RecordProtection* Direction::keys_of_resumed(const Piece& piece) {
  const Epoch& epoch = sender_.epoch;
  if (epoch.stage != Stage::application || epoch.place != Place{}) return nullptr;
  const bool found = secrets_.find_resumed(epoch.handshake, writer_, [&](const WriteKey& key) {
    return RecordProtection(version(sender_), key).open(piece.bytes, epoch.place).has_value();
  });
  return found ? keys_at(epoch) : nullptr;
}

// What was sent cannot be followed now, because keys are missing.
bool Direction::lost() const {
  return std::any_of(unread_.begin(), unread_.end(), [](const PiecePtr& piece) { return !piece->in_handshake; });
}

bool Direction::decrypted() const { return !not_authentic_ && !lost(); }

int Direction::unread_after(int event) const {
  for (const PiecePtr& piece : unread_)
    if (piece->event > event) return piece->event;
  return 0;
}

void Direction::read_again(int event) {
  const auto at = std::find_if(unread_.begin(), unread_.end(), [&](const PiecePtr& it) { return it->event == event; });
  const PiecePtr piece = *at;
  const Reading reading = read_encrypted(*piece);
  for (const int it : {piece->event, piece->delivery})
    if (Record* record = it ? noted(it) : nullptr) describe(*piece, *record);
  if (reading == Reading::no_keys) return;
  not_authentic_ |= reading == Reading::not_authentic;
  unread_.erase(unread_.begin(), at + 1);
  if (piece->delivered) advance(*piece, piece->bytes);
}

// Orders.

void Direction::handle(const PiecePtr& piece, int line) {
  const bool partial = piece->limit != whole;
  if (!partial && piece->type != ContentType::raw) {
    const Reading reading = read(*piece);
    if (reading == Reading::no_keys)
      unread_.push_back(piece);
    else if (reading == Reading::not_authentic)
      not_authentic_ = true;
    else if (piece->encrypted)
      unread_.clear();  // of the handshake, and never to be read any more
  }

  const bool open = !closed_ && !cut_;
  Fate fate = open ? Fate::passed : Fate::dropped;
  std::vector<PiecePtr> parcels;
  if (open) parcels.push_back(piece);
  bool obeyed = false;
  for (auto order = orders_.begin(); open && !partial && order != orders_.end();) {
    const Verb verb = order->what.verb;
    const bool changes_content = verb != Verb::hold && verb != Verb::drop && verb != Verb::cut;
    bool done = false;
    if (matches(order->what.what, piece->type, piece->content, piece->begun) && (piece->known || !changes_content)) {
      if (verb == Verb::hold)
        holding_ = done = true;
      else if (!std::exchange(obeyed, true))
        parcels = obey(*order, piece, fate, done);
    }
    order = done ? orders_.erase(order) : order + 1;
  }
  if (holding_ && fate == Fate::passed) fate = Fate::held;
  if (piece->limit == 0) fate = Fate::dropped;

  Record record;
  record.fate = fate;
  describe(*piece, record);
  piece->event = transcript_.add(line, std::move(record));
  for (const PiecePtr& parcel : parcels) {
    parcel->event = piece->event;
    if (holding_)
      held_.push_back(parcel);
    else
      deliver(*parcel, line);
  }
}

// What goes on in the record's place.
std::vector<Direction::PiecePtr> Direction::obey(Order& order, const PiecePtr& piece, Fate& fate, bool& done) {
  const auto made_of = [&](std::string content) {
    auto made = std::make_shared<Piece>();
    made->made = true;
    made->known = true;
    made->type = piece->type;
    made->content = std::move(content);
    made->padding = piece->padding;
    made->encrypted = piece->encrypted;
    made->plain = !piece->encrypted;
    made->epoch = piece->epoch;
    return made;
  };
  const Statement& what = order.what;
  done = true;
  std::vector<PiecePtr> parcels;
  switch (what.verb) {
    case Verb::drop:
      fate = Fate::dropped;
      break;
    case Verb::cut:
      piece->limit = what.size;
      cut_ = true;
      parcels = {piece};
      break;
    case Verb::repeat:
      parcels = {piece};
      for (int i = 0; i < what.times; ++i) parcels.push_back(made_of(piece->content));
      break;
    case Verb::alter: {
      fate = Fate::replaced;
      parcels = {made_of(piece->content)};
      std::string& content = parcels[0]->content;
      if (what.level && !content.empty()) content[0] = static_cast<char>(*what.level);
      if (what.description && content.size() > 1) content[1] = static_cast<char>(*what.description);
      break;
    }
    case Verb::damage:
      fate = Fate::replaced;
      parcels = {made_of(piece->content)};
      parcels[0]->damaged = true;
      break;
    case Verb::split: {
      fate = Fate::replaced;
      const std::size_t at = std::min(what.size, piece->content.size());
      parcels = {made_of(piece->content.substr(0, at)), made_of(piece->content.substr(at))};
      break;
    }
    case Verb::join:
      fate = Fate::replaced;
      order.gathered += piece->content;
      if (++order.met < what.times)
        done = false;
      else
        parcels = {made_of(std::exchange(order.gathered, {}))};
      break;
    default:
      parcels = {piece};
  }
  return parcels;
}

void Direction::release(int line) {
  holding_ = false;
  for (auto held = std::exchange(held_, {}); const PiecePtr& piece : held) deliver(*piece, line);
}

bool Direction::inject(const Content& content, int times, int line) {
  if (closed_) return false;
  for (int i = 0; i < times; ++i) {
    std::string bytes = content.bytes;
    for (std::size_t n = 0; n < content.pattern; ++n) bytes += static_cast<char>(pattern_byte(writer_, data_delivered_ + n));
    do {
      Piece piece;
      piece.made = true;
      piece.known = true;
      piece.type = content.type;
      const bool cut_up = content.type == ContentType::application_data;
      piece.content = bytes.substr(0, cut_up ? largest_content : bytes.size());
      bytes.erase(0, piece.content.size());
      piece.padding = content.padding;
      piece.plain = content.plain;
      piece.damaged = content.damaged;
      if (!deliver(piece, line)) return false;
    } while (!bytes.empty());
  }
  return true;
}

std::vector<std::string> Direction::orders_left() const {
  std::vector<std::string> left;
  for (const Order& order : orders_) left.push_back(order.what.source);
  return left;
}

// Giving it to the receiver.

// Brings the receiver's epoch to where it is when this piece reaches it: what no record announced.
void Direction::meet(const Piece& piece) {
  Epoch& epoch = receiver_.epoch;
  if (version(receiver_) != Tls::v1_3) return;
  if (epoch.stage == Stage::plain && piece.encrypted) epoch.stage = Stage::handshake;
  // Where handshake keys are never told, nobody saw the receiver go on to the application stage.
  if (epoch.stage == Stage::handshake && (piece.made || piece.epoch.stage == Stage::application) &&
      !keys_at({epoch.handshake, Stage::handshake}) && keys_at({epoch.handshake, Stage::application}))
    epoch = {epoch.handshake, Stage::application};
}

// Appends the piece as the receiver expects it. False where its keys are not known.
bool Direction::protect(Piece& piece, std::string& to) {
  if (piece.made) piece.session = receiver_.session;
  const bool of_old_session = piece.session != receiver_.session;
  if (!of_old_session) meet(piece);
  const Epoch& epoch = receiver_.epoch;
  const bool untouched = !piece.made && (!piece.encrypted || !piece.known || of_old_session || piece.epoch == epoch);
  if (untouched || piece.type == ContentType::raw) {
    to += piece.made ? piece.content : piece.bytes;
    if (piece.damaged && !to.empty()) to.back() ^= 1;
    return true;
  }
  const auto type = static_cast<std::uint8_t>(piece.type);
  const Tls tls = version(receiver_);
  const bool never_encrypted = piece.type == ContentType::change_cipher_spec && tls == Tls::v1_3;
  piece.encrypted = !piece.plain && !never_encrypted && epoch.stage != Stage::plain;
  if (piece.encrypted) {
    RecordProtection* keys = lost() ? nullptr : keys_at(epoch);
    if (!keys) return false;
    keys->seal(to, type, piece.content, epoch.place, piece.padding);
  } else {
    append_header(to, type, piece.content.size(), minor_version(tls));
    to += piece.content;
  }
  if (piece.damaged) to.back() ^= 1;
  return true;
}

// False, and nothing is delivered, where the wire cannot.
bool Direction::deliver(Piece& piece, int line) {
  std::string bytes;
  if (closed_ || !protect(piece, bytes)) {
    if (!piece.made) noted(piece.event)->fate = Fate::dropped;
    return false;
  }
  const Record* sent = piece.made ? nullptr : noted(piece.event);
  if (piece.made) {
    Record record;
    record.fate = Fate::injected;
    record.of = piece.event;
    describe(piece, record);
    record.wire_bytes = bytes.size();
    piece.delivery = transcript_.add(line, std::move(record));
  } else if (sent->fate == Fate::held) {
    Record record = *sent;
    record.fate = Fate::delivered;
    record.of = piece.event;
    piece.delivery = transcript_.add(line, std::move(record));
  }
  bytes.resize(std::min(bytes.size(), piece.limit));
  out_ += bytes;
  if (!bytes.empty()) claims_.push_back({piece.delivery ? piece.delivery : piece.event, put_, put_ + bytes.size()});
  put_ += bytes.size();
  piece.delivered = true;
  if (std::none_of(unread_.begin(), unread_.end(), [&](const PiecePtr& it) { return it.get() == &piece; })) advance(piece, bytes);
  return true;
}

// Brings the receiver's standing to where it is after this piece; one that it cannot authenticate leaves it where it is.
void Direction::advance(Piece& piece, std::string_view bytes) {
  if (!piece.known || piece.damaged || piece.limit != whole || piece.type == ContentType::raw) return;
  if (piece.session != receiver_.session) return;
  meet(piece);
  if (piece.type == ContentType::application_data) data_delivered_ += piece.content.size();
  std::string begun = pass(receiver_, piece.type, piece.content, piece.encrypted, bytes);
  if (!piece.made) return;
  if (Record* record = noted(piece.delivery)) record->handshake = std::move(begun);
}

void Direction::accepted(std::size_t bytes, int line) {
  out_taken_ += bytes;
  taken_ += bytes;
  if (out_taken_ == out_.size()) {
    out_.clear();
    out_taken_ = 0;
  }
  for (; !claims_.empty() && claims_.front().end <= taken_; claims_.pop_front()) {
    const Record* claimed = noted(claims_.front().event);
    if (!claimed || claimed->fate != Fate::held) continue;
    Record record = *claimed;
    record.fate = Fate::delivered;
    record.of = claims_.front().event;
    transcript_.add(line, std::move(record));
  }
  stop_at_limit(line);
}

std::string_view Direction::outgoing() const {
  const std::string_view out = std::string_view(out_).substr(out_taken_);
  return limit_ ? out.substr(0, *limit_ - taken_) : out;
}

void Direction::end_after(std::size_t bytes, std::optional<End> how, int line) {
  limit_ = taken_ + bytes;
  end_at_limit_ = how;
  stop_at_limit(line);
}

// The limit is reached: what lies beyond it is lost, and of the record in which it lies the first part arrived.
void Direction::stop_at_limit(int line) {
  if (!limit_ || taken_ < *limit_) return;
  closed_ = cut_ = true;
  out_.clear();
  out_taken_ = 0;
  for (const Claim& claim : std::exchange(claims_, {})) {
    Record* record = noted(claim.event);
    if (claim.begin >= *limit_ || !record) {
      lose(claim);
      continue;
    }
    const std::size_t part = *limit_ - claim.begin;
    if (record->fate == Fate::held) {
      Record rest = *record;
      rest.fate = Fate::delivered;
      rest.of = claim.event;
      rest.truncated_to = part;
      transcript_.add(line, std::move(rest));
    } else {
      record->truncated_to = part;
    }
  }
}

void Direction::must_wait() {
  for (const Claim& claim : claims_)
    if (Record* record = noted(claim.event); record && record->fate == Fate::passed) record->fate = Fate::held;
}

void Direction::receiver_gone() {
  closed_ = gone_ = true;
  for (const Claim& claim : std::exchange(claims_, {})) lose(claim);
  out_.clear();
  out_taken_ = 0;
}

// The receiver never gets these bytes.
void Direction::lose(const Claim& claim) {
  Record* record = noted(claim.event);
  if (!record) return;
  if (record->fate == Fate::passed || record->fate == Fate::held)
    record->fate = Fate::dropped;
  else
    transcript_.at(claim.event).what = Told{"wire     " + std::string(spell(other(from_))) + (gone_ ? " is gone, " : " hears no more, ") +
                                            std::string(spell(record->type)) + " for it is lost"};
}

// The transcript.

void Direction::describe(const Piece& piece, Record& record) const {
  record.from = from_;
  record.type = piece.type;
  record.encrypted = piece.encrypted;
  record.damaged = piece.damaged;
  record.handshake = piece.begun;
  if (!piece.made) record.wire_bytes = piece.announced;
  if (piece.limit < piece.announced) record.truncated_to = piece.limit;
  if (!piece.known) return;
  record.content_bytes = piece.content.size();
  if (piece.type != ContentType::application_data) record.content = piece.content.substr(0, most_content_noted);
  if (piece.type == ContentType::alert && piece.content.size() == 2)
    record.alert = Alert{static_cast<std::uint8_t>(piece.content[0]), static_cast<std::uint8_t>(piece.content[1])};
}

}  // namespace tlsbye
