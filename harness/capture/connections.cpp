#include "harness/capture/connections.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace tlsbye {
namespace {

// One side's stream. Offsets are counted from the first byte that it sends, or that was captured.
using Offset = std::int64_t;

// A segment that was kept: places instead of sequence numbers.
struct Kept {
  std::uint64_t packet = 0;
  Talker from{};
  Offset begin = 0;
  std::size_t stored = 0, size = 0;  // where its data is, and how much of it
  Offset end = 0;                     // what was not captured included
  Offset acknowledged = -1;           // of the other side's stream; -1 where it says nothing
  bool fin = false, reset = false;
};

// Sequence numbers of one stream become places: each is taken for the nearest to the last.
class Numbers {
 public:
  bool known() const { return known_; }
  void begin(std::uint32_t first) {
    known_ = true;
    last_ = first;
    place_ = 0;
  }
  Offset place(std::uint32_t number) {
    if (!known_) begin(number);
    place_ += static_cast<std::int32_t>(number - last_);
    last_ = number;
    return place_;
  }

 private:
  bool known_ = false;
  std::uint32_t last_ = 0;
  Offset place_ = 0;
};

// Which places were captured at all.
class Cover {
 public:
  void add(Offset begin, Offset end) {
    begin = std::max<Offset>(begin, 0);
    if (begin >= end) return;
    auto it = ranges_.upper_bound(begin);
    if (it != ranges_.begin() && std::prev(it)->second >= begin) --it;
    while (it != ranges_.end() && it->first <= end) {
      begin = std::min(begin, it->first);
      end = std::max(end, it->second);
      it = ranges_.erase(it);
    }
    ranges_[begin] = end;
  }
  // Where the next captured byte is, at that place or behind it; nullopt where there is none.
  std::optional<Offset> next(Offset from) const {
    auto it = ranges_.upper_bound(from);
    if (it != ranges_.begin() && std::prev(it)->second > from) return from;
    return it == ranges_.end() ? std::nullopt : std::optional(it->first);
  }
  Offset end() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }

 private:
  std::map<Offset, Offset> ranges_;
};

}  // namespace

// What was captured of one connection.
struct Connections::Flow {
  Connection told;
  std::array<Numbers, 2> numbers;
  std::uint32_t opening = 0;  // the number of the SYN
  bool answered = false;      // by the other side, with anything but a reset
  std::array<bool, 2> ended{};
  bool over = false;  // by a reset, or by both ends
  std::vector<Kept> kept;
  std::string stored;

  void add(std::uint64_t packet, Talker from, const Segment& segment);
  Connection follow();
};

void Connections::Flow::add(std::uint64_t packet, Talker from, const Segment& segment) {
  const auto mine = static_cast<std::size_t>(from), theirs = static_cast<std::size_t>(peer_of(from));
  std::uint32_t sequence = segment.sequence;
  if (segment.syn) {
    if (!numbers[mine].known()) numbers[mine].begin(sequence + 1);
    ++sequence;
  }
  if (segment.reset && from == Talker::other && !answered) told.refused = told.from_the_beginning;
  answered |= from == Talker::other && !segment.reset;
  Kept it;
  it.packet = packet;
  it.from = from;
  // A reset without a number of its own says nothing of the stream.
  it.begin = segment.reset && !numbers[mine].known() ? 0 : numbers[mine].place(sequence);
  it.stored = stored.size();
  it.size = segment.data.size();
  it.end = it.begin + static_cast<Offset>(segment.size());
  it.fin = segment.fin && !segment.reset;
  it.reset = segment.reset;
  // Who acknowledges says where the other side's stream stands, although nothing of that was captured yet.
  if (segment.acknowledges && !segment.reset && !numbers[theirs].known()) numbers[theirs].begin(segment.acknowledged);
  if (segment.acknowledges && numbers[theirs].known()) it.acknowledged = Numbers(numbers[theirs]).place(segment.acknowledged);
  stored += segment.data;
  ended[mine] = ended[mine] || it.fin;
  over = over || segment.reset || (ended[0] && ended[1]);
  kept.push_back(it);
}

Connection Connections::Flow::follow() {
  struct Stream {
    Cover cover;
    std::optional<Offset> fin;  // where it ends
    Offset acknowledged = 0;    // by the other side, in all, without its end
    Offset acknowledged_so_far = 0;
    Offset next = 0;  // all before that was told
    std::map<Offset, const Kept*> waiting;
    bool finished = false, fin_seen = false;
  };
  std::array<Stream, 2> streams;
  const auto of = [&](Talker party) -> Stream& { return streams[static_cast<std::size_t>(party)]; };
  for (const Kept& it : kept) {
    Stream& mine = of(it.from);
    mine.cover.add(it.begin, it.begin + static_cast<Offset>(it.size));
    if (it.fin && !mine.fin) mine.fin = it.end;
    if (!it.reset) of(peer_of(it.from)).acknowledged = std::max(of(peer_of(it.from)).acknowledged, it.acknowledged);
  }
  const auto tell = [&](Deed::Kind kind, Talker from, std::uint64_t packet, std::size_t size = 0) {
    told.deeds.push_back({kind, from, packet, size, told.bytes.size()});
  };
  // A FIN has a place in the count, and is not a byte.
  for (Stream& it : streams)
    if (it.fin) it.acknowledged = std::min(it.acknowledged, *it.fin);

  const auto miss = [&](Stream& mine, Talker from, std::uint64_t packet, Offset until) {
    if (until <= mine.next) return;
    tell(Deed::Kind::missing, from, packet, static_cast<std::size_t>(until - mine.next));
    mine.next = until;
  };
  const auto advance = [&](Talker from, std::uint64_t packet) {
    Stream& mine = of(from);
    while (!mine.finished) {
      // What was told already is over and done with; data behind the end belongs to no connection.
      while (!mine.waiting.empty() &&
             mine.waiting.begin()->second->begin + static_cast<Offset>(mine.waiting.begin()->second->size) <= mine.next)
        mine.waiting.erase(mine.waiting.begin());
      const auto captured = mine.cover.next(mine.next);
      if (captured && *captured > mine.next && !mine.waiting.empty()) miss(mine, from, packet, *captured);
      if (mine.fin_seen && (!captured || *captured >= *mine.fin)) miss(mine, from, packet, *mine.fin);
      if (mine.fin_seen && mine.next >= *mine.fin) {
        mine.finished = true;
        tell(Deed::Kind::fin, from, packet);
        return;
      }
      if (mine.waiting.empty() || mine.waiting.begin()->first > mine.next) return;
      const Kept& it = *mine.waiting.begin()->second;
      const auto skip = static_cast<std::size_t>(mine.next - it.begin);
      std::size_t size = it.size - skip;
      if (mine.fin) size = std::min(size, static_cast<std::size_t>(std::max<Offset>(*mine.fin - mine.next, 0)));
      mine.waiting.erase(mine.waiting.begin());
      if (size == 0) continue;
      tell(Deed::Kind::data, from, packet, size);
      told.bytes.append(stored, it.stored + skip, size);
      mine.next += static_cast<Offset>(size);
    }
  };
  std::array<bool, 2> was_reset{};
  for (const Kept& it : kept) {
    Stream& mine = of(it.from);
    Stream& theirs = of(peer_of(it.from));
    theirs.acknowledged_so_far = std::max(theirs.acknowledged_so_far, it.acknowledged);
    if (it.reset) {
      if (!std::exchange(was_reset[static_cast<std::size_t>(it.from)], true))
        tell(Deed::Kind::reset, it.from, it.packet, static_cast<std::size_t>(std::max(theirs.next - theirs.acknowledged_so_far, Offset{})));
      continue;
    }
    if (it.size > 0) {
      const auto [at, fresh] = mine.waiting.try_emplace(std::max<Offset>(it.begin, 0), &it);
      if (!fresh && at->second->size < it.size) at->second = &it;
    }
    mine.fin_seen |= it.fin;
    advance(it.from, it.packet);
  }
  // What the other side acknowledged was sent, although the capture ends without it.
  const std::uint64_t last = kept.empty() ? 0 : kept.back().packet;
  for (const Talker party : {Talker::opener, Talker::other})
    if (!of(party).finished) miss(of(party), party, last, std::max(of(party).acknowledged, of(party).cover.end()));
  return std::move(told);
}

struct Connections::Books {
  std::vector<std::unique_ptr<Flow>> flows;
  std::map<std::pair<Endpoint, Endpoint>, Flow*> open;  // by its ends, the smaller first
};

Connections::Connections() : books_(std::make_unique<Books>()) {}
Connections::~Connections() = default;

void Connections::add(std::uint64_t packet, const Segment& segment) {
  Flow*& flow = books_->open[std::minmax({segment.from, segment.to})];
  const bool opens = segment.syn && !segment.acknowledges;
  // The same two ends again: another connection, where the last one is over or the number is another than a repeated SYN's.
  const bool again = flow && opens && (flow->over || flow->opening != segment.sequence || flow->told.opener != segment.from);
  if (!flow || again) {
    auto fresh = std::make_unique<Flow>();
    const bool answers = segment.syn && segment.acknowledges;
    // Without a SYN: the end with the smaller port number is taken for the one that was called.
    const bool by_from = opens || (!answers && segment.from.port > segment.to.port);
    fresh->told.opener = by_from ? segment.from : segment.to;
    fresh->told.other = by_from ? segment.to : segment.from;
    fresh->told.from_the_beginning = segment.syn;
    fresh->told.first_packet = packet;
    fresh->opening = segment.sequence;
    flow = fresh.get();
    books_->flows.push_back(std::move(fresh));
  }
  flow->add(packet, segment.from == flow->told.opener ? Talker::opener : Talker::other, segment);
}

std::vector<Connection> Connections::take() {
  std::vector<Connection> all;
  for (auto& flow : std::exchange(books_->flows, {})) all.push_back(flow->follow());
  books_->open.clear();
  return all;
}

}  // namespace tlsbye
