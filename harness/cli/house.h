// What a command works with: the scenarios, clauses and stacks that are there, and the folders they are in.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/control/stacks.h"
#include "harness/fleet/builds.h"
#include "harness/judge/known.h"
#include "harness/oracle/oracle.h"
#include "harness/scenario/scenario.h"
#include "reports/references.h"

namespace tlsbye {

// Exit codes of every command.
enum Exit : int {
  exit_done = 0,     // done as asked, whatever the verdicts
  exit_no = 1,       // the gate, the selftest or a diff says no
  exit_usage = 2,    // usage or bad input
  exit_harness = 3,  // the harness, or a peer program, failed; or the run was interrupted
};

// A command that cannot go on: one message for the user (without an end of line), and the exit code.
struct Stop {
  Exit code;
  std::string message;
};

// Where data and peer programs are.
struct House {
  std::filesystem::path scenarios;               // the folder "scenarios"
  std::filesystem::path peers;                   // peer programs
  std::filesystem::path rogues;                  // peers that lie, and a client program, for the selftest
  std::filesystem::path kit;                     // what peers for obtained builds are made of
  std::vector<std::filesystem::path> more = {};  // further folders of scenarios, and of clauses in their folder "clauses"
  std::vector<Library> libraries = {};           // built elsewhere, to run peers against
  std::vector<std::string> words = {};           // of the command line
  std::vector<std::string> replay_words = {};    // those of them that `tlsbye replay` needs to find the same scenarios and peers
};

// From the place of this program: installed, PREFIX/share/tlsbye and PREFIX/libexec/tlsbye, or where its packager put them; built, the
// nearest folder above it that holds scenarios/clauses, and its own. Throws Stop.
House find_house();

// The names of the peer programs that are there, whether they work or not.
std::vector<std::string> peer_names(const House& house);

// What an entry of a list of accepted deviations may speak of.
Names known_names(const House& house);

// The builds of libraries that can be obtained, of the file beside the peers and of the user's own; where those that were are. Throws Stop.
Fleet fleet_of(const House& house);
FleetPlaces fleet_places(const House& house);

// The stacks that there are: those at hand, which are installed or named by `house.libraries`, and, of the libraries that a word of
// `obtained` names (NAME@WHICH, a glob; `all`), the builds that were obtained. Of two builds of one version the obtained one is called by
// its label too: 3.7.9+bookworm. Throws Stop where a library of `house.libraries` is not the one that its peer runs against.
FoundStacks stacks_of(const House& house, std::chrono::milliseconds patience = std::chrono::seconds(10),
                      const std::vector<std::string>& obtained = {});

// Everything that loads; throws Stop with all diagnostics where something does not.
std::vector<Scenario> scenarios_of(const House& house);
std::vector<Clause> clauses_of(const House& house);
std::vector<Term> terms_of(const House& house);
// What reports quote: all that scenarios/clauses holds, and the traits. Throws Stop likewise.
References references_of(const House& house);

// Throws Stop where a glob matches none of `ids`, naming the nearest. `kind` is for the message: "scenario".
void check_globs(const std::vector<std::string>& globs, const std::vector<std::string_view>& ids, std::string_view kind);

}  // namespace tlsbye
