#include "harness/wire/piece.h"

namespace tlsbye {
namespace {

constexpr std::size_t most_content_noted = 64;  // bytes of Contents::content

void describe(const Piece& piece, Contents& contents) {
  contents.type = piece.type;
  contents.handshake = piece.begun;
  contents.offers = piece.offers;
  contents.early = piece.early;
  contents.accepts_early = piece.accepts_early;
  if (!piece.known) return;
  contents.content_bytes = piece.content.size();
  if (piece.type != ContentType::application_data) contents.content = piece.content.substr(0, most_content_noted);
  if (piece.type == ContentType::alert && piece.content.size() == 2)
    contents.alert = Alert{static_cast<std::uint8_t>(piece.content[0]), static_cast<std::uint8_t>(piece.content[1])};
}

}  // namespace

Record noted(const Piece& piece, Side from, std::size_t wire_bytes) {
  Record record;
  describe(piece, record);
  record.from = from;
  record.made = piece.made;
  record.of = piece.of;
  record.reading = piece.reading;
  record.encrypted = piece.encrypted;
  record.established = piece.established;
  record.damaged = piece.damaged;
  record.unseen = piece.unseen;
  record.wire_bytes = wire_bytes;
  record.missing = piece.missing;
  record.offset = piece.offset;
  record.by_script = piece.by_script;
  if (!piece.bytes.empty() && piece.type != ContentType::raw) record.outer = static_cast<std::uint8_t>(piece.bytes[0]);
  return record;
}

Opened noted_again(const Piece& piece) {
  Opened opened;
  describe(piece, opened);
  opened.record = piece.event;
  opened.reading = piece.reading;
  opened.established = piece.established;
  return opened;
}

}  // namespace tlsbye
