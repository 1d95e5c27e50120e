// What waits for the receiver's socket, record by record, and how much more the receiver may get.
//
// Each record is a parcel: it is delivered when the socket has taken the last byte of it. What becomes of a parcel is noted in the
// transcript when it is known: Delivered; Withheld, where the socket is full, once; Lost, where the receiver got nothing of it and never
// will. A stream takes all parcels in one send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "harness/transcript/transcript.h"

namespace tlsbye {

class Outbox {
 public:
  // The reference outlives the outbox.
  explicit Outbox(Transcript& transcript) : transcript_(transcript) {}

  // To be sent behind all that waits: the bytes of the record that is noted as that event.
  void put(int record, std::string_view bytes, int line);
  // All that waits, up to the limit.
  std::string_view waiting() const;
  bool empty() const { return parcels_.empty(); }

  // Of the last record only the first bytes go for now.
  void hold_back(std::size_t all_but_first);
  void let_go() { held_back_.reset(); }

  // What the socket did: took that many bytes; takes no more for now; is gone.
  void accepted(std::size_t bytes, int line);
  void must_wait(int line);
  void gone(int line);
  bool is_gone() const { return gone_; }
  std::uint64_t delivered() const { return delivered_; }  // all bytes accepted until now

  // Nothing is put here any more: why it would be lost; nullopt where it may be.
  void close() { closed_ = closed_.value_or(Lost::Why::ended); }
  std::optional<Lost::Why> closed() const { return closed_; }
  // The same once `bytes` more were accepted: the receiver hears no more, or its stream ends then.
  void end_after(std::size_t bytes, std::optional<End> how, int line);
  bool at_limit() const { return limit_ && delivered_ >= *limit_; }
  std::optional<End> take_end_at_limit() { return std::exchange(end_at_limit_, std::nullopt); }

  // Another transport: what waits for this one is lost.
  void begin_transport(int line);

 private:
  struct Parcel {
    int record;
    std::size_t size, taken = 0;
    bool told = false;  // that it waits
  };
  void give_up(int line);
  void stop_at_limit(int line);

  Transcript& transcript_;
  std::string bytes_;      // of all parcels ...
  std::size_t taken_ = 0;  // ... and so many before them
  std::deque<Parcel> parcels_;
  std::uint64_t delivered_ = 0;
  std::optional<Lost::Why> closed_;
  bool gone_ = false;
  std::optional<std::uint64_t> limit_, held_back_;  // of delivered_
  std::optional<End> end_at_limit_;
};

}  // namespace tlsbye
