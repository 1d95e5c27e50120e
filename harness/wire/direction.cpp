#include "harness/wire/direction.h"

#include <algorithm>
#include <utility>

#include "peers/protocol/pattern.h"

namespace tlsbye {

Direction::Direction(Side from, Role writer, Secrets& secrets, Transcript& transcript)
    : from_(from), transcript_(transcript), epochs_(writer, secrets), reader_(epochs_), sealer_(epochs_), outbox_(transcript) {}

int Direction::note(const Piece& piece, std::size_t wire_bytes, int line) {
  Record record = noted(piece, from_, wire_bytes);
  if (piece.known) keep_what_was_said(piece, record);
  return transcript_.add(line, std::move(record));
}

void Direction::keep_what_was_said(const Piece& piece, Contents& contents) {
  constexpr std::size_t most = 64 * 1024;  // of data, in one direction
  if (transcript_.has_api_lane || piece.type != ContentType::application_data) return;
  contents.content = piece.content.substr(0, most - data_noted_);
  data_noted_ += contents.content.size();
}

void Direction::begin_session(bool same_transport, int line) {
  if (const PiecePtr rest = same_transport ? reader_.unfinished() : nullptr) handle(rest, line);
  reader_.begin_session(same_transport);
  sealer_.begin_session(reader_.session(), reader_.first_handshake());
  if (same_transport) return;

  for (const PiecePtr& piece : std::exchange(held_, {}))
    if (!piece->made) transcript_.add(line, Lost{piece->event, Lost::Why::ended});
  outbox_.begin_transport(line);
  holding_ = cut_ = false;
  end_.reset();
}

void Direction::arrive(std::string_view bytes, int line) {
  reader_.feed(bytes, [&](const PiecePtr& piece) { handle(piece, line); });
}

void Direction::sender_ended(End how, int line) {
  if (const PiecePtr rest = reader_.unfinished()) handle(rest, line);
  transcript_.add(line, TransportEnd{from_, false, false, how});
  end_ = how;
}

std::optional<Direction::Due> Direction::end_due() {
  if (outbox_.at_limit()) {
    const std::optional<End> how = outbox_.take_end_at_limit();
    return how ? std::optional(Due{*how, true}) : std::nullopt;
  }
  // A reset may come after a fin.
  if (!end_ || (outbox_.closed() && *end_ != End::reset) || cut_ || !held_.empty() || !outbox_.empty()) return std::nullopt;
  return Due{*std::exchange(end_, std::nullopt), false};
}

void Direction::read_again(int event, int line) {
  const PiecePtr piece = reader_.read_again(event);
  if (!piece) return;
  Opened opened = noted_again(*piece);
  keep_what_was_said(*piece, opened);
  transcript_.add(line, std::move(opened));
  if (piece->delivered) sealer_.advance(*piece, piece->bytes);
}

void Direction::handle(const PiecePtr& piece, int line) {
  piece->event = note(*piece, piece->bytes.size() + piece->missing, line);
  if (const auto closed = outbox_.closed(); closed || cut_) {
    transcript_.add(line, Lost{piece->event, closed.value_or(Lost::Why::cut)});
    return;
  }
  const Orders::Outcome outcome = piece->missing > 0 ? Orders::Outcome{.go_on = {piece}} : orders_.meet(piece);
  bool part_goes = outcome.hold && outcome.hold_at > 0 && !holding_;
  holding_ |= outcome.hold && !part_goes;
  if (outcome.dropped) transcript_.add(line, Lost{piece->event, Lost::Why::dropped});
  if (outcome.replaced) transcript_.add(line, Replaced{piece->event});
  for (const PiecePtr& goes : outcome.go_on) {
    if (holding_ && !goes->made) transcript_.add(line, Withheld{goes->event, Withheld::Why::hold});
    if (holding_)
      held_.push_back(goes);
    else if (deliver(*goes, line) && std::exchange(part_goes, false)) {
      outbox_.hold_back(outcome.hold_at);
      transcript_.add(line, Withheld{goes->event, Withheld::Why::hold});
      holding_ = true;
    }
  }
  cut_ |= outcome.cut;
}

void Direction::release(int line) {
  holding_ = false;
  outbox_.let_go();
  for (const auto held = std::exchange(held_, {}); const PiecePtr& piece : held) deliver(*piece, line);
}

bool Direction::inject(const Injection& order, int line) {
  const Content& content = order.content;
  for (int i = 0; i < order.times; ++i) {
    std::string bytes = content.bytes;
    for (std::size_t n = 0; n < content.pattern; ++n) bytes += static_cast<char>(pattern_byte(epochs_.writer(), sealer_.data() + n));
    do {
      Piece piece;
      piece.made = piece.known = true;
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

// False, and nothing is delivered, where the wire cannot.
bool Direction::deliver(Piece& piece, int line) {
  const auto closed = outbox_.closed();
  const auto bytes = closed ? std::nullopt : sealer_.seal(piece, !reader_.lost());
  if (!bytes) {
    if (piece.made && piece.of == 0) return false;  // the order is not carried out
    if (piece.made) piece.event = note(piece, 0, line);
    transcript_.add(line, Lost{piece.event, closed.value_or(Lost::Why::keyless)});
    return false;
  }
  piece.delivered = true;
  std::string begun;
  if (!reader_.is_unread(piece)) begun = sealer_.advance(piece, *bytes);
  if (piece.made) {
    piece.begun = std::move(begun);
    piece.event = note(piece, bytes->size(), line);
  }
  if (piece.limit == 0)
    transcript_.add(line, Lost{piece.event, Lost::Why::cut});
  else
    outbox_.put(piece.event, std::string_view(*bytes).substr(0, piece.limit), line);
  return true;
}

}  // namespace tlsbye
