// What the rogue knows of the OpenSSL peer beyond the interface of every stack.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "peers/common/stack.h"

namespace tlsbye::peer {

std::unique_ptr<Stack> make_openssl();

// The library's object behind a session that make_openssl's stack opened.
SSL* ssl_of(Session& session);

}  // namespace tlsbye::peer
