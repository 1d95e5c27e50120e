// A draft: a scenario to be shrunk, most often a random one, with the one role, TLS version and blocking mode that it is made for. Its
// lines are text: what is drawn, shrunk and kept is what a reader sees, and the parser of scripts alone decides what a line may say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/runner/schedule.h"
#include "harness/scenario/scenario.h"

namespace tlsbye {

struct Draft {
  Role role{};
  Tls tls{};
  Io io{};
  TransportKind transport = TransportKind::socketpair;
  std::vector<std::string> options, partner_options;
  std::vector<std::string> lines;
  Schedule schedule = {};  // of a sweep; it is in no scenario, only in a replay id
  friend bool operator==(const Draft&, const Draft&) = default;
};

// The draft of such a run of a scenario: its lines without comments.
Draft draft_of(const Scenario& scenario, Role role, Tls tls, Io io, Schedule schedule = {});

// The scenario of that id; nothing where a line is not one of the language, or not in such a scenario.
std::optional<Scenario> scenario_of(const Draft& draft, std::string id);

// A line of a script as we write it: what the actors do stands in one column.
std::string in_columns(std::string_view line);

// Whether this one line may stand in the draft.
bool fits(const Draft& draft, std::string_view line);

// The lines, each with what came of it as a comment. A line of which nothing is known has no comment.
std::vector<std::string> commented(const std::vector<std::string>& lines, const std::vector<std::string>& came);

// The draft as a [[scenario]] table. `id` is its second half; `came` says what came of each line.
std::string toml_of(const Draft& draft, std::string_view id, std::string_view title, std::string_view why,
                    const std::vector<std::string>& came = {});

}  // namespace tlsbye
