// Scenario files: a TOML envelope around a script (design section 5). A scenario holds no expectations.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/diagnostic.h"
#include "harness/scenario/script.h"

namespace tlsbye {

struct Scenario {
  std::string id;                  // "family/name": the file's stem, a slash, the table's `id`; kebab-case
  std::string title;               // one line
  std::string why;                 // a sentence or two for the reader
  std::vector<std::string> cases;  // rows of the catalogue of other suites' cases that it carries: "B10"
  std::vector<Role> roles;         // of the subject; both unless it says otherwise
  std::vector<Tls> versions;       // 1.2 and 1.3 unless it says otherwise
  std::vector<Io> modes;           // both unless it says otherwise
  std::vector<std::string> needs;  // abilities the subject must have ("tickets"), beyond those its options and the script ask for
  std::vector<std::string> partner_needs;
  std::vector<std::string> options;  // session options of the subject: "ignore-eof"; each is an ability
  std::vector<std::string> partner_options;
  // What a sweep does with it (tlsbye run --sweep): `faults`, every transport call of the subject fails in every way; `cuts`, the
  // transport ends after every byte towards the subject. Empty: it is left alone.
  bool sweep_faults = false, sweep_cuts = false;
  TransportKind transport = TransportKind::socketpair;
  std::vector<Statement> script;
  std::vector<std::string> lines;  // the script's lines as written, for transcripts
  std::filesystem::path file;
  int file_line = 0;  // where its [[scenario]] begins
};

struct LoadedScenarios {
  std::vector<Scenario> scenarios;      // in the order of file names, then of the files
  std::vector<Diagnostic> diagnostics;  // every problem found; scenarios with one are not in the list
};

// All *.toml directly in `directory` but known.toml and those that hold no [[scenario]] by their nature (liars.toml, traits.toml).
LoadedScenarios load_scenarios(const std::filesystem::path& directory);
// The same of one text, for tests and for liars; `stem` is the family.
LoadedScenarios parse_scenarios(std::string_view text, const std::string& file, const std::string& stem);

// One script on its own; line numbers count from `first_line` in `file`.
std::vector<Statement> parse_script(std::string_view text, const std::string& file, int first_line, std::vector<Diagnostic>& diagnostics);

}  // namespace tlsbye
