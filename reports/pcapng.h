// A run as a capture file that Wireshark and tshark open decrypted: pcapng (draft-ietf-opsawg-pcapng) with the secrets inside.
//
// The blocks, in this order: a Section Header whose comment names the run and the command that shows it again; an Interface of IPv4
// packets; Decryption Secrets, a TLS key log, where the peers told one that Wireshark reads; a packet for each thing that the subject sent
// or was given. The first packet of each script line has that line for a comment, and every packet says whether it went out of the subject
// or into it.
//
// There was no network. The subject is 10.x.y.1 and the partner 10.x.y.2, with x, y, the client's port and the first sequence numbers made
// of the replay id, so that captures of different runs can be merged and stay apart; the server's port is 443, by which TLS is known; time
// is one millisecond a packet. Each transport of the run is a TCP connection with its handshake; a hangup is a FIN. No side acknowledges
// without having something to say.
//
// Written by hand: libpcap writes no pcapng, and libwiretap, which does, is Wireshark's own and promises no interface.
#pragma once

#include <string>
#include <string_view>

#include "harness/transcript/capture.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

// `transcript` is of the same run; used are its key and its script. `more_words`: what `tlsbye replay` needs behind the id (judge.h).
std::string pcapng(const std::string& replay, const Transcript& transcript, const Capture& capture, const std::string& more_words = {});

// What a run's files are called beside the run file, "captures/NAME.pcapng": the replay id with `~` for each `:` and `+` for each `/`.
// The name holds nothing that a file system or a store of artifacts refuses, is at most 120 bytes long, and differs from that of any other
// id, also where capitals and small letters are the same: where the id alone does not give all that, the name ends in a hash of it.
std::string capture_name(std::string_view replay);

// Whether Wireshark reads such a line of a key log. It knows nothing of the bare traffic keys of ours (harness/wire/key_log.h).
bool is_for_wireshark(std::string_view key_log_line);

}  // namespace tlsbye
