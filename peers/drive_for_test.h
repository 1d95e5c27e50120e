// How the tests drive peers: as the harness does, over the control socket, with a relay of their own in between.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "peers/protocol/channel.h"
#include "peers/protocol/message.h"
#include "peers/protocol/words.h"

namespace tlsbye {

inline void PrintTo(const Line& line, std::ostream* to) {
  std::string text;
  append_line(text, line);
  *to << text;
}

using Report = std::vector<Line>;

// "close=sent close=done": the API calls of a report, in order.
inline std::vector<std::string> calls(const Report& report) {
  std::vector<std::string> all;
  for (const Line& line : report)
    if (line.word() == "api") all.push_back(std::string(line.get("call")) + "=" + std::string(line.get("outcome")));
  return all;
}

inline const Line& last_call(const Report& report) {
  static const Line none;
  for (auto line = report.rbegin(); line != report.rend(); ++line)
    if (line->word() == "api") return *line;
  return none;
}

inline std::string outcome(const Report& report) { return std::string(last_call(report).get("outcome")); }

inline std::vector<Line> lines(const Report& report, std::string_view word) {
  std::vector<Line> all;
  for (const Line& line : report)
    if (line.word() == word) all.push_back(line);
  return all;
}

inline Report without(std::string_view word, Report report) {
  std::erase_if(report, [word](const Line& line) { return line.word() == word; });
  return report;
}

// A peer program, and the control socket to it.
class Peer {
 public:
  explicit Peer(const std::string& stack, const char* argument = nullptr)
      : Peer([program = TLSBYE_BINARY_DIR + folder_of(stack) + "/tlsbye-peer-" + stack, argument] {
          ::execl(program.c_str(), program.c_str(), argument, nullptr);
          return 127;
        }) {}
  // A peer that is a forked process of this program: `serve` is its main().
  explicit Peer(const std::function<int()>& serve) {
    auto ends = channel_pair();
    pid_ = ::fork();
    if (pid_ == 0) {
      if (ends.second.descriptor() == control_descriptor)
        ::fcntl(control_descriptor, F_SETFD, 0);
      else
        ::dup2(ends.second.descriptor(), control_descriptor);
      ::close_range(control_descriptor + 1, ~0U, 0);
      ::_exit(serve());
    }
    control_.emplace(std::move(ends.first));
    be_patient_for({20, 0});  // a peer that says nothing at all fails the test, instead of hanging it
    { const Channel given_away = std::move(ends.second); }
    const Report first = report();
    if (!first.empty()) hello_ = first.front();
  }
  ~Peer() {
    control_.reset();  // which ends the peer
    if (pid_ <= 0) return;
    const int status = wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a peer ended with " << status;  // a leak, under LeakSanitizer
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const Line& hello() const { return hello_; }
  bool able(const std::string& word) const {
    return (" " + std::string(hello_.get("abilities")) + " ").find(" " + word + " ") != std::string::npos;
  }
  pid_t pid() const { return pid_; }

  void ask(const Line& request, int descriptor = -1) {
    std::string packet;
    append_line(packet, request);
    say(packet, descriptor);
  }
  void say(const std::string& packet, int descriptor = -1) { ASSERT_TRUE(control_->send(packet, descriptor)); }

  // The next report, of as many packets as it has; empty where the peer is gone. Its lines are without the ids of calls: those are ids().
  Report report() {
    Report all;
    ids_.clear();
    for (std::string packet;;) {
      if (control_->receive(packet) != Channel::Got::packet) return {};
      auto parsed = parse_message(packet);
      if (!std::holds_alternative<std::vector<Line>>(parsed)) ADD_FAILURE() << "no message: " << packet;
      for (const Line& line : std::get<std::vector<Line>>(parsed)) {
        if (const auto id = line.number("id")) ids_.push_back(*id);
        Line& rest = all.emplace_back(line.word());
        for (const auto& [key, value] : line.fields())
          if (key != "id") rest.with(key, value);
      }
      if (all.back().word() != "more") return all;
      all.pop_back();
    }
  }
  // The ids in the last report, line by line.
  const std::vector<long long>& ids() const { return ids_; }
  // One packet, whatever is in it.
  std::string packet() {
    std::string packet;
    control_->receive(packet);
    return packet;
  }
  // How long report() waits for a peer that says nothing.
  void be_patient_for(timeval time) { ::setsockopt(control_->descriptor(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time); }
  Report do_(const Line& request, int descriptor = -1) {
    ask(request, descriptor);
    return report();
  }
  // The process's end, as waitpid tells it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  // Where a test is made again to see whether it notices a lie, all peers are liars (rogue/liar.cpp).
  static std::string folder_of(const std::string& stack) {
    return stack == "rogue" ? "/rogues" : std::getenv("TLSBYE_TEST_LIE") ? "/liars" : "/peers";
  }

  pid_t pid_ = -1;
  std::vector<long long> ids_;
  std::optional<Channel> control_;
  Line hello_;
};

// Two peers with a session each, and what lies between them.
class Link {
 public:
  Link(Peer& client, Peer& server, Tls tls, Io io, const std::string& client_options = {}, const std::string& server_options = {},
       bool isolate = false)
      : peers_{&client, &server} {
    for (const Role role : {Role::client, Role::server}) {
      Line& open = requests_[static_cast<std::size_t>(role)];
      open = Line("open").with("role", spell(role)).with("tls", spell(tls)).with("io", spell(io)).with("log", 1);
      const std::string& options = role == Role::client ? client_options : server_options;
      if (!options.empty()) open.with("options", options);
      if (isolate) open.with("isolate", 1);
    }
    open_on_new_transports();
    for (Line& open : requests_) open.with("again", 1);
  }

  // Both peers begin the next session of this run.
  enum class On { same_transport, new_transport };
  void open_again(On transport) {
    key_log.clear();
    if (transport == On::new_transport) return open_on_new_transports();
    for (const Role role : {Role::client, Role::server})
      opened[static_cast<std::size_t>(role)] = peer(role).do_(requests_[static_cast<std::size_t>(role)]);
  }

  Peer& peer(Role role) { return *peers_[static_cast<std::size_t>(role)]; }
  Descriptor& end(Role role) { return ends_[static_cast<std::size_t>(role)]; }
  // What that side has sent so far, as the relay saw it.
  std::string& sent(Role role) { return sent_[static_cast<std::size_t>(role)]; }

  // Moves what there is, both ways. True where anything moved.
  bool relay() {
    bool moved = false;
    for (const Role role : {Role::client, Role::server}) {
      char some[65536];
      for (ssize_t got; end(role) && (got = ::recv(end(role).get(), some, sizeof some, MSG_DONTWAIT)) > 0;) {
        moved = true;
        sent(role).append(some, static_cast<std::size_t>(got));
        if (!holding) pass_on(other(role), std::string_view(some, static_cast<std::size_t>(got)));
      }
    }
    return moved;
  }
  void pass_on(Role to, std::string_view bytes) {
    ASSERT_EQ(::send(end(to).get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // Asks both at once and relays until both are ready, or blocked with nothing left to relay.
  std::pair<Report, Report> both(const Line& of_client, const Line& of_server) {
    Report all[2];
    bool rests[2] = {false, false};
    peer(Role::client).ask(of_client);
    peer(Role::server).ask(of_server);
    for (bool first = true;; first = false) {
      for (const Role role : {Role::client, Role::server}) {
        const auto i = static_cast<std::size_t>(role);
        if (rests[i]) continue;
        if (!first) peer(role).ask(Line("resume"));
        const Report more = peer(role).report();
        all[i].insert(all[i].end(), more.begin(), more.end());
        rests[i] = more.empty() || more.back().word() != "blocked";
      }
      const bool moved = relay();
      if ((rests[0] && rests[1]) || !moved) return {all[0], all[1]};
    }
  }
  void handshake() {
    const auto [client, server] = both(Line("handshake"), Line("handshake"));
    ASSERT_EQ(outcome(client), "done") << last_call(client).get("words");
    ASSERT_EQ(outcome(server), "done") << last_call(server).get("words");
    for (const Report* report : {&client, &server})
      for (const Line& line : lines(*report, "keys")) key_log.emplace_back(line.get("line"));
    sent(Role::client).clear();
    sent(Role::server).clear();
  }

  Report opened[2];
  std::vector<std::string> key_log;
  bool holding = false;  // the relay takes, and passes nothing on

 private:
  void open_on_new_transports() {
    for (const Role role : {Role::client, Role::server}) {
      int ends[2];
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      const Descriptor given(ends[0]);
      end(role) = Descriptor(ends[1]);
      opened[static_cast<std::size_t>(role)] = peer(role).do_(requests_[static_cast<std::size_t>(role)], given.get());
    }
  }

  Line requests_[2];
  Peer* peers_[2];
  Descriptor ends_[2];
  std::string sent_[2];
};

inline const Line close_until_done = Line("close").with("until", "done");

}  // namespace tlsbye
