#include "peers/protocol/message.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tlsbye {
namespace {

bool plain(unsigned char byte) { return byte >= 0x20 && byte < 0x7f && byte != '\\'; }

// How many bytes stand before the first that is not plain.
std::size_t plain_beginning(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), plain) - text.begin());
}

void append_escaped(std::string& to, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  while (!text.empty()) {
    const std::size_t size = plain_beginning(text);
    to += text.substr(0, size);
    text.remove_prefix(size);
    if (text.empty()) return;
    const auto byte = static_cast<unsigned char>(text.front());
    to += "\\x";
    to += digits[byte >> 4];
    to += digits[byte & 15];
    text.remove_prefix(1);
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads `text`, which stands at `offset` of the packet, into `to`.
std::optional<MessageError> unescape(std::string_view text, std::size_t offset, std::string& to) {
  to.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t size = plain_beginning(text.substr(i));
    to += text.substr(i, size);
    if ((i += size) == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && hex_digit(text[i + 2]) >= 0 && hex_digit(text[i + 3]) >= 0) {
      to += static_cast<char>(hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]));
      i += 3;
    } else {
      return MessageError{offset + i, byte == '\\' ? "a backslash that starts no \\xHH escape" : "a byte that must be escaped"};
    }
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')) return false;
  return true;
}

}  // namespace

const std::string* Line::find(std::string_view key) const {
  for (const auto& [name, value] : fields_)
    if (name == key) return &value;
  return nullptr;
}

std::string_view Line::get(std::string_view key, std::string_view otherwise) const {
  const std::string* value = find(key);
  return value ? std::string_view(*value) : otherwise;
}

std::optional<long long> Line::number(std::string_view key) const {
  const std::string* value = find(key);
  if (!value) return std::nullopt;
  long long read = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, read);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return read;
}

Line& Line::with(std::string_view key, std::string_view value) {
  fields_.emplace_back(key, value);
  return *this;
}

Line& Line::with(std::string_view key, long long value) { return with(key, std::string_view(std::to_string(value))); }

LineWriter& LineWriter::with(std::string_view key, std::string_view value) {
  packet_ += '\t';
  packet_ += key;
  packet_ += '=';
  append_escaped(packet_, value);
  return *this;
}

LineWriter& LineWriter::with(std::string_view key, long long value) {
  std::array<char, 24> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return with(key, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void append_line(std::string& packet, const Line& line) {
  LineWriter writer(packet, line.word());
  for (const auto& [key, value] : line.fields()) writer.with(key, value);
}

std::variant<std::vector<Line>, MessageError> parse_message(std::string_view packet) {
  std::vector<Line> lines;
  if (packet.empty()) return MessageError{0, "an empty message"};
  std::size_t at = 0;
  while (at < packet.size()) {
    const std::size_t end = packet.find('\n', at);
    if (end == std::string_view::npos) return MessageError{packet.size(), "a last line without its end"};
    std::size_t stop = std::min(packet.find('\t', at), end);
    if (!is_name(packet.substr(at, stop - at))) return MessageError{at, "a line that starts with no word of a-z, 0-9, '-', '_', '.'"};
    Line line{std::string(packet.substr(at, stop - at))};
    while (stop < end) {
      const std::size_t key = stop + 1;
      stop = std::min(packet.find('\t', key), end);
      const std::string_view field = packet.substr(key, stop - key);
      const std::size_t equals = field.find('=');
      if (equals == std::string_view::npos || !is_name(field.substr(0, equals))) return MessageError{key, "a field that is not key=value"};
      if (line.fields().size() == most_fields) return MessageError{key, "more fields than a line may have"};
      if (line.find(field.substr(0, equals))) return MessageError{key, "a key that stands twice in one line"};
      std::string value;
      if (auto error = unescape(field.substr(equals + 1), key + equals + 1, value)) return *error;
      line.with(field.substr(0, equals), value);
    }
    lines.push_back(std::move(line));
    at = end + 1;
  }
  return lines;
}

}  // namespace tlsbye
