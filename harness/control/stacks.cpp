#include "harness/control/stacks.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>

namespace tlsbye {

bool Stack::can(std::string_view ability) const { return std::find(abilities.begin(), abilities.end(), ability) != abilities.end(); }

FoundStacks find_stacks(const std::filesystem::path& directory, std::chrono::milliseconds patience) {
  FoundStacks found;
  std::error_code error;
  std::vector<std::filesystem::path> programs;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.path().filename().string().starts_with("tlsbye-peer-")) programs.push_back(entry.path());
  if (error) {
    found.problems.push_back(fmt::format("{}: cannot look for peer programs there: {}", directory.string(), error.message()));
    return found;
  }
  std::sort(programs.begin(), programs.end());
  for (const auto& program : programs) {
    auto started = PeerProcess::start(program, patience);
    if (const auto* problem = std::get_if<std::string>(&started)) {
      found.problems.push_back(*problem);
      continue;
    }
    const PeerHello& hello = std::get<PeerProcess>(started).hello();
    found.stacks.push_back({hello.stack, hello.version, hello.abilities, program});
  }
  return found;
}

std::vector<std::string> probe_inabilities(const Stack& stack, std::chrono::milliseconds patience) {
  std::vector<std::string> problems;
  // Asked of an open session, or of the opening itself.
  struct Probe {
    std::string ability;
    std::string_view role, tls, options;
    Line request;
  };
  const std::string_view role = stack.can("client") ? "client" : "server";
  const std::string_view tls = stack.can("tls-1.3") ? "1.3" : "1.2";
  std::vector<Probe> probes{{"client", "client", tls, "", Line()}, {"server", "server", tls, "", Line()}};
  for (const std::string_view version : Words<Tls>::list) probes.push_back({fmt::format("tls-{}", version), role, version, "", Line()});
  for (const std::string_view option : {"tickets", "ignore-eof", "quiet-shutdown", "read-ahead", "callbacks", "session-cache",
                                        "require-certificate", "post-handshake-auth"})
    probes.push_back({std::string(option), role, tls, option, Line()});
  for (const std::string_view call : {"peek", "key-update", "renegotiate", "clear", "keep-session"})
    probes.push_back({std::string(call), role, tls, "", Line(std::string(call))});
  probes.push_back({"send-alert", role, tls, "", Line("send-alert").with("level", 1).with("description", 90)});
  for (const std::string_view name : {"quiet-shutdown", "context-quiet-shutdown", "cork", "auto-retry", "stale-error"})
    probes.push_back({fmt::format("set-{}", name), role, tls, "", Line("set").with("name", name).with("value", "on")});
  probes.push_back({"set-shutdown", role, tls, "", Line("set").with("name", "shutdown").with("value", "none")});
  probes.push_back({"set-timeout", role, tls, "", Line("set").with("name", "timeout").with("value", 1000)});
  probes.push_back({"threads", role, tls, "", Line("aside").with("call", "close-write")});
  probes.push_back({"fork", role, tls, "", Line("fork").with("call", "close-write")});
  auto started = PeerProcess::start(stack.program, patience);
  if (auto* problem = std::get_if<std::string>(&started)) return {*problem};
  auto& peer = std::get<PeerProcess>(started);
  for (const Probe& probe : probes) {
    if (stack.can(probe.ability)) continue;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return {fmt::format("no socketpair: {}", std::error_code(errno, std::generic_category()).message())};
    const Descriptor ours(ends[0]), theirs(ends[1]);
    Line open("open");
    open.with("role", probe.role).with("tls", probe.tls).with("io", "nonblocking");
    if (!probe.options.empty()) open.with("options", probe.options);
    Report report = peer.ask(open, theirs.get());
    if (!probe.request.word().empty() && !report.end) report = peer.ask(probe.request);
    const bool refused =
        std::any_of(report.lines.begin(), report.lines.end(), [](const Line& line) { return line.word() == "unsupported"; });
    if (!refused)
      problems.push_back(fmt::format("{}: says that it lacks `{}`, but did not refuse it when asked", stack.id(), probe.ability));
    if (report.end) break;
    peer.ask(Line("end"));
  }
  return problems;
}

}  // namespace tlsbye
