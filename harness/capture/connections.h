// The TCP connections of a capture: what each side sent, in order, and how it ended.
//
// Captures of real traffic hold segments twice, out of order and not at all; they begin late and stop early. What was never captured is
// told as missing, at its place, and never as if the side had not sent it. An end has its place too: a FIN stands behind all that its side
// sent, wherever its segment came. The acknowledgements of the other side tell of what was sent and not captured.
//
// Written by hand: the followers of TCP streams in libraries give data, and are silent on FIN and RST, on who was first, and on gaps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/capture/segment.h"

namespace tlsbye {

// The end of a connection that opened it (it sent the SYN), and the other one.
enum class Talker : std::uint8_t { opener, other };
constexpr Talker peer_of(Talker party) { return party == Talker::opener ? Talker::other : Talker::opener; }

// Something that one side did, where the capture shows it.
struct Deed {
  enum class Kind : std::uint8_t {
    data,
    missing,  // so many bytes were sent, and not captured
    fin,
    reset,
  } kind{};
  Talker from{};
  std::uint64_t packet = 0;  // by its number in the capture, 1, 2, 3, ...; of the one that brought it to light
  std::size_t size = 0;      // data, missing: bytes. A reset: so many of the other side's had not been acknowledged
  std::size_t at = 0;        // data: where it begins in Connection::bytes
};

struct Connection {
  Endpoint opener, other;
  bool from_the_beginning = false;  // its SYN was captured; otherwise it is unknown which side opened it
  bool refused = false;             // the opener's SYN was answered by a reset
  std::uint64_t first_packet = 0;
  std::vector<Deed> deeds;
  std::string bytes;  // of all data

  std::string_view data(const Deed& deed) const { return std::string_view(bytes).substr(deed.at, deed.size); }
};

class Connections {
 public:
  Connections();
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // The next packet's.
  void add(std::uint64_t packet, const Segment& segment);
  // All of them, in the order of their first packets; to be taken once.
  std::vector<Connection> take();

 private:
  struct Flow;
  struct Books;
  std::unique_ptr<Books> books_;
};

}  // namespace tlsbye
