#include "harness/wire/record_fuzz.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "harness/wire/direction.h"
#include "harness/wire/fuzz_input.h"

namespace tlsbye {
namespace {

void give_order(Direction& way, FuzzInput& input) {
  StandingOrder order;
  order.deed = static_cast<StandingOrder::Deed>(input.number() % 8);
  order.what.kind = static_cast<RecordPattern::Kind>(input.number() % 6);
  order.at = input.number();
  order.times = 1 + input.number() % 3;
  order.level = input.number();
  way.order(order, "an order");
}

// Each byte that was sent is in one record, and each record has one fate at most.
void check(const Transcript& transcript, std::size_t sent) {
  std::size_t end = 0;
  std::map<int, int> fates;
  for (const Event& event : transcript.events()) {
    if (const auto* record = event.as<Record>(); record && record->was_sent()) {
      if (record->offset != end && record->offset != 0) std::abort();  // 0: on another transport
      end = record->offset + record->wire_bytes - record->missing;
    }
    int of = 0;
    if (const auto* it = event.as<Delivered>()) of = it->record;
    if (const auto* it = event.as<Lost>()) of = it->record;
    if (const auto* it = event.as<Replaced>()) of = it->record;
    if (of && (++fates[of] > 1 || !transcript.at(of).as<Record>())) std::abort();
  }
  if (end != sent && sent > 0) std::abort();
}

}  // namespace

void fuzz_direction(std::span<const std::uint8_t> bytes) {
  FuzzInput input(bytes);
  const std::uint8_t flags = input.number();
  const Tls tls = static_cast<Tls>(flags & 3);
  const Role role = flags & 4 ? Role::client : Role::server;

  Transcript transcript;
  Secrets secrets(tls);
  secrets.saw_client_hello(no_random);
  secrets.saw_server_hello({no_random, tls});
  const std::string zeros(64, '0');
  for (const char* label : {"CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"})
    secrets.learn(std::string(label) + " " + zeros + " " + zeros + (label[7] == 'R' ? zeros.substr(32) : ""));
  FuzzSender sender(secrets, role);
  Direction way(Side::subject, role, secrets, transcript);

  std::string in, out;
  std::size_t on_this_transport = 0;
  bool interfered = false;
  while (!input.empty()) {
    const std::uint8_t what = input.number();
    std::string sent;
    switch (what % 8) {
      case 0:
      case 1:
        sent = input.bytes(1 + what / 8);
        break;
      case 2:
      case 3: {
        const auto type = static_cast<std::uint8_t>(20 + what / 8 % 4);
        sent = sender.protect(type, input.bytes(input.number()));
        break;
      }
      case 4:  // what all handshakes before TLS 1.3 need to come to their keys
        append_header(sent, 20, 1, minor_version(tls));
        sent += '\1';
        break;
      case 5:
        way.begin_session(what & 8, 1);
        interfered |= !(what & 8);
        if (!(what & 8)) on_this_transport = 0;
        break;
      case 6:
        if (!(flags & 8)) break;
        interfered = true;
        if (what & 8) {
          way.release(1);
        } else if (what & 16) {
          Content content;
          content.type = static_cast<ContentType>(20 + input.number() % 4);
          content.bytes = input.bytes(input.number());
          way.inject({.content = content}, 1);
        } else {
          give_order(way, input);
        }
        break;
      default:
        if (!(flags & 8)) break;
        interfered = true;
        way.out().end_after(input.number(), End::fin, 1);
    }
    in += sent;
    on_this_transport += sent.size();
    if (what & 128) way.script_wrote(sent.size(), sent.size() / 2);
    way.arrive(sent, 1);
    out += way.out().waiting();
    way.out().accepted(way.out().waiting().size(), 1);
  }
  way.sender_ended(End::fin, 1);
  out += way.out().waiting();
  way.out().accepted(way.out().waiting().size(), 1);
  check(transcript, on_this_transport);
  if (!interfered && (out != in || !way.end_due())) std::abort();
}

}  // namespace tlsbye

// What libFuzzer calls (-fsanitize=fuzzer).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlsbye::fuzz_direction({data, size});
  return 0;
}
