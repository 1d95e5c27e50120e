#include "harness/capture/judged.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/transcript/telling.h"
#include "harness/wire/record.h"

namespace tlsbye {
namespace {

// Whether a stream holds the hello with which a session begins, at the beginning of something that was sent.
bool has_hello(const Connection& connection, Talker from) {
  return std::any_of(connection.deeds.begin(), connection.deeds.end(), [&](const Deed& deed) {
    return deed.kind == Deed::Kind::data && deed.from == from && begins_with_hello(connection.data(deed), 1);
  });
}

// TLS records that begin where something that was sent begins.
bool looks_like_tls(const Connection& connection) {
  return std::any_of(connection.deeds.begin(), connection.deeds.end(), [&](const Deed& deed) {
    if (deed.kind != Deed::Kind::data || deed.size < record_header) return false;
    RecordReader records;
    records.feed(connection.data(deed));
    const auto framed = records.next();
    return framed ? !framed->raw : records.announced() > 0;
  });
}

// `tls`: what is known of the version before it is read, and then what was agreed on.
Transcript read(const Connection& connection, Role subject, Talker client, const KeyLog& keys, bool late, std::optional<Tls>& tls) {
  const bool of_client = subject == Role::client;
  Transcript transcript(
      RunKey{"capture", of_client ? "client" : "server", "", of_client ? "server" : "client", "", subject, tls.value_or(Tls::v1_3), {}});
  transcript.has_api_lane = false;
  {
    Onlooker onlooker(subject, keys, transcript);
    if (late) onlooker.came_late();
    for (const Deed& deed : connection.deeds) {
      const Role role = deed.from == client ? Role::client : Role::server;
      const Side from = role == subject ? Side::subject : Side::partner;
      const int line = static_cast<int>(deed.packet);
      switch (deed.kind) {
        case Deed::Kind::data:
          onlooker.saw(from, connection.data(deed), line);
          break;
        case Deed::Kind::missing:
          onlooker.missed(from, deed.size, line);
          break;
        case Deed::Kind::fin:
          onlooker.saw_end(from, End::fin, line);
          break;
        case Deed::Kind::reset:
          onlooker.saw_end(from, End::reset, line);
          break;
      }
    }
    if (!connection.deeds.empty()) onlooker.saw_all(static_cast<int>(connection.deeds.back().packet));
    tls = onlooker.version();
  }
  return transcript;
}

void judge_side(const Transcript& transcript, const std::vector<Clause>& clauses, std::vector<SideVerdict>& verdicts) {
  const Facts facts(transcript);
  const Telling telling(transcript);
  for (const Clause& clause : clauses) {
    if (!is_of_wire_alone(clause)) continue;
    Finding finding = judge(clause, facts);
    if (finding.kind == Finding::Kind::not_reached) continue;
    verdicts.push_back({&clause, transcript.key().role, verdict_of(finding.kind, clause.strength), std::move(finding.says),
                        tell_evidence(transcript, telling, finding.evidence)});
  }
}

}  // namespace

JudgedConnection judge_connection(int number, const Connection& connection, const KeyLog& keys, const std::vector<Clause>& clauses) {
  using What = JudgedConnection::What;
  JudgedConnection judged;
  judged.number = number;
  judged.first_packet = connection.first_packet;
  const bool opener = has_hello(connection, Talker::opener);
  const bool hello = opener || has_hello(connection, Talker::other);
  const Talker client = hello && !opener ? Talker::other : Talker::opener;  // who opens a connection need not be the client of TLS
  judged.client = told(client == Talker::opener ? connection.opener : connection.other);
  judged.server = told(client == Talker::opener ? connection.other : connection.opener);
  judged.what = connection.refused                                             ? What::refused
                : hello                                                        ? What::tls
                : !connection.from_the_beginning && looks_like_tls(connection) ? What::late
                                                                               : What::no_tls;
  for (const Deed& deed : connection.deeds) {
    const auto side = static_cast<std::size_t>(deed.from == client ? Side::subject : Side::partner);
    if (deed.kind == Deed::Kind::missing) judged.not_captured[side] += deed.size;
  }
  std::optional<Tls> tls;
  judged.transcript = read(connection, Role::client, client, keys, judged.what == What::late, tls);
  if (tls) judged.transcript = read(connection, Role::client, client, keys, false, tls);
  judged.tls = tls;
  std::array<bool, 2> fin{};
  for (const Event& event : judged.transcript.events()) {
    const auto* record = event.as<Record>();
    if (record && (record->type != ContentType::raw || record->unseen)) break;
    if (record) judged.plain_before += record->wire_bytes;
  }
  for (const Side side : {Side::subject, Side::partner})
    judged.read[static_cast<std::size_t>(side)] = hello && was_read(judged.transcript, side);
  judged.acts = closing_of(judged.transcript);
  for (ClosingAct& act : judged.acts) {
    if (act.what == Closing::fin) fin[static_cast<std::size_t>(act.side)] = true;
    judged.ended |= act.what == Closing::reset || (fin[0] && fin[1]);
    if (act.what != Closing::reset) continue;
    const auto deed = std::find_if(connection.deeds.begin(), connection.deeds.end(),
                                   [&](const Deed& it) { return it.kind == Deed::Kind::reset && static_cast<int>(it.packet) == act.line; });
    if (deed != connection.deeds.end() && deed->size > 0)
      act.more += fmt::format("{}with {} bytes of the other side's not acknowledged", act.more.empty() ? "" : ", ", deed->size);
  }
  if (judged.what != What::tls || !tls) return judged;
  for (const Role role : {Role::client, Role::server}) {
    if (role == Role::client)
      judge_side(judged.transcript, clauses, judged.verdicts);
    else
      judge_side(read(connection, role, client, keys, false, tls), clauses, judged.verdicts);
  }
  return judged;
}

std::string told(const JudgedConnection& connection) {
  std::string text;
  for (const ClosingAct& act : connection.acts)
    text += (text.empty() ? "" : ", ") + told(act, act.side == Side::subject ? "client" : "server");
  if (!connection.ended) text += fmt::format("{}the capture does not show its end", text.empty() ? "" : ", ");
  return text;
}

}  // namespace tlsbye
