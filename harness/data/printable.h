// Text that others wrote, made fit for a terminal: one door for what peers report, what files hold and what a user types.
#pragma once

#include <string>
#include <string_view>

namespace tlsbye {

// The text with `\xNN` in place of each byte of what is not UTF-8 (RFC 3629), controls a terminal, ends a line, is invisible, or turns
// the direction of writing. All else stays.
std::string printable(std::string_view text);

}  // namespace tlsbye
