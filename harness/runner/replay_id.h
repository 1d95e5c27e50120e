// The replay id: the identity of a run in one word that can be pasted.
//
//     missing-reply/peer-keeps-silent:gnutls@3.7.9:client:1.3:blocking:openssl@3.0.17
//     clean-reply/subject-closes-first:gnutls@3.7.9:client:1.3:blocking:openssl@3.0.17+send5=EAGAIN
//
// scenario : subject @ version : role : TLS version : io mode : partner @ version + schedule (schedule.h), where there is one. Versions
// tell what was judged; a replay takes the stack of that name as it is today and says so where the version differs.
//
// Names and versions may hold anything. What is not a letter, a digit, or one of `._-,` (in the scenario `/@=` too) stands as `%` and two
// hexadecimal digits, and so does a `.` or `-` that begins a name: `quictls@3.1.4%2bquic`. So every id can be read back, no shell changes
// it, and no file name that is made of it (capture_name in reports/pcapng.h) is the name of two.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "harness/transcript/transcript.h"

namespace tlsbye {

std::string replay_id(const RunKey& run);

// The run that an id names, or what is wrong with it in one line.
std::variant<RunKey, std::string> read_replay_id(std::string_view id);

}  // namespace tlsbye
