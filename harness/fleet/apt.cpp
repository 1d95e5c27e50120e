#include "harness/fleet/apt.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>
#include <system_error>

#include "harness/data/file.h"
#include "harness/fleet/tool.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Where the system's own packages come from, and the keys that its sources name for them.
struct Mirror {
  std::string address, keyring;
};

std::variant<Mirror, std::string> system_mirror() {
  std::string release = "sid";
  std::ifstream about("/etc/os-release");
  for (std::string line; std::getline(about, line);)
    if (line.starts_with("VERSION_CODENAME=")) release = line.substr(line.find('=') + 1);
  const auto targets = run_tool({{"apt-get", "indextargets", "--format", "$(REPO_URI) $(SOURCESENTRY)", "Created-By: Packages",
                                  "Release: " + release, "Component: main"}});
  if (!targets.done) return targets.why;
  std::istringstream first(targets.output);
  Mirror mirror;
  std::string entry;
  first >> mirror.address >> entry;
  if (mirror.address.empty()) return fmt::format("apt's sources name no mirror of {}; give the suite a `mirror` in fleet.toml", release);
  std::ifstream source(entry.substr(0, entry.rfind(':')));
  const std::regex signed_by("[Ss]igned-[Bb]y[:=] *(/[^ \\]]+)");
  std::smatch found;
  for (std::string line; std::getline(source, line) && mirror.keyring.empty();)
    if (std::regex_search(line, found, signed_by)) mirror.keyring = found[1];
  return mirror;
}

}  // namespace

std::string upstream(const std::string& debian_version) {
  std::string version = debian_version.substr(debian_version.find(':') == std::string::npos ? 0 : debian_version.find(':') + 1);
  version = version.substr(0, version.rfind('-'));
  return version.substr(0, version.find('+'));
}

std::variant<Apt, std::string> Apt::open(const fs::path& folder, const FleetSuite& suite, const Fleet& fleet, bool refresh) {
  std::error_code error;
  for (const char* part : {"lists/partial", "archives/partial", "none"}) {
    fs::create_directories(folder / part, error);
    if (error) return fmt::format("{}: {}", (folder / part).string(), error.message());
  }
  std::vector<const FleetSuite*> suites{&suite};
  for (const std::string& name : suite.with)
    if (const FleetSuite* other = fleet.suite(name)) suites.push_back(other);
  std::string sources;
  for (const FleetSuite* each : suites) {
    Mirror mirror{each->mirror, each->keyring};
    if (mirror.address.empty()) {
      auto system = system_mirror();
      if (auto* why = std::get_if<std::string>(&system)) return std::move(*why);
      mirror.address = std::get<Mirror>(system).address;
      if (mirror.keyring.empty()) mirror.keyring = std::get<Mirror>(system).keyring;
    }
    // What file: names is used where it lies, and not fetched.
    if (mirror.address.starts_with("file:")) mirror.address.replace(0, 4, "copy");
    std::string options;
    if (!mirror.keyring.empty()) options += " signed-by=" + mirror.keyring;
    if (!each->valid_until) options += " check-valid-until=no";
    sources +=
        fmt::format("deb{} {} {} main\n", options.empty() ? "" : fmt::format(" [{}]", options.substr(1)), mirror.address, each->name);
  }
  const auto system = run_tool({{"apt-config", "dump"}});
  if (!system.done) return system.why;
  std::string config;
  for (const std::string& line : lines_of(system.output))
    if (line.starts_with("Acquire::") || line.starts_with("APT::Architecture") || line.starts_with("Dir::Bin::") ||
        line.starts_with("Dir::Etc::trusted"))
      config += line + "\n";
  const std::string here = folder.string();
  config += fmt::format(
      "Dir::State \"{0}\";\nDir::State::lists \"{0}/lists\";\nDir::State::status \"{0}/status\";\n"
      "Dir::State::extended_states \"{0}/extended\";\nDir::Cache \"{0}\";\nDir::Cache::archives \"{0}/archives\";\n"
      "Dir::Etc::main \"{0}/none/apt.conf\";\nDir::Etc::parts \"{0}/none\";\nDir::Etc::sourcelist \"{0}/sources.list\";\n"
      "Dir::Etc::sourceparts \"{0}/none\";\nDir::Etc::preferences \"{0}/none/preferences\";\nDir::Etc::preferencesparts \"{0}/none\";\n"
      "Dir::Log \"{0}/none\";\nAPT::Get::List-Cleanup \"1\";\nAPT::Install-Recommends \"0\";\nAPT::Install-Suggests \"0\";\n"
      "Acquire::Languages \"none\";\nAcquire::GzipIndexes \"true\";\nAcquire::PDiffs \"false\";\nAcquire::Retries \"2\";\n"
      "APT::Cache-Start \"100000000\";\n{1}",
      here, ::geteuid() == 0 ? "APT::Sandbox::User \"root\";\n" : "");  // its user does not get into a folder of root's
  for (const auto& [name, text] : {std::pair("sources.list", &sources), std::pair("apt.conf", &config)})
    if (const auto fault = write_file(folder / name, *text)) return fmt::format("{}: {}", (folder / name).string(), fault->what);
  if (const auto fault = write_file(folder / "status", "")) return fmt::format("{}: {}", (folder / "status").string(), fault->what);
  Apt apt(folder, suite.name);
  const fs::path stamp = folder / "fetched";
  if (const auto had = read_file(stamp); !refresh && std::holds_alternative<std::string>(had) && std::get<std::string>(had) == sources)
    return apt;
  fs::remove(stamp, error);
  const auto updated =
      run_tool({apt.words("apt-get", {"-qq", "-o", "APT::Update::Error-Mode=any", "update"}), {"APT_CONFIG=" + here + "/apt.conf"}});
  if (!updated.done) return updated.why;
  if (const auto fault = write_file(stamp, sources)) return fmt::format("{}: {}", stamp.string(), fault->what);
  return apt;
}

std::vector<std::string> Apt::words(const std::string& program, std::vector<std::string> more) const {
  more.insert(more.begin(), program);
  return more;
}

std::string Apt::version(const std::string& package) const {
  const auto listed = run_tool({words("apt-cache", {"madison", package}), {"APT_CONFIG=" + (folder_ / "apt.conf").string()}});
  for (const std::string& line : lines_of(listed.output)) {
    // "libssl-dev | 3.5.9-1 | MIRROR trixie/main amd64 Packages"
    std::istringstream words(line);
    std::string name, bar, version, mirror, suite;
    words >> name >> bar >> version >> bar >> mirror >> suite;
    if (suite.starts_with(suite_ + "/")) return version;
  }
  return {};
}

std::vector<std::string> Apt::install(const std::string& option, const std::string& package, const std::string& version) const {
  return words("apt-get", {"-qq", "-y", option, "-t", suite_, "install", package + "=" + version});
}

std::size_t Apt::bytes(const std::string& package, const std::string& version) const {
  const auto listed = run_tool({install("--print-uris", package, version), {"APT_CONFIG=" + (folder_ / "apt.conf").string()}});
  std::size_t sum = 0;
  for (const std::string& line : lines_of(listed.output)) {
    std::istringstream words(line);
    std::string address, file;
    std::size_t size = 0;
    if (words >> address >> file >> size) sum += size;
  }
  return sum;
}

std::variant<std::vector<fs::path>, std::string> Apt::fetch(const std::string& package, const std::string& version) const {
  const auto fetched = run_tool({install("--download-only", package, version), {"APT_CONFIG=" + (folder_ / "apt.conf").string()}});
  if (!fetched.done) return fetched.why;
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ / "archives", error))
    if (entry.path().extension() == ".deb") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) return std::string("apt-get fetched nothing");
  return files;
}

void Apt::forget() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ / "archives", error))
    if (entry.path().extension() == ".deb") fs::remove(entry.path(), error);
}

}  // namespace tlsbye
