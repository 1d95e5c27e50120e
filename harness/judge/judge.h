// The judge: findings + strength + known.toml -> verdicts. A cell is clause x stack x role x TLS version; its verdict is the worst over
// all transcripts, and it keeps the run that decided it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/oracle/oracle.h"

namespace tlsbye {

// Worst last: a cell takes the greatest over its transcripts. known and stale come from known.toml afterwards.
enum class Verdict : std::uint8_t {
  unsupported,
  not_reached,
  conforms,
  differs,
  discouraged,
  known,
  stale,
  violates,
  hung,
  crashed,
  harness_error
};
template <>
struct Words<Verdict> {
  static constexpr std::array<std::string_view, 11> list{"unsupported", "not-reached", "conforms", "differs", "discouraged",  "known",
                                                         "stale",       "violates",    "hung",     "crashed", "harness-error"};
};

// A stack as it took part in a run.
struct StackInfo {
  std::string name, version;
  std::vector<std::string> abilities;
  std::string id() const { return name + " " + version; }
  friend bool operator==(const StackInfo&, const StackInfo&) = default;
};

struct Cell {
  std::string clause;
  std::vector<std::string> ref;
  Strength strength{};
  std::string stack, version;
  Role role{};
  Tls tls{};
  Verdict verdict = Verdict::not_reached;
  std::string scenario;  // of the deciding run; empty where none decided
  std::string replay;    // its replay id
  std::string says;      // what was seen
  std::vector<std::string>
      evidence;  // the deciding events in the notation of the script, with their numbers; the decisive ones marked "> "
};

struct TraitAnswer {
  std::string trait, stack, version;
  Role role{};
  Tls tls{};
  std::string answer;  // where runs answer differently: the answers, joined by " or "
  std::string replay;
};

// Everything that a report may say: the run file in memory (format "tlsbye-run/1", reports/schema.json).
struct RunReport {
  std::vector<StackInfo> stacks;
  std::vector<Cell> cells;  // sorted: clause (file order), stack, version, role, tls
  std::vector<TraitAnswer> traits;
  std::size_t runs = 0;
  double duration_s = 0;
  bool complete = true;               // false: interrupted, the rest was not run
  std::vector<std::string> problems;  // harness errors and peers that could not take part, one line each
};

}  // namespace tlsbye
