#include "harness/runner/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>

#include "harness/data/overloaded.h"
#include "harness/runner/aim.h"
#include "harness/wire/wire.h"

namespace tlsbye {
namespace {

// Of one run. The longest of the project's own scenarios has 2,000 events, and waits a few hundred times in a line.
constexpr int most_events = 200'000;
constexpr std::size_t most_held = 64U << 20;           // bytes of memory that they take
constexpr int most_waits = 20'000;                     // of one line
constexpr int most_writes = 4'000;                     // of them, by one side for room to write: each time 128 KiB have been taken from it
constexpr int most_attempts = 3;                       // of a run whose peers are ended from outside
constexpr int most_aims = 40;                          // of a run, until its faults fall between two records to the byte
constexpr int aims_with_one_measure = 5;               // then it is looked for anew: the length that was met may be a rare one
constexpr Wire::Limits of_programs{8U << 20, 20'000};  // what is kept of a run with a real program
constexpr std::size_t most_said = 8192;                // to one, at a time: more does not fit into a request

// A peer was ended by others: what was seen of the run until then says nothing.
struct EndedFromOutside {
  Side side{};
  std::string signal;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Line plan_request(const FaultPlan& plan) {
  Line line("plan");
  line.with("flow", spell(plan.flow)).with("fault", spell(plan.fault)).with("times", plan.times).with("after", plan.after);
  if (plan.fault == Fault::short_count) line.with("count", static_cast<long long>(plan.count));
  return line;
}

Line call_request(const StackCall& it) {
  Line line{std::string(spell(it.call))};
  if (it.aside != Aside::no) line = Line(it.aside == Aside::thread ? "aside" : "fork").with("call", spell(it.call));
  if (it.size > 0) line.with("size", static_cast<long long>(it.size));
  if (it.until != Until::once || it.call == Call::handshake) line.with("until", spell(it.until));
  if (it.when_ready) line.with("ready", 1);
  if (it.call == Call::send_alert) line.with("level", it.arguments.at(0)).with("description", it.arguments.at(1));
  if (it.call == Call::key_update && !it.arguments.empty()) line.with("requested", 1);
  if (it.call == Call::set) line.with("name", it.arguments.at(0)).with("value", it.arguments.at(1));
  return line;
}

// The request that such a line makes of a peer (peers/README.md).
Line request_of(const PeerOrder& order, Verb verb) {
  return std::visit(Overloaded{
                        [](const StackCall& it) { return call_request(it); },
                        [&](const PastLibrary& it) {
                          Line line{std::string(spell(verb))};
                          return it.data ? line.with("data", *it.data) : line;
                        },
                        [](const FaultPlan& it) { return plan_request(it); },
                        [](const AimedFault& it) { return plan_request(it.plan); },
                        [](const ForgetFaults&) { return Line("plan").with("clear", 1); },
                        [](const Starve& it) { return Line("starve").with("after", it.after); },
                    },
                    order);
}

int id_of(const Line& line) { return static_cast<int>(line.number("id").value_or(0)); }

std::size_t size_field(const Line& line, std::string_view key) {
  const auto value = line.number(key);
  return value && *value > 0 ? static_cast<std::size_t>(*value) : 0;
}

}  // namespace

RunKey Run::key() const {
  return {scenario->id, subject->name, subject->version, partner->name, partner->version, role, tls, io, spell(schedule)};
}

// One run being made: the two peers, the wire between them, and the transcript that grows.
class Runner::Stage {
 public:
  Stage(const Run& run, bool isolate, Party& subject, Party& partner, Transports transports, const Aims& aims)
      : run_(run),
        isolate_(isolate),
        aims_(aims),
        transcript_(run.key()),
        wire_(std::move(transports), run.role, run.tls, transcript_, run.program ? of_programs : Wire::Limits()),
        players_{{{subject}, {partner}}} {
    transcript_.script = run.scenario->lines;
    transcript_.options = run.scenario->options;
    transcript_.has_api_lane = run.program == nullptr;
  }

  static TransportKind transport_of(const Run& run) { return run.schedule.resets() ? TransportKind::tcp : run.scenario->transport; }

  // With a real program: what it did by itself once the script has ended is asked of `see_the_end`.
  template <typename SeeTheEnd>
  Made play_with_program(SeeTheEnd see_the_end) {
    open(Side::partner, Again::no);
    for (const Statement& statement : run_.scenario->script) {
      if (over_) break;
      line_ = statement.line;
      wire_.begin_line(line_);
      bounded([&] {
        carry_out(statement);
        settle();
      });
    }
    line_ = 0;
    if (std::optional<ProgramDid> did = see_the_end()) transcript_.add(line_, std::move(*did));
    bounded([&] { wire_.pump(line_); });
    finish();
    return {std::move(transcript_), wire_.take_capture(), std::nullopt, {}, 0};
  }

  Made play() {
    for (const Side side : {Side::subject, Side::partner}) open(side, Again::no);
    for (const Schedule::Step& step : run_.schedule.steps) {
      transcript_.add(0, Told{fmt::format("sweep    call {} of the subject's {}: {}", step.call, spell(step.flow), spell(step.fault))});
      for (const FaultPlan& plan : plans_of(step)) take(Side::subject, player(Side::subject).peer.ask(plan_request(plan)));
    }
    const auto& script = run_.scenario->script;
    const auto last_handshake = std::find_if(script.rbegin(), script.rend(), [](const Statement& s) { return s.verb == Verb::handshake; });
    auto connected = last_handshake.base();  // the first statement after it
    if (last_handshake == script.rend()) connected = script.begin();
    std::size_t before = 0;
    for (auto statement = script.begin(); statement != script.end(); ++statement) {
      if (statement == connected) before = begin_sweep();
      line_ = statement->line;
      wire_.begin_line(line_);
      carry_out(*statement);
      settle();
    }
    line_ = 0;
    let_time_pass();
    const std::size_t delivered = counts_bytes() ? wire_.delivered_to(Side::subject) - before : 0;
    finish();
    return {std::move(transcript_), wire_.take_capture(), std::nullopt, {}, delivered};
  }

  // The first line that aims a fault and is not among the aims; and one whose fault missed its record. Null for none.
  const AimedLine* not_aimed() const {
    const auto it = std::find_if(aimed_.begin(), aimed_.end(), [&](const AimedLine& line) { return !aims_.contains(line.line); });
    return it == aimed_.end() ? nullptr : &*it;
  }
  const AimedLine* missed(const Transcript& transcript) const {
    const auto it = std::find_if(aimed_.begin(), aimed_.end(), [&](const AimedLine& line) {
      const auto plans = aims_.find(line.line);
      return plans != aims_.end() && !plans->second.empty() && !met_a_record(plans->second, line, transcript);
    });
    return it == aimed_.end() ? nullptr : &*it;
  }

  // Bytes that a library moved where its peer did not see it; empty for none.
  const std::string& gone_past() const { return gone_past_; }

 private:
  struct Player {
    Party& peer;
    std::optional<Report::Blocked> blocked = {};
    bool can_go_on = false;              // what it is blocked on has come
    std::optional<Call> busy_with = {};  // the API call in progress
    std::string_view verb = {};          // what it was last asked for, as the script spells it ...
    int asked = 0;                       // ... and the number of the Asked event
    bool dead = false;
    std::optional<Wire::Counts> counted = {};  // of a transport that the wire has closed already
  };

  Role role_of(Side side) const { return side == Side::subject ? run_.role : other(run_.role); }
  Player& player(Side side) { return players_[static_cast<std::size_t>(side)]; }

  // `again`: another session, on a new transport, or on the one that is there.
  enum class Again { no, reconnected, on_the_same_transport };
  void open(Side side, Again again) {
    const bool subject = side == Side::subject;
    Line open("open");
    open.with("role", spell(role_of(side)))
        .with("tls", spell(run_.tls))
        .with("io", spell(subject        ? run_.io
                          : run_.program ? Io::nonblocking
                                         : Io::blocking));
    if (run_.program) add_program_words(open);
    if (isolate_) open.with("isolate", 1);
    if (logs(side)) open.with("log", 1);
    const auto& options = subject ? run_.scenario->options : run_.scenario->partner_options;
    if (!options.empty()) {
      open.with("options", joined(options));
      if (again == Again::no) transcript_.add(0, Told{fmt::format("{:<8} option {}", spell(side), joined(options))});
    }
    if (again != Again::no) open.with("again", 1);
    player(side).verb = "open";
    const Descriptor end = again == Again::on_the_same_transport ? Descriptor() : wire_.take_end(side);
    take(side, player(side).peer.ask(open, end.get()));
  }

  void carry_out(const Statement& statement) {
    std::visit(Overloaded{
                   [&](const PeerOrder& order) {
                     const bool both = statement.actor == Actor::both;
                     for (const Side side : {Side::subject, Side::partner}) {
                       if (both && side == Side::partner) settle();
                       if (acts(statement.actor, side, role_of(side))) ask(side, statement.verb, order);
                     }
                   },
                   [&](const NextSession& it) { begin_session(it.same_transport ? Again::on_the_same_transport : Again::reconnected); },
                   [&](const WireOrder& order) {
                     transcript_.add(line_, Told{statement.source, true});
                     wire_.carry_out(order, statement.source, line_);
                   },
                   [&](const Pass& it) { pass(it.milliseconds); },
                   [&](const Await& it) {
                     transcript_.add(line_, Told{statement.source, true});
                     awaited_ = is_program(it.side);
                   },
               },
               statement.deed);
  }

  void ask(Side side, Verb verb, const PeerOrder& order) {
    if (is_program(side)) return;
    Player& it = player(side);
    const auto* of_stack = std::get_if<StackCall>(&order);
    const StackCall call = of_stack ? *of_stack : StackCall();
    const std::string word(spell(verb));
    if (it.dead) {
      transcript_.add(line_, NotDone{side, word, "its process is gone", false});
      return;
    }
    if (it.blocked && call.aside == Aside::no) {
      transcript_.add(
          line_,
          NotDone{side, word, fmt::format("it is still blocked on {} in {}", spell(it.blocked->on), spell(it.blocked->during)), false});
      return;
    }
    const Asked asked{side,      word,      of_stack ? std::optional(call.call) : std::nullopt, joined(call.arguments), call.until,
                      call.size, call.aside};
    if (call.aside != Aside::no) {
      // Beside the call that waits, if one does: that one stays what it was.
      asked_aside_ = transcript_.add(line_, asked);
      const auto waiting = std::exchange(it.busy_with, call.call);  // a process that dies now dies in this call
      take(side, it.peer.ask(request_of(order, verb)));
      it.busy_with = it.blocked ? waiting : std::nullopt;
      return;
    }
    it.busy_with = asked.call;
    it.verb = spell(verb);
    it.asked = transcript_.add(line_, asked);
    if (run_.program && verb == Verb::say) return say(side, asked.arguments);
    Line request = request_of(order, verb);
    if (run_.program && call.call == Call::read && of_stack) {
      request = Line("read");
      // A client without a text to wait for has asked when something of it has come.
      const bool to_end = verb == Verb::hear && !(run_.program->is_client() && run_.program->until.empty());
      request.with("any", 1).with("until", to_end ? spell(Until::end) : spell(call.until));
      if (call.size > 0) request.with("size", static_cast<long long>(call.size));
      if (verb == Verb::hear && !run_.program->until.empty()) request.with("text", run_.program->until);
    }
    if (const auto* aimed = std::get_if<AimedFault>(&order)) return aim(side, *aimed);
    take(side, it.peer.ask(request));
    if (verb == Verb::abandon && !it.dead) transcript_.add(line_, RawCall{side, "abandon", 0, "", ""});
  }

  void aim(Side side, const AimedFault& fault) {
    if (run_.program) {
      transcript_.add(line_, NotDone{side, "io", "with a real program no run is made twice", false});
      return;
    }
    aimed_.push_back({line_, side, player(side).asked, fault});
    const auto plans = aims_.find(line_);
    if (plans == aims_.end()) return;
    for (const FaultPlan& plan : plans->second) take(side, player(side).peer.ask(plan_request(plan)));
  }

  // All that is looked for is in the transcript of this run.
  bool learns() const {
    const auto aims = [&](const Statement& it) {
      const auto* order = std::get_if<PeerOrder>(&it.deed);
      return order && std::holds_alternative<AimedFault>(*order) && !aims_.contains(it.line);
    };
    return std::any_of(run_.scenario->script.begin(), run_.scenario->script.end(), aims);
  }
  bool logs(Side side) const { return side == Side::subject || learns_; }

  bool is_program(Side side) const { return run_.program && side == Side::subject; }

  void add_program_words(Line& open) const {
    const Program& program = *run_.program;
    open.with("suites", "usual");
    if (!program.server_name.empty()) open.with("sni", program.server_name);
    if (!program.alpn.empty()) open.with("alpn", program.alpn);
    if (!program.trust.empty()) open.with("trust", program.trust);
    if (!program.certificate.empty()) open.with("certificate", program.certificate).with("key", program.key);
  }

  void say(Side side, std::string_view which) {
    Player& it = player(side);
    const std::string& all = which == "goodbye" ? run_.program->goodbye : run_.program->say;
    const std::size_t size = which == "beginning" ? all.size() / 2 : all.size();
    for (std::string_view rest = std::string_view(all).substr(0, size); !rest.empty() && !it.dead && !it.blocked && !over_;) {
      it.busy_with = Call::write;
      take(side, it.peer.ask(Line("write").with("data", rest.substr(0, most_said)).with("until", spell(Until::done))));
      rest.remove_prefix(std::min(rest.size(), most_said));
      settle();
    }
  }

  // A run with a real program ends where it has become too much.
  template <typename Do>
  void bounded(Do act) {
    try {
      act();
    } catch (const std::length_error& limit) {
      no_more(limit.what());
    }
  }

  void no_more(std::string why) {
    transcript_.add(line_, ProgramDid{Side::subject, ProgramDid::What::went_on, age().count(), std::move(why), std::nullopt, {}});
    over_ = true;
  }

  std::chrono::milliseconds age() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_);
  }

  // Whether something came from the real program, where the partner or the script waits for it.
  bool wait_for_program() {
    Player& partner = player(Side::partner);
    if (!run_.program || over_ || (!partner.blocked && !awaited_)) return false;
    if (wire_.has_ended(Side::subject)) {
      constexpr std::chrono::milliseconds for_a_reset{20};  // which what was sent behind its end may draw
      if (awaited_) wire_.wait_for(Side::subject, for_a_reset);
    } else {
      const auto left = run_.program->longest - age();
      if (left > left.zero() && wire_.wait_for(Side::subject, std::min(run_.program->patience, left))) return true;
      if (left < run_.program->patience)
        no_more(fmt::format("the connection had lasted {} ms", run_.program->longest.count()));
      else
        transcript_.add(line_,
                        ProgramDid{Side::subject, ProgramDid::What::was_silent, run_.program->patience.count(), {}, std::nullopt, {}});
    }
    awaited_ = false;
    if (!partner.blocked) return false;
    // What it waits for will not come: the script goes on with the next line.
    partner.blocked.reset();
    take(Side::partner, partner.peer.ask(Line("enough")));
    return false;
  }

  bool counts_bytes() const { return run_.scenario->sweep_cuts || run_.schedule.ending; }

  // The connection stands: from here on bytes are counted. Gives how many had reached the subject before.
  std::size_t begin_sweep() {
    if (const auto& ending = run_.schedule.ending) {
      const std::string_view what = !ending->how ? "silence" : *ending->how == End::fin ? "FIN" : "RST";
      transcript_.add(line_, Told{fmt::format("sweep    {} towards the subject after {} more bytes", what, ending->after)});
      wire_.end_after(Side::subject, ending->after, ending->how);
      settle();
    }
    return counts_bytes() ? wire_.delivered_to(Side::subject) : 0;
  }

  void begin_session(Again again) {
    if (run_.program) {
      transcript_.add(line_, NotDone{Side::partner, "reconnect", "with a real program each connection is a run", false});
      return;
    }
    for (const Side side : {Side::subject, Side::partner}) {
      Player& it = player(side);
      if (it.blocked) give_up(side);
      if (!it.dead) continue;
      transcript_.add(line_, NotDone{side, "new-session", "its process is gone", false});
      return;
    }
    const bool same_transport = again == Again::on_the_same_transport;
    if (same_transport) {
      transcript_.add(line_, NewSession{true});
      wire_.begin_session();
    } else {
      for (const Side side : {Side::subject, Side::partner}) player(side).counted = wire_.count(side);
      wire_.begin_session(make_transports(transport_of(run_)));  // what the old ones still held belongs to the old session
      transcript_.add(line_, NewSession{false});
    }
    for (const Side side : {Side::subject, Side::partner}) open(side, again);
  }

  void pass(long long milliseconds) {
    transcript_.add(line_, TimePassed{milliseconds});
    for (const Side side : {Side::subject, Side::partner})
      if (Player& it = player(side); !it.dead) take(side, it.peer.ask(Line("pass").with("ms", milliseconds)));
  }

  // After the script: as long as a call waits for a time that will come. A call that has waited out the same limit again and again waits in
  // slices, as NSPR does: for good.
  void let_time_pass() {
    constexpr int most = 100, most_slices = 3;
    std::array<int, 2> slices{};
    for (int times = 0; times < most; ++times) {
      std::optional<long long> next;
      std::array<std::optional<Report::Blocked>, 2> before;
      for (const Side side : {Side::subject, Side::partner}) {
        Player& it = player(side);
        if (slices[static_cast<std::size_t>(side)] == most_slices && it.blocked) it.blocked->timeout_ms.reset();
        if (!it.blocked || !it.blocked->timeout_ms) continue;
        before[static_cast<std::size_t>(side)] = it.blocked;
        next = std::min(next.value_or(*it.blocked->timeout_ms), *it.blocked->timeout_ms);
      }
      if (!next) return;
      pass(std::max(1LL, *next));
      settle();
      for (const Side side : {Side::subject, Side::partner}) {
        const auto& was = before[static_cast<std::size_t>(side)];
        int& count = slices[static_cast<std::size_t>(side)];
        count = was && was->timeout_ms == next && player(side).blocked == was ? count + 1 : 0;
      }
    }
  }

  // Lets the wire move, and whoever waited for what it moved go on, until nothing changes any more. A call that writes and waits again,
  // however much is taken from it, never comes back; where both sides keep each other going, neither is to blame.
  void settle() {
    std::array<int, 2> writes{};
    for (int waits = 0;; ++waits) {
      if (waits > most_waits) throw std::length_error(fmt::format("the peers went on and waited again more than {} times", most_waits));
      Wire::Progress progress = wire_.pump(line_);
      bool went_on = false;
      for (const Side side : {Side::subject, Side::partner}) {
        Player& it = player(side);
        const Wire::Moved moved = progress.of(side);
        if (it.blocked) it.can_go_on |= it.blocked->on == Flow::recv ? moved.arrived : moved.drained;
      }
      for (const Side side : {Side::subject, Side::partner}) {
        Player& it = player(side);
        if (!it.blocked || !it.can_go_on) continue;
        went_on = true;
        if (it.blocked->on == Flow::send && ++writes[static_cast<std::size_t>(side)] > most_writes) {
          die(side, it.peer.put_down(Died::How::spun, fmt::format("it wrote, and had more to write, {} times", most_writes)));
          break;
        }
        it.blocked.reset();
        take(side, it.peer.ask(Line("resume")));
        break;  // one at a time: what it did may be what the other waits for
      }
      if (!went_on && !wait_for_program()) return;
    }
  }

  void finish() {
    for (const Side side : {Side::subject, Side::partner})  // what waits beside a process that died was not let go on
      if (player(side).blocked && !player(side).dead) note_blocked(side, true);
    for (const std::string& order : wire_.orders_left()) transcript_.add(line_, Told{"wire     never reached: " + order});
    for (const AimedLine& it : aimed_)
      if (const auto plans = aims_.find(it.line); plans != aims_.end() && plans->second.empty())
        transcript_.add(line_, Told{fmt::format("{:<8} never reached: {}", spell(it.side), source_of(it.line))});
    for (const Side side : {Side::subject, Side::partner}) {
      Player& it = player(side);
      if (it.dead) {
        // A forked process may be all that died: the one that it was a copy of lets go of its transport, and what it counted there is of no
        // use.
        if (it.blocked) it.peer.ask(Line("abort"));
        it.peer.ask(Line("end"));
        continue;
      }
      if (it.blocked) note_end(side, it.peer.ask(Line("abort")));
      if (!it.dead) note_end(side, it.peer.ask(Line("end")));
    }
  }

  // The session ends with a call that never came back.
  void give_up(Side side) {
    note_blocked(side, true);
    player(side).blocked.reset();
    note_end(side, player(side).peer.ask(Line("abort")));
  }

  std::string_view source_of(int line) const {
    for (const Statement& it : run_.scenario->script)
      if (it.line == line) return it.source;
    return {};
  }

  void note_blocked(Side side, bool for_good) {
    const Player& it = player(side);
    transcript_.add(line_, Blocked{side, it.blocked->during, it.blocked->id, it.asked, it.blocked->on, for_good, it.blocked->timeout_ms});
  }

  // What comes after the script is not part of the run, unless the process does not survive it.
  void note_end(Side side, const Report& report) {
    if (report.end) die(side, *report.end);
    for (const Line& line : report.lines) {
      if (line.word() == "died") die(side, end_of(std::string(line.get("status"))));
      if (line.word() == "moved") compare(side, line);
    }
  }

  // What the peer's layer counted on a transport that is over with what the wire saw there.
  void compare(Side side, const Line& line) {
    const Wire::Counts wire = player(side).counted ? *std::exchange(player(side).counted, {}) : wire_.count(side);
    const std::size_t sent = size_field(line, "sent"), received = size_field(line, "received"), unread = size_field(line, "unread");
    const auto differ = [&](std::size_t less, std::size_t more) { return less > more || (wire.exact && less < more); };
    std::string what;
    if (differ(wire.sent, sent)) what = fmt::format("it counted {} bytes sent, the wire saw {}", sent, wire.sent);
    if (differ(received + unread, wire.given))
      what += fmt::format("{}it counted {} bytes received and left {}, the wire gave {}", what.empty() ? "" : "; ", received, unread,
                          wire.given);
    if (what.empty()) return;
    const Stack& stack = *(side == Side::subject ? run_.subject : run_.partner);
    gone_past_ =
        fmt::format("the library of {} ({}) reached the transport past the interposer of its peer: {}", stack.id(), spell(side), what);
  }

  void die(Side side, const PeerEnd& end) {
    if (end.from_outside) throw EndedFromOutside{side, end.detail};
    Player& it = player(side);
    it.dead = true;
    it.blocked.reset();
    wire_.expect(side, 0, true);
    transcript_.add(line_, Died{side, end.how, end.detail, it.busy_with});
  }

  void take(Side side, Report report) {
    Player& it = player(side);
    for (const Line& line : report.lines) note(side, line);
    // The wait that a call aside, or time, did not end is not a new one.
    const bool still = it.blocked && it.blocked == report.blocked;
    it.blocked = report.blocked;
    if (!still) {
      it.can_go_on = false;
      if (it.blocked) note_blocked(side, false);
    }
    if (report.end && !it.dead) die(side, *report.end);
    if (!report.blocked) it.busy_with.reset();
  }

  void note(Side side, const Line& line) {
    const std::string& word = line.word();
    if (transcript_.next_number() > most_events)
      throw std::length_error(fmt::format("more than {} events in one run, most of them by the {}", most_events, spell(side)));
    if (transcript_.held() > most_held)
      throw std::length_error(fmt::format("the events of one run hold more than {} bytes, most of them by the {}", most_held, spell(side)));
    if (word == "api") {
      note_api(side, line);
    } else if (word == "io") {
      if (logs(side) || line.number("injected") == 1)
        transcript_.add(line_, TransportCall{side, read_word<Call>(line.get("during")).value_or(Call::handshake), id_of(line),
                                             std::string(line.get("function")), read_word<Flow>(line.get("flow")).value_or(Flow::recv),
                                             size_field(line, "asked"), static_cast<long>(line.number("result").value_or(0)),
                                             std::string(line.get("errno")), line.number("injected") == 1});
    } else if (word == "moved") {
      compare(side, line);
    } else if (word == "sent") {
      wire_.expect(side, size_field(line, "bytes"), line.number("finished") == 1);
    } else if (word == "keys") {
      wire_.key_log(line.get("line"));
    } else if (word == "raw") {
      const RawCall call{side, std::string(line.get("verb")), static_cast<long>(line.number("result").value_or(0)),
                         std::string(line.get("errno")), std::string(line.get("data"))};
      if (call.verb == "raw-write" && call.result > 0) wire_.script_wrote(side, static_cast<std::size_t>(call.result));
      transcript_.add(line_, call);
    } else if (word == "signal") {
      transcript_.add(line_, Signal{side, std::string(line.get("name"))});
    } else if (word == "usage") {
      transcript_.add(line_, Usage{side, line.number("descriptors").value_or(0), line.number("heap").value_or(-1)});
    } else if (word == "unsupported") {
      transcript_.add(line_, NotDone{side, std::string(player(side).verb), std::string(line.get("why")), true});
    } else if (word == "idle") {
      transcript_.add(line_, NotDone{side, std::string(player(side).verb), "its transport has nothing to be read", false});
    } else if (word == "endless") {
      transcript_.add(line_, Endless{side, read_word<Call>(line.get("during")).value_or(Call::close), id_of(line),
                                     static_cast<int>(line.number("times").value_or(0)), std::string(line.get("why"))});
    } else if (word == "died") {
      die(side, end_of(std::string(line.get("status"))));
    } else {
      transcript_.add(line_, Told{fmt::format("{:<8} said `{}`, which the protocol does not have", spell(side), word)});
    }
  }

  void note_api(Side side, const Line& line) {
    ApiCall call;
    call.side = side;
    call.call = read_word<Call>(line.get("call")).value_or(Call::handshake);
    call.aside = read_word<Aside>(line.get("aside", "no")).value_or(Aside::no);
    call.id = id_of(line);
    call.asked = call.aside == Aside::no ? player(side).asked : asked_aside_;
    call.native = line.get("native");
    call.arguments = line.get("arguments");
    call.returned = static_cast<long>(line.number("returned").value_or(0));
    call.code = line.get("code");
    call.error_number = line.get("errno");
    call.words = line.get("words");
    call.outcome = read_word<Outcome>(line.get("outcome")).value_or(Outcome::failed);
    call.bytes = size_field(line, "bytes");
    call.total = size_field(line, "total");
    call.intact = line.get("intact", "1") == "1";
    for (const auto& [key, value] : line.fields())
      if (key.starts_with("state.")) call.state.emplace_back(key.substr(6), value);
    transcript_.add(line_, std::move(call));
  }

  const Run& run_;
  const bool isolate_;
  const Aims& aims_;
  const bool learns_ = learns();
  std::vector<AimedLine> aimed_;  // lines that aim a fault and were carried out
  Transcript transcript_;
  Wire wire_;
  std::array<Player, 2> players_;
  int line_ = 0;
  int asked_aside_ = 0;  // number of the Asked event of the call made aside
  // With a real program.
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  bool awaited_ = false;  // by the script, whatever the partner does
  bool over_ = false;     // a limit was reached
  std::string gone_past_;
};

std::variant<PeerProcess*, HarnessError> Runner::peer(const Stack& stack, Side side) {
  // Of many builds only the last few stay: processes are as many as workers, and not as builds.
  constexpr std::size_t most = 8;
  if (peers_.size() >= most && !peers_.contains({stack.id(), side}))
    std::erase_if(peers_, [](const auto& peer) { return peer.first.second == Side::subject; });
  auto& slot = peers_[{stack.id(), side}];
  if (!slot || !slot->alive()) {
    auto started = PeerProcess::start(stack.program, options_.patience, stack.launch(&experience_[stack.id()]));
    // It said hello before: what killed it now may have meant the one before it.
    if (std::holds_alternative<std::string>(started))
      started = PeerProcess::start(stack.program, options_.patience, stack.launch(&experience_[stack.id()]));
    if (auto* problem = std::get_if<std::string>(&started)) return HarnessError{std::move(*problem)};
    slot = std::make_unique<PeerProcess>(std::move(std::get<PeerProcess>(started)));
  }
  return slot.get();
}

// A run whose script aims faults at records is made again and again, until it is known where each of them falls.
std::variant<Made, HarnessError> Runner::once(const Run& run) {
  Aims aims;
  for (int tries = 0;;) {
    // In this order: where there are too many processes, those of subjects go.
    const auto partner = peer(*run.partner, Side::partner);
    if (const auto* error = std::get_if<HarnessError>(&partner)) return *error;
    const auto subject = peer(*run.subject, Side::subject);
    if (const auto* error = std::get_if<HarnessError>(&subject)) return *error;
    try {
      Stage stage(run, options_.isolate, *std::get<PeerProcess*>(subject), *std::get<PeerProcess*>(partner),
                  make_transports(Stage::transport_of(run)), aims);
      Made made = stage.play();
      // A peer program that does not keep to the protocol says nothing about its library.
      for (const Event& event : made.transcript.events())
        if (const auto* died = event.as<Died>(); died && died->how == Died::How::garbled)
          return HarnessError{fmt::format("the peer of {} broke the control protocol: {}",
                                          (died->side == Side::subject ? run.subject : run.partner)->id(), died->detail)};
      if (!stage.gone_past().empty()) return HarnessError{stage.gone_past()};
      if (const AimedLine* line = stage.not_aimed())
        aims[line->line] = plans_of(*line, made.transcript);
      else if (!stage.missed(made.transcript) || ++tries == most_aims)
        return made;
      else if (tries % aims_with_one_measure == 0)
        aims.clear();
    } catch (...) {
      // Neither peer's session is in a known state any more.
      peers_.erase({run.subject->id(), Side::subject});
      peers_.erase({run.partner->id(), Side::partner});
      throw;
    }
  }
}

std::variant<Made, HarnessError> Runner::once_with_program(const Run& run) {
  const auto partner = peer(*run.partner, Side::partner);
  if (const auto* error = std::get_if<HarnessError>(&partner)) return *error;
  auto met = RealProgram::meet(*run.program);
  if (auto* word = std::get_if<std::string>(&met)) return HarnessError{std::move(*word)};
  RealProgram& program = *std::get<std::unique_ptr<RealProgram>>(met);
  try {
    Transports transports = make_transports(TransportKind::socketpair);
    transports[static_cast<std::size_t>(Side::subject)] = {TransportKind::tcp, program.take_socket(), {}};
    const Aims none;
    Stage stage(run, options_.isolate, program, *std::get<PeerProcess*>(partner), std::move(transports), none);
    Made made = stage.play_with_program([&] { return program.see_the_end(); });
    if (!stage.gone_past().empty()) return HarnessError{stage.gone_past()};
    return made;
  } catch (...) {
    peers_.erase({run.partner->id(), Side::partner});
    throw;
  }
}

// What goes wrong on our side, or is done to us, costs this run and no other.
std::variant<Made, HarnessError> Runner::attempt(const Run& run) {
  std::string why;
  for (int attempts = 0; attempts < most_attempts; ++attempts) try {
      return run.program ? once_with_program(run) : once(run);
    } catch (const EndedFromOutside& end) {
      why = fmt::format("the peer of {} was ended by {} from outside (an operator, or the system that ran out of memory), {} times",
                        (end.side == Side::subject ? run.subject : run.partner)->id(), end.signal, attempts + 1);
    } catch (const std::exception& error) {
      return HarnessError{error.what()};
    }
  return HarnessError{std::move(why)};
}

std::variant<Made, HarnessError> Runner::make(const Run& run) {
  const auto died = [](const Transcript& transcript, Side side) {
    return std::any_of(transcript.events().begin(), transcript.events().end(), [side](const Event& event) {
      const auto* it = event.as<Died>();
      return it && it->side == side && (it->how == Died::How::crashed || it->how == Died::How::exited);
    });
  };
  auto first = attempt(run);
  if (run.program) return first;
  if (auto* error = std::get_if<HarnessError>(&first)) return std::move(*error);
  auto& made = std::get<Made>(first);
  const bool subject_died = died(made.transcript, Side::subject);
  if (!subject_died && !died(made.transcript, Side::partner)) return std::move(made);
  auto second = attempt(run);
  if (auto* error = std::get_if<HarnessError>(&second)) return std::move(*error);
  if (subject_died) {
    std::get<Made>(second).died_before = std::move(made.transcript);
    std::get<Made>(second).capture_before = std::move(made.capture);
  }
  return std::move(std::get<Made>(second));
}

}  // namespace tlsbye
