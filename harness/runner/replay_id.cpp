#include "harness/runner/replay_id.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "harness/runner/schedule.h"

namespace tlsbye {
namespace {

constexpr std::string_view id_shape =
    "SCENARIO:STACK@VERSION:client|server:1.0|1.1|1.2|1.3:blocking|nonblocking:PARTNER@VERSION[+SCHEDULE]";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t stop = text.find(at);
    parts.push_back(text.substr(0, stop));
    if (stop == std::string_view::npos) return parts;
    text.remove_prefix(stop + 1);
  }
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-,").find(c) != std::string_view::npos;
}

std::string escaped(std::string_view text, std::string_view plain_too = {}) {
  std::string safe;
  for (const char c : text) {
    const bool leads = safe.empty() && (c == '.' || c == '-');
    if ((is_plain(c) && !leads) || plain_too.find(c) != std::string_view::npos)
      safe += c;
    else
      safe += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return safe;
}

// Nothing where a `%` is not followed by two hexadecimal digits.
std::optional<std::string> unescaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const std::size_t high = digits.find(text[i + 1]), low = digits.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

}  // namespace

std::string replay_id(const RunKey& run) {
  return fmt::format("{}:{}@{}:{}:{}:{}:{}@{}{}{}", escaped(run.scenario, "/@="), escaped(run.subject), escaped(run.subject_version),
                     spell(run.role), spell(run.tls), spell(run.io), escaped(run.partner), escaped(run.partner_version),
                     run.schedule.empty() ? "" : "+", run.schedule);
}

std::variant<RunKey, std::string> read_replay_id(std::string_view id) {
  auto parts = split(id, ':');
  if (parts.size() != 6)
    return fmt::format("`{}` is not a replay id: it has {} part{}, not 6 ({})", id, parts.size(), parts.size() == 1 ? "" : "s", id_shape);
  RunKey run;
  bool sound = true;
  const auto take = [&](std::string_view text, std::string& into) {
    const auto plain = unescaped(text);
    sound = sound && plain;
    into = plain.value_or("");
  };
  const auto stack = [&](std::string_view text, std::string& name, std::string& version) {
    const std::size_t at = text.find('@');
    take(text.substr(0, at), name);
    take(at == std::string_view::npos ? "" : text.substr(at + 1), version);
  };
  if (const std::size_t plus = parts[5].find('+'); plus != std::string_view::npos) {
    const auto schedule = read_schedule(parts[5].substr(plus + 1));
    if (const auto* problem = std::get_if<std::string>(&schedule)) return *problem;
    run.schedule = spell(std::get<Schedule>(schedule));
    if (run.schedule.empty()) return fmt::format("`{}` ends in a `+` without a schedule", id);
    parts[5] = parts[5].substr(0, plus);
  }
  take(parts[0], run.scenario);
  stack(parts[1], run.subject, run.subject_version);
  stack(parts[5], run.partner, run.partner_version);
  if (!sound) return fmt::format("`{}` is not a replay id: a `%` in it is not followed by two digits of 0-9a-f", id);
  const auto role = read_word<Role>(parts[2]);
  const auto tls = read_word<Tls>(parts[3]);
  const auto io = read_word<Io>(parts[4]);
  if (!role) return fmt::format("`{}` in the replay id is not a role (client, server)", parts[2]);
  if (!tls) return fmt::format("`{}` in the replay id is not a TLS version (1.0, 1.1, 1.2, 1.3)", parts[3]);
  if (!io) return fmt::format("`{}` in the replay id is not an io mode (blocking, nonblocking)", parts[4]);
  run.role = *role;
  run.tls = *tls;
  run.io = *io;
  return run;
}

}  // namespace tlsbye
