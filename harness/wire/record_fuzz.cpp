#include "harness/wire/record_fuzz.h"

#include <cstdlib>

#include "harness/wire/direction.h"

namespace tlsbye {

void fuzz_direction(std::span<const std::uint8_t> input) {
  if (input.size() < 2) return;
  const std::size_t step = 1 + input[0];
  const Tls tls = input[1] & 1 ? Tls::v1_3 : Tls::v1_2;
  const std::string_view bytes(reinterpret_cast<const char*>(input.data()) + 2, input.size() - 2);
  for (const Role role : {Role::client, Role::server}) {
    Transcript transcript;
    Secrets secrets(tls);
    secrets.saw_client_hello({});
    secrets.saw_server_hello({{}, tls});
    const std::string zeros(64, '0');
    for (const char* label : {"CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"})
      secrets.learn(std::string(label) + " " + zeros + " " + zeros + (label[7] == 'R' ? zeros.substr(32) : ""));
    Direction way(Side::subject, role, secrets, transcript);
    std::string out;
    const auto take = [&] {
      out += way.outgoing();
      way.accepted(way.outgoing().size(), 1);
    };
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      way.arrive(bytes.substr(at, step), 1);
      take();
    }
    way.sender_ended(End::fin, 1);
    take();
    if (out != bytes || !way.end_due()) std::abort();
  }
}

}  // namespace tlsbye

// What libFuzzer calls (-fsanitize=fuzzer).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tlsbye::fuzz_direction({data, size});
  return 0;
}
