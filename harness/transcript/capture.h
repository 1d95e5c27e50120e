// One run byte by byte, as the subject's network interface would have shown it: what a capture file is made of (reports/pcapng.h).
//
// It stands beside the transcript and is for the reader alone: no verdict comes from it, and what a transcript says of records was not
// read from here. That is why the two can be held against each other.
//
// What the subject sent is here as it sent it, from the moment the wire took it; what it was given as it was given it: after orders to
// hold, drop, change, add or cut. What the partner sent, and what the partner was given, is not here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "peers/protocol/words.h"

namespace tlsbye {

struct Capture {
  // Something that would be seen. They are in order, and the first of a run is a transport.
  struct Sight {
    enum class Kind : std::uint8_t {
      transport,  // a new connection begins, and the last one is seen no more
      data,       // bytes, moved in one piece
      fin,        // `from` sends no more; a hangup is one too
      reset,      // `from` ended both directions
    } kind{};
    Side from{};
    int line = 0;          // of the script
    std::size_t size = 0;  // data: this is the next so many of `bytes`
  };
  std::vector<Sight> sights;
  std::string bytes;                   // of all data
  std::vector<std::string> key_log{};  // lines that the peers told, each once, in the order in which they came

  void add(Sight::Kind kind, Side from, int line) { sights.push_back({kind, from, line, 0}); }
  void add_data(Side from, int line, std::string_view data) {
    sights.push_back({Sight::Kind::data, from, line, data.size()});
    bytes += data;
  }
  void add_key(std::string_view key_line) {
    if (std::find(key_log.begin(), key_log.end(), key_line) == key_log.end()) key_log.emplace_back(key_line);
  }
};

}  // namespace tlsbye
