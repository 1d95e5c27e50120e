// A transcript told to a reader: script lines, and under each what happened, in order, each event with its label
// (harness/transcript/telling.h).
#pragma once

#include <set>
#include <string>

#include "harness/transcript/transcript.h"

namespace tlsbye {

// `marked` are the numbers of events to point at with "> ". Ends with a newline.
std::string tell_story(const Transcript& transcript, const std::set<int>& marked = {});

// "gnutls 3.7.9 as client, TLS 1.3, blocking, with openssl 3.0.17": a run in words.
std::string describe(const RunKey& run);

}  // namespace tlsbye
