// The report as a page, out/matrix.html: one file that needs nothing else, neither a network nor a server. The matrix with filter and
// search, the traits as a porting table, how to close safely on each stack, how they fared against each partner, contradictions, and behind
// every cell its citation, what was seen, and the run that decided it as a sequence diagram.
//
// The page itself is reports/page.html with page.css and page.js, which are part of this program; here the data are made that it shows.
#pragma once

#include <string>

#include "harness/judge/judge.h"
#include "reports/references.h"
#include "reports/transcripts.h"

namespace tlsbye {

// A deciding run that is not among `transcripts` is shown by its evidence alone. Whatever is in the report, none of it is markup or script.
std::string html(const RunReport& report, const References& references, const Transcripts& transcripts);

}  // namespace tlsbye
