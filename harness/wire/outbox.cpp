#include "harness/wire/outbox.h"

#include <algorithm>
#include <utility>

namespace tlsbye {

void Outbox::put(int record, std::string_view bytes, int line) {
  if (bytes.empty()) {
    transcript_.add(line, Delivered{record, 0});
    return;
  }
  bytes_ += bytes;
  parcels_.push_back({record, bytes.size()});
}

std::string_view Outbox::waiting() const {
  const std::string_view bytes = std::string_view(bytes_).substr(taken_);
  const std::uint64_t up_to = std::min(limit_.value_or(delivered_ + bytes.size()), held_back_.value_or(delivered_ + bytes.size()));
  return bytes.substr(0, up_to - delivered_);
}

void Outbox::hold_back(std::size_t all_but_first) {
  if (parcels_.empty()) return;
  const std::size_t last = parcels_.back().size, queued = bytes_.size() - taken_;
  held_back_ = delivered_ + queued - last + std::min(all_but_first, last);
}

void Outbox::accepted(std::size_t bytes, int line) {
  delivered_ += bytes;
  taken_ += bytes;
  if (taken_ == bytes_.size()) {
    bytes_.clear();
    taken_ = 0;
  }
  while (bytes > 0) {
    Parcel& parcel = parcels_.front();
    const std::size_t part = std::min(bytes, parcel.size - parcel.taken);
    bytes -= part;
    parcel.taken += part;
    if (parcel.taken < parcel.size) break;
    transcript_.add(line, Delivered{parcel.record, parcel.size});
    parcels_.pop_front();
  }
  stop_at_limit(line);
}

void Outbox::must_wait(int line) {
  for (Parcel& parcel : parcels_)
    if (!std::exchange(parcel.told, true)) transcript_.add(line, Withheld{parcel.record, Withheld::Why::full});
}

void Outbox::gone(int line) {
  close();
  gone_ = true;
  give_up(line);
}

void Outbox::end_after(std::size_t bytes, std::optional<End> how, int line) {
  limit_ = delivered_ + bytes;
  end_at_limit_ = how;
  stop_at_limit(line);
}

void Outbox::stop_at_limit(int line) {
  if (!at_limit()) return;
  if (!closed_) closed_ = end_at_limit_ ? Lost::Why::ended : Lost::Why::cut;
  give_up(line);
}

// What waits never goes. Of the first record, the receiver may have a part.
void Outbox::give_up(int line) {
  for (const Parcel& parcel : std::exchange(parcels_, {})) {
    if (parcel.taken > 0)
      transcript_.add(line, Delivered{parcel.record, parcel.taken});
    else
      transcript_.add(line, Lost{parcel.record, closed_.value_or(Lost::Why::ended)});
  }
  bytes_.clear();
  taken_ = 0;
}

void Outbox::begin_transport(int line) {
  give_up(line);
  delivered_ = 0;
  closed_.reset();
  gone_ = false;
  limit_.reset();
  held_back_.reset();
  end_at_limit_.reset();
}

}  // namespace tlsbye
