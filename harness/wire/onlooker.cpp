#include "harness/wire/onlooker.h"

#include <algorithm>
#include <utility>

namespace tlsbye {
namespace {

constexpr std::size_t most_masters = 64;

}  // namespace

std::size_t KeyLog::add(std::string_view text) {
  std::size_t taken = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto read = read_key_log(line);
    if (!read) continue;
    ++taken;
    lines_[read->random].emplace_back(line);
    if (read->label == KeyLogLine::Label::client_random && masters_.size() < most_masters) masters_.emplace_back(line);
  }
  return taken;
}

const std::vector<std::string>* KeyLog::of(const Random& random) const {
  const auto it = lines_.find(random);
  return it == lines_.end() ? nullptr : &it->second;
}

Onlooker::Onlooker(Role subject_role, const KeyLog& keys, Transcript& transcript)
    : keys_(keys),
      transcript_(transcript),
      ways_{Way(Side::subject, subject_role, secrets_), Way(Side::partner, other(subject_role), secrets_)} {
  for (const std::string& line : keys_.masters()) secrets_.learn(line);
}

void Onlooker::saw(Side from, std::string_view bytes, int line) {
  Way& it = way(from);
  it.reader.feed(bytes, [&](const PiecePtr& piece) { note(it, piece, line); });
  learn(line);
  give_up_handshake();
}

void Onlooker::missed(Side from, std::size_t bytes, int line) {
  Way& it = way(from);
  it.reader.miss(bytes, [&](const PiecePtr& piece) { note(it, piece, line); });
  give_up_handshake();
}

// A handshake of which one side was not seen tells nothing of the other side's version and keys either.
void Onlooker::give_up_handshake() {
  const auto& [one, other] = ways_;
  const bool done = one.reader.established() && other.reader.established();
  if (!done && one.reader.is_lost() != other.reader.is_lost()) came_late();
}

void Onlooker::came_late() {
  for (Way& it : ways_) it.reader.lose();
}

void Onlooker::saw_end(Side from, End how, int line) {
  for (Way& it : ways_) {
    if (it.from != from && how == End::fin) continue;
    if (const PiecePtr rest = it.reader.unfinished()) note(it, rest, line);
  }
  transcript_.add(line, TransportEnd{from, false, false, how});
  transcript_.add(line, TransportEnd{from, true, false, how});
}

void Onlooker::saw_all(int line) {
  for (Way& it : ways_)
    if (const PiecePtr rest = it.reader.unfinished_with_a_hole()) note(it, rest, line);
}

std::optional<Tls> Onlooker::version() const {
  for (int i = secrets_.handshakes(); i-- > 0;)
    if (secrets_.answered(i)) return secrets_.version(i);
  return std::nullopt;
}

void Onlooker::note(Way& way, const PiecePtr& piece, int line) {
  const std::size_t missing = piece->unseen ? 0 : piece->missing;
  const std::size_t size = piece->bytes.size() + piece->missing;
  Record record = noted(*piece, way.from, size);
  record.missing = missing;  // what went by unseen was sent
  piece->event = transcript_.add(line, std::move(record));
  transcript_.add(line, Delivered{piece->event, size - missing});
}

void Onlooker::learn(int line) {
  bool more = false;
  for (; learned_ < secrets_.handshakes(); ++learned_) {
    const auto& random = secrets_.client_random(learned_);
    const auto* lines = random ? keys_.of(*random) : nullptr;
    if (!lines) continue;
    for (const std::string& each : *lines) more |= secrets_.learn(each);
  }
  if (!more) return;
  for (int event = 0;;) {
    const int next[] = {ways_[0].reader.unread_after(event), ways_[1].reader.unread_after(event)};
    if (next[0] == 0 && next[1] == 0) return;
    const bool second = next[0] == 0 || (next[1] != 0 && next[1] < next[0]);
    event = next[second];
    if (const PiecePtr piece = ways_[second].reader.read_again(event)) transcript_.add(line, noted_again(*piece));
  }
}

}  // namespace tlsbye
