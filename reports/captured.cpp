#include "reports/captured.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/ink.h"
#include "reports/markdown_text.h"
#include "reports/text.h"

namespace tlsbye {
namespace {

using What = JudgedConnection::What;
using Json = nlohmann::ordered_json;

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// "12 packets, 3 TCP connections, 2 of them with TLS".
std::string summary(const JudgedCapture& capture) {
  const auto with_tls = std::count_if(capture.connections.begin(), capture.connections.end(),
                                      [](const JudgedConnection& it) { return it.what == What::tls || it.what == What::late; });
  return fmt::format("{}, {}, {} of them with TLS", counted(capture.packets, "packet", "packets"),
                     counted(capture.connections.size(), "TCP connection", "TCP connections"), with_tls);
}

// What is to be known of the connection besides its end: one clause of a sentence each.
std::vector<std::string> remarks(const JudgedConnection& it) {
  std::vector<std::string> all;
  if (it.what == What::late) all.push_back("it began before the capture, so that nothing in it can be read");
  if (it.what == What::tls && !it.tls) all.push_back("the server's hello is not there");
  if (it.plain_before > 0 && it.what == What::tls) all.push_back(fmt::format("{} bytes of plain text before TLS", it.plain_before));
  for (const Side side : {Side::subject, Side::partner}) {
    const auto index = static_cast<std::size_t>(side);
    const std::string_view name = side == Side::subject ? "client" : "server";
    if (it.not_captured[index] > 0)
      all.push_back(fmt::format("{} bytes of the {} were not captured", it.not_captured[index], name));
    else if (it.tls && !it.read[index])
      all.push_back(fmt::format("not all that the {} sent could be read", name));
  }
  return all;
}

std::string version(const JudgedConnection& it) {
  switch (it.what) {
    case What::tls:
      return it.tls ? fmt::format("TLS {}", spell(*it.tls)) : "TLS";
    case What::late:
      return "TLS, from its midst";
    case What::no_tls:
      return "no TLS";
    case What::refused:
      return "refused";
  }
  return "";
}

std::vector<const SideVerdict*> deviations(const JudgedConnection& it) {
  std::vector<const SideVerdict*> worse;
  for (const SideVerdict& each : it.verdicts)
    if (each.verdict != Verdict::conforms) worse.push_back(&each);
  return worse;
}

}  // namespace

std::string captured_text(const JudgedCapture& capture, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::string text = fmt::format("{}: {}\n", capture.file, summary(capture));
  for (const std::string& remark : capture.remarks) text += fmt::format("  {}\n", remark);
  for (const JudgedConnection& it : capture.connections) {
    text += fmt::format("\n{:>3}  {}\n", it.number, ink.strong(fmt::format("{} > {}, {}", it.client, it.server, version(it))));
    const auto add = [&](std::string_view line) {
      for (const std::string& each : text::wrap(line, style.columns, 5, 5)) text += each + "\n";
    };
    if (it.what != What::refused) add(told(it));
    for (const std::string& remark : remarks(it)) add(fmt::format("({})", remark));
    std::size_t held = 0;
    for (const SideVerdict& each : it.verdicts) held += each.verdict == Verdict::conforms;
    for (const SideVerdict* each : deviations(it)) {
      text +=
          fmt::format("     {} {} {}: {}\n", spell(each->role), ink.of(each->verdict, spell(each->verdict)), each->clause->id, each->says);
      for (const EvidenceLine& line : each->evidence) text += fmt::format("       {}\n", told(line));
    }
    if (held > 0) text += ink.faint(fmt::format("     {} held", counted(held, "clause", "clauses"))) + "\n";
  }
  return text;
}

std::string captured_markdown(const JudgedCapture& capture) {
  namespace md = markdown_text;
  md::Fitted fitted("tlsbye judge --json");
  std::string head = fmt::format("### How the connections in {} were closed\n\n{}.\n", md::code(capture.file), summary(capture));
  for (const std::string& remark : capture.remarks) head += fmt::format("\n{}.\n", md::plain(remark));
  head += "\n| | client > server | | what happened |\n|---|---|---|---|\n";
  std::vector<std::string> rows, details;
  for (const JudgedConnection& it : capture.connections) {
    std::string happened = it.what == What::refused ? "" : told(it);
    for (const std::string& remark : remarks(it)) happened += fmt::format("{}({})", happened.empty() ? "" : " ", remark);
    rows.push_back(fmt::format("| {} | {} > {} | {} | {} |\n", it.number, md::code(it.client), md::code(it.server), md::plain(version(it)),
                               md::plain(happened)));
    for (const SideVerdict* each : deviations(it)) {
      std::string block =
          fmt::format("\n**{}, {}: {} {}** ({})\n\n{} Seen: {}.\n\n```\n", it.number, spell(each->role), spell(each->verdict),
                      md::plain(each->clause->id), spell(each->clause->strength), md::plain(each->clause->says), md::plain(each->says));
      for (const EvidenceLine& line : each->evidence) block += md::line(told(line)) + "\n";
      details.push_back(block + "```\n");
    }
  }
  fitted.add(std::move(head), std::move(rows));
  if (!details.empty()) fitted.add("\n#### What the documents say otherwise\n", std::move(details));
  return fitted.text();
}

std::string captured_json(const JudgedCapture& capture) {
  constexpr std::array<std::string_view, 4> whats{"tls", "begun-before-the-capture", "no-tls", "refused"};
  Json connections = Json::array();
  for (const JudgedConnection& it : capture.connections) {
    Json acts = Json::array();
    for (const ClosingAct& act : it.acts) {
      Json one{{"what", spell(act.what)}, {"side", act.side == Side::subject ? "client" : "server"}, {"packet", act.line}};
      if (act.alert)
        one["alert"] = {{"level", act.alert->level}, {"description", act.alert->description}, {"name", alert_name(act.alert->description)}};
      if (act.bytes > 0) one["bytes"] = act.bytes;
      if (!act.more.empty()) one["more"] = act.more;
      acts.push_back(std::move(one));
    }
    Json verdicts = Json::array();
    for (const SideVerdict& each : it.verdicts) {
      Json evidence = Json::array();
      for (const EvidenceLine& line : each.evidence)
        evidence.push_back({{"event", line.label}, {"text", line.text}, {"decisive", line.decisive}});
      verdicts.push_back({{"clause", each.clause->id},
                          {"strength", spell(each.clause->strength)},
                          {"role", spell(each.role)},
                          {"verdict", spell(each.verdict)},
                          {"says", each.says},
                          {"evidence", std::move(evidence)}});
    }
    const auto of_both = [](const auto& pair) { return Json{{"client", pair[0]}, {"server", pair[1]}}; };
    Json one{{"number", it.number},
             {"client", it.client},
             {"server", it.server},
             {"packet", it.first_packet},
             {"what", whats[static_cast<std::size_t>(it.what)]}};
    if (it.tls) one["tls"] = spell(*it.tls);
    one.update({{"plain_before", it.plain_before},
                {"read", of_both(it.read)},
                {"not_captured", of_both(it.not_captured)},
                {"ended", it.ended},
                {"told", told(it)},
                {"acts", std::move(acts)},
                {"verdicts", std::move(verdicts)}});
    connections.push_back(std::move(one));
  }
  const Json whole{{"format", "tlsbye-judge/1"}, {"capture", capture.file},
                   {"packets", capture.packets}, {"packets_without_tcp", capture.others},
                   {"remarks", capture.remarks}, {"connections", std::move(connections)}};
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tlsbye
