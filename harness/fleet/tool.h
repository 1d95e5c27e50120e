// Programs of the system that do the work: apt-get, dpkg-deb, a compiler, the shell.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tlsbye {

struct ToolResult {
  bool done = false;   // it ended with 0
  std::string output;  // what it wrote to standard output
  std::string why;     // where it did not: the last lines of what it said, in one; or why it could not be started
};

struct Tool {
  std::vector<std::string> words;             // the program, found in PATH, and its arguments
  std::vector<std::string> environment = {};  // NAME=VALUE, beside or in place of the user's
  std::filesystem::path folder = {};          // to start it in; empty: here
};

// Waits for its end. Nothing of it is shown.
ToolResult run_tool(const Tool& tool);

// The shell would find the program.
bool is_installed(const std::string& program);

}  // namespace tlsbye
