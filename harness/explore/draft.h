// A draft: a random scenario, with the one role, TLS version and blocking mode that it is made for. Its lines are text: what is
// drawn, shrunk and kept is what a reader sees, and the parser of scripts alone decides what a line may say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"

namespace tlsbye {

struct Draft {
  Role role{};
  Tls tls{};
  Io io{};
  TransportKind transport = TransportKind::socketpair;
  std::vector<std::string> options, partner_options;
  std::vector<std::string> lines;
  friend bool operator==(const Draft&, const Draft&) = default;
};

// The scenario of that id; nothing where a line is not one of the language, or not in such a scenario.
std::optional<Scenario> scenario_of(const Draft& draft, std::string id);

// Whether this one line may stand in the draft.
bool fits(const Draft& draft, std::string_view line);

// The draft as a [[scenario]] table. `id` is its second half.
std::string toml_of(const Draft& draft, std::string_view id, std::string_view title, std::string_view why);

}  // namespace tlsbye
