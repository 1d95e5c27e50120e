#include "harness/fleet/builds.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>

#include "harness/data/file.h"
#include "harness/data/version.h"
#include "harness/fleet/apt.h"
#include "harness/fleet/tool.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Why = std::optional<std::string>;  // none: it went well

std::string text_of(const fs::path& file) {
  auto read = read_file(file);
  return std::holds_alternative<std::string>(read) ? std::get<std::string>(std::move(read)) : std::string();
}

std::size_t size_of(const fs::path& folder) {
  std::size_t bytes = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::recursive_directory_iterator(); it.increment(error))
    if (it->is_regular_file(error) && !it->is_symlink(error)) bytes += it->file_size(error);
  return bytes;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// What the peers of this tlsbye are made of, in a word: another one where anything of it changed (FNV-1a).
std::string fingerprint(const fs::path& kit, const std::string& adapter) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const std::vector<std::string> files{"compiler",
                                       "libtlsbye_peer.a",
                                       "libtlsbye_protocol.a",
                                       "certificates.h",
                                       "peers/common/stack.h",
                                       "peers/common/adapter.h",
                                       fmt::format("peers/{}.cpp", adapter)};
  for (const std::string& name : files)
    for (const char c : text_of(kit / name)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

fs::path folder_of(const fs::path& cache, const Build& build) { return cache / "builds" / build.id(); }
// Where a build waits while its successor is made.
constexpr std::string_view waits = ".before";
fs::path waiting(const fs::path& folder) { return folder.parent_path() / fmt::format(".{}{}", folder.filename().string(), waits); }
fs::path peer_of(const fs::path& folder, const std::string& stack) { return folder / ("tlsbye-peer-" + stack); }

struct Sheet {
  Build build;
  fs::path prefix;  // where its library is
  std::string kit;  // fingerprint
};

std::optional<Sheet> read_record(const fs::path& folder) {
  const Json json = Json::parse(text_of(folder / "build.json"), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* key) { return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : ""; };
  Sheet record{{text("stack"), text("label"), text("version"), text("source"), text("package"), true}, text("prefix"), text("kit")};
  if (json.contains("bytes") && json["bytes"].is_number_unsigned()) record.build.bytes = json["bytes"].get<std::size_t>();
  if (json.contains("seconds") && json["seconds"].is_number()) record.build.seconds = json["seconds"].get<double>();
  if (record.build.stack.empty() || record.build.id() != folder.filename()) return std::nullopt;
  return record;
}

Why write_record(const fs::path& folder, const Sheet& record) {
  const Build& it = record.build;
  const Json json{{"stack", it.stack},     {"label", it.label}, {"version", it.version}, {"source", it.source},
                  {"package", it.package}, {"bytes", it.bytes}, {"seconds", it.seconds}, {"prefix", record.prefix.string()},
                  {"kit", record.kit}};
  if (const auto fault = write_file(folder / "build.json", json.dump(1) + "\n"))
    return fmt::format("{}: {}", (folder / "build.json").string(), fault->what);
  return std::nullopt;
}

// Compiles the adapter against the headers below the prefix, and links it with the library there. What that library itself needs is not
// looked for: another system's has what this one lacks.
Why make_peer(const FleetPlaces& places, const FleetStack& stack, const fs::path& prefix, const fs::path& program) {
  const fs::path made = fmt::format("{}.{}", program.string(), ::getpid());
  const fs::path adapter = places.kit / "peers" / (stack.adapter + ".cpp");
  std::error_code error;
  if (!fs::exists(adapter, error)) return fmt::format("there is no adapter {}", adapter.string());
  std::vector<std::string> words = words_of(text_of(places.kit / "compiler"));
  if (words.empty()) return fmt::format("{}: what peers are made with is not there", (places.kit / "compiler").string());
  std::vector<fs::path> headers{prefix / "include", prefix / "usr" / "include", prefix / "lib" / "includes"};
  std::vector<fs::path> folders;
  std::istringstream path(look_below(prefix).library_path);
  for (std::string folder; std::getline(path, folder, ':');) folders.emplace_back(folder);
  for (const fs::path& folder : folders)
    if (folder.filename().string().find("-linux-") != std::string::npos)
      headers.push_back(folder.parent_path().parent_path() / "include" / folder.filename());
  std::string configs;
  for (const fs::path& folder : folders) configs += (configs.empty() ? "" : ":") + (folder / "pkgconfig").string();
  const std::string config_path =
      "PKG_CONFIG_PATH=" + configs + ":" + (std::getenv("PKG_CONFIG_PATH") ? std::getenv("PKG_CONFIG_PATH") : "");
  std::vector<std::string> to_link;
  for (const std::string& library : stack.libraries) to_link.push_back("-l" + library);
  if (!stack.pkg_config.empty()) {
    // Of its names there the folder's own first, then what the system has.
    std::vector<std::string> names = stack.pkg_config;
    std::stable_partition(names.begin(), names.end(), [&](const std::string& name) {
      return std::any_of(folders.begin(), folders.end(),
                         [&](const fs::path& it) { return fs::exists(it / "pkgconfig" / (name + ".pc"), error); });
    });
    ToolResult flags;
    for (const std::string& name : names) {
      flags = run_tool({{"pkg-config", "--cflags", "--libs-only-l", name}, {config_path}});
      if (flags.done) break;
    }
    if (!flags.done) return flags.why;
    // An unpacked package names its folders of headers as they would be installed.
    for (const std::string& flag : words_of(flags.output)) {
      if (!flag.starts_with("-I"))
        to_link.push_back(flag);
      else if (const std::string folder = flag.substr(2); fs::is_directory(prefix.string() + folder, error))
        headers.emplace_back(prefix.string() + folder);
    }
  }
  words.insert(words.end(), {"-DTLSBYE_STACK=make_" + stack.adapter, "-I" + places.kit.string()});
  for (const fs::path& folder : headers)
    if (fs::is_directory(folder, error)) words.push_back("-I" + folder.string());
  words.insert(words.end(), {adapter.string(), (places.kit / "peers" / "common" / "main.cpp").string(), "-o", made.string(), "-rdynamic",
                             (places.kit / "libtlsbye_peer.a").string(), (places.kit / "libtlsbye_protocol.a").string()});
  for (const fs::path& folder : folders) words.push_back("-L" + folder.string());
  words.insert(words.end(), to_link.begin(), to_link.end());
  words.insert(words.end(), {"-pthread", "-ldl", "-Wl,--allow-shlib-undefined"});
  const auto compiled = run_tool({words});
  // Of two that make it at a time each puts a whole program there.
  if (compiled.done) fs::rename(made, program, error);
  if (compiled.done && error) return fmt::format("{}: {}", program.string(), error.message());
  if (!compiled.done) fs::remove(made, error);
  return compiled.done ? std::nullopt : Why(compiled.why);
}

// The packages of a C and C++ run-time, and those of which only compilers make use. A library that is older than this system runs with this
// system's; the others bring theirs.
bool is_runtime(const std::string& package) { return package == "libc6" || package == "libstdc++6" || package == "libgcc-s1"; }
bool is_for_compilers(const std::string& package) {
  return package == "libc6-dev" || package == "linux-libc-dev" || package == "libcrypt-dev" || package == "libc-dev-bin" ||
         package.starts_with("libstdc++-") || package.starts_with("libgcc-");
}

Why unpack(const std::vector<fs::path>& packages, const fs::path& root) {
  // "libc6_2.31-13+deb11u13_amd64.deb"
  const auto name_of = [](const fs::path& file) { return file.filename().string().substr(0, file.filename().string().find('_')); };
  bool older = false;
  for (const fs::path& file : packages) {
    const std::string version = file.filename().string().substr(name_of(file).size() + 1);
    older = older ||
            (name_of(file) == "libc6" && compare_versions(upstream(version.substr(0, version.find('_'))), ::gnu_get_libc_version()) < 0);
  }
  for (const fs::path& file : packages) {
    if (is_for_compilers(name_of(file)) && name_of(file) != "libgcc-s1") continue;
    if (older && is_runtime(name_of(file))) continue;
    if (const auto unpacked = run_tool({{"dpkg-deb", "-x", file.string(), root.string()}}); !unpacked.done) return unpacked.why;
  }
  std::error_code error;
  fs::remove_all(root / "usr" / "share", error);  // manuals
  return std::nullopt;
}

// The first of its packages that the suite has; empty where it has none.
std::string package_of(const FleetStack& stack, const Apt& apt) {
  const auto found =
      std::find_if(stack.debian.begin(), stack.debian.end(), [&](const std::string& it) { return !apt.version(it).empty(); });
  return found == stack.debian.end() ? "" : *found;
}

// Puts into `folder` what the build is of, and says in `prefix` where its library is.
Why bring(const FleetPlaces& places, const Fleet& fleet, const Build& build, const fs::path& folder, fs::path& prefix) {
  prefix = folder / "root";
  const auto own = std::find_if(fleet.builds.begin(), fleet.builds.end(),
                                [&](const FleetBuild& it) { return it.stack == build.stack && it.label == build.label; });
  std::error_code error;
  if (own != fleet.builds.end()) {
    if (!own->prefix.empty()) {
      prefix = fs::canonical(own->prefix, error);
      return error ? Why(fmt::format("{}: {}", own->prefix, error.message())) : std::nullopt;
    }
    const auto made = run_tool({{"sh", "-ec", own->command}, {"PREFIX=" + prefix.string()}, folder});
    return made.done ? std::nullopt : Why(fmt::format("its command failed: {}", made.why));
  }
  const FleetSuite* suite = fleet.suite(build.label);
  if (!suite) return fmt::format("there is no suite `{}` any more", build.label);
  auto opened = Apt::open(places.cache / "apt" / suite->name, *suite, fleet, false);
  if (auto* why = std::get_if<std::string>(&opened)) return std::move(*why);
  const Apt& apt = std::get<Apt>(opened);
  const auto fetched = apt.fetch(package_of(*fleet.stack(build.stack), apt), build.package);
  Why why;
  if (const auto* failed = std::get_if<std::string>(&fetched))
    why = *failed;
  else
    why = unpack(std::get<std::vector<fs::path>>(fetched), prefix);
  apt.forget();
  return why;
}

// The library must be the one below the prefix, and of that stack.
std::variant<Stack, std::string> started(const fs::path& folder, const Sheet& record, std::chrono::milliseconds patience) {
  auto asked = ask_stack(peer_of(folder, record.build.stack), patience, look_below(record.prefix), record.prefix);
  if (auto* stack = std::get_if<Stack>(&asked)) {
    stack->name = record.build.stack;
    stack->label = record.build.label;
    stack->obtained = true;
  }
  return asked;
}

}  // namespace

fs::path user_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/') return fs::path(cache) / "tlsbye" / "fleet";
  if (const char* home = std::getenv("HOME"); home && *home == '/') return fs::path(home) / ".cache" / "tlsbye" / "fleet";
  return {};
}

bool may_ask_for(const std::string& word, const std::string& stack, const std::string& label) {
  if (word == "all") return true;
  const std::size_t at = word.find('@');
  if (word.substr(0, at) != stack && word.substr(0, at) != "*") return false;
  if (at == std::string::npos) return true;
  const std::string what = word.substr(at + 1);
  // What begins as no version does is a label.
  const bool is_version = what == "all" || what.find_first_of("0123456789<>=*?[") == 0;
  return is_version || what == label;
}

bool asks_for(const std::string& word, const Build& build) {
  if (!may_ask_for(word, build.stack, build.label)) return false;
  const std::size_t at = word.find('@');
  if (at == std::string::npos) return true;
  const std::string what = word.substr(at + 1);
  return what == "all" || what == build.label || is_version_of(what, build.version);
}

std::vector<Build> builds_here(const fs::path& cache) {
  std::vector<Build> builds;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache / "builds", error))
    if (auto record = read_record(entry.path())) builds.push_back(std::move(record->build));
  std::sort(builds.begin(), builds.end(), [](const Build& one, const Build& other) {
    if (one.stack != other.stack) return one.stack < other.stack;
    const int order = compare_versions(one.version, other.version);
    return order != 0 ? order < 0 : one.label < other.label;
  });
  return builds;
}

FoundStacks stacks_here(const FleetPlaces& places, const Fleet& fleet, const std::function<bool(const Build&)>& wanted,
                        std::chrono::milliseconds patience, const std::function<void(const std::string&)>& say) {
  FoundStacks found;
  for (const Build& build : builds_here(places.cache)) {
    if (!wanted(build)) continue;
    const fs::path folder = folder_of(places.cache, build);
    auto record = read_record(folder);
    const FleetStack* stack = fleet.stack(build.stack);
    if (!record || !stack) continue;
    const auto problem = [&](const std::string& why) {
      found.problems.push_back(fmt::format("{}: {}; `tlsbye get --refresh {}` obtains it anew", build.id(), why, build.id()));
    };
    if (const std::string now = fingerprint(places.kit, stack->adapter); record->kit != now) {
      say(fmt::format("making the peer of {} for this tlsbye", build.id()));
      if (const Why why = make_peer(places, *stack, record->prefix, peer_of(folder, build.stack))) {
        problem("its peer is of another tlsbye, and cannot be made anew: " + *why);
        continue;
      }
      record->kit = now;
      static_cast<void>(write_record(folder, *record));  // else it is made anew again
    }
    auto asked = started(folder, *record, patience);
    if (auto* why = std::get_if<std::string>(&asked))
      problem(*why);
    else
      found.stacks.push_back(std::move(std::get<Stack>(asked)));
  }
  return found;
}

Offer offer(const FleetPlaces& places, const Fleet& fleet, const std::vector<std::string>& words, bool refresh, bool with_bytes) {
  Offer offered;
  std::map<std::string, Build> here;
  for (Build& build : builds_here(places.cache)) here.emplace(build.id(), build);
  const auto take = [&](Build build) {
    if (const auto known = here.find(build.id()); known != here.end()) {
      // A newer one in the suite is another build; so is one of one's own that is made otherwise now.
      if (known->second.source == build.source) build = known->second;
    }
    if (std::any_of(words.begin(), words.end(), [&](const std::string& word) { return asks_for(word, build); }))
      offered.builds.push_back(std::move(build));
  };
  const auto may = [&](const std::string& stack, const std::string& label) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return may_ask_for(word, stack, label); });
  };
  for (const FleetSuite& suite : fleet.suites) {
    std::vector<const FleetStack*> stacks;
    for (const FleetStack& stack : fleet.stacks)
      if (!stack.debian.empty() && may(stack.name, suite.name)) stacks.push_back(&stack);
    if (stacks.empty()) continue;
    auto opened = Apt::open(places.cache / "apt" / suite.name, suite, fleet, refresh);
    if (const auto* why = std::get_if<std::string>(&opened)) {
      offered.problems.push_back(fmt::format("suite {}: {}", suite.name, *why));
      continue;
    }
    const Apt& apt = std::get<Apt>(opened);
    for (const FleetStack* stack : stacks) {
      const std::string package = package_of(*stack, apt);
      if (package.empty()) continue;
      const std::string version = apt.version(package);
      Build build{stack->name, suite.name, upstream(version), fmt::format("{}: {} {}", suite.name, package, version), version};
      if (with_bytes) build.bytes = apt.bytes(package, version);
      take(std::move(build));
    }
  }
  for (const FleetBuild& own : fleet.builds) {
    Build build{own.stack, own.label, "", own.prefix.empty() ? "command: " + own.command : own.prefix, ""};
    std::copy_if(own.takes.begin(), own.takes.end(), std::back_inserter(build.lacks), [](const auto& it) { return !is_installed(it); });
    take(std::move(build));
  }
  return offered;
}

void recover(const fs::path& cache) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(cache / "builds", error))
    if (const std::string name = entry.path().filename().string(); name.starts_with('.') && name.ends_with(waits))
      folders.push_back(entry.path().parent_path() / name.substr(1, name.size() - 1 - waits.size()));
  for (const fs::path& folder : folders) {
    if (read_record(folder)) {
      fs::remove_all(waiting(folder), error);
      continue;
    }
    fs::remove_all(folder, error);
    fs::rename(waiting(folder), folder, error);
  }
}

std::variant<Stack, std::string> obtain(const FleetPlaces& places, const Fleet& fleet, const Build& build,
                                        std::chrono::milliseconds patience) {
  const FleetStack* stack = fleet.stack(build.stack);
  if (!stack) return fmt::format("there is no stack `{}`", build.stack);
  const fs::path folder = folder_of(places.cache, build);
  // At the place where it will stay: programs are compiled and installed with their places. What was there waits beside it.
  const fs::path before = waiting(folder);
  std::error_code error;
  fs::remove_all(before, error);
  if (read_record(folder)) fs::rename(folder, before, error);
  fs::remove_all(folder, error);
  fs::create_directories(folder / "root", error);
  const auto fail = [&](const std::string& why) {
    fs::remove_all(folder, error);
    if (fs::exists(before, error)) fs::rename(before, folder, error);
    return why;
  };
  if (error) return fail(fmt::format("{}: {}", folder.string(), error.message()));
  const auto began = std::chrono::steady_clock::now();
  Sheet record{build, {}, fingerprint(places.kit, stack->adapter)};
  if (const Why why = bring(places, fleet, build, folder, record.prefix)) return fail(*why);
  if (const Why why = make_peer(places, *stack, record.prefix, peer_of(folder, build.stack)))
    return fail("its peer cannot be made: " + *why);
  auto asked = started(folder, record, patience);
  if (auto* why = std::get_if<std::string>(&asked)) return fail(*why);
  record.build.version = std::get<Stack>(asked).version;
  record.build.bytes = size_of(folder);
  record.build.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (const Why why = write_record(folder, record)) return fail(*why);
  fs::remove_all(before, error);
  return asked;
}

std::optional<std::string> take_away(const fs::path& cache, const Build& build) {
  std::error_code error;
  const fs::path folder = folder_of(cache, build);
  fs::remove(folder / "build.json", error);
  if (!error) fs::remove_all(folder, error);
  return error ? std::optional(fmt::format("{}: {}", folder.string(), error.message())) : std::nullopt;
}

}  // namespace tlsbye
