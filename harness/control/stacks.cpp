#include "harness/control/stacks.h"

#include <fmt/format.h>
#include <link.h>
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

bool is_below(const fs::path& file, const fs::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end();
}

// The loader that started this program: "/lib64/ld-linux-x86-64.so.2".
fs::path own_loader() {
  fs::path name;
  ::dl_iterate_phdr(
      [](dl_phdr_info* file, std::size_t, void* data) {
        for (int i = 0; i < file->dlpi_phnum; ++i)
          if (const auto& segment = file->dlpi_phdr[i]; segment.p_type == PT_INTERP)
            *static_cast<fs::path*>(data) = reinterpret_cast<const char*>(file->dlpi_addr + segment.p_vaddr);
        return 1;  // the program is the first of all
      },
      &name);
  return name;
}

std::variant<Stack, std::string> ask_with(const Library& library, const fs::path& program, std::chrono::milliseconds patience) {
  std::error_code error;
  const fs::path prefix = fs::canonical(library.prefix, error);
  if (error) return fmt::format("{}: {}", library.prefix.string(), error.message());
  auto asked = ask_stack(program, patience, look_below(prefix), prefix);
  if (auto* problem = std::get_if<std::string>(&asked)) return fmt::format("{}: {}", library.prefix.string(), *problem);
  return asked;
}

}  // namespace

Prefix look_below(const fs::path& prefix) {
  std::error_code error;
  std::vector<fs::path> folders;
  const fs::path own = own_loader();
  Prefix found;
  const auto look_into = [&](const fs::path& folder) {
    if (!fs::is_directory(folder, error)) return;
    folders.push_back(folder);
    const fs::path loader = folder / own.filename();
    if (found.loader.empty() && !own.empty() && fs::exists(loader, error) && !fs::equivalent(loader, own, error)) found.loader = loader;
  };
  for (const fs::path& top : {prefix, prefix / "usr"}) {
    look_into(top / "lib");
    look_into(top / "lib64");
    std::vector<fs::path> machines;
    for (const auto& entry : fs::directory_iterator(top / "lib", error))
      if (entry.path().filename().string().find("-linux-") != std::string::npos) machines.push_back(entry.path());
    std::sort(machines.begin(), machines.end());
    for (const fs::path& machine : machines) look_into(machine);
  }
  for (const fs::path& built : {prefix / "lib" / ".libs", prefix / "src" / ".libs", prefix}) look_into(built);
  for (const fs::path& folder : folders) found.library_path += (found.library_path.empty() ? "" : ":") + folder.string();
  return found;
}

std::variant<Stack, std::string> ask_stack(const fs::path& program, std::chrono::milliseconds patience, const Prefix& start,
                                           const fs::path& prefix) {
  auto started = PeerProcess::start(program, patience, {{}, start.library_path, nullptr, start.loader});
  if (auto* problem = std::get_if<std::string>(&started))
    return prefix.empty() ? std::move(*problem) : fmt::format("the peer does not run against what is there: {}", *problem);
  const PeerHello& hello = std::get<PeerProcess>(started).hello();
  if (!prefix.empty() && !is_below(hello.library, prefix))
    return fmt::format("the peer has loaded {} all the same: none that fits it is there, in lib, lib64, or where it was built",
                       hello.library.empty() ? "a file that it does not name" : hello.library);
  return Stack{hello.stack,    hello.version,  hello.abilities,    program,     hello.library,
               hello.build_id, hello.compiler, start.library_path, start.loader};
}

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
    auto installed = ask_stack(program, patience);
    if (!elsewhere)
      take(std::move(installed));
    else if (auto* stack = std::get_if<Stack>(&installed))
      found.replaced.push_back(std::move(*stack));
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
  for (const std::string_view option : Words<Option>::list) probes.push_back({std::string(option), role, tls, option, Line()});
  for (const std::string_view call : {"close", "close-write", "peek", "key-update", "renegotiate", "clear", "keep-session"})
    probes.push_back({std::string(call), role, tls, "", Line(std::string(call))});
  probes.push_back({"starve", role, tls, "", Line("starve")});
  probes.push_back({"write-early", role, tls, "", Line("write-early").with("size", 1)});
  probes.push_back({"read-early", role, tls, "", Line("read-early")});
  probes.push_back({"send-alert", role, tls, "", Line("send-alert").with("level", 1).with("description", 90)});
  for (const std::string_view name : Words<Switch>::list) {
    const std::string_view value = name == spell(Switch::shutdown) ? "none" : name == spell(Switch::timeout) ? "1000" : "on";
    probes.push_back({fmt::format("set-{}", name), role, tls, "", Line("set").with("name", name).with("value", value)});
  }
  probes.push_back({"threads", role, tls, "", Line("aside").with("call", "close-write")});
  probes.push_back({"fork", role, tls, "", Line("fork").with("call", "close-write")});
  auto started = PeerProcess::start(stack.program, patience, stack.launch());
  if (auto* problem = std::get_if<std::string>(&started)) return {*problem};
  auto& peer = std::get<PeerProcess>(started);
  for (const Probe& probe : probes) {
    if (stack.can(probe.ability)) continue;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return {fmt::format("no socketpair: {}", std::error_code(errno, std::generic_category()).message())};
    const Descriptor ours(ends[0]), theirs(ends[1]);
    Line open("open");
    open.with("role", probe.role).with("tls", probe.tls).with("io", stack.can("blocking-only") ? "blocking" : "nonblocking");
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
