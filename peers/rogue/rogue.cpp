// The rogue: OpenSSL with a peer that lies. It proves that the harness's checks can fail.
//
// It calls itself "rogue" and is as honest as the OpenSSL peer until a session is opened with options=lie-NAME: one ability for each
// lie, and a session may have several. With --protocol=N it says that it speaks that version of the protocol. Started under another name,
// as tlsbye-peer-spin, it is a stack of that name, spin, whose sessions tell that one lie, all of them: a file's name is all that a peer
// is given by whoever wants to see what a whole run makes of such a library.
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "peers/openssl.h"
#include "peers/protocol/channel.h"

namespace tlsbye::peer {
namespace {

struct Lie {
  std::string_view name;
  std::string_view what;  // it does instead
};

constexpr std::array lies{
    Lie{"lie-close-claims-done", "close answers done although no reply came"},
    Lie{"lie-close-twice", "close sends a second close_notify at once"},
    Lie{"lie-close-silent", "close sets the flag of a close_notify that it does not send"},
    Lie{"lie-sends-garbage", "close first sends a record that its keys do not open"},
    Lie{"lie-forgets-reply", "close after the peer's close_notify answers done and sends nothing"},
    Lie{"lie-ends-transport", "close ends the transport's direction"},
    Lie{"lie-keeps-transport", "close-write leaves the transport open that it is to close (closes-transport)"},
    Lie{"lie-eats-transport", "close, when done, reads what follows TLS"},
    Lie{"lie-waits-in-close-write", "close-write waits for the reply"},
    Lie{"lie-write-after-close", "a write goes out after the own close_notify"},
    Lie{"lie-loses-writes", "a write answers done and sends nothing"},
    Lie{"lie-eof-is-clean", "a read answers end-of-data, a close done, where the transport just ended"},
    Lie{"lie-ends-early", "a read answers end-of-data where there is nothing yet"},
    Lie{"lie-end-then-data", "a read after end-of-data answers failed"},
    Lie{"lie-data-after-close", "a read gives data that came after the close_notify"},
    Lie{"lie-loses-data", "the first data is read and thrown away"},
    Lie{"lie-garbles-data", "a bit of what a read gives is another"},
    Lie{"lie-partial-is-failure", "a read answers failed, not cut, where the transport ends inside a record"},
    Lie{"lie-refuses-afterwards", "reads and writes are refused once a close or close-write was called or data has ended"},
    Lie{"lie-wrong-direction", "want-read for want-write and the other way round, but in the handshake"},
    Lie{"lie-fatal-on-eagain", "failed for want-read and want-write, but in the handshake"},
    Lie{"lie-wrong-flag", "the shutdown flags say the opposite, and 7 bytes are pending"},
    Lie{"lie-leaks", "close opens a descriptor and forgets it"},
    Lie{"lie-raises-sigpipe", "close raises SIGPIPE where the transport is broken"},
    Lie{"lie-forgets-timeout", "`set timeout` does nothing"},
    Lie{"lie-waits-in-slices", "a read waits in poll for five seconds, and then for five more"},
    Lie{"lie-never-done", "close answers sent, however often it is called"},
    Lie{"lie-sends-past", "close sends a byte by a system call, so that its own peer does not see it"},
    Lie{"lie-reads-past", "close reads what is there by a system call"},
    Lie{"lie-crash", "close raises SIGSEGV"},
    Lie{"lie-spin", "close calls recv for ever"},
    Lie{"lie-silent", "close never answers"},
    Lie{"lie-garbage", "close says something on the control socket that is not a message"},
    Lie{"lie-computes", "close computes for ever"},
    Lie{"lie-invents", "a read gives as much as it is asked for, without end"},
    Lie{"lie-looks-often", "a read first looks 5000 times whether more has come"},
    Lie{"lie-dies-at-random", "SIGSEGV in one call of a dozen"},
    Lie{"lie-rarely-loses-a-byte", "the first read behind an own KeyUpdate gives a byte less"},
    Lie{"lie-rarely-closes-twice", "a close behind a close-write and data that was read since sends a second close_notify"},
    Lie{"lie-rarely-forgets-a-flag", "behind a peek the flag of the own close_notify is not set"},
    Lie{"lie-unprintable", "the words for each call move the cursor, break the line and turn the direction of writing"},
    Lie{"lie-says-much", "the words for each call are longer than a peer hands on"},
    Lie{"lie-floods", "close says more on the control socket, without end"},
};

class RogueSession final : public Session {
 public:
  RogueSession(std::unique_ptr<Session> honest, const SessionOptions& options)
      : honest_(std::move(honest)), ssl_(ssl_of(*honest_)), options_(options) {}

  Answer handshake() override { return honest_->handshake(); }

  Answer read(std::span<std::byte> into) override {
    die_at_random();
    for (int looks = lies("looks-often") ? 5000 : 0; looks > 0; --looks) more_on_transport();
    if (lies("invents")) {
      Answer answer = made_up("SSL_read", static_cast<long>(into.size()), Outcome::done);
      answer.bytes = into.size();
      return answer;
    }
    if (lies("refuses-afterwards") && over_) return made_up("SSL_read", -1, Outcome::refused);
    if (lies("end-then-data") && ended_) return made_up("SSL_read", -1, Outcome::failed);
    if (timeout_ms_ > 0 && !lies("forgets-timeout") && !SSL_has_pending(ssl_)) {
      pollfd transport{options_.transport, POLLIN, 0};
      if (::poll(&transport, 1, timeout_ms_) == 0) return made_up("SSL_read", -1, Outcome::failed);
    }
    if (lies("waits-in-slices") && !SSL_has_pending(ssl_)) {
      pollfd transport{options_.transport, POLLIN, 0};
      while (::poll(&transport, 1, 5000) == 0) {
      }
    }
    Answer answer = honest_->read(into);
    if (lies("garbles-data") && answer.bytes > 0) into.front() ^= std::byte{1};
    if (lies("partial-is-failure") && answer.outcome == Outcome::cut && SSL_has_pending(ssl_)) answer.outcome = Outcome::failed;
    if (lies("loses-data") && answer.bytes > 0 && !lost_) {
      lost_ = true;
      answer = honest_->read(into);
    }
    if (lies("data-after-close") && answer.outcome == Outcome::end_of_data && more_on_transport()) {
      const int flags = SSL_get_shutdown(ssl_);
      SSL_set_shutdown(ssl_, flags & ~SSL_RECEIVED_SHUTDOWN);
      answer = honest_->read(into);
      SSL_set_shutdown(ssl_, flags);
      if (answer.outcome == Outcome::end_of_data) answer = unread(into);
    }
    if (lies("eof-is-clean") && answer.outcome == Outcome::cut) answer = made_up("SSL_read", 0, Outcome::end_of_data);
    if (lies("ends-early") && answer.outcome == Outcome::want_read) answer = made_up("SSL_read", 0, Outcome::end_of_data);
    ended_ = ended_ || answer.outcome == Outcome::end_of_data;
    over_ = over_ || ended_;
    if (lies("rarely-loses-a-byte") && key_updated_ && answer.bytes > 1 && !lost_) {
      lost_ = true;
      --answer.bytes;
    }
    if (answer.bytes > 0) read_behind_close_ = closed_write_;
    return twisted(answer);
  }

  Answer write(std::span<const std::byte> from) override {
    if (lies("refuses-afterwards") && over_) return made_up("SSL_write", -1, Outcome::refused);
    if (lies("loses-writes")) {
      Answer answer = made_up("SSL_write", static_cast<long>(from.size()), Outcome::done);
      answer.bytes = from.size();
      return answer;
    }
    const int flags = SSL_get_shutdown(ssl_);
    if (lies("write-after-close")) SSL_set_shutdown(ssl_, flags & ~SSL_SENT_SHUTDOWN);
    const Answer answer = honest_->write(from);
    if (lies("write-after-close")) SSL_set_shutdown(ssl_, flags | SSL_get_shutdown(ssl_));
    return twisted(answer);
  }

  Answer close() override {
    break_down();
    const int flags = SSL_get_shutdown(ssl_);
    const bool first = (flags & SSL_SENT_SHUTDOWN) == 0, received = (flags & SSL_RECEIVED_SHUTDOWN) != 0;
    over_ = true;
    if (first && (lies("close-silent") || (lies("forgets-reply") && received))) {
      SSL_set_shutdown(ssl_, flags | SSL_SENT_SHUTDOWN);
      return received ? made_up("SSL_shutdown", 1, Outcome::done) : made_up("SSL_shutdown", 0, Outcome::sent);
    }
    if (first && lies("sends-garbage")) {
      constexpr std::string_view record("\x17\x03\x03\x00\x20 which no key of this session made!", 5 + 32);
      ::send(options_.transport, record.data(), record.size(), 0);
    }
    Answer answer = honest_->close();
    if (lies("leaks")) static_cast<void>(::dup(options_.transport));
    if (lies("raises-sigpipe") && answer.outcome == Outcome::reset) std::raise(SIGPIPE);
    if ((first && lies("close-twice")) || (lies("rarely-closes-twice") && read_behind_close_)) {
      const int after = SSL_get_shutdown(ssl_);
      SSL_set_shutdown(ssl_, after & ~SSL_SENT_SHUTDOWN);
      answer = honest_->close();
    }
    if (lies("close-claims-done") && call_again(answer.outcome)) answer = made_up("SSL_shutdown", 1, Outcome::done);
    if (lies("eof-is-clean") && answer.outcome == Outcome::cut) answer = made_up("SSL_shutdown", 1, Outcome::done);
    if (lies("never-done")) answer = made_up("SSL_shutdown", 0, Outcome::sent);
    if (lies("sends-past")) ::syscall(SYS_sendto, options_.transport, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    if (lies("reads-past")) {
      char eaten[4096];
      ::syscall(SYS_recvfrom, options_.transport, eaten, sizeof eaten, MSG_DONTWAIT, nullptr, nullptr);
    }
    if (lies("ends-transport")) ::shutdown(options_.transport, SHUT_WR);
    if (lies("eats-transport") && answer.outcome == Outcome::done) {
      char eaten[4096];
      while (::recv(options_.transport, eaten, sizeof eaten, MSG_DONTWAIT) > 0) {
      }
    }
    return twisted(answer);
  }

  Answer close_write() override {
    over_ = true;
    const Answer answer = honest_->close_write();
    closed_write_ = true;
    if (options_.asks_for(Option::closes_transport) && !lies("keeps-transport")) ::close(options_.transport);
    return twisted(lies("waits-in-close-write") && answer.outcome == Outcome::done ? honest_->close_write() : answer);
  }

  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    key_updated_ = key_updated_ || call == Call::key_update;
    peeked_ = peeked_ || call == Call::peek;
    if (call != Call::set || arguments.empty() || arguments.front() != spell(Switch::timeout)) return honest_->extra(call, arguments, into);
    timeout_ms_ = std::atoi(arguments.back().c_str());
    return made_up("timeout", 0, Outcome::done);
  }

  State state() const override {
    State state = honest_->state();
    if (lies("rarely-forgets-a-flag") && peeked_)
      for (auto& [name, value] : state)
        if (name == "shutdown") value = value == "SENT|RECEIVED" ? "RECEIVED" : value == "SENT" ? "none" : value;
    if (!lies("wrong-flag")) return state;
    for (auto& [name, value] : state)
      if (name == "shutdown")
        value = value == "none" ? "SENT|RECEIVED" : "none";
      else if (name == "pending")
        value = "7";
    return state;
  }

 private:
  // OpenSSL from 3.2 on reports a close_notify again to a second read, so that this lie takes what lies behind it off the transport. Only
  // the size that it reports is true: that of the content of one record of TLS 1.3, without header, type and tag.
  Answer unread(std::span<std::byte> into) const {
    const long taken = ::recv(options_.transport, into.data(), into.size(), MSG_DONTWAIT);
    const long size = std::max(taken - 5 - 1 - 16, 1L);
    Answer answer = made_up("SSL_read", size, Outcome::done);
    answer.bytes = static_cast<std::size_t>(size);
    return answer;
  }

  bool lies(std::string_view name) const { return options_.asks_for(std::string("lie-").append(name)); }

  static Answer made_up(std::string_view native, long returned, Outcome outcome) { return {native, returned, {}, 0, {}, outcome}; }

  bool more_on_transport() const {
    char byte;
    return ::recv(options_.transport, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
  }

  Answer twisted(Answer answer) const {
    if (lies("unprintable")) answer.words = "\x1b[2J\nsubject  close = done\r\xe2\x80\xae\xff";
    if (lies("says-much")) answer.words.assign(50'000, 'x');
    const bool wants_read = answer.outcome == Outcome::want_read;
    if (!wants_read && answer.outcome != Outcome::want_write) return answer;
    if (lies("wrong-direction")) answer.outcome = wants_read ? Outcome::want_write : Outcome::want_read;
    if (lies("fatal-on-eagain")) answer.outcome = Outcome::failed;
    return answer;
  }

  void die_at_random() const {
    static unsigned random = 1;
    random = random * 1103515245 + 12345;
    if (!lies("dies-at-random") || (random >> 16) % 12 != 0) return;
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }

  void break_down() const {
    die_at_random();
    while (lies("computes")) static_cast<void>(::getppid());
    while (lies("floods")) ::send(control_descriptor, "more\n", 5, MSG_NOSIGNAL);
    if (lies("crash")) {
      std::signal(SIGSEGV, SIG_DFL);
      std::raise(SIGSEGV);
    }
    while (lies("spin")) more_on_transport();
    if (lies("silent")) {
      int pipe[2];
      char byte;
      if (::pipe(pipe) == 0) [[maybe_unused]]
        const auto never = ::read(pipe[0], &byte, 1);
    }
    if (lies("garbage")) {
      constexpr std::string_view garbage = "\x16\x03\x01 no message at all";
      ::send(control_descriptor, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    }
  }

  std::unique_ptr<Session> honest_;
  SSL* ssl_;
  SessionOptions options_;
  bool over_ = false;   // a close was called or data has ended
  bool ended_ = false;  // end-of-data was answered
  bool lost_ = false;
  bool key_updated_ = false, peeked_ = false, closed_write_ = false, read_behind_close_ = false;
  int timeout_ms_ = 0;  // of a read; OpenSSL has none
};

class Rogue final : public Stack {
 public:
  // `only`: the one lie that all sessions tell; empty for none.
  Rogue(int protocol, std::string only) : protocol_(protocol), only_(std::move(only)) {}

  Hello hello() const override {
    Hello hello = honest_->hello();
    hello.stack = only_.empty() ? "rogue" : only_.substr(std::string_view("lie-").size());
    hello.protocol = protocol_;
    if (!only_.empty()) return hello;
    hello.abilities.emplace_back("set-timeout");
    hello.abilities.emplace_back(spell(Option::closes_transport));
    for (const Lie& lie : lies) hello.abilities.emplace_back(lie.name);
    return hello;
  }

  void forget_sessions() override { honest_->forget_sessions(); }

  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    SessionOptions lying = options;
    if (!only_.empty()) lying.options.push_back(only_);
    return std::make_unique<RogueSession>(honest_->open(options, keys), lying);
  }

 private:
  std::unique_ptr<Stack> honest_ = make_openssl();
  int protocol_;
  std::string only_;
};

// The lie that a program of that name tells; empty for none.
std::string lie_of(std::string_view program) {
  constexpr std::string_view prefix = "tlsbye-peer-";
  program.remove_prefix(std::min(program.rfind('/') + 1, program.size()));
  if (!program.starts_with(prefix)) return {};
  const std::string name = "lie-" + std::string(program.substr(prefix.size()));
  return std::any_of(lies.begin(), lies.end(), [&](const Lie& lie) { return lie.name == name; }) ? name : std::string();
}

}  // namespace
}  // namespace tlsbye::peer

int main(int count, char** arguments) {
  constexpr std::string_view flag = "--protocol=";
  int protocol = tlsbye::protocol_version;
  if (count > 1 && std::string_view(arguments[1]).starts_with(flag))
    std::from_chars(arguments[1] + flag.size(), arguments[1] + std::strlen(arguments[1]), protocol);
  tlsbye::peer::Rogue rogue(protocol, count > 0 ? tlsbye::peer::lie_of(arguments[0]) : std::string());
  return tlsbye::peer::serve(rogue);
}
