// How a connection was closed, as the wire shows it, and by whom: a list of what each side did towards the end, in order. Facts, and no
// verdicts: it says what was there, and what was not there only where that is proved.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/oracle/oracle.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

enum class Closing : std::uint8_t {
  close_notify,
  alert,            // any other
  unread_alert,     // an alert of which only the type and the size are known
  fin,              // the end of its stream
  reset,            // the end of both
  data_behind_end,  // TLS records of a side behind its own close_notify
  raw_behind_end,   // bytes outside TLS behind its own close_notify
  outside_tls,      // bytes outside TLS behind its records under keys, without a close_notify between them
  late_data,        // application data behind the other side's close_notify
};
template <>
struct Words<Closing> {
  static constexpr std::array<std::string_view, 9> list{"close-notify",    "alert",          "unread-alert", "fin",      "reset",
                                                        "data-behind-end", "raw-behind-end", "outside-tls",  "late-data"};
};

struct ClosingAct {
  Closing what{};
  Side side{};
  int event = 0;  // the first of the transcript that belongs to it
  int line = 0;   // of that event
  std::optional<Alert> alert;
  std::size_t bytes = 0;  // behind an end: of content, or of the wire where that cannot be read
  std::string more;       // "without close_notify", "within a record, of which 12 bytes are missing"; empty for nothing
};

// Whether the clause can be judged without knowing what the library was asked and what it answered.
bool is_of_wire_alone(const Clause& clause);

// Whether all that a side sent was read, from the beginning to its end.
bool was_read(const Transcript& transcript, Side side);

std::vector<ClosingAct> closing_of(const Transcript& transcript);

// A client (a command) that ended with success although a part of what it was to be told never reached it, and no close_notify said that
// this was all: what was seen, in a line. Empty where that is not proved, and where HTTP was spoken: of that the property
// success-means-answer-received judges.
std::string success_although_cut(const Transcript& transcript);

// "client close_notify", "server FIN without close_notify"; `name` is the side's.
std::string told(const ClosingAct& act, std::string_view name);

}  // namespace tlsbye
