// Liars (scenarios/liars.toml): for each property, a run in which it holds, and the same run with one lie in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/oracle/oracle.h"
#include "harness/runner/schedule.h"
#include "harness/scenario/scenario.h"

namespace tlsbye {

// Either the subject lies (`lie` names an ability of the rogue peer, or a word that a program is given), or the wire does (`blame`: it reports
// what it did to the subject's stream as if the subject had done that).
struct Liar {
  const Property* property = nullptr;
  Parameters parameters;
  std::string lie;
  bool blame = false;
  std::string program;  // of the rogues' folder, a client: it is the subject then, as in `tlsbye probe --listen`; empty: the rogue peer is
  Role role = Role::client;
  Tls tls = Tls::v1_3;
  Io io = Io::blocking;
  Schedule schedule;  // of a sweep: then the run is held against the one that it belongs to
  Scenario scenario;  // the script, with an id of its own
  std::string name() const { return blame ? "the wire" : lie; }
};

struct LoadedLiars {
  std::vector<Liar> liars;
  std::vector<Diagnostic> diagnostics;
};
LoadedLiars load_liars(const std::filesystem::path& file);

}  // namespace tlsbye
