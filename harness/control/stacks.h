// Which stacks there are: the peer programs of a directory, each asked once who it is.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/control/peer_process.h"

namespace tlsbye {

// A stack at a version, and the program that embeds it.
struct Stack {
  std::string name;
  std::string version;
  std::vector<std::string> abilities;
  std::filesystem::path program;
  std::string library = {};       // the file that the library was loaded from; empty where the peer does not tell
  std::string build_id = {};      // of that file
  std::string compiler = {};      // of the program; empty where the peer does not tell
  std::string library_path = {};  // how the program has to be started for that: Launch::library_path
  std::string loader = {};        // likewise: Launch::loader
  std::string label = {};         // of a build that was obtained: "trixie"
  bool obtained = false;          // by `tlsbye get`: it takes part where it is asked for

  Launch launch(Experience* experience = nullptr) const { return {{}, library_path, experience, loader}; }

  bool can(std::string_view ability) const;
  std::string id() const { return name + "@" + version; }
};

// A library built elsewhere, for the peer of that name to be run against instead of the system's.
struct Library {
  std::string stack;  // "gnutls"
  std::filesystem::path
      prefix;  // where it was installed, or built: a folder that has it in lib, lib64, lib/<machine>, or in a build tree's places
};

// How a peer program is started for the library below a prefix.
struct Prefix {
  std::string library_path, loader;
};
// The folders below a prefix in which its libraries may be: as installed, as a system has them, or as built. With the loader of that system
// where the prefix has one of its own.
Prefix look_below(const std::filesystem::path& prefix);

// Starts the program once and asks it who it is; or what is wrong with it. With a prefix that is not empty, the library must be below it.
std::variant<Stack, std::string> ask_stack(const std::filesystem::path& program, std::chrono::milliseconds patience,
                                           const Prefix& start = {}, const std::filesystem::path& prefix = {});

struct FoundStacks {
  std::vector<Stack> stacks;          // by name, then by version
  std::vector<Stack> replaced = {};   // those of the directory in whose place `libraries` came
  std::vector<std::string> problems;  // programs that are not peers, one line each
};

// Starts every program `tlsbye-peer-*` of the directory, and ends it again; those that `libraries` name once for each, and only so. A peer
// that loads another file than one below its prefix is a problem: it is not the library that was asked for.
FoundStacks find_stacks(const std::filesystem::path& directory, std::chrono::milliseconds patience,
                        const std::vector<Library>& libraries = {});

// An adapter without a program: its library was not there when tlsbye was built, or the build was told to leave it out.
struct LeftOut {
  std::string stack;    // "mbedtls"
  std::string package;  // that has the library, as Debian calls it; a build that `tlsbye get` obtains, STACK@LABEL; or the word that left
                        // it out, TLSBYE_WITH_STACK=OFF
  bool as_told() const { return package.ends_with("=OFF"); }
  std::string where() const { return package.find('@') == std::string::npos ? "Debian: " + package : "`tlsbye get " + package + "`"; }
};

// Those of the directory, as the build noted them there (peers/CMakeLists.txt); none where it was not built by ours.
std::vector<LeftOut> stacks_left_out(const std::filesystem::path& directory);

// Abilities that the stack does not claim, put to the test: opens a session with each and sees that the peer says `unsupported`.
// One line for each that it carried out although it said it could not.
std::vector<std::string> probe_inabilities(const Stack& stack, std::chrono::milliseconds patience);

}  // namespace tlsbye
