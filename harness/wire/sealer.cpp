#include "harness/wire/sealer.h"

#include "harness/wire/record.h"

namespace tlsbye {

void Sealer::begin_session(int session, int handshake) {
  receiver_ = {session, {handshake}, {}, {}};
  data_ = 0;
}

// Brings the receiver's epoch to where it is when this piece reaches it: what no record announced.
void Sealer::meet(const Piece& piece) {
  Epoch& epoch = receiver_.epoch;
  if (epochs_.version(receiver_) != Tls::v1_3) return;
  const bool early = piece.epoch.stage == Stage::early;
  if (epoch.stage == Stage::plain && piece.encrypted) epoch.stage = Stage::handshake;
  if (early && epoch == Epoch{epoch.handshake, Stage::handshake}) epoch.stage = Stage::early;
  // Behind early data that was refused.
  if (epoch.stage == Stage::early && piece.encrypted && !piece.made && !early) epoch = {epoch.handshake, Stage::handshake};
  // Where handshake keys are never told, the receiver was not seen to go on to the application stage.
  if (epoch.stage == Stage::handshake && (piece.made || piece.epoch.stage == Stage::application) &&
      !epochs_.keys({epoch.handshake, Stage::handshake}) && epochs_.keys({epoch.handshake, Stage::application}))
    epoch = {epoch.handshake, Stage::application};
}

std::optional<std::string> Sealer::seal(Piece& piece, bool followed) {
  if (piece.made) piece.session = receiver_.session;
  const bool of_old_session = piece.session != receiver_.session;
  if (!of_old_session) meet(piece);
  const Epoch& epoch = receiver_.epoch;
  const bool untouched = !piece.made && (!piece.encrypted || !piece.known || of_old_session || piece.epoch == epoch);
  std::string bytes;
  if (untouched || piece.type == ContentType::raw) {
    bytes = piece.made ? piece.content : piece.bytes;
    if (piece.damaged && !bytes.empty()) bytes.back() ^= 1;
    return bytes;
  }
  const auto type = static_cast<std::uint8_t>(piece.type);
  const Tls tls = epochs_.version(receiver_);
  const bool never_encrypted = piece.type == ContentType::change_cipher_spec && tls == Tls::v1_3;
  piece.encrypted = !piece.plain && !never_encrypted && epoch.stage != Stage::plain;
  if (piece.content.size() + piece.padding > largest_length - (piece.encrypted ? most_protection : 0)) return std::nullopt;
  if (piece.made) {
    piece.established = piece.encrypted && epochs_.established(receiver_);
    piece.early = piece.encrypted && epoch.stage == Stage::early;
  }
  if (piece.encrypted) {
    RecordProtection* keys = followed ? epochs_.keys(epoch) : nullptr;
    if (!keys) return std::nullopt;
    keys->seal(bytes, type, piece.content, epoch.place, piece.padding);
  } else {
    append_header(bytes, type, piece.content.size(), minor_version(tls));
    bytes += piece.content;
  }
  if (piece.damaged) bytes.back() ^= 1;
  return bytes;
}

std::string Sealer::advance(const Piece& piece, std::string_view bytes) {
  if (!piece.known || piece.damaged || piece.by_script || piece.limit < bytes.size() || piece.type == ContentType::raw) return {};
  if (piece.session != receiver_.session) return {};
  meet(piece);
  if (piece.type == ContentType::application_data && !piece.early) data_ += piece.content.size();
  return epochs_.pass(receiver_, piece.type, piece.content, piece.encrypted, bytes).begun;
}

}  // namespace tlsbye
