// scenarios/README.md is the manual of the script language: what it says must be what the parser does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "harness/scenario/scenario.h"

namespace tlsbye {
namespace {

const std::string path = TLSBYE_SOURCE_DIR "/scenarios/README.md";

std::string readme() {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string complaints_of(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) text += diagnostic.render();
  return text;
}

// The fenced blocks in that language.
std::vector<std::string> blocks(const std::string& text, const std::string& language) {
  std::vector<std::string> found;
  const std::string opening = "```" + language + "\n";
  for (std::size_t at = text.find(opening); at != std::string::npos; at = text.find(opening, at)) {
    at += opening.size();
    found.push_back(text.substr(at, text.find("```", at) - at));
    at += found.back().size() + 3;
  }
  return found;
}

std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string verbs_in_markdown() {
  std::string text;
  const auto table = [&](std::string_view heading, bool VerbRow::*who) {
    text += fmt::format("| {} | |\n| --- | --- |\n", heading);
    for (const auto& row : verb_table())
      if (row.*who) text += fmt::format("| `{}` | {} |\n", cell(row.usage), cell(row.meaning));
  };
  table("`subject`, `partner`", &VerbRow::peer);
  text += "\n";
  table("`wire`", &VerbRow::wire);
  return text;
}

TEST(Readme, ItsVerbsAreThoseOfTheTable) {
  const std::string text = readme();
  const std::size_t opening = text.find("<!-- verbs:");
  const std::size_t closing = text.find("<!-- end of verbs -->");
  ASSERT_NE(opening, std::string::npos);
  ASSERT_NE(closing, std::string::npos);
  const std::size_t begin = text.find('\n', opening) + 1;
  if (std::getenv("TLSBYE_UPDATE")) {
    std::ofstream(path, std::ios::binary) << text.substr(0, begin) << verbs_in_markdown() << text.substr(closing);
    return;
  }
  EXPECT_EQ(text.substr(begin, closing - begin), verbs_in_markdown()) << "stale: write it anew with TLSBYE_UPDATE=1 scenario-test";
}

TEST(Readme, ItsFilesLoad) {
  const auto files = blocks(readme(), "toml");
  EXPECT_GE(files.size(), 2u);
  for (const auto& file : files) {
    const auto loaded = parse_scenarios(file, "README.md", "readme");
    EXPECT_EQ(complaints_of(loaded.diagnostics), "");
    EXPECT_FALSE(loaded.scenarios.empty());
  }
}

TEST(Readme, ItsRecipesParse) {
  const auto scripts = blocks(readme(), "script");
  EXPECT_GE(scripts.size(), 4u);
  for (const auto& script : scripts) {
    std::vector<Diagnostic> diagnostics;
    EXPECT_FALSE(parse_script(script, "README.md", 1, diagnostics).empty());
    EXPECT_EQ(complaints_of(diagnostics), "");
  }
}

TEST(Readme, ItsDiagnosticIsWhatTheParserSays) {
  std::vector<Diagnostic> diagnostics;
  parse_script("subject  close_write\n", "scenarios/half-close.toml", 12, diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  std::string indented = "    ";
  for (const char c : diagnostics[0].render()) indented += c == '\n' ? std::string("\n    ") : std::string(1, c);
  indented.resize(indented.find_last_not_of(" \n") + 1);
  EXPECT_NE(readme().find(indented), std::string::npos) << indented;
}

}  // namespace
}  // namespace tlsbye
