// tlsbye-bench: what a run costs, against what the two libraries cost by themselves. All figures of one call are taken on one core, in
// turn, so that their ratios hold although the machine's speed drifts.
//
//   bare/<stack>   <stack> as client against OpenSSL as server, both in this process over a socketpair: handshake, and a close of both
//                  (a stack without a two-way close sends its close_notify, and reads the other)
//   apart/<stack>  the same two libraries in a process each, and a process between them that passes the bytes: what keeping them apart
//                  costs, and so the least that a run can cost
//   run/<stack>    the same as a scenario: two peer processes, the wire between them, a transcript
//   judged/<stack> the same, and every clause tried on the transcript
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>

#include "harness/cli/house.h"
#include "harness/data/messages.h"
#include "harness/oracle/oracle.h"
#include "harness/runner/runner.h"
#include "peers/common/stack.h"
#include "peers/protocol/channel.h"

namespace tlsbye::peer {
#define STACK(name) std::unique_ptr<Stack> make_##name();
TLSBYE_BENCH_STACKS
#undef STACK
}  // namespace tlsbye::peer

namespace tlsbye {
namespace {

// One core for this process and for the peers it starts: a hop between cores costs more than everything measured here.
void keep_to_one_core() {
  cpu_set_t usable, one;
  CPU_ZERO(&one);
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &usable)) continue;
    CPU_SET(core, &one);
    break;
  }
  static_cast<void>(::sched_setaffinity(0, sizeof one, &one));
}

class NoKeyLog : public peer::KeyLog {
 public:
  void line(std::string_view) override {}
};

bool promises(const peer::Stack& stack, std::string_view ability) {
  const std::vector<std::string> abilities = stack.hello().abilities;
  return std::find(abilities.begin(), abilities.end(), ability) != abilities.end();
}

// One call of the way in which the stack closes and learns of the other's close. `sent`: its own close_notify is out.
bool close_once(peer::Session& session, bool two_way, bool& sent) {
  if (two_way) return session.close().outcome == Outcome::done;
  if (!sent) sent = session.close_write().outcome == Outcome::done;
  std::array<std::byte, 64> none;
  return sent && session.read(none).outcome == Outcome::end_of_data;
}

// Handshake and close of a client and a server in this process; false where they do not come to an end. `two_way`: of the client and of
// the server, asked beforehand, as a library may build a context to answer that.
bool bare_connection(peer::Stack& client_stack, peer::Stack& server_stack, const std::array<bool, 2>& two_way, Tls tls) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return false;
  const Descriptor client_end(ends[0]), server_end(ends[1]);
  NoKeyLog keys;
  peer::SessionOptions options;
  options.tls = tls;
  options.io = Io::nonblocking;
  options.role = Role::client;
  options.transport = client_end.get();
  const auto client = client_stack.open(options, keys);
  options.role = Role::server;
  options.transport = server_end.get();
  const auto server = server_stack.open(options, keys);
  const auto both = [&](auto step) {
    bool client_done = false, server_done = false;
    for (int turn = 0; turn < 20 && !(client_done && server_done); ++turn) {
      if (!client_done) client_done = step(*client);
      if (!server_done) server_done = step(*server);
    }
    return client_done && server_done;
  };
  bool sent[] = {false, false};
  return both([](peer::Session& it) { return it.handshake().outcome == Outcome::done; }) && both([&](peer::Session& it) {
           const std::size_t which = &it == client.get() ? 0 : 1;
           return close_once(it, two_way[which], sent[which]);
         });
}

using MakeStack = std::unique_ptr<peer::Stack> (*)();

void bare(benchmark::State& state, MakeStack make, Tls tls) {
  const auto client = make();
  const auto server = peer::make_openssl();
  const std::array<bool, 2> two_way{promises(*client, "close"), promises(*server, "close")};
  for (auto _ : state) {
    if (bare_connection(*client, *server, two_way, tls)) continue;
    state.SkipWithError("the two libraries did not come to an end");
    return;
  }
}

constexpr int patience = 10'000;  // milliseconds, for what takes less than one

// A library in a process of its own. Each message brings it a transport; it makes a connection over that, closes it, and answers whether
// both succeeded. The process ends when its channel is closed.
class LibraryProcess {
 public:
  LibraryProcess(MakeStack make, Role role, Tls tls) {
    auto [ours, its] = channel_pair();
    pid_ = ::fork();
    if (pid_ == 0) {
      ours = Channel(Descriptor());
      serve(make, role, tls, its);
      ::_exit(0);
    }
    channel = std::move(ours);
  }
  ~LibraryProcess() {
    transport = {};
    channel = Channel(Descriptor());
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  LibraryProcess(const LibraryProcess&) = delete;
  LibraryProcess& operator=(const LibraryProcess&) = delete;

  // Gives it one end of a new transport, of which `transport` is the other.
  bool begin() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return false;
    transport = Descriptor(ends[0]);
    const Descriptor its(ends[1]);
    return channel.send("connect", its.get());
  }

  Channel channel{Descriptor()};
  Descriptor transport;

 private:
  static void serve(MakeStack make, Role role, Tls tls, Channel& channel) {
    const auto stack = make();
    const bool two_way = promises(*stack, "close");
    peer::SessionOptions options;
    options.tls = tls;
    options.io = Io::nonblocking;
    options.role = role;
    NoKeyLog keys;
    std::string message;
    for (Descriptor transport; channel.receive(message, &transport) == Channel::Got::packet;) {
      options.transport = transport.get();
      const auto session = stack->open(options, keys);
      const auto ends = [&](auto step) {
        pollfd awaited{transport.get(), POLLIN, 0};
        for (int turn = 0; turn < 20; ++turn) {
          const Outcome outcome = step();
          // Botan's handshake may read the other's close behind its Finished.
          if (outcome == Outcome::done || outcome == Outcome::end_of_data) return true;
          if (outcome == Outcome::want_read && ::poll(&awaited, 1, patience) <= 0) break;
        }
        return false;
      };
      bool sent = false;
      const bool done = ends([&] { return session->handshake().outcome; }) &&
                        ends([&] { return close_once(*session, two_way, sent) ? Outcome::done : Outcome::want_read; });
      if (!channel.send(done ? "done" : "failed")) return;
    }
  }
  pid_t pid_ = -1;
};

// Passes the bytes of each side to the other, and the end of its direction too (NSS's close_write shuts it down), until both have answered;
// false if one of them failed.
bool relayed_connection(LibraryProcess& client, LibraryProcess& server) {
  const std::array<LibraryProcess*, 2> both{&client, &server};
  if (!client.begin() || !server.begin()) return false;
  std::array<bool, 2> answered{false, false}, ended{false, false};
  std::array<char, 65536> bytes;
  std::string answer;
  while (!answered[0] || !answered[1]) {
    std::array<pollfd, 4> awaited;
    for (std::size_t i = 0; i < 2; ++i) {
      awaited[i] = {ended[i] ? -1 : both[i]->transport.get(), POLLIN, 0};
      awaited[2 + i] = {answered[i] ? -1 : both[i]->channel.descriptor(), POLLIN, 0};
    }
    if (::poll(awaited.data(), awaited.size(), patience) <= 0) return false;
    for (std::size_t i = 0; i < 2; ++i) {
      if (awaited[i].revents != 0) {
        const ssize_t count = ::read(awaited[i].fd, bytes.data(), bytes.size());
        if (count < 0) return false;
        const int other = both[1 - i]->transport.get();
        ended[i] = count == 0;
        if (ended[i])
          ::shutdown(other, SHUT_WR);
        else if (::send(other, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count)
          return false;
      }
      if (awaited[2 + i].revents == 0) continue;
      if (both[i]->channel.receive(answer) != Channel::Got::packet || answer != "done") return false;
      answered[i] = true;
    }
  }
  return true;
}

void apart(benchmark::State& state, MakeStack make, Tls tls) {
  LibraryProcess client(make, Role::client, tls), server(peer::make_openssl, Role::server, tls);
  for (auto _ : state) {
    if (relayed_connection(client, server)) continue;
    state.SkipWithError("the two libraries did not come to an end");
    return;
  }
}

// What the bare loop does, as a scenario.
Scenario handshake_and_close(std::string_view close) {
  const LoadedScenarios loaded = parse_scenarios(fmt::format("[[scenario]]\n"
                                                             "id = \"handshake-and-close\"\n"
                                                             "title = \"Handshake and close\"\n"
                                                             "why = \"What the bare loop does.\"\n"
                                                             "script = '''\n"
                                                             "both handshake\n"
                                                             "{}'''\n",
                                                             close),
                                                 "bench", "bench");
  if (loaded.scenarios.size() != 1) throw Stop{exit_harness, "tlsbye-bench: its scenario does not parse\n" + rendered(loaded.diagnostics)};
  return loaded.scenarios.front();
}

struct Stage {
  House house = find_house();
  std::vector<Stack> stacks = stacks_of(house).stacks;
  std::vector<Clause> clauses = clauses_of(house);
  Scenario two_way = handshake_and_close("both close until done\n");
  Scenario one_way = handshake_and_close("subject close-write\npartner close until done\nsubject read to-end\n");

  const Stack* find(const std::string& name) const {
    const auto found = std::find_if(stacks.begin(), stacks.end(), [&](const Stack& stack) { return stack.name == name; });
    return found == stacks.end() ? nullptr : &*found;
  }
};

void run(benchmark::State& state, const Stage& stage, const std::string& name, Tls tls, bool judged) {
  const Stack* subject = stage.find(name);
  const Stack* partner = stage.find("openssl");
  if (!subject || !partner) return state.SkipWithError("its peer program is not there");
  Runner runner(RunnerOptions{});
  const Run it{subject->can("close") ? &stage.two_way : &stage.one_way, subject, partner, Role::client, tls, Io::blocking};
  for (auto _ : state) {
    const auto made = runner.make(it);
    const auto* it_was = std::get_if<Made>(&made);
    if (!it_was) return state.SkipWithError(std::get<HarnessError>(made).what.c_str());
    if (!judged) continue;
    const Facts facts(it_was->transcript);
    for (const Clause& clause : stage.clauses) benchmark::DoNotOptimize(judge(clause, facts));
  }
}

// Prints as usual, and keeps the median times for the ratios.
class Reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& it : runs)
      if (it.run_type == Run::RT_Aggregate && it.aggregate_name == "median") medians[it.run_name.function_name] = it.GetAdjustedRealTime();
  }
  std::map<std::string, double> medians;
};

}  // namespace
}  // namespace tlsbye

int main(int argc, char** argv) {
  using namespace tlsbye;
  keep_to_one_core();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return exit_usage;
  try {
    const Stage stage;
    struct Row {
      std::string name;
      MakeStack make;
    };
    const Row rows[] = {
#define STACK(name) {#name, peer::make_##name},
        TLSBYE_BENCH_STACKS
#undef STACK
    };
    for (const Row& row : rows) {
      for (const Tls tls : {Tls::v1_2, Tls::v1_3}) {
        if (!promises(*row.make(), fmt::format("tls-{}", spell(tls)))) continue;
        const auto add = [&](const std::string& kind, auto body) {
          benchmark::RegisterBenchmark(fmt::format("{}/{}/tls{}", kind, row.name, spell(tls)).c_str(), body)
              ->UseRealTime()
              ->Unit(benchmark::kMicrosecond)
              ->Repetitions(5)
              ->MinTime(0.2);
        };
        add("bare", [make = row.make, tls](benchmark::State& state) { bare(state, make, tls); });
        add("apart", [make = row.make, tls](benchmark::State& state) { apart(state, make, tls); });
        add("run", [&stage, name = row.name, tls](benchmark::State& state) { run(state, stage, name, tls, false); });
        add("judged", [&stage, name = row.name, tls](benchmark::State& state) { run(state, stage, name, tls, true); });
      }
    }
    Reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    fmt::print("\n{:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9} {:>13} {:>13}\n", "client, against openssl", "bare us", "apart us", "run us",
               "judged us", "apart/bare", "run/bare", "judged/bare", "runs/s, 1 core");
    for (const auto& [name, median] : reporter.medians) {
      if (!name.starts_with("bare/")) continue;
      const std::string rest = name.substr(5);
      const double a_run = reporter.medians["run/" + rest], judged = reporter.medians["judged/" + rest];
      const double separate = reporter.medians["apart/" + rest];
      fmt::print("{:<22} {:>9.0f} {:>9.0f} {:>9.0f} {:>9.0f} {:>10.2f} {:>9.2f} {:>13.2f} {:>13.0f}\n", rest, median, separate, a_run,
                 judged, separate / median, a_run / median, judged / median, 1e6 / judged);
    }
  } catch (const Stop& stop) {
    tell_user("{}\n", stop.message);
    return stop.code;
  }
  return 0;
}
