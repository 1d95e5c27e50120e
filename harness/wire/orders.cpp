#include "harness/wire/orders.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "harness/wire/record.h"

namespace tlsbye {
namespace {

using Deed = StandingOrder::Deed;

// A record of the wire's, in the place of that one.
PiecePtr make(const Piece& piece, std::string content) {
  auto made = std::make_shared<Piece>();
  made->made = made->known = true;
  made->of = piece.event;
  made->type = piece.type;
  made->content = std::move(content);
  made->padding = piece.padding;
  made->encrypted = piece.encrypted;
  made->plain = !piece.encrypted;
  made->epoch = piece.epoch;
  return made;
}

}  // namespace

bool matches(const RecordPattern& pattern, ContentType type, std::string_view content, std::string_view begun) {
  using Kind = RecordPattern::Kind;
  switch (pattern.kind) {
    case Kind::any:
      return true;
    case Kind::close_notify:
      return type == ContentType::alert && content.size() == 2 && content[1] == 0;
    case Kind::alert:
      return type == ContentType::alert;
    case Kind::application_data:
      return type == ContentType::application_data;
    case Kind::change_cipher_spec:
      return type == ContentType::change_cipher_spec;
    case Kind::handshake:
      return type == ContentType::handshake && (pattern.handshake.empty() || begun.substr(0, begun.find(',')) == pattern.handshake);
  }
  return false;
}

Orders::Outcome Orders::meet(const PiecePtr& piece) {
  Outcome outcome{.go_on = {piece}};
  bool obeyed = false;
  for (auto order = orders_.begin(); order != orders_.end();) {
    const Deed deed = order->what.deed;
    const bool holds = deed == Deed::hold;
    const bool needs_content = !holds && deed != Deed::drop && deed != Deed::cut;
    const bool acts = matches(order->what.what, piece->type, piece->content, piece->begun) && (piece->known || !needs_content) &&
                      (holds || !std::exchange(obeyed, true));
    order = acts && obey(*order, piece, outcome) ? orders_.erase(order) : std::next(order);
  }
  return outcome;
}

// False: it waits for more.
bool Orders::obey(Order& order, const PiecePtr& piece, Outcome& outcome) {
  const StandingOrder& what = order.what;
  const auto replace = [&](std::vector<PiecePtr> others) {
    outcome.replaced = true;
    outcome.go_on = std::move(others);
  };
  switch (what.deed) {
    case Deed::hold:
      outcome.hold = true;
      outcome.hold_at = what.at;
      break;
    case Deed::drop:
      outcome.dropped = true;
      outcome.go_on.clear();
      break;
    case Deed::cut:
      outcome.cut = true;
      piece->limit = what.at;
      break;
    case Deed::repeat:
      for (int i = 0; i < what.times; ++i) outcome.go_on.push_back(make(*piece, piece->content));
      break;
    case Deed::alter: {
      std::string content = piece->content;
      if (what.level && !content.empty()) content[0] = static_cast<char>(*what.level);
      if (what.description && content.size() > 1) content[1] = static_cast<char>(*what.description);
      replace({make(*piece, std::move(content))});
      break;
    }
    case Deed::damage:
      replace({make(*piece, piece->content)});
      outcome.go_on[0]->damaged = true;
      break;
    case Deed::split: {
      const std::size_t at = std::min(what.at, piece->content.size());
      replace({make(*piece, piece->content.substr(0, at)), make(*piece, piece->content.substr(at))});
      break;
    }
    case Deed::join:
      if (order.gathered.size() + piece->content.size() + piece->padding > largest_length - most_protection) {
        // No header can say how long that would be: what was gathered goes out, and this record behind it, as it is.
        given_up_.push_back(order.words);
        outcome.go_on.insert(outcome.go_on.begin(), make(*order.last, std::move(order.gathered)));
        break;
      }
      order.gathered += piece->content;
      order.last = piece;
      replace({});
      if (++order.met < what.times) return false;
      outcome.go_on = {make(*piece, std::exchange(order.gathered, {}))};
      break;
  }
  return true;
}

std::vector<std::string> Orders::left() const {
  std::vector<std::string> left = given_up_;
  for (const Order& order : orders_) left.push_back(order.words);
  return left;
}

}  // namespace tlsbye
