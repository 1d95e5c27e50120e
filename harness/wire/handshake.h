// Handshake messages in one direction: which begin in a record, which end in it. Messages may be cut over several records, and several
// may share one (RFC 8446 5.1); only the bodies of hellos and EncryptedExtensions are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/protection.h"

namespace tlsbye {

enum class HandshakeType : std::uint8_t {
  client_hello = 1,
  server_hello = 2,
  end_of_early_data = 5,
  encrypted_extensions = 8,
  finished = 20,
  key_update = 24
};

// "Finished"; "handshake 77" for a number without a name (RFC 8446 4, RFC 5246 7.4).
std::string handshake_name(std::uint8_t type);

struct ServerHello {
  Random random{};
  Tls version{};
  std::uint16_t suite = 0;   // by its number; 0 where the message ends before it
  bool mac_after = false;    // encrypt-then-MAC (RFC 7366)
  std::string session = {};  // its id (RFC 5246 7.4.1.3); empty where the server gave none
};
// The 32 bytes behind the version, of a ClientHello's body.
std::optional<Random> client_random(std::string_view body);
// Ids of sessions (RFC 5246 7.4.1.2).
using SessionIds = std::set<std::string, std::less<>>;
// Whether a ClientHello's body offers an earlier session: by a pre_shared_key (RFC 8446 4.2.11), a ticket (RFC 5077 3.2), or a session's id
// that servers `gave`. A client may also make up an id: for the sake of middleboxes, if it can do TLS 1.3 (RFC 8446 4.1.2), or so that
// the answer shows whether the server takes its ticket (RFC 5077 3.4); Go's crypto/tls makes one up without a ticket, too.
bool offers_session(std::string_view body, const SessionIds& gave);
// Whether a ClientHello's body offers early data, or EncryptedExtensions accept it (RFC 8446 4.2.10).
bool offers_early_data(std::string_view client_hello);
bool accepts_early_data(std::string_view encrypted_extensions);
// nullopt where it is too short, and for a HelloRetryRequest (RFC 8446 4.1.3), which decides nothing.
std::optional<ServerHello> server_hello(std::string_view body);

class HandshakeReader {
 public:
  struct Message {
    std::uint8_t type = 0;
    std::string body;  // of hellos and EncryptedExtensions only
    bool is(HandshakeType what) const { return type == static_cast<std::uint8_t>(what); }
  };

  // Takes the content of the next handshake record. `begun` gets the names of the messages that begin in it, comma-separated; the result
  // are those that end in it.
  std::vector<Message> feed(std::string_view content, std::string& begun);

 private:
  std::string header_;            // the four bytes of a message whose header is not whole, or whose body is still to come
  std::string body_;              // of one that is kept
  std::size_t body_missing_ = 0;  // bytes of the body still to come
};

}  // namespace tlsbye
