// A captured connection, read by the wire and judged by the clauses that speak of the wire alone: for each of its two sides, what it sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/capture/connections.h"
#include "harness/judge/judge.h"
#include "harness/oracle/closing.h"
#include "harness/oracle/oracle.h"
#include "harness/wire/onlooker.h"

namespace tlsbye {

// One clause, one side.
struct SideVerdict {
  const Clause* clause = nullptr;
  Role role{};
  Verdict verdict{};
  std::string says;
  std::vector<EvidenceLine> evidence;
};

struct JudgedConnection {
  int number = 0;  // in the capture, 1, 2, 3, ...
  std::string client, server;
  std::uint64_t first_packet = 0;
  enum class What : std::uint8_t {
    tls,      // with its handshake
    late,     // it began before the capture: its records cannot be told from others, or not be read
    no_tls,   // no TLS at all
    refused,  // no connection came about
  } what{};
  std::optional<Tls> tls;
  std::size_t plain_before = 0;               // bytes in front of the ClientHello, of both sides: a protocol that begins TLS later
  std::array<bool, 2> read{};                 // by Side: all that it sent could be read
  std::array<std::size_t, 2> not_captured{};  // bytes
  bool ended = false;                         // both streams, or one reset
  std::vector<ClosingAct> acts;               // of the client (subject) and the server (partner)
  std::vector<SideVerdict> verdicts;          // those that were reached
  Transcript transcript;                      // the client is the subject
};

JudgedConnection judge_connection(int number, const Connection& connection, const KeyLog& keys, const std::vector<Clause>& clauses);

// What happened, in a line: "client close_notify, client FIN, server FIN without close_notify".
std::string told(const JudgedConnection& connection);

}  // namespace tlsbye
