#include "harness/wire/record.h"

#include <utility>

namespace tlsbye {
namespace {

std::uint8_t at(std::string_view bytes, std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); }

std::size_t announced_payload(std::string_view header) { return static_cast<std::size_t>(at(header, 3) << 8 | at(header, 4)); }

// Whether what is there so far can be the beginning of a record.
bool may_be_record(std::string_view bytes) {
  if (bytes.size() >= 1 && (at(bytes, 0) < 20 || at(bytes, 0) > 24)) return false;
  if (bytes.size() >= 2 && at(bytes, 1) != 3) return false;
  if (bytes.size() >= 3 && at(bytes, 2) > 4) return false;
  return bytes.size() < record_header || announced_payload(bytes) <= largest_payload;
}

// Where in raw bytes a session begins; their size where it does not.
std::size_t find_session(std::string_view bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i)
    if (begins_with_hello(bytes.substr(i))) return i;
  return bytes.size();
}

// Where bytes begin that may be a record's header; their size where none does.
std::size_t find_header(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (may_be_record(bytes.substr(i))) return i;
  return bytes.size();
}

// A whole record, with nothing behind it or another one.
bool is_believed(std::string_view bytes) {
  if (bytes.size() < record_header || announced_payload(bytes) == 0) return false;
  const std::size_t size = record_header + announced_payload(bytes);
  return bytes.size() == size || (bytes.size() > size && may_be_record(bytes.substr(size)));
}

}  // namespace

// Type and version of the record; type, high byte of the length and version of the message (RFC 8446 4.1.2, 4.1.3; RFC 5246 7.4.1).
bool begins_with_hello(std::string_view record, std::uint8_t hello) {
  return record.size() >= record_header + 6 && at(record, 0) == 22 && may_be_record(record) && at(record, 5) == hello &&
         at(record, 6) == 0 && at(record, 9) == 3 && at(record, 10) <= 3;
}
bool begins_with_hello(std::string_view record) { return begins_with_hello(record, 1) || begins_with_hello(record, 2); }

void RecordReader::await_session() {
  buffer_.clear();
  taken_ = 0;
  raw_ = false;
  awaiting_ = true;
}

void RecordReader::find_record() {
  raw_ = awaiting_ = false;
  finding_ = true;
}

void RecordReader::feed(std::string_view bytes) {
  buffer_.erase(0, std::exchange(taken_, 0));
  buffer_.append(bytes);
}

std::optional<Framed> RecordReader::next() {
  const std::string_view waiting = rest();
  if (waiting.empty()) return std::nullopt;
  if (finding_) {
    const std::size_t begin = find_header(waiting);
    finding_ = begin > 0 || !is_believed(waiting);
    if (!finding_) return next();
    // The largest record that may begin here would be whole.
    const std::size_t size = begin > 0 ? begin : waiting.size() > record_header + largest_payload ? 1 : 0;
    if (size == 0) return std::nullopt;
    taken_ += size;
    return Framed{waiting.substr(0, size), true};
  }
  if (awaiting_ && begins_with_hello(waiting)) raw_ = awaiting_ = false;
  raw_ = raw_ || !may_be_record(waiting);
  const std::size_t size = !raw_ ? announced() : awaiting_ ? find_session(waiting) : waiting.size();
  if (size == 0 || waiting.size() < size) return std::nullopt;
  taken_ += size;
  return Framed{waiting.substr(0, size), raw_};
}

std::string RecordReader::take_rest() {
  std::string taken(rest());
  taken_ = buffer_.size();
  return taken;
}

std::size_t RecordReader::announced() const {
  const std::string_view waiting = rest();
  return waiting.size() < record_header ? 0 : record_header + announced_payload(waiting);
}

void append_header(std::string& to, std::uint8_t type, std::size_t payload_bytes, std::uint8_t minor) {
  to += {static_cast<char>(type), 3, static_cast<char>(minor), static_cast<char>(payload_bytes >> 8), static_cast<char>(payload_bytes)};
}

}  // namespace tlsbye
