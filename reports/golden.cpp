#include "reports/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

namespace tlsbye::testing {
namespace {

const std::string folder = TLSBYE_SOURCE_DIR "/reports/testdata/";

Clause clause(std::string id, Strength strength, std::vector<std::string> cites, std::string says) {
  Clause made;
  made.id = std::move(id);
  made.strength = strength;
  made.cites = std::move(cites);
  made.says = std::move(says);
  made.ref = {"ROW-1"};
  return made;
}

// The cell of that clause in the column: conforming until the caller says otherwise.
Cell cell(const Clause& clause, const StackInfo& stack, Role role, Tls tls) {
  Cell made;
  made.clause = clause.id;
  made.ref = clause.ref;
  made.strength = clause.strength;
  made.stack = stack.name;
  made.version = stack.version;
  made.role = role;
  made.tls = tls;
  made.verdict = Verdict::conforms;
  made.scenario = "clean-reply/both-close";
  made.replay = "clean-reply/both-close:" + stack.name + "@" + stack.version + ":" + std::string(spell(role)) + ":" +
                std::string(spell(tls)) + ":blocking:openssl@3.0.17";
  made.says = "it held";
  made.evidence = {{"2.1", "subject  close                = done         gnutls_bye 0", true}};
  return made;
}

void decide(Cell& cell, Verdict verdict, std::string says, std::vector<EvidenceLine> evidence = {}) {
  cell.verdict = verdict;
  cell.says = std::move(says);
  cell.evidence = std::move(evidence);
}

}  // namespace

std::vector<Clause> sample_clauses() {
  std::vector<Clause> all{
      clause("gnutls-bye/success-means-the-reply-came", Strength::documented,
             {"gnutls_bye(3), 2008 and current edition, GNUTLS_SHUT_RDWR", "RFC 8446 6.1"},
             "A two-way bye that reports success has received the peer's close_notify."),
      clause("gnutls-bye/however-often-it-is-called-there-is-one-close-request-on-the-wire", Strength::expected, {"gnutls_bye(3)"},
             "Repeating a bye does not repeat the alert."),
      clause("rfc5246/the-receiver-answers-at-once", Strength::must, {"RFC 5246 7.2.1"},
             "Whoever receives close_notify answers it at once."),
      clause("rfc8446/nothing-after-close-notify", Strength::must, {"RFC 8446 6.1"},
             "Nothing follows a close_notify in its own direction."),
      clause("rfc8446/the-receiver-may-go-on", Strength::should, {"RFC 8446 6.1"},
             "Receiving close_notify has no effect on the own direction."),
      clause("rfc8446/a-dropped-transport-may-be-told", Strength::may, {"RFC 8446 6.1"}, "A bare end | may be told apart from a close."),
  };
  all[0].applies.stacks = all[1].applies.stacks = {"gnutls"};
  all[2].applies.tls = {Tls::v1_2};
  all[4].contradicts = all[2].id;
  return all;
}

RunReport sample_report() {
  const std::vector<std::string> abilities{"tls-1.2", "tls-1.3", "client", "server", "close", "close-write"};
  RunReport report;
  report.stacks = {{"gnutls", "3.7.9", abilities, "/usr/lib/libgnutls.so.30.34.3", "4be1f0c2"},
                   {"openssl", "3.0.17", abilities},
                   {"wolfssl", "5.5.4", abilities}};
  report.runs = 1234;
  report.provenance = {"tlsbye", "0.1.0", "3a8f221ab01c", "2026-11-28", {"run", "--sweep", "--scenarios", "my scenarios"}, {}, {}, {}, {},
                       {},       {}};
  report.provenance.choice.scenarios = {"clean-reply/*", "half-close/*", "missing-reply/*"};
  report.provenance.choice.folder = "my scenarios";
  report.provenance.choice.sweep = true;
  report.provenance.choice.pairs = 16;
  report.provenance.known = {"known.toml", 3, "0123456789abcdef"};
  report.provenance.system = "Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64";
  report.provenance.partners = {report.stacks[1], report.stacks[2]};
  report.provenance.environment = {"LC_ALL=C"};
  report.provenance.replay_words = {"--scenarios", "my scenarios"};
  for (const Clause& clause : sample_clauses())
    report.clauses.push_back({clause.id, std::string(spell(clause.strength)), clause.says, clause.cites, "", clause.contradicts,
                              clause.file.filename().string(), clause.file_line});
  report.duration_s = 12.345;
  report.problems = {"mbedtls: the peer speaks protocol 2"};
  for (const Clause& clause : sample_clauses())
    for (const StackInfo& stack : report.stacks)
      for (const Role role : {Role::client, Role::server})
        for (const Tls tls : {Tls::v1_2, Tls::v1_3})
          if (clause.applies.stacks.empty() || clause.applies.stacks.front() == stack.name)
            if (clause.applies.tls.empty() || clause.applies.tls.front() == tls) report.cells.push_back(cell(clause, stack, role, tls));
  for (Cell& each : report.cells) {
    const bool client = each.role == Role::client, newer = each.tls == Tls::v1_3;
    if (each.clause.ends_with("nothing-after-close-notify") && each.stack == "wolfssl" && (client || newer)) {
      decide(each, Verdict::violates, "a write after the close was sent",
             {{"2.2", "subject  close                = sent         wolfSSL_shutdown 2, shutdown=SENT", false},
              {"2.3", "wire     subject->partner  close_notify (warning)       24 bytes", false},
              {"", "...", false},
              {"3.2", "subject  write                = done         wolfSSL_write 5, 5 bytes", true},
              {"3.3", "wire     subject->partner  application_data             27 bytes", true}});
      each.replay.replace(0, each.scenario.size(), "half-close/write-after-close");
      each.scenario = "half-close/write-after-close";
    }
    if (each.clause.ends_with("the-receiver-may-go-on") && each.stack == "openssl" && client)
      decide(each, Verdict::discouraged, "a write was refused once the peer had closed",
             {{"3.1",
               "subject  write                = failed       SSL_write -1 SSL_ERROR_SSL, 0 bytes, shutdown=RECEIVED, pending=0, "
               "error-of-zero=none",
               true}});
    if (each.clause.ends_with("may-be-told") && each.stack == "gnutls")
      decide(each, Verdict::differs, "the bare end was told as premature");
    if (each.clause.ends_with("the-reply-came") && client && newer) {
      each.was = Verdict::violates;
      each.reason = "reported (https://example.org/1)";
      decide(each, Verdict::known, "close reported success without the peer's close_notify");
    }
    if (each.clause.ends_with("the-reply-came") && !client && newer) {
      each.was = Verdict::conforms;
      each.reason = "none of its cells is `violates` any more: reported";
      each.verdict = Verdict::stale;
    }
    if (each.clause.ends_with("on-the-wire") && !newer)
      decide(each, client ? Verdict::crashed : Verdict::hung, "the process died: SIGSEGV");
    if (each.clause.ends_with("on-the-wire") && newer)
      decide(each, client ? Verdict::harness_error : Verdict::unsupported,
             client ? "no more descriptors" : "gnutls says that it has no close");
    if (each.clause.ends_with("answers-at-once") && each.stack == "wolfssl") {
      decide(each, Verdict::not_reached, "no run came to the situation");
      each.scenario.clear();
      each.replay.clear();
    }
  }
  const auto trait = [&](std::size_t stack, Role role, Tls tls, std::vector<std::string> answers) {
    const StackInfo& info = report.stacks[stack];
    report.traits.push_back({"unread-data-at-close", info.name, info.version, role, tls, std::move(answers), "missing-reply/unread:..."});
  };
  trait(0, Role::client, Tls::v1_2, {"kept"});
  trait(0, Role::client, Tls::v1_3, {"kept"});
  trait(1, Role::client, Tls::v1_2, {"error"});
  trait(1, Role::client, Tls::v1_3, {"discarded", "error"});
  report.traits.back().replays = {"missing-reply/unread:...:nonblocking", "missing-reply/unread:..."};
  trait(1, Role::server, Tls::v1_3, {"error"});
  for (const StackInfo& stack : report.stacks)
    for (const StackInfo& partner : {report.stacks[1], report.stacks[2]}) {
      Pair pair{stack.name, stack.version, partner.name, partner.version, 617, {}};
      for (const Cell& each : report.cells)
        if (each.stack == stack.name && each.verdict != Verdict::not_reached) ++pair.totals[static_cast<std::size_t>(each.verdict)];
      report.pairs.push_back(std::move(pair));
    }
  return report;
}

RunReport sample_of_versions() {
  RunReport report = sample_report();
  const std::vector<Cell> cells = report.cells;
  const std::vector<TraitAnswer> answers = report.traits;
  for (const char* version : {"3.8.0", "3.8.9"}) {
    StackInfo stack = report.stacks.back();
    stack.name = "gnutls";
    stack.version = version;
    report.stacks.insert(report.stacks.begin(), stack);
    const auto copy = [&](const auto& from, auto& into) {
      for (auto entry : from) {
        if (entry.stack != "gnutls") continue;
        entry.version = version;
        into.push_back(std::move(entry));
      }
    };
    copy(cells, report.cells);
    copy(answers, report.traits);
  }
  std::map<std::string, std::size_t> place;
  for (const Cell& cell : cells) place.emplace(cell.clause, place.size());
  std::stable_sort(report.cells.begin(), report.cells.end(),
                   [&](const Cell& one, const Cell& other) { return place.at(one.clause) < place.at(other.clause); });
  return report;
}

References sample_references() {
  References references{
      sample_clauses(),
      {{"unread-data-at-close", "What becomes of unread data when the subject closes?", {"discarded", "error", "kept"}, {}, nullptr}},
      {{"X-01",
        "a | says <one>",
        "b says another",
        "Both have their clause.",
        {"rfc8446/a-dropped-transport-may-be-told"},
        {"unread-data-at-close"},
        ""},
       {"X-02", "a", "b", "None.", {}, {}, "nobody does that"}},
      {}};
  using Rule = AdviceRules::Rule;
  references.advice.rules = {Rule{AdviceRules::Section::calls,
                                  "unread-data-at-close",
                                  {{"kept", "{close} keeps <unread> data."}, {"error", "Read before {close}."}},
                                  ""}};
  references.advice.words["gnutls"] = {{"close", "gnutls_bye"}};
  return references;
}

std::map<std::string, Transcript> sample_runs() {
  std::map<std::string, Transcript> all;
  const Cell* violation = nullptr;
  const RunReport report = sample_report();
  for (const Cell& cell : report.cells)
    if (!violation && cell.verdict == Verdict::violates) violation = &cell;
  RunKey key{violation->scenario, violation->stack, violation->version, "openssl", "3.0.17", violation->role, violation->tls, Io::blocking};
  Transcript seen(key);
  seen.script = {"both     handshake", "subject  close", "subject  write 5   # after the close"};
  const auto record = [](Side from, ContentType type, std::string handshake = {}) {
    Record made;
    made.from = from;
    made.type = type;
    made.wire_bytes = 60;
    made.content_bytes = 55;
    made.handshake = std::move(handshake);
    made.content = made.handshake.empty() ? "" : "\x01";
    return made;
  };
  const auto called = [](Side side, Call call, Outcome outcome, std::string native, long returned) {
    ApiCall made;
    made.side = side;
    made.call = call;
    made.outcome = outcome;
    made.native = std::move(native);
    made.returned = returned;
    return made;
  };
  const auto asked = [](Side side, Call call, std::size_t size = 0) {
    return Asked{side, std::string(spell(call)), call, "", call == Call::handshake ? Until::done : Until::once, size, Aside::no};
  };
  const auto passed = [&](int line, const Record& what) {
    const int number = seen.add(line, what);
    seen.add(line, Delivered{number, what.wire_bytes});
  };
  seen.add(1, asked(Side::subject, Call::handshake));
  seen.add(1, asked(Side::partner, Call::handshake));
  seen.add(1, TransportCall{Side::subject, Call::handshake, 1, "send", Flow::send, 60, 60, "", false});
  passed(1, record(Side::subject, ContentType::handshake, "ClientHello"));
  passed(1, record(Side::partner, ContentType::handshake, "ServerHello"));
  seen.add(1, called(Side::partner, Call::handshake, Outcome::done, "SSL_do_handshake", 1));
  seen.add(1, called(Side::subject, Call::handshake, Outcome::done, "wolfSSL_negotiate", 1));
  const int wanted = seen.add(2, asked(Side::subject, Call::close));
  seen.add(2, TransportCall{Side::subject, Call::close, 2, "send", Flow::send, 24, -1, "EAGAIN", true});
  ApiCall close = called(Side::subject, Call::close, Outcome::sent, "wolfSSL_shutdown", 2);
  close.id = 2;
  close.asked = wanted;
  close.code = "SHUTDOWN_NOT_DONE";
  close.state = {{"shutdown", "SENT"}};
  seen.add(2, close);
  Record alert = record(Side::subject, ContentType::alert);
  alert.alert = Alert{1, 0};
  alert.content = std::string("\x01\x00", 2);
  alert.encrypted = alert.established = true;
  alert.wire_bytes = 24;
  alert.content_bytes = 2;
  alert.offset = 60;
  passed(2, alert);
  seen.add(3, asked(Side::subject, Call::write, 5));
  seen.add(3, TransportCall{Side::subject, Call::write, 3, "send", Flow::send, 27, 27, "", false});
  seen.add(3, Told{"partner  option small-buffers"});
  ApiCall write = called(Side::subject, Call::write, Outcome::done, "wolfSSL_write", 5);
  write.bytes = write.total = 5;
  seen.add(3, write);
  Record data = record(Side::subject, ContentType::application_data);
  data.encrypted = true;
  data.wire_bytes = 27;
  data.content_bytes = 5;
  passed(3, data);
  all.emplace(violation->replay, std::move(seen));

  // All the rest, in no sensible order.
  Transcript odd({"odd/</script><b>bold", "gnutls", "3.7.9", "wolfssl", "5.5.4", Role::server, Tls::v1_0, Io::nonblocking, "send2=EAGAIN"});
  odd.options = {"ignore-eof", "<i>tickets"};
  odd.script = {"subject  close until done  # <!-- \"odd\" -->"};
  odd.reference = {{1, Call::close, Outcome::done, 5, Until::done}, {2, Call::read, std::nullopt, 0, Until::once}};
  odd.add(1, Asked{Side::subject, "set", Call::set, "quiet-shutdown <b>", Until::once, 7, Aside::thread});
  ApiCall aside = called(Side::subject, Call::set, Outcome::failed, "gnutls_<b>set", -1);
  aside.arguments = "quiet-shutdown on";
  aside.aside = Aside::thread;
  aside.error_number = "EPIPE";
  aside.words = "Broken <i>pipe</i>";
  aside.intact = false;
  odd.add(1, aside);
  odd.add(1, TransportCall{Side::partner, Call::read, 1, "recv", Flow::recv, 5, -1, "ECONNRESET", true});
  odd.add(1, Blocked{Side::subject, Call::close, 4, 1, Flow::recv, true, 300});
  Record sealed = record(Side::subject, ContentType::unknown);
  sealed.reading = Reading::no_keys;
  sealed.encrypted = true;
  sealed.content_bytes = 0;
  sealed.missing = 3;
  sealed.by_script = true;
  const int sent = odd.add(1, sealed);
  Opened opened;
  opened.record = sent;
  opened.reading = Reading::read;
  static_cast<Contents&>(opened) = alert;
  opened.handshake = "none";
  opened.offers = true;
  opened.early = opened.accepts_early = true;
  odd.add(1, opened);
  odd.add(1, Withheld{sent, Withheld::Why::hold});
  odd.add(1, Withheld{sent, Withheld::Why::full});
  odd.add(1, Delivered{sent, 7});
  odd.add(1, Delivered{sent, sealed.wire_bytes});
  odd.add(1, Replaced{sent});
  alert.made = true;
  alert.of = sent;
  alert.damaged = true;
  alert.handshake = "none";
  alert.offers = true;
  alert.early = alert.accepts_early = true;
  const int made = odd.add(1, alert);
  for (const Lost::Why why : {Lost::Why::dropped, Lost::Why::cut, Lost::Why::ended, Lost::Why::keyless}) odd.add(1, Lost{made, why});
  const int added = odd.add(1, alert);
  odd.add(1, Delivered{added, alert.wire_bytes});
  odd.add(1, TransportEnd{Side::partner, true, true, End::reset});
  odd.add(1, RawCall{Side::partner, "raw-write", 3, "EPIPE", "\xff<>"});
  odd.add(1, Signal{Side::subject, "SIGPIPE"});
  odd.add(1, Endless{Side::subject, Call::close, 9, 100});
  odd.add(1, NotDone{Side::partner, "close", "partner is still blocked in close", true});
  odd.add(1, Told{"wire     hold close_notify", true});
  odd.add(1, TimePassed{300});
  odd.add(1, Usage{Side::subject, 7, 4096});
  odd.add(1, NewSession{true});
  odd.add(1, ProgramDid{Side::subject, ProgramDid::What::ended, 300, "exit code 0", 0, "\xff<>"});
  odd.add(1, Died{Side::subject, Died::How::crashed, "SIGSEGV", Call::close});
  all.emplace("odd/</script><b>bold:gnutls@3.7.9:server:1.0:nonblocking:wolfssl@5.5.4+send2=EAGAIN", std::move(odd));
  return all;
}

Kept::Kept(const std::map<std::string, Transcript>& runs) : Transcripts(std::filesystem::temp_directory_path()) {
  for (const auto& [replay, transcript] : runs) add(replay, transcript);
}

std::string Kept::text() const {
  std::string all;
  for (const std::string& replay : replays()) all += line(replay, at(replay));
  return all;
}

std::string read(const std::string& name) {
  std::ifstream in(folder + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void expect_golden(const std::string& name, std::string_view text) {
  const char* regenerate = std::getenv("TLSBYE_REGENERATE");
  if (regenerate && std::string_view(regenerate) == "1") {
    std::ofstream(folder + name, std::ios::binary) << text;
    ADD_FAILURE() << "testdata/" << name << " was written again: look at what changed";
    return;
  }
  EXPECT_EQ(text, read(name)) << "testdata/" << name << "; TLSBYE_REGENERATE=1 writes it again";
}

}  // namespace tlsbye::testing
