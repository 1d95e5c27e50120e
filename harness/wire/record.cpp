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

}  // namespace

void RecordReader::feed(std::string_view bytes) {
  buffer_.erase(0, std::exchange(taken_, 0));
  buffer_.append(bytes);
}

std::optional<Framed> RecordReader::next() {
  const std::string_view waiting = rest();
  if (waiting.empty()) return std::nullopt;
  raw_ = raw_ || !may_be_record(waiting);
  const std::size_t size = raw_ ? waiting.size() : announced();
  if (size == 0 || waiting.size() < size) return std::nullopt;
  taken_ += size;
  return Framed{waiting.substr(0, size), raw_};
}

std::size_t RecordReader::announced() const {
  const std::string_view waiting = rest();
  return waiting.size() < record_header ? 0 : record_header + announced_payload(waiting);
}

void append_header(std::string& to, std::uint8_t type, std::size_t payload_bytes) {
  to += {static_cast<char>(type), 3, 3, static_cast<char>(payload_bytes >> 8), static_cast<char>(payload_bytes)};
}

}  // namespace tlsbye
