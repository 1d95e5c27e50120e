#include "harness/fleet/tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "peers/protocol/channel.h"

extern char** environ;

namespace tlsbye {
namespace {

// The lines that say why: errors where there are any (apt marks them E:, compilers error:), else the last ones.
std::string reason(std::string_view said) {
  constexpr std::size_t most = 3, longest = 600;
  std::vector<std::string_view> lines, errors;
  while (!said.empty()) {
    const std::size_t end = said.find('\n');
    const std::string_view line = said.substr(0, end);
    said.remove_prefix(end == std::string_view::npos ? said.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    lines.push_back(line);
    if (line.starts_with("E: ") || line.find("error:") != std::string_view::npos || line.find("fatal error") != std::string_view::npos)
      errors.push_back(line);
  }
  if (errors.empty()) errors.assign(lines.end() - static_cast<std::ptrdiff_t>(std::min(lines.size(), most)), lines.end());
  errors.resize(std::min(errors.size(), most));
  std::string text = fmt::format("{}", fmt::join(errors, "; "));
  if (text.size() > longest) text.resize(longest), text += " ...";
  return text.empty() ? "it said nothing" : text;
}

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) from = Descriptor(ends[0]), into = Descriptor(ends[1]);
  }
  Descriptor from, into;
};

}  // namespace

ToolResult run_tool(const Tool& tool) {
  Pipe output, said;
  if (output.from.get() < 0 || said.from.get() < 0) return {false, {}, fmt::format("{}: {}", tool.words.front(), std::strerror(errno))};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.into.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, said.into.get(), STDERR_FILENO);
  if (!tool.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, tool.folder.c_str());
  std::vector<std::string> words = tool.words, surroundings = tool.environment;
  surroundings.emplace_back("LC_ALL=C");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('=') + 1);
    if (std::none_of(surroundings.begin(), surroundings.end(), [&](const std::string& it) { return it.starts_with(name); }))
      surroundings.emplace_back(*entry);
  }
  std::vector<char*> argv, environment;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& entry : surroundings) environment.push_back(entry.data());
  argv.push_back(nullptr);
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words.front().c_str(), &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return {false,
            {},
            error == ENOENT ? fmt::format("there is no {}", words.front())
                            : fmt::format("{} cannot be started: {}", words.front(), std::strerror(error))};
  output.into = Descriptor();
  said.into = Descriptor();
  ToolResult result;
  std::string words_said;
  std::array<pollfd, 2> open{{{output.from.get(), POLLIN, 0}, {said.from.get(), POLLIN, 0}}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (::poll(open.data(), open.size(), -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i].fd < 0 || open[i].revents == 0) continue;
      std::array<char, 4096> bytes;
      const ssize_t got = ::read(open[i].fd, bytes.data(), bytes.size());
      if (got > 0)
        (i == 0 ? result.output : words_said).append(bytes.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        open[i].fd = -1;
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!result.done) {
    if (words_said.find_first_not_of(" \n") == std::string::npos) words_said = result.output;
    result.why = fmt::format("{}: {}", std::filesystem::path(words.front()).filename().string(),
                             WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status)) : reason(words_said));
  }
  return result;
}

bool is_installed(const std::string& program) { return run_tool({{"sh", "-c", "command -v \"$1\"", "sh", program}}).done; }

}  // namespace tlsbye
