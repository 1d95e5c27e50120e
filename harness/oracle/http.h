// How far an answer in HTTP/1 has come, by what it says of its own length (RFC 9112 6.3 and 8). Only so much of HTTP is read as that takes;
// where there is doubt, it says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tlsbye {

// The method of a request that begins so: "GET". Empty if the text is not an HTTP/1 request, or if its first line has not ended.
std::string http_method(std::string_view request);

enum class HttpAnswer : std::uint8_t {
  none,         // not HTTP/1
  whole,        // all is there: Content-Length bytes, the last chunk, or a head that no body follows
  unfinished,   // more was promised: the head has not ended, or the body has not
  until_close,  // its length is not told: only an orderly close says that this was all
  doubtful,
};

// Of an answer to such a request `size` bytes have come, and `beginning` is the first of them, or all.
HttpAnswer http_answer(std::string_view method, std::string_view beginning, std::size_t size);

}  // namespace tlsbye
