// How far the clauses have come: for each row of the catalogue of documented statements, the clauses that test it, the reason why it is out
// of scope, or nothing yet.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/oracle/oracle.h"

namespace tlsbye {

// A row of scenarios/clauses/catalogue.toml ([[row]]).
struct CatalogueRow {
  std::string id;        // "GNUTLS-BYE-12"
  std::string section;   // heading that it stands under: "RFC 8446 6.1"
  std::string strength;  // in the words of the source: "MUST", "doc", ...
  std::string applies;   // in words
  std::string says;
  std::string source;
};

struct Catalogue {
  std::vector<CatalogueRow> rows;                   // in the order of the file
  std::map<std::string, std::string> out_of_scope;  // row id -> reason
  std::vector<Diagnostic> diagnostics;
};

// Reads catalogue.toml and out-of-scope.toml ([[row]] with ref and reason) in `directory`, scenarios/clauses.
Catalogue load_catalogue(const std::filesystem::path& directory);
Catalogue parse_catalogue(std::string_view catalogue, std::string_view out_of_scope);

struct Coverage {
  struct Row {
    const CatalogueRow* row;
    std::vector<std::string> clauses;  // ids of those that name it in `ref`
    std::string out_of_scope;          // reason; empty where it is in scope
    bool open() const { return clauses.empty() && out_of_scope.empty(); }
  };
  struct Section {
    std::string name;
    std::vector<Row> rows;
  };
  std::vector<Section> sections;
  std::vector<std::string> strangers;  // "rfc8446/x: no row RFC8446-99", "out-of-scope.toml: ..."; empty in a sound tree
};

// `catalogue` must outlive the result.
Coverage coverage(const Catalogue& catalogue, const std::vector<Clause>& clauses);

// A line for each section and the sums; with `rows`, under each section one line a row.
std::string tell(const Coverage& coverage, bool rows = false);

}  // namespace tlsbye
