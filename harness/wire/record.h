// A byte stream cut into TLS records, or into raw bytes where it is not TLS.
//
// Nothing here knows keys. Any bytes may be fed; nothing throws but for memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tlsbye {

inline constexpr std::size_t record_header = 5;               // type, version, length (RFC 8446 5.1)
inline constexpr std::size_t largest_content = 16384;         // RFC 8446 5.1, RFC 5246 6.2.1
inline constexpr std::size_t largest_payload = 16384 + 2048;  // of what is protected; TLS 1.2 allows more than 1.3 (RFC 5246 6.2.3)
inline constexpr std::size_t largest_length = 65535;          // that a header can say, whatever it may
inline constexpr std::size_t most_protection = 512;           // what the wire's own protection adds at most: IV, nonce, MAC, padding, tag

// One record as it stands on the wire, or a run of raw bytes.
struct Framed {
  std::string_view bytes;  // header and payload; into the reader's buffer, valid until it is fed again
  bool raw = false;

  std::uint8_t type() const { return static_cast<std::uint8_t>(bytes[0]); }
  std::string_view payload() const { return bytes.substr(record_header); }
};

// Where a record begins, bytes that cannot be a record's header (types 20 to 24, version 3.x, a length no larger than
// largest_payload) are raw, and so is everything that follows them, up to the hello with which a session begins: but for that, a stream
// does not come back to TLS.
class RecordReader {
 public:
  void feed(std::string_view bytes);

  // A session may begin in what is fed from now on: raw bytes end where a record with a hello begins. `rest` was taken from the reader
  // and is forgotten.
  void await_session();

  // Where the next record begins is not known: what is before its header is raw. A header is believed if the record is whole and another
  // header, or nothing, follows it.
  void find_record();

  // The next whole record, or all raw bytes that are there; nullopt where more must be fed first.
  std::optional<Framed> next();

  // The bytes that wait for the rest of their record.
  std::string_view rest() const { return std::string_view(buffer_).substr(taken_); }
  // Takes them: what is fed next is read as if they had not been there.
  std::string take_rest();
  // How long the record that waits says it is, header included; 0 where its header is not whole.
  std::size_t announced() const;

 private:
  std::string buffer_;
  std::size_t taken_ = 0;
  bool raw_ = false;
  bool awaiting_ = false;  // no hello was seen since await_session()
  bool finding_ = false;   // no record was found since find_record()
};

// Whether bytes look like a record that begins with a hello without protection. In what is encrypted, that is a chance of one in 2^40.
bool begins_with_hello(std::string_view record);
bool begins_with_hello(std::string_view record, std::uint8_t hello);  // with one of that type

// Appends a record's header, with version 3.`minor` (TLS 1.3 writes that of 1.2). The payload must not exceed largest_length.
void append_header(std::string& to, std::uint8_t type, std::size_t payload_bytes, std::uint8_t minor = 3);

}  // namespace tlsbye
