// The control message: the one form in which the harness and a peer talk.
//
// A message is one packet of a SOCK_SEQPACKET socket: UTF-8 text of one or more lines, each ended by '\n'. A line is a word, then
// fields `key=value`, all separated by single tabs. In a value, tab, newline, carriage return, backslash and the bytes outside
// printable ASCII are written \xHH, so that any byte string can be carried. `peers/README.md` lists the lines that exist.
//
//     open\trole=client\ttls=1.3\tio=blocking\n
//
// Parsing never throws: a packet that is not a message gives an Error with the offset, and what it was.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tlsbye {

// The number of the protocol that these words make. A peer says which one it speaks in its hello.
inline constexpr int protocol_version = 3;

// A packet never has more bytes than this; a peer with more to report sends several, all but the last ending in a line `more`.
inline constexpr std::size_t largest_message = 64 * 1024;

// A line never has more fields than this.
inline constexpr std::size_t most_fields = 64;

// One line of a message: a word and its fields in the order they were written. Keys are unique within a line.
class Line {
 public:
  explicit Line(std::string word = {}) : word_(std::move(word)) {}

  const std::string& word() const { return word_; }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  // The field's value, or nullptr.
  const std::string* find(std::string_view key) const;
  // The field's value, or `otherwise` (a view into the line, or into `otherwise`).
  std::string_view get(std::string_view key, std::string_view otherwise = {}) const;
  // The field as a whole number; nullopt where it is missing or is none.
  std::optional<long long> number(std::string_view key) const;

  Line& with(std::string_view key, std::string_view value);
  Line& with(std::string_view key, long long value);

  friend bool operator==(const Line&, const Line&) = default;

 private:
  std::string word_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct MessageError {
  std::size_t offset;   // of the first byte that does not fit
  std::string problem;  // in words, without a full stop
};

// Writes one line straight into a packet, field by field, for those who write many. The line ends when the writer does.
//     LineWriter(packet, "io").with("flow", "recv").with("result", 5);
class LineWriter {
 public:
  LineWriter(std::string& packet, std::string_view word) : packet_(packet) { packet_ += word; }
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  ~LineWriter() { packet_ += '\n'; }

  LineWriter& with(std::string_view key, std::string_view value);
  LineWriter& with(std::string_view key, long long value);

 private:
  std::string& packet_;
};

// Appends the line, escaped and ended, to `packet`.
void append_line(std::string& packet, const Line& line);

// All lines of one packet, at least one. Everything that append_line writes is read back equal.
std::variant<std::vector<Line>, MessageError> parse_message(std::string_view packet);

}  // namespace tlsbye
