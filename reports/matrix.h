// What the terminal and the Markdown report have in common: the cells as a table, marks, and findings that look alike. Internal to the
// reports.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/judge/judge.h"
#include "reports/references.h"

namespace tlsbye::matrix {

struct Mark {
  Verdict verdict;
  char mark;
  std::string_view meaning;
};
// One a verdict, in the order of a legend: the common and good first.
const std::vector<Mark>& marks();
char mark(Verdict verdict);

// What a stack was judged as.
struct Column {
  Role role{};
  Tls tls{};
  friend auto operator<=>(const Column&, const Column&) = default;
};
inline Column column_of(const Cell& cell) { return {cell.role, cell.tls}; }
inline Column column_of(const TraitAnswer& answer) { return {answer.role, answer.tls}; }

// The builds of one library, oldest first.
struct Library {
  std::string name;
  std::vector<const StackInfo*> builds;
  // Some of them, by their places: "3.7.1-3.8.13" where each between is among them, "1.1.1w-3.0.22, 4.0.3".
  std::string versions(const std::set<std::size_t>& places) const;
  std::string versions() const;  // of all
  std::string id() const { return name + " " + versions(); }
};
// In the order of the report, whose stacks must outlive the result.
std::vector<Library> libraries(const RunReport& report);
// How many cells have which verdict: one entry for the builds of a library that follow each other and have the same
// ("gnutls 3.7.1-3.8.13").
std::vector<std::pair<std::string, Totals>> totals_of(const RunReport& report, const std::vector<Library>& libraries);
// "gnutls 3.7.1-3.8.13 and openssl 3.0.22"; "no libraries".
std::string names_of(const std::vector<Library>& libraries);

// The clauses of one source, with the stacks that any of them applies to, and the columns that any of their cells is in.
struct Row {
  std::string clause;  // id without the document's name
  Strength strength{};
  std::vector<const Cell*> cells;  // by stack, then by column; null where the clause does not apply
};
struct Document {
  std::string name;  // the clause file's stem
  std::vector<StackInfo> stacks;
  std::vector<Column> columns;  // of each stack, rising
  std::vector<Row> rows;
};
// The report must outlive the result.
std::vector<Document> documents(const RunReport& report);

// The cells with one of these verdicts, worst first; those of one clause and stack that have the same verdict and saw the same are one
// group.
std::vector<std::vector<const Cell*>> alike(const RunReport& report, const std::vector<Verdict>& verdicts);
// The verdicts that are told at length.
const std::vector<Verdict>& failures();

// What a library has against it, in any of its builds: one group for each clause and verdict, worst first; in each group the cell with the
// shortest replay id comes first. Libraries without such cells are left out.
struct Findings {
  Library library;
  std::vector<std::vector<const Cell*>> groups;
};
std::vector<Findings> by_library(const RunReport& report, const std::vector<Verdict>& verdicts);

// "as client, TLS 1.2 and 1.3; as server, TLS 1.3"
std::string where(const std::vector<const Cell*>& cells);
// The same for a narrow place: "TLS 1.2 1.3" for both roles alike, "client 1.2 1.3; server 1.3" where they are not.
std::string shortly(std::set<Column> columns);
std::string shortly(const std::vector<const Cell*>& cells);
// "3.5.9-4.0.3": the builds of the library that the cells are of.
std::string versions_of(const Library& library, const std::vector<const Cell*>& cells);
// The same of cells of a library, with the versions where it has several: "3.5.9-4.0.3, TLS 1.2 1.3".
std::string shortly(const Library& library, const std::vector<const Cell*>& cells);
// "RFC 8446 6.1; RFC 9846 6.1 MUST": the documents and their force; the catalogue's rows where the clause is not known.
std::string citation(const Cell& cell, const std::vector<Clause>& clauses);
const Clause* find(const std::vector<Clause>& clauses, std::string_view id);

// What the two cannot do together, and who lacks it: "TLS 1.3 (mbedtls)", "key-update (nss)", "the wire cannot be read: neither gives its
// keys". Of what is asked of a partner only what another partner of the run can. Names are without versions; empty where the report does
// not say who its partners were.
std::vector<std::string> impossible(const RunReport& report, const Pair& pair);

// The file that the library was loaded from: "/usr/lib/libgnutls.so.30 (build id 4be1f0c2)".
std::string file_of(const StackInfo& stack);

// The contradictions that the report has a clause or a trait of: those of contradictions.toml, then clauses that name each other and stand
// in none of those, each pair once, without id and treatment.
std::vector<Contradiction> contradictions(const RunReport& report, const References& references);
// What the stacks do about a clause: "gnutls 3.7.9 conforms and violates, openssl 3.0.17 conforms"; "no cells in this run".
std::string verdicts_of(const RunReport& report, std::string_view clause);

// "tlsbye 0.1.0 (3a8f221ab01c)"; "tlsbye" where the report does not say which.
std::string tool(const RunReport& report);
// When, where and by what the run was made, in one line without an end; empty where the report does not say.
std::string made(const RunReport& report);

// "12 conforms, 3 violates", in the order of the legend; verdicts that no cell has are left out.
std::string sums(const RunReport& report);
std::string sums(const Totals& counts);

// The traits as one asks who moves from one of the libraries to another.
struct Question {
  std::string name;
  std::string_view question;  // empty where `traits` has no such name
  struct Answered {
    const StackInfo* stack;
    // What it answers, with the columns that do, in the order of the columns; empty where the stack gave no answer.
    struct Answer {
      const TraitAnswer* given;  // of the first of the columns
      std::set<Column> columns;
    };
    std::vector<Answer> answers;
  };
  std::vector<Answered> stacks;  // as in the report
  bool alike = true;             // no two stacks answer differently in the same column
};
// The report must outlive the result.
std::vector<Question> questions(const RunReport& report, const std::vector<Trait>& traits);

}  // namespace tlsbye::matrix
