// A campaign: all runs of a plan, made by several workers at once, each judged as soon as it is made.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "harness/judge/judge.h"
#include "harness/runner/plan.h"

namespace tlsbye {

struct CampaignOptions {
  unsigned jobs = 0;  // 0: one for each core this process may use
  RunnerOptions runner;
  bool progress = false;                           // a live line on standard error
  const std::atomic<bool>* interrupted = nullptr;  // set by a signal: no further run is begun
};

struct CampaignResult {
  RunReport report;                            // without known.toml
  std::map<std::string, Transcript> deciding;  // by replay id: the transcripts of the runs that decided a cell or a trait
};

// Each worker, with the peers it starts, keeps to one core (hops between cores cost more than the libraries do). The result depends on the
// plan alone, not on the number of workers.
CampaignResult make_all(const Plan& plan, const std::vector<Clause>& clauses, const Judge::Scope& scope, const CampaignOptions& options);

}  // namespace tlsbye
