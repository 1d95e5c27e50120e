// The script's standing orders to one direction: each waits for the first record that matches, and then does its deed once.
//
// Orders look at each record as it comes, in the order in which they were given, and act from then on: one given before the handshake meets
// handshake records too. One `hold` and one other order can act on the same record. A record whose content is unknown (no keys yet)
// matches `any` only, and can only be held, dropped or cut.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/wire_order.h"
#include "harness/wire/piece.h"

namespace tlsbye {

// Whether a record of that type is such a one; `begun`: the handshake messages that begin in it, with commas between.
bool matches(const RecordPattern& pattern, ContentType type, std::string_view content, std::string_view begun);

class Orders {
 public:
  // `words` are the script's, for left().
  void add(const StandingOrder& order, std::string_view words) { orders_.push_back({order, std::string(words)}); }

  // What the orders make of a record.
  struct Outcome {
    std::vector<PiecePtr> go_on = {};  // the record itself, where it is neither dropped nor replaced, and what the wire makes of it
    bool hold = false;                 // from this one on all are held ...
    std::size_t hold_at = 0;           // ... but for so many of its first bytes
    bool cut = false;                  // nothing of the sender's follows
    bool dropped = false, replaced = false;
  };
  Outcome meet(const PiecePtr& piece);

  // Those that have not met their record, or could not be carried out, in the words of the script.
  std::vector<std::string> left() const;

 private:
  struct Order {
    StandingOrder what;
    std::string words;
    int met = 0;                // join: records so far
    std::string gathered = {};  // join: their contents
    PiecePtr last = nullptr;    // join: the last of them
  };
  bool obey(Order& order, const PiecePtr& piece, Outcome& outcome);

  std::list<Order> orders_;
  std::vector<std::string> given_up_;
};

}  // namespace tlsbye
