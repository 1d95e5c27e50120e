#include "harness/cli/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// In what is said, \r, \n, \t, \\ and \xHH stand for what cannot be typed.
std::string unescaped(const std::string& text, std::string_view option) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const char next = ++i < text.size() ? text[i] : '\0';
    const auto hex = [&](std::size_t at) { return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0; };
    if (next == 'r') {
      plain += '\r';
    } else if (next == 'n') {
      plain += '\n';
    } else if (next == 't') {
      plain += '\t';
    } else if (next == '\\') {
      plain += '\\';
    } else if (next == 'x' && hex(i + 1) && hex(i + 2)) {
      plain += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      throw Stop{exit_usage, fmt::format("tlsbye: {}: `\\{}` is not an escape; there are \\r, \\n, \\t, \\\\ and \\xHH", option,
                                         next == '\0' ? "" : std::string(1, next))};
    }
  }
  return plain;
}

// "host:1", "[::1]:1", ":1", "1" where a port may stand alone.
std::pair<std::string, std::string> host_and_port(const std::string& text, std::string_view option, bool port_alone) {
  const std::size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const bool number = !port.empty() && port.size() <= 5 &&
                      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) && std::stoi(port) <= 65535;
  if (!number || (host.empty() && !port_alone) || (!port_alone && std::stoi(port) == 0))
    throw Stop{exit_usage, fmt::format("tlsbye: {} `{}`: {} is expected, as in {}", option, text,
                                       port_alone ? "[ADDRESS:]PORT" : "HOST:PORT", port_alone ? "0, or 127.0.0.1:4433" : "localhost:443")};
  return {host, port};
}

// A word as the name of a stack may be.
std::string as_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const char small = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool plain = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') || small == '-' || small == '_' || small == '.';
    name += plain ? small : '-';
  }
  return name.empty() ? "program" : name;
}

// The CA behind the certificate of our servers, as the build made it.
std::string ca_of(const House& house) {
  const fs::path file = house.kit / "certificates.h";
  const auto read = read_file(file);
  const auto* text = std::get_if<std::string>(&read);
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----", end = "-----END CERTIFICATE-----\n";
  const std::size_t from = text ? text->find(begin) : std::string::npos, to = text ? text->find(end) : std::string::npos;
  if (from == std::string::npos || to == std::string::npos)
    throw Stop{exit_harness, fmt::format("tlsbye: {}: the certificates that were made with the peers are not there", file.string())};
  return text->substr(from, to + end.size() - from);
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

std::vector<ProtocolRow> protocols(const std::string& host) {
  const std::string of_url = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  const PlainStep smtp_ready{false, "220 "};
  const auto say = [](std::string text) { return PlainStep{true, std::move(text)}; };
  const auto hear = [](std::string text) { return PlainStep{false, std::move(text)}; };
  const std::string stream = fmt::format(
      "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
      host);
  // PostgreSQL: a length, then SSLRequest, a startup message (version 3.0) for the user postgres, Terminate (X).
  const std::string pg_start = "\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0"s;
  // MySQL: SSLRequest is the beginning of the answer to the server's greeting; behind TLS it comes again, with a user. Whatever the server
  // answers (welcome, no, another way to log in) is the third packet, and short. COM_QUIT ends it.
  const std::string mysql_head = "\x01\x8a\x08\0\0\0\0\x01\x21"s + std::string(23, '\0');
  const std::string mysql_user = "\x3e\0\0\x02"s + mysql_head + "tlsbye\0\0mysql_native_password\0"s;
  const std::string ldap_bind = "\x30\x0c\x02\x01\x02\x60\x07\x02\x01\x03\x04\0\x80\0"s, ldap_done = "\x0a\x01\0"s;
  const std::string ldap_unbind = "\x30\x05\x02\x01\x03\x42\0"s;
  std::vector<ProtocolRow> all{
      {"http",
       {},
       fmt::format("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", of_url),
       "\r\n\r\n",
       fmt::format("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", of_url)},
      {"smtp",
       {smtp_ready, say("EHLO tlsbye.invalid\r\n"), hear("250 "), say("STARTTLS\r\n"), smtp_ready},
       "EHLO tlsbye.invalid\r\n",
       "250 ",
       "QUIT\r\n"},
      {"imap", {hear("* OK"), say("a STARTTLS\r\n"), hear("a OK")}, "b CAPABILITY\r\n", "b OK", "c LOGOUT\r\n"},
      {"pop3", {hear("+OK"), say("STLS\r\n"), hear("+OK")}, "CAPA\r\n", "\r\n.\r\n", "QUIT\r\n"},
      {"ftp", {hear("220"), say("AUTH TLS\r\n"), hear("234")}, "FEAT\r\n", "211 ", "QUIT\r\n"},
      {"ldap",
       {say("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
            "1.3.6.1.4.1.1466.20037"s),
        hear(ldap_done)},
       ldap_bind,
       ldap_done,
       ldap_unbind},
      {"postgres", {say("\0\0\0\x08\x04\xd2\x16\x2f"s), hear("S")}, pg_start, "\0\0\0"s, pg_start + "X\0\0\0\x04"s},
      {"mysql", {hear("\0\x0a"s), say("\x20\0\0\x01"s + mysql_head)}, mysql_user, "\0\0\x03"s, mysql_user + "\x01\0\0\0\x01"s},
      {"xmpp",
       {say(stream), hear("</stream:features>"), say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), hear("<proceed")},
       stream,
       "</stream:features>",
       stream + "</stream:stream>"},
  };
  for (const std::string_view name : {"smtp", "imap", "pop3", "ftp", "ldap", "xmpp"}) {
    const auto plain = std::find_if(all.begin(), all.end(), [&](const ProtocolRow& it) { return it.name == name; });
    ProtocolRow at_once = *plain;
    at_once.preamble.clear();
    static constexpr std::array<std::string_view, 6> with_s{"smtps", "imaps", "pop3s", "ftps", "ldaps", "xmpps"};
    at_once.name = *std::find_if(with_s.begin(), with_s.end(), [&](std::string_view it) { return it.starts_with(name); });
    all.push_back(std::move(at_once));
  }
  return all;
}

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  for (const ProtocolRow& row : protocols("")) names.emplace_back(row.name);
  return names;
}

PreparedProgram::PreparedProgram(const House& house, const ProgramWords& words) {
  program_.patience = words.patience;
  program_.longest = std::max(15 * words.patience, std::chrono::milliseconds(10'000));
  replay_words_ = house.replay_words;
  const auto again = [&](const char* option, const std::string& value) {
    if (!value.empty()) replay_words_.insert(replay_words_.end(), {option, value});
  };
  if (words.listen) {
    const auto [host, port] = host_and_port(*words.listen, "--listen", true);
    auto listening = listen_at(host.empty() ? "127.0.0.1" : host, port);
    if (const auto* wrong = std::get_if<std::string>(&listening)) throw Stop{exit_usage, "tlsbye: --listen: " + *wrong};
    auto& there = std::get<Listening>(listening);
    listener_ = std::move(there.socket);
    program_.listener = listener_.get();
    program_.host = there.host;
    program_.port = there.port;
    again("--listen", *words.listen);
  } else {
    std::tie(program_.host, program_.port) = host_and_port(words.server, "the server", false);
    again("--probe", words.server);
  }

  const bool is_name = program_.host.find_first_not_of("0123456789.:abcdefABCDEF") != std::string::npos;
  program_.server_name = !words.server_name.empty() ? words.server_name : is_name && !program_.is_client() ? program_.host : "";
  program_.alpn = words.alpn;
  again("--sni", words.server_name);
  again("--alpn", words.alpn);
  // The absolute name of a file that can be read and has something in PEM.
  const auto pem = [&](const std::string& word, const char* option) {
    if (word.empty()) return std::string();
    const std::string file = fs::absolute(word).string();
    const auto read = read_file(file);
    const auto* text = std::get_if<std::string>(&read);
    if (!text || text->find("-----BEGIN ") == std::string::npos)
      throw Stop{exit_usage,
                 fmt::format("tlsbye: {} {}: {}", option, word, text ? "the file has nothing in PEM" : std::get<FileError>(read).what)};
    again(option, word);
    return file;
  };
  if (words.trust == "system") again("--trust", words.trust);
  program_.trust = words.trust == "system" ? words.trust : pem(words.trust, "--trust");
  program_.certificate = pem(words.certificate, "--cert");
  program_.key = words.key.empty() ? program_.certificate : pem(words.key, "--key");
  again("--protocol", words.protocol);
  if (!words.protocol.empty()) {
    // A protocol that names the server uses the name of --sni; without one, the host that is connected to.
    for (ProtocolRow& row : protocols(program_.server_name.empty() ? program_.host : program_.server_name)) {
      if (row.name != words.protocol) continue;
      program_.preamble = std::move(row.preamble);
      program_.say = std::move(row.say);
      program_.until = std::move(row.until);
      program_.goodbye = std::move(row.goodbye);
    }
  }
  const auto text = [&](const std::optional<std::string>& word, const char* option, std::string& into) {
    if (!word) return;
    into = unescaped(*word, option);
    replay_words_.insert(replay_words_.end(), {option, *word});
  };
  text(words.say, "--say", program_.say);
  program_.goodbye = program_.goodbye.empty() ? program_.say : program_.goodbye;
  text(words.goodbye, "--goodbye", program_.goodbye);
  text(words.until, "--until", program_.until);
  if (words.serve) {
    const auto read = read_file(*words.serve);
    std::error_code error;
    const bool file = fs::is_regular_file(*words.serve, error);
    if (file && !std::holds_alternative<std::string>(read))
      throw Stop{exit_usage, fmt::format("tlsbye: --serve {}: {}", *words.serve, std::get<FileError>(read).what)};
    program_.say = file ? std::get<std::string>(read) : unescaped(*words.serve, "--serve");
    again("--serve", *words.serve);
  }
  if (program_.is_client() && !words.serve && !words.say)
    program_.say = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nThis is the answer, of which the end says that it is whole.\n";
  if (words.patience != ProgramWords().patience)
    replay_words_.insert(replay_words_.end(), {"--silence", fmt::format("{}ms", words.patience.count())});

  again("--as", words.as);
  if (!words.command.empty()) {
    replay_words_.emplace_back("--");
    replay_words_.insert(replay_words_.end(), words.command.begin(), words.command.end());
    std::string ca_file = (fs::temp_directory_path() / "tlsbye-ca-XXXXXX").string();
    const Descriptor made(::mkstemp(ca_file.data()));
    if (!made) throw Stop{exit_harness, fmt::format("tlsbye: {}: no file can be made there", ca_file)};
    ca_ = ca_file;
    std::ofstream(ca_) << ca_of(house);
    for (std::string word : words.command) {
      // Our certificate is one for localhost and its addresses.
      replace_all(word, "{host}", program_.host == "127.0.0.1" || program_.host == "::1" ? "localhost" : program_.host);
      replace_all(word, "{address}", program_.host);
      replace_all(word, "{port}", program_.port);
      replace_all(word, "{ca}", ca_.string());
      program_.command.push_back(std::move(word));
    }
  }

  called_ = !program_.is_client()   ? words.server
            : words.command.empty() ? fmt::format("the client of {}:{}", program_.host, program_.port)
                                    : fs::path(words.command.front()).filename().string();
  const std::size_t at = words.as.find('@');
  stack_.name = as_name(words.as.empty() ? (program_.is_client() && words.command.empty() ? "client" : called_) : words.as.substr(0, at));
  stack_.version = at == std::string::npos ? "unknown" : words.as.substr(at + 1);
  stack_.abilities = {std::string(spell(role())), "tls-1.0", "tls-1.1", "tls-1.2", "tls-1.3"};
}

PreparedProgram::~PreparedProgram() {
  std::error_code ignored;
  if (!ca_.empty()) fs::remove(ca_, ignored);
}

std::vector<Scenario> program_scenarios_of(const House& house) {
  LoadedScenarios loaded = load_scenarios(house.scenarios / "programs");
  for (const fs::path& folder : house.more) {
    LoadedScenarios more = load_scenarios(folder);
    std::move(more.scenarios.begin(), more.scenarios.end(), std::back_inserter(loaded.scenarios));
    std::move(more.diagnostics.begin(), more.diagnostics.end(), std::back_inserter(loaded.diagnostics));
  }
  if (!loaded.diagnostics.empty()) throw Stop{exit_usage, rendered(loaded.diagnostics)};
  return std::move(loaded.scenarios);
}

}  // namespace tlsbye
