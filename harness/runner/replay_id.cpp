#include "harness/runner/replay_id.h"

#include <fmt/format.h>

#include <vector>

#include "harness/runner/schedule.h"

namespace tlsbye {
namespace {

constexpr std::string_view shape = "SCENARIO:STACK@VERSION:client|server:1.2|1.3:blocking|nonblocking:PARTNER@VERSION[+SCHEDULE]";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t stop = text.find(at);
    parts.push_back(text.substr(0, stop));
    if (stop == std::string_view::npos) return parts;
    text.remove_prefix(stop + 1);
  }
}

}  // namespace

std::string replay_id(const RunKey& run) {
  return fmt::format("{}:{}@{}:{}:{}:{}:{}@{}{}{}", run.scenario, run.subject, run.subject_version, spell(run.role), spell(run.tls),
                     spell(run.io), run.partner, run.partner_version, run.schedule.empty() ? "" : "+", run.schedule);
}

std::variant<RunKey, std::string> read_replay_id(std::string_view id) {
  auto parts = split(id, ':');
  if (parts.size() != 6) return fmt::format("`{}` is no replay id: it has {} parts, not 6 ({})", id, parts.size(), shape);
  RunKey run;
  run.scenario = parts[0];
  const auto stack = [](std::string_view text, std::string& name, std::string& version) {
    const std::size_t at = text.find('@');
    name = text.substr(0, at);
    version = at == std::string_view::npos ? "" : text.substr(at + 1);
  };
  if (const std::size_t plus = parts[5].find('+'); plus != std::string_view::npos) {
    const auto schedule = read_schedule(parts[5].substr(plus + 1));
    if (const auto* problem = std::get_if<std::string>(&schedule)) return *problem;
    run.schedule = spell(std::get<Schedule>(schedule));
    if (run.schedule.empty()) return fmt::format("`{}` ends in a `+` without a schedule", id);
    parts[5] = parts[5].substr(0, plus);
  }
  stack(parts[1], run.subject, run.subject_version);
  stack(parts[5], run.partner, run.partner_version);
  const auto role = read_word<Role>(parts[2]);
  const auto tls = read_word<Tls>(parts[3]);
  const auto io = read_word<Io>(parts[4]);
  if (!role) return fmt::format("`{}` in the replay id is no role (client, server)", parts[2]);
  if (!tls) return fmt::format("`{}` in the replay id is no TLS version (1.0, 1.1, 1.2, 1.3)", parts[3]);
  if (!io) return fmt::format("`{}` in the replay id is no io mode (blocking, nonblocking)", parts[4]);
  run.role = *role;
  run.tls = *tls;
  run.io = *io;
  return run;
}

}  // namespace tlsbye
