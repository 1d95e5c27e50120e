// What the judge's tests are made of: clauses whose property does what the run's first event tells it to.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye::testing {

inline StackInfo gnutls() { return {"gnutls", "3.7.9", {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write"}}; }
inline StackInfo openssl() { return {"openssl", "3.0.17", {"tls-1.2", "tls-1.3", "client", "server", "close", "close-write"}}; }

// A run of gnutls as client of TLS 1.3, whose property will find `word`: holds, broken, crashed, hung, throws; no-keys and unsupported
// stand for not-reached with that reason.
inline Transcript run(std::string word, std::string scenario = "family/name") {
  RunKey key;
  key.scenario = std::move(scenario);
  key.subject = "gnutls";
  key.subject_version = "3.7.9";
  key.tls = Tls::v1_3;
  Transcript transcript(key);
  transcript.script = {"subject  close-write   # half"};
  const bool unsupported = word == "unsupported", no_keys = word == "no-keys";
  transcript.add(1, Told{std::move(word), true});
  if (unsupported)
    transcript.add(1, NotDone{Side::subject, "close-write", "no such call", true});
  else
    transcript.add(1, Signal{Side::subject, "SIGPIPE"});
  Record sealed;
  sealed.reading = Reading::no_keys;
  if (no_keys) transcript.add(1, sealed);
  return transcript;
}

inline Finding find(const Facts& facts, const Question&) {
  const std::string& word = facts.transcript().at(1).as<Told>()->text;
  if (word == "throws") throw std::runtime_error("the tester is at fault");
  if (word == "no-keys") return {Finding::Kind::not_reached, "the wire had no keys for this pair", {}};
  if (word == "holds") return {Finding::Kind::holds, "it held", {2}};
  if (word == "broken") return {Finding::Kind::broken, "it was broken", {2}};
  if (word == "crashed") return {Finding::Kind::crashed, "it died", {2}};
  if (word == "hung") return {Finding::Kind::hung, "it hung", {2}};
  return {};
}

inline const Property& obedient() {
  static const Property property{"obedient", "does what the run tells it", {}, find};
  return property;
}
inline const Property& always_holds() {
  static const Property property{"always-holds", "holds", {}, [](const Facts&, const Question&) {
                                   return Finding{Finding::Kind::holds, "it held", {2}};
                                 }};
  return property;
}

inline Clause clause(std::string id, Strength strength = Strength::must) {
  Clause made;
  made.id = std::move(id);
  made.ref = {"ROW-1"};
  made.strength = strength;
  made.cites = {"RFC 0 1"};
  made.says = "It holds.";
  made.property = &obedient();
  return made;
}

inline const std::vector<Trait>& no_traits() {
  static const std::vector<Trait> none;
  return none;
}
inline Trait answer_of_the_run() {
  return {"word-of-the-run", "What does the run say?", {"discarded", "kept"}, {}, [](const Facts& facts) -> std::optional<Trait::Answer> {
            const std::string& word = facts.transcript().at(1).as<Told>()->text;
            if (word == "kept") return Trait::Answer{"kept", {1}};
            return Trait::Answer{"discarded", {1}};
          }};
}

// A report of one clause on gnutls as client of TLS 1.3.
inline RunReport report_of(Verdict verdict, std::string id = "rfc/all") {
  RunReport report;
  report.stacks = {gnutls()};
  report.runs = 1;
  Cell cell;
  cell.clause = std::move(id);
  cell.stack = "gnutls";
  cell.version = "3.7.9";
  cell.tls = Tls::v1_3;
  cell.verdict = verdict;
  cell.scenario = "family/name";
  cell.replay = "r";
  report.cells = {cell};
  return report;
}

}  // namespace tlsbye::testing
