// What peers/rustls.cpp and shim.rs know of each other.
#pragma once

#include <cstddef>

namespace tlsbye::peer::rustls_shim {

enum class Call : int { handshake, read, write, flush, close_notify };

// What an error is, as far as std::io::ErrorKind and rustls::Error tell.
enum class Error : int { none, would_block, interrupted, unexpected_eof, broken, alert, not_now, other };

struct Result {
  long n;  // bytes, of a read and a write
  Error error;
  int error_number;
  char code[64], words[512];
};

extern "C" {
struct tlsbye_rustls;
// Null where rustls refuses; then `words` has its reason.
tlsbye_rustls* tlsbye_rustls_open(int transport, bool client, bool tls13, const char* certificate, const char* key,
                                  void (*log)(void* keys, const char* line, std::size_t size), void* keys, char words[512]);
void tlsbye_rustls_free(tlsbye_rustls*);
void tlsbye_rustls_do(tlsbye_rustls*, Call call, void* data, std::size_t size, Result* result);
bool tlsbye_rustls_wants_read(const tlsbye_rustls*);
bool tlsbye_rustls_wants_write(const tlsbye_rustls*);
}

}  // namespace tlsbye::peer::rustls_shim
