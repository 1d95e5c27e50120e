// A run as a reader is told of it: which of its events say something, and how an event is called.
//
// Left out is what nearly every run has, or what is said already:
//  * what was asked for, and orders to the wire: the script's line stands above them;
//  * transport calls of a library that nothing was done to;
//  * the delivery of a record right after the wire saw it;
//  * of a handshake its calls that were done or are to be made again, its waits, and its records that came through whole.
// All the rest is told, and whatever decides is told as well.
//
// An event is called by its label, which does not depend on how much a handshake took: "3.2" is the second event told of line 3. What is
// left out is counted apart, by its kind: "1.record-4" is the fourth of the records that are left out in line 1. Events before the first
// line and after the last have line 0.
#pragma once

#include <string>
#include <vector>

#include "harness/transcript/transcript.h"

namespace tlsbye {

// Of a transcript that outlives it. One pass over all events, so it is made once where much is asked.
class Telling {
 public:
  explicit Telling(const Transcript& transcript);

  // By an event's number.
  bool leaves_out(int number) const { return entries_[static_cast<std::size_t>(number - 1)].left_out; }
  const std::string& label(int number) const { return entries_[static_cast<std::size_t>(number - 1)].label; }
  // The whole record went on right after the wire saw it.
  bool went_through(int record) const { return entries_[static_cast<std::size_t>(record - 1)].went_through; }
  // The event that a reader is shown for this one: the record, for its delivery right after the wire saw it; else the event itself.
  int shown_as(int number) const { return entries_[static_cast<std::size_t>(number - 1)].shown_as; }
  // narrate(), where other events are called by label and content.
  std::string text(int number, Detail detail = Detail::full) const;

 private:
  struct Entry {
    bool left_out = false;
    bool went_through = false;
    int shown_as = 0;
    std::string label;
  };
  const Transcript& transcript_;
  std::vector<Entry> entries_;
};

// What came of each line of the script, for a reader of the script: "sends close_notify; want-read", "not done: ...". A text has the last
// answer of each call, what was sent, and the script's faults that were met; docs/exploring.md explains the words. It is empty if a
// handshake went as usual, and for orders to the wire. It names a side or a call only if that is not the line's own: "partner sends
// decode_error". Each text is one printable line, the same in every run of the same script; what is past 240 characters is "and more".
std::vector<std::string> what_came_of_lines(const Transcript& transcript);

}  // namespace tlsbye
