#include "harness/control/stacks.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace tlsbye {

bool Stack::can(std::string_view ability) const { return std::find(abilities.begin(), abilities.end(), ability) != abilities.end(); }

namespace {

namespace fs = std::filesystem;

constexpr std::string_view program_prefix = "tlsbye-peer-";

// The folders below a prefix where its libraries may be: as installed (Debian's have the machine's name), or as built by libtool or make.
std::string library_path(const fs::path& prefix) {
  std::vector<fs::path> folders{prefix / "lib", prefix / "lib64"};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(prefix / "lib", error))
    if (entry.path().filename().string().find("-linux-") != std::string::npos) folders.push_back(entry.path());
  folders.insert(folders.end(), {prefix / "lib" / ".libs", prefix / "src" / ".libs", prefix});
  std::string path;
  for (const fs::path& folder : folders)
    if (fs::is_directory(folder, error)) path += (path.empty() ? "" : ":") + folder.string();
  return path;
}

bool is_below(const fs::path& file, const fs::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end();
}

std::variant<Stack, std::string> ask(const fs::path& program, std::chrono::milliseconds patience, const std::string& library_path) {
  auto started = PeerProcess::start(program, patience, {{}, library_path});
  if (auto* problem = std::get_if<std::string>(&started)) return std::move(*problem);
  const PeerHello& hello = std::get<PeerProcess>(started).hello();
  return Stack{hello.stack, hello.version, hello.abilities, program, hello.library, hello.build_id, hello.compiler, library_path};
}

std::variant<Stack, std::string> ask_with(const Library& library, const fs::path& program, std::chrono::milliseconds patience) {
  std::error_code error;
  const fs::path prefix = fs::canonical(library.prefix, error);
  if (error) return fmt::format("{}: {}", library.prefix.string(), error.message());
  auto asked = ask(program, patience, library_path(prefix));
  if (const auto* problem = std::get_if<std::string>(&asked))
    return fmt::format("{}: the peer does not run against what is there: {}", library.prefix.string(), *problem);
  const Stack& stack = std::get<Stack>(asked);
  if (is_below(stack.library, prefix)) return asked;
  return fmt::format("{}: the peer has loaded {} all the same: none that fits it is there, in lib, lib64, or where it was built",
                     library.prefix.string(), stack.library.empty() ? "a file that it does not name" : stack.library);
}

}  // namespace

FoundStacks find_stacks(const fs::path& directory, std::chrono::milliseconds patience, const std::vector<Library>& libraries) {
  FoundStacks found;
  std::error_code error;
  std::vector<fs::path> programs;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().filename().string().starts_with(program_prefix)) programs.push_back(entry.path());
  if (error) {
    found.problems.push_back(fmt::format("{}: cannot look for peer programs there: {}", directory.string(), error.message()));
    return found;
  }
  std::sort(programs.begin(), programs.end());
  const auto take = [&](std::variant<Stack, std::string> asked) {
    if (auto* problem = std::get_if<std::string>(&asked)) {
      found.problems.push_back(std::move(*problem));
      return;
    }
    Stack& stack = std::get<Stack>(asked);
    const auto same = std::find_if(found.stacks.begin(), found.stacks.end(), [&](const Stack& it) { return it.id() == stack.id(); });
    if (same == found.stacks.end())
      found.stacks.push_back(std::move(stack));
    else
      found.problems.push_back(fmt::format("{} is there twice, {} and {}: make a run of each, and compare them with `tlsbye diff`",
                                           stack.id(), same->library, stack.library));
  };
  for (const fs::path& program : programs) {
    const std::string name = program.filename().string().substr(program_prefix.size());
    bool elsewhere = false;
    for (const Library& library : libraries) {
      if (library.stack != name) continue;
      elsewhere = true;
      take(ask_with(library, program, patience));
    }
    if (!elsewhere) take(ask(program, patience, {}));
  }
  return found;
}

std::vector<LeftOut> stacks_left_out(const fs::path& directory) {
  std::vector<LeftOut> all;
  std::ifstream file(directory / "left-out");
  for (LeftOut it; file >> it.stack >> it.package;) all.push_back(it);
  return all;
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
                                        "saved-session", "require-certificate", "post-handshake-auth"})
    probes.push_back({std::string(option), role, tls, option, Line()});
  for (const std::string_view call : {"close", "close-write", "peek", "key-update", "renegotiate", "clear", "keep-session"})
    probes.push_back({std::string(call), role, tls, "", Line(std::string(call))});
  probes.push_back({"send-alert", role, tls, "", Line("send-alert").with("level", 1).with("description", 90)});
  for (const std::string_view name : {"quiet-shutdown", "context-quiet-shutdown", "cork", "auto-retry", "stale-error"})
    probes.push_back({fmt::format("set-{}", name), role, tls, "", Line("set").with("name", name).with("value", "on")});
  probes.push_back({"set-shutdown", role, tls, "", Line("set").with("name", "shutdown").with("value", "none")});
  probes.push_back({"set-timeout", role, tls, "", Line("set").with("name", "timeout").with("value", 1000)});
  probes.push_back({"threads", role, tls, "", Line("aside").with("call", "close-write")});
  probes.push_back({"fork", role, tls, "", Line("fork").with("call", "close-write")});
  auto started = PeerProcess::start(stack.program, patience, {{}, stack.library_path});
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
