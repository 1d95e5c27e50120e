// A campaign: all runs of a plan, made by several workers at once, each judged as soon as it is made; and, where asked for, the sweeps
// of scenarios that want one.
//
// A sweep follows its plain run, in the same worker, and tries what schedule.h lists: every fault at every transport call that the plain
// run made, the transport's end after every byte that reached the subject in it, and, for each call held up by a single EAGAIN, a second
// EAGAIN at one of the calls that follow. Nothing has to be shrunk afterwards: of two runs that say the same about a clause, the plain one
// decides, then the one with a single fault or end, then the pair, and among equals the earlier one. So the schedule in a verdict's replay
// id is the smallest that still fails.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/runner/plan.h"
#include "reports/transcripts.h"

namespace tlsbye {

// The runs that decided a cell or a trait, by their replay ids. They are in files while the campaign goes on: memory holds the runs that
// are being made, however many libraries there are.
struct KeptRuns {
  // In that folder, and with the words that `tlsbye replay` needs behind the id.
  KeptRuns(const std::filesystem::path& folder, std::string more_words)
      : transcripts(folder), captures(folder), more_replay_words(std::move(more_words)) {}

  void keep(const std::string& replay, const Transcript& transcript, const Capture& capture);
  void let_go(const std::string& replay);

  Transcripts transcripts;
  Spill captures;  // as what Wireshark opens
  const std::string more_replay_words;
};

struct CampaignOptions {
  unsigned jobs = 0;  // 0: one for each core this process may use
  RunnerOptions runner;
  bool sweep = false;
  std::size_t pairs = default_pairs;               // 0: none
  bool progress = false;                           // a live line on standard error
  const std::atomic<bool>* interrupted = nullptr;  // set by a signal: no further run is begun
  KeptRuns* kept = nullptr;                        // where those that decide go; null: nowhere
};

// Each worker, with the peers it starts, keeps to one core (hops between cores cost more than the libraries do). The result depends on the
// plan alone, not on the number of workers. The report is without known.toml.
RunReport make_all(const Plan& plan, const std::vector<Clause>& clauses, const Judge::Scope& scope, const CampaignOptions& options);

}  // namespace tlsbye
