#include "harness/cli/campaign.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "harness/runner/replay_id.h"

namespace tlsbye {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  if (cores.empty()) cores.push_back(0);
  return cores;
}

// Binds the calling thread, and with it the peers it starts, to one core. Only speed depends on it.
void keep_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
}

// One line on standard error, written over and over, at most ten times a second.
class Progress {
 public:
  Progress(bool shown, std::size_t all) : shown_(shown), all_(all) {}
  ~Progress() {
    if (shown_ && drawn_) fmt::print(stderr, "\r\x1b[K");
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
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const double rate = seconds > 0 ? static_cast<double>(count) / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(all_ - count) / rate : 0;
    fmt::print(stderr, "\r\x1b[K{:>3}%  {} of {} runs, {:.0f} a second, {:.0f} s left  {:.50}",
               count * 100 / std::max<std::size_t>(all_, 1), count, all_, rate, left,
               fmt::format("{} {}", run.subject->name, run.scenario->id));
    std::fflush(stderr);
  }

 private:
  const bool shown_;
  const std::size_t all_;
  const Clock::time_point began_ = Clock::now();
  std::atomic<std::size_t> count_{0};
  std::mutex drawing_;
  Clock::time_point last_{};
  bool drawn_ = false;
};

struct Worker {
  Judge judge;
  std::map<std::string, Transcript> kept;
  std::size_t runs = 0;
};

}  // namespace

CampaignResult make_all(const Plan& plan, const std::vector<Clause>& clauses, const Judge::Scope& scope, const CampaignOptions& options) {
  const auto began = Clock::now();
  const std::vector<int> cores = usable_cores();
  const std::size_t most = options.jobs > 0 ? options.jobs : cores.size();
  const std::size_t count = std::clamp<std::size_t>(most, 1, std::max<std::size_t>(plan.runs.size(), 1));

  Progress progress(options.progress, plan.runs.size());
  std::atomic<std::size_t> next{0};
  std::vector<Worker> workers(count, Worker{Judge(clauses, scope), {}, 0});
  const auto work = [&](std::size_t number) {
    if (count <= cores.size()) keep_to(cores[number]);
    Worker& worker = workers[number];
    Runner runner(options.runner);
    while (!(options.interrupted && options.interrupted->load(std::memory_order_relaxed))) {
      const std::size_t index = next.fetch_add(1, std::memory_order_relaxed);
      if (index >= plan.runs.size()) return;
      const Run& run = plan.runs[index];
      const std::string replay = replay_id(run.key());
      auto made = runner.make(run);
      if (auto* error = std::get_if<HarnessError>(&made)) {
        worker.judge.lose(index, run.key(), replay, error->what);
      } else {
        Made& it = std::get<Made>(made);
        const bool decided = worker.judge.take(index, it.transcript, replay);
        if (it.died_before && worker.judge.take(index, *it.died_before, replay))
          worker.kept.insert_or_assign(replay, std::move(*it.died_before));
        else if (decided)
          worker.kept.insert_or_assign(replay, std::move(it.transcript));
      }
      ++worker.runs;
      progress.done(run);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < count; ++number) threads.emplace_back(work, number);
  for (std::thread& thread : threads) thread.join();

  CampaignResult result;
  std::size_t runs = workers.front().runs;
  for (std::size_t number = 1; number < count; ++number) {
    runs += workers[number].runs;
    workers.front().judge.merge(std::move(workers[number].judge));
    workers.front().kept.merge(workers[number].kept);
  }
  result.report = workers.front().judge.report();
  result.report.complete = runs == plan.runs.size();
  std::set<std::string_view> deciding;
  for (const Cell& cell : result.report.cells) deciding.insert(cell.replay);
  for (const TraitAnswer& trait : result.report.traits) deciding.insert(trait.replay);
  for (auto& [replay, transcript] : workers.front().kept)
    if (deciding.contains(replay)) result.deciding.emplace(replay, std::move(transcript));
  result.report.duration_s = std::chrono::duration<double>(Clock::now() - began).count();
  return result;
}

}  // namespace tlsbye
