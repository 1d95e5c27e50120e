// The functions by which a library uses its transport, as `io` lines name them.
#pragma once

#include <initializer_list>
#include <string_view>

namespace tlsbye {

// Whether a function moves bytes; others wait, look, or do something to the transport.
constexpr bool is_data_function(std::string_view function) {
  for (const std::string_view it : {"recv", "recvfrom", "recvmsg", "recvmmsg", "read", "readv", "preadv2", "send", "sendto", "sendmsg",
                                    "sendmmsg", "write", "writev", "pwritev2"})
    if (function == it) return true;
  return false;
}

}  // namespace tlsbye
