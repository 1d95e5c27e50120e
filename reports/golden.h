// A small report made by hand, and the files in testdata/ that hold what must be made of it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/judge/judge.h"
#include "reports/references.h"
#include "reports/transcripts.h"

namespace tlsbye::testing {

// Three stacks, two documents, every verdict at least once.
RunReport sample_report();
std::vector<Clause> sample_clauses();
// The same with two more versions of gnutls, 3.8.0 and 3.8.9 (the newest first), which show what 3.7.9 shows.
RunReport sample_of_versions();
References sample_references();  // with these clauses
// Transcripts of two of its runs; every kind of event at least once, every field with another value than its usual one.
std::map<std::string, Transcript> sample_runs();

// Those as the reports take them.
struct Kept : Transcripts {
  explicit Kept(const std::map<std::string, Transcript>& runs = sample_runs());
  std::string text() const;  // the file that is made of them
};

std::string read(const std::string& name);  // of testdata/

// Fails where testdata/NAME is not `text`. With TLSBYE_REGENERATE=1 in the environment it writes the file instead, and fails too, so that
// it is not taken for a test.
void expect_golden(const std::string& name, std::string_view text);

}  // namespace tlsbye::testing
