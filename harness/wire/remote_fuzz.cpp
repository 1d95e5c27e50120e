// For libFuzzer: all that a remote can send, in a handshake and after it, as `tlsbye probe` meets it: through a socket into the wire, and what
// the wire noted through all that judges and tells of a program.
//
// Input: the version, who is the client, whether the hellos are good ones; then what the remote and our side do, step by step.
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "harness/oracle/closing.h"
#include "harness/transcript/telling.h"
#include "harness/wire/fuzz_input.h"
#include "harness/wire/record.h"
#include "harness/wire/wire.h"

namespace tlsbye {
namespace {

// A hello with a random of nought, as a record.
std::string hello(Role role, Tls tls) {
  using namespace std::string_literals;
  const bool tls13 = tls == Tls::v1_3;
  const char version = tls13 ? '\3' : static_cast<char>(minor_version(tls));
  const std::string suite = tls13 ? "\x13\x01"s : tls == Tls::v1_2 ? "\xc0\x2f"s : "\xc0\x13"s;
  std::string body = "\3"s + version + std::string(32, '\0') + '\0';
  body += role == Role::client ? "\0\2"s + suite + "\1\0"s : suite + '\0';
  if (tls13) body += role == Role::client ? "\0\7\0\x2b\0\3\2\3\4"s : "\0\6\0\x2b\0\2\3\4"s;
  const std::string message = (role == Role::client ? "\1\0\0"s : "\2\0\0"s) + static_cast<char>(body.size()) + body;
  std::string record;
  append_header(record, 22, message.size());
  return record + message;
}

std::vector<std::string> keys_of_nought() {
  std::vector<std::string> lines;
  const std::string zeros(64, '0');
  for (const char* label : {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
                            "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"})
    lines.push_back(std::string(label) + " " + zeros + " " + zeros);
  lines.push_back("CLIENT_RANDOM " + zeros + " " + zeros + zeros.substr(32));
  return lines;
}

void check(const Transcript& transcript) {
  std::map<int, int> fates;
  for (const Event& event : transcript.events()) {
    int of = 0;
    if (const auto* it = event.as<Delivered>()) of = it->record;
    if (const auto* it = event.as<Lost>()) of = it->record;
    if (of && (++fates[of] > 1 || !transcript.at(of).as<Record>())) std::abort();
    static_cast<void>(narrate(event));
  }
  static_cast<void>(Telling(transcript));
  for (const ClosingAct& act : closing_of(transcript))
    if (told(act, "it").empty()) std::abort();
  static_cast<void>(success_although_cut(transcript));
  const Facts facts(transcript);
  for (const Property& property : properties()) {
    if (!property.of_wire_alone) continue;
    Parameters with;
    if (property.name == "alert-level") with = {{"alert", {"error"}}, {"level", {"fatal"}}};
    const Finding finding = judge(property, with, facts);
    if (finding.kind == Finding::Kind::not_reached ? !finding.evidence.empty() : finding.evidence.empty()) std::abort();
    for (const int number : finding.evidence)
      if (number < 1 || number >= transcript.next_number()) std::abort();
  }
}

void meet(std::span<const std::uint8_t> bytes) {
  FuzzInput input(bytes);
  const std::uint8_t flags = input.number();
  const Tls tls = static_cast<Tls>(flags & 3);
  const Role role = flags & 4 ? Role::client : Role::server;  // the remote's
  Transcript transcript(RunKey{"programs/remote", "remote", "1", "openssl", "3", role, tls, Io::nonblocking});
  transcript.has_api_lane = false;
  Wire wire(make_transports(TransportKind::socketpair), role, tls, transcript, Wire::Limits{1U << 16, 5000});
  std::array<Descriptor, 2> ends{wire.take_end(Side::subject), wire.take_end(Side::partner)};
  const auto send = [&](Side side, std::string_view what) {
    Descriptor& end = ends[static_cast<std::size_t>(side)];
    if (end) static_cast<void>(::send(end.get(), what.data(), what.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    wire.pump(1);
  };
  const auto side_of = [&](Role of) { return of == role ? Side::subject : Side::partner; };

  Secrets secrets(tls);
  secrets.saw_client_hello(no_random);
  secrets.saw_server_hello({no_random, tls});
  const std::vector<std::string> keys = keys_of_nought();
  for (const std::string& line : keys) secrets.learn(line);
  FuzzSender remote(secrets, role), ours(secrets, other(role));
  try {
    if (flags & 8)
      for (const Role of : {Role::client, Role::server}) send(side_of(of), hello(of, tls));
    if (flags & 16)
      for (const std::string& line : keys) wire.key_log(line);
    while (!input.empty()) {
      const std::uint8_t what = input.number();
      const auto type = static_cast<std::uint8_t>(20 + what / 8 % 4);
      switch (what % 8) {
        case 0:
          send(Side::subject, input.bytes(1 + what / 8));
          break;
        case 1:
          send(Side::subject, hello(what & 8 ? role : other(role), tls));
          break;
        case 2:
        case 3:
          send(Side::subject, remote.protect(type, input.bytes(input.number())));
          break;
        case 4: {
          const std::string_view content = input.bytes(input.number());
          std::string record;
          append_header(record, type, content.size(), minor_version(tls));
          send(Side::subject, record.append(content));
          break;
        }
        case 5:
          what & 8 ? remote.begin_epoch() : ours.begin_epoch();
          break;
        case 6:
          send(Side::partner, ours.protect(type, input.bytes(input.number() % 64)));
          break;
        default: {
          Descriptor& end = ends[what >> 3 & 1];
          if (what & 16)
            end.reset();
          else if (end)
            ::shutdown(end.get(), SHUT_WR);
          wire.pump(1);
        }
      }
    }
    for (const std::string& line : keys) wire.key_log(line);
    for (Descriptor& end : ends) end.reset();
    wire.pump(1);
  } catch (const std::length_error&) {  // it is watched no longer
  }
  transcript.add(0, ProgramDid{Side::subject, ProgramDid::What::ended, 1, "exit code 0", 0, {}});
  check(transcript);
}

}  // namespace
}  // namespace tlsbye

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlsbye::meet({data, size});
  return 0;
}
