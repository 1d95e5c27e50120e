// The liar: a stack's own adapter with one outcome put in the place of another, or a flag that says the opposite, for tests: they have
// to notice.
//
// TLSBYE_TEST_LIE in its environment says which, cut=end-of-data or flag:false-start; without it, it is honest.
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "peers/common/stack.h"

namespace tlsbye::peer {
std::unique_ptr<Stack> TLSBYE_STACK();

namespace {

struct Lie {
  Outcome truth{}, told{};
  std::string flag = {};  // in place of these
};

std::optional<Lie> lie_of(std::string_view text) {
  if (text.starts_with("flag:")) return Lie{.flag = std::string(text.substr(5))};
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto truth = read_word<Outcome>(text.substr(0, equals)), told = read_word<Outcome>(text.substr(equals + 1));
  return truth && told ? std::optional(Lie{*truth, *told, {}}) : std::nullopt;
}

class LiarSession final : public Session {
 public:
  LiarSession(std::unique_ptr<Session> honest, std::optional<Lie> lie) : honest_(std::move(honest)), lie_(lie) {}
  Answer handshake() override { return told(honest_->handshake()); }
  Answer read(std::span<std::byte> into) override { return told(honest_->read(into)); }
  Answer write(std::span<const std::byte> from) override { return told(honest_->write(from)); }
  Answer close() override { return told(honest_->close()); }
  Answer close_write() override { return told(honest_->close_write()); }
  Answer extra(Call call, const std::vector<std::string>& arguments, std::span<std::byte> into) override {
    return told(honest_->extra(call, arguments, into));
  }
  State state() const override {
    State state = honest_->state();
    for (auto& [name, value] : state)
      if (lie_ && name == lie_->flag) value = value == "yes" ? "no" : "yes";
    return state;
  }

 private:
  Answer told(Answer answer) const {
    if (lie_ && lie_->flag.empty() && answer.outcome == lie_->truth) answer.outcome = lie_->told;
    return answer;
  }
  std::unique_ptr<Session> honest_;
  std::optional<Lie> lie_;
};

class Liar final : public Stack {
 public:
  explicit Liar(std::optional<Lie> lie) : lie_(lie) {}
  Hello hello() const override { return honest_->hello(); }
  void forget_sessions() override { honest_->forget_sessions(); }
  std::unique_ptr<Session> open(const SessionOptions& options, KeyLog& keys) override {
    return std::make_unique<LiarSession>(honest_->open(options, keys), lie_);
  }

 private:
  std::unique_ptr<Stack> honest_ = TLSBYE_STACK();
  std::optional<Lie> lie_;
};

}  // namespace
}  // namespace tlsbye::peer

int main() {
  const char* lie = std::getenv("TLSBYE_TEST_LIE");
  tlsbye::peer::Liar liar(tlsbye::peer::lie_of(lie ? lie : ""));
  return tlsbye::peer::serve(liar);
}
