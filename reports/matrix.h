// What the terminal and the Markdown report have in common: the cells as a table, marks, and findings that look alike. Internal to the
// reports.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "harness/judge/judge.h"

namespace tlsbye::matrix {

struct Mark {
  Verdict verdict;
  char mark;
  std::string_view meaning;
};
// One a verdict, in the order of a legend: the common and good first.
const std::vector<Mark>& marks();
char mark(Verdict verdict);

// The clauses of one source, with the stacks that any of them applies to.
struct Row {
  std::string clause;  // id without the document's name
  Strength strength{};
  std::vector<const Cell*> cells;  // by stack, role and TLS version (4 a stack); null where the clause does not apply
};
struct Document {
  std::string name;  // the clause file's stem
  std::vector<StackInfo> stacks;
  std::vector<Row> rows;
};
// The report must outlive the result.
std::vector<Document> documents(const RunReport& report);

// The cells with one of these verdicts, worst first; those of one clause and stack that have the same verdict and saw the same are one
// group.
std::vector<std::vector<const Cell*>> alike(const RunReport& report, const std::vector<Verdict>& verdicts);
// The verdicts that are told at length.
const std::vector<Verdict>& failures();

// "as client, TLS 1.2 and 1.3; as server, TLS 1.3"
std::string where(const std::vector<const Cell*>& cells);
// "RFC 8446 6.1; RFC 9846 6.1 MUST": the documents and their force; the catalogue's rows where the clause is not known.
std::string citation(const Cell& cell, const std::vector<Clause>& clauses);
const Clause* find(const std::vector<Clause>& clauses, std::string_view id);

// Clauses of the report that contradict each other, each pair once.
struct Contradiction {
  const Clause* one;
  const Clause* other;
};
std::vector<Contradiction> contradictions(const RunReport& report, const std::vector<Clause>& clauses);
// What the stacks do about a clause: "gnutls 3.7.9 conforms and violates, openssl 3.0.17 conforms"; "no cells in this run".
std::string verdicts_of(const RunReport& report, std::string_view clause);

// "12 conforms, 3 violates", in the order of the legend; verdicts that no cell has are left out.
std::string sums(const RunReport& report);

}  // namespace tlsbye::matrix
