#include "harness/cli/campaign.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "harness/data/messages.h"
#include "harness/runner/cores.h"
#include "harness/runner/replay_id.h"
#include "reports/pcapng.h"
#include "reports/terminal.h"

namespace tlsbye {
namespace {

using Clock = std::chrono::steady_clock;

// One line on standard error, written over and over, at most ten times a second.
//
// How many runs there will be is known when the last plain run of a sweep has been made. Until then those that are to come are taken to
// be like those that were: "of about".
class Progress {
 public:
  // `sweeps`: how many of the runs will be swept.
  Progress(bool shown, std::size_t runs, std::size_t sweeps) : shown_(shown), plain_(runs), sweeps_(sweeps) {}
  ~Progress() {
    if (shown_ && drawn_) tell_user("\r\x1b[K");
  }

  // A part of a sweep has been learnt: so many runs more. `last`: and no further part will come.
  void learnt(std::size_t runs, bool last) {
    swept_ += runs;
    if (last) ++sweeps_learnt_;
  }

  void done(const Run& run) {
    const std::size_t count = ++count_;
    if (!shown_) return;
    const std::unique_lock lock(drawing_, std::try_to_lock);
    if (!lock) return;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    const std::size_t learnt = sweeps_learnt_, to_learn = sweeps_ - learnt;
    const std::size_t each = learnt > 0 ? swept_ / learnt : 0;
    const std::size_t all = std::max(plain_ + swept_ + to_learn * each, count);
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const double rate = seconds > 0 ? static_cast<double>(count) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(all - count) / rate : 0;
    const std::string running = fmt::format("{} {} {}", run.subject->name, run.scenario->id, spell(run.schedule));
    const std::string line =
        learnt == 0 && to_learn > 0
            ? fmt::format("{} runs, {:.0f} a second; how many there will be is not known yet  {:.60}", count, rate, running)
            : fmt::format("{:>3}%  {} of {}{} runs, {:.0f} a second, {:.0f} s left  {:.60}", count * 100 / std::max<std::size_t>(all, 1),
                          count, to_learn > 0 ? "about " : "", all, rate, left, running);
    // One that does not fit would be broken, and only its last part written over. The width is asked for again: a window can change.
    tell_user("\r\x1b[K{:.{}}", line, terminal_columns(STDERR_FILENO, 1) - 1);
  }

  bool complete() const { return count_ == plain_ + swept_ && sweeps_learnt_ == sweeps_; }

 private:
  const bool shown_;
  const std::size_t plain_, sweeps_;
  const Clock::time_point began_ = Clock::now();
  std::atomic<std::size_t> count_{0}, swept_{0}, sweeps_learnt_{0};
  std::mutex drawing_;
  Clock::time_point last_{};
  bool drawn_ = false;
};

bool is_swept(const Run& run) { return run.scenario->sweep_faults || run.scenario->sweep_cuts; }

// One worker's part: its judge, its peers, and what it keeps.
class Worker {
 public:
  Worker(const std::vector<Clause>& clauses, const Judge::Scope& scope, const CampaignOptions& options, Progress& progress)
      : judge_(clauses, scope), options_(options), progress_(progress), runner_(std::in_place, options.runner) {}

  // Lets the peers go. They end with the thread that started them (PR_SET_PDEATHSIG); before that they can leave by themselves, as
  // whatever looks for leaks at a program's end needs it.
  void dismiss() {
    experience_ = runner_->experience();
    runner_.reset();
  }
  const std::map<std::string, Experience>& experience() const { return experience_; }

  // Makes the run at that place of the plan, and its sweep.
  void carry_out(std::size_t place, const Run& run) {
    const bool swept = options_.sweep && is_swept(run);
    const auto plain = make(index_of(0, place, 0), run, {});
    if (swept && plain) sweep(place, run, *plain);
    if (swept && !stopped()) progress_.learnt(0, true);
  }

  bool stopped() const { return options_.interrupted && options_.interrupted->load(std::memory_order_relaxed); }

  Judge& judge() { return judge_; }

 private:
  // What a sweep has to know of a run.
  struct Learnt {
    std::vector<Transcript::LineAnswer> answers;
    std::vector<Schedule> next;  // the schedules that follow from it
  };

  // A run's place among all: by the size of its schedule, then by the plan, then by the sweep's own order.
  static std::size_t index_of(std::size_t size, std::size_t place, std::size_t number) { return (size << 60) + (place << 28) + number; }

  // Nothing where the harness failed.
  std::optional<Learnt> make(std::size_t index, const Run& run, const std::vector<Transcript::LineAnswer>& reference) {
    const std::string replay = replay_id(run.key());
    std::optional<Learnt> learnt;
    try {
      learnt = make_and_judge(index, run, replay, reference);
    } catch (const std::exception& error) {
      // A fault of ours costs this run, and no other.
      judge_.lose(index, run.key(), replay, error.what());
    }
    progress_.done(run);
    return learnt;
  }

  std::optional<Learnt> make_and_judge(std::size_t index, const Run& run, const std::string& replay,
                                       const std::vector<Transcript::LineAnswer>& reference) {
    std::optional<Learnt> learnt;
    auto result = runner_->make(run);
    if (auto* error = std::get_if<HarnessError>(&result)) {
      judge_.lose(index, run.key(), replay, error->what);
    } else {
      Made& made = std::get<Made>(result);
      if (options_.sweep && is_swept(run)) learnt = {answers(made.transcript), following(run, made)};
      made.transcript.reference = reference;
      if (made.died_before) made.died_before->reference = reference;
      const bool decided = judge_.take(index, made.transcript, replay);
      if (made.died_before && judge_.take(index, *made.died_before, replay))
        keep(replay, *made.died_before, made.capture_before);
      else if (decided)
        keep(replay, made.transcript, made.capture);
    }
    return learnt;
  }

  void keep(const std::string& replay, const Transcript& transcript, const Capture& capture) {
    if (!options_.kept) return;
    options_.kept->keep(replay, transcript, capture);
    kept_.insert(replay);
    if (kept_.size() < enough_) return;
    // What decided for a while, and does no more, goes.
    const std::set<std::string_view> deciding = judge_.deciding();
    std::erase_if(kept_, [&](const std::string& each) {
      if (deciding.contains(each)) return false;
      options_.kept->let_go(each);
      return true;
    });
    enough_ = std::max<std::size_t>(2 * kept_.size(), 100);
  }

  std::vector<Schedule> following(const Run& run, const Made& made) const {
    std::vector<Schedule> next;
    if (run.schedule.empty()) {
      if (run.scenario->sweep_faults) next = single_faults(made.transcript);
      if (run.scenario->sweep_cuts) {
        auto ends = endings(made.delivered);
        next.insert(next.end(), ends.begin(), ends.end());
      }
    } else if (run.schedule.steps.size() == 1 && run.schedule.steps.front().fault == Fault::eagain) {
      next = second_faults(run.schedule, made.transcript, options_.pairs);
    }
    return next;
  }

  void sweep(std::size_t place, Run run, const Learnt& plain) {
    progress_.learnt(plain.next.size(), false);
    std::map<std::string, std::vector<Transcript::LineAnswer>> references{{"", plain.answers}};
    std::size_t single = 0, pair = 0;
    for (const Schedule& schedule : plain.next) {
      if (stopped()) return;
      run.schedule = schedule;
      const auto reference = reference_of(schedule);
      const auto first =
          make(index_of(1, place, single++), run, reference ? references[spell(*reference)] : std::vector<Transcript::LineAnswer>());
      if (!first) continue;
      if (!reference) references[spell(schedule)] = first->answers;
      progress_.learnt(first->next.size(), false);
      for (const Schedule& two : first->next) {
        if (stopped()) return;
        run.schedule = two;
        make(index_of(2, place, pair++), run, plain.answers);
      }
    }
  }

  Judge judge_;
  const CampaignOptions& options_;
  Progress& progress_;
  std::optional<Runner> runner_;
  std::set<std::string> kept_;  // replay ids
  std::size_t enough_ = 100;    // of these; then those that decide no longer are looked for
  std::map<std::string, Experience> experience_;
};

// How often each stack's requests were answered, and how often never.
std::vector<RunCounts::Silent> calls_that_never_came_back(const std::vector<std::unique_ptr<Worker>>& workers) {
  std::map<std::string, Experience> all;
  for (const auto& worker : workers)
    for (const auto& [stack, experience] : worker->experience())
      for (const auto& [request, answered] : experience) {
        all[stack][request].times += answered.times;
        all[stack][request].never += answered.never;
      }
  std::vector<RunCounts::Silent> silent;
  for (const auto& [stack, experience] : all)
    for (const auto& [request, answered] : experience)
      if (answered.never > 0) silent.push_back({stack, request, answered.times, answered.never});
  return silent;
}

}  // namespace

void KeptRuns::keep(const std::string& replay, const Transcript& transcript, const Capture& capture) {
  transcripts.add(replay, transcript);
  captures.put(replay, pcapng(replay, transcript, capture, more_replay_words));
}

void KeptRuns::let_go(const std::string& replay) {
  transcripts.erase(replay);
  captures.erase(replay);
}

RunReport make_all(const Plan& plan, const std::vector<Clause>& clauses, const Judge::Scope& scope, const CampaignOptions& options) {
  const auto began = Clock::now();
  const std::vector<int> cores = usable_cores();
  const std::size_t most = options.jobs > 0 ? options.jobs : cores.size();
  std::vector<std::size_t> places(plan.runs.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (scope.covers) {
    const Judge part(clauses, scope);
    std::erase_if(places, [&](std::size_t place) { return !part.covers(plan.runs[place].key()); });
  }
  const std::size_t count = std::clamp<std::size_t>(most, 1, std::max<std::size_t>(places.size(), 1));

  const auto sweeps =
      options.sweep ? std::count_if(places.begin(), places.end(), [&](std::size_t place) { return is_swept(plan.runs[place]); }) : 0;
  Progress progress(options.progress, places.size(), static_cast<std::size_t>(sweeps));
  // One library after the other, so that few processes are there at a time. Sweeps first: they take longest, and tell how many runs there
  // will be.
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t one, std::size_t other) { return plan.runs[one].subject < plan.runs[other].subject; });
  if (options.sweep) std::stable_partition(places.begin(), places.end(), [&](std::size_t place) { return is_swept(plan.runs[place]); });
  std::atomic<std::size_t> next{0};
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t number = 0; number < count; ++number) workers.push_back(std::make_unique<Worker>(clauses, scope, options, progress));
  const auto work = [&](std::size_t number) {
    if (count <= cores.size()) keep_to(cores[number]);
    Worker& worker = *workers[number];
    while (!worker.stopped()) {
      const std::size_t taken = next.fetch_add(1, std::memory_order_relaxed);
      if (taken >= places.size()) break;
      worker.carry_out(places[taken], plan.runs[places[taken]]);
    }
    worker.dismiss();
  };
  std::vector<std::thread> threads;
  try {
    for (std::size_t number = 0; number < count; ++number) threads.emplace_back(work, number);
  } catch (const std::system_error&) {
    // The system has no more threads: those that there are do it all.
    if (threads.empty()) work(0);
  }
  for (std::thread& thread : threads) thread.join();

  Judge& judge = workers.front()->judge();
  for (std::size_t number = 1; number < count; ++number) judge.merge(std::move(workers[number]->judge()));
  RunReport report = judge.report();
  report.complete = progress.complete();
  report.counts.silent = calls_that_never_came_back(workers);
  report.problems = problems_of(report.counts, report.stacks);
  if (options.kept) {
    const std::set<std::string_view> deciding = judge.deciding();
    for (const std::string& replay : options.kept->transcripts.replays())
      if (!deciding.contains(replay)) options.kept->let_go(replay);
  }
  report.duration_s = std::chrono::duration<double>(Clock::now() - began).count();
  return report;
}

}  // namespace tlsbye
