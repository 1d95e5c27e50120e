// A history for people, and for programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/history.h"
#include "reports/ink.h"
#include "reports/markdown_text.h"

namespace tlsbye {
namespace {

using Json = nlohmann::ordered_json;
using Change = History::Change;
using namespace markdown_text;

// "3.5.9"; "3.2.1 to 3.5.9" where it came in one of these.
std::string since(const History::Library& library, const History::Story& story) {
  const std::size_t before = story.spans[story.spans.size() - 2].last, now = story.spans.back().first;
  return before + 1 == now ? library.builds[now].version
                           : fmt::format("{} to {}", library.builds[before + 1].version, library.builds[now].version);
}

// "conforms 1.1.1w, violates 3.0.20-4.0.3"
std::string story_told(const History::Library& library, const History::Story& story) {
  std::vector<std::string> spans;
  for (const History::Span& span : story.spans) spans.push_back(fmt::format("{} {}", span.shows, versions(library, span.first, span.last)));
  return fmt::format("{}", fmt::join(spans, ", "));
}

bool conforms_throughout(const History::Story& story) {
  return story.change == Change::none && story.spans.front().shows == spell(Verdict::conforms);
}

struct StoryPart {
  std::string title;
  std::vector<const History::Story*> stories;
};

std::vector<StoryPart> story_parts(const History::Library& library) {
  std::vector<StoryPart> all{
      {"Broken", {}}, {"Fixed", {}}, {"Answers otherwise", {}}, {"Never otherwise, and not as it should be", {}}, {"Never otherwise", {}}};
  for (const History::Story& story : library.clauses) {
    const std::size_t part = story.change == Change::broken ? 0 : story.change == Change::fixed ? 1 : conforms_throughout(story) ? 4 : 3;
    all[part].stories.push_back(&story);
  }
  for (const History::Story& story : library.traits) all[story.change == Change::none ? 4 : 2].stories.push_back(&story);
  return all;
}

std::string heading(const History::Library& library) {
  std::vector<std::string> builds;
  for (const StackInfo& build : library.builds) builds.push_back(build.version);
  return fmt::format("{} {}", library.name, fmt::join(builds, " "));
}

// What there is to say of the whole.
std::string sums_of(const History::Library& library) {
  if (library.builds.size() == 1) return "one version: nothing to compare it with";
  const auto traits = std::count_if(library.traits.begin(), library.traits.end(), [](const auto& it) { return it.change != Change::none; });
  if (!library.changed())
    return fmt::format("nothing changed from {} to {}", library.builds.front().version, library.builds.back().version);
  return fmt::format("clauses: {} broken, {} fixed; traits: {} otherwise", library.count(Change::broken), library.count(Change::fixed),
                     traits);
}

std::string story_told(const History::Library& library, const History::Abilities& abilities) {
  std::vector<std::string> words;
  if (!abilities.gained.empty()) words.push_back(fmt::format("can {}", fmt::join(abilities.gained, ", ")));
  if (!abilities.lost.empty()) words.push_back(fmt::format("cannot {} any more", fmt::join(abilities.lost, ", ")));
  return fmt::format("{} {}", library.builds[abilities.build].version, fmt::join(words, "; "));
}

Json story_json(const History::Library& library, const History::Story& story, std::string_view what, std::string_view shows) {
  Json json{{what, story.name}, {"change", spell(story.change)}};
  if (story.change != Change::none) {
    const std::size_t before = story.spans[story.spans.size() - 2].last, now = story.spans.back().first;
    json["since"] = library.builds[now].version;
    json["not_before"] = library.builds[before + 1].version;
  }
  json["columns"] = Json::array();
  for (const auto& [role, tls] : story.columns) json["columns"].push_back({{"role", spell(role)}, {"tls", spell(tls)}});
  json["spans"] = Json::array();
  for (const History::Span& span : story.spans)
    json["spans"].push_back({{"from", library.builds[span.first].version},
                             {"to", library.builds[span.last].version},
                             {shows, span.shows},
                             {"says", span.says},
                             {"replay", span.replay}});
  return json;
}

}  // namespace

std::string tell(const History& history, bool all, const TerminalStyle& style) {
  const Ink ink(style.colour);
  std::string text;
  for (const History::Library& library : history.libraries) {
    if (!text.empty()) text += "\n";
    text += ink.strong(heading(library)) + "\n  " + sums_of(library) + "\n";
    if (library.builds.size() > 1)
      for (const History::Abilities& abilities : library.abilities) text += "  " + story_told(library, abilities) + "\n";
    std::size_t throughout = 0;
    for (const StoryPart& part : story_parts(library)) {
      if (part.stories.empty()) continue;
      if (part.title == "Never otherwise" && !all) {
        throughout = part.stories.size();
        continue;
      }
      text += ink.strong(fmt::format("  {} ({})", part.title, part.stories.size())) + "\n";
      for (const History::Story* story : part.stories) {
        const std::string mark = story->change == Change::none ? "" : fmt::format("{}: ", since(library, *story));
        text += fmt::format("    {}{}  {}  ({})\n", mark, story->name, story_told(library, *story), matrix::shortly(story->columns));
      }
    }
    if (throughout > 0)
      text +=
          ink.faint(fmt::format("  and {} that conform, or answer the same, wherever they were seen; --all tells them", throughout)) + "\n";
  }
  return text.empty() ? "no libraries\n" : text;
}

std::string history_markdown(const History& history) {
  Fitted text("`tlsbye history --all`");
  text.add("# How the close of TLS connections changed\n\n");
  for (const History::Library& library : history.libraries) {
    std::vector<std::string> abilities;
    for (const History::Abilities& each : library.abilities) abilities.push_back(fmt::format("* {}\n", plain(story_told(library, each))));
    text.add(fmt::format("## {}\n\n{}.\n\n", plain(heading(library)), plain(sums_of(library))), abilities, abilities.empty() ? "" : "\n");
    for (const StoryPart& part : story_parts(library)) {
      if (part.stories.empty() || part.title == "Never otherwise") continue;
      std::vector<std::string> lines;
      for (const History::Story* story : part.stories) {
        std::string line = fmt::format("* {}{} ({}): {}", story->change == Change::none ? "" : plain(since(library, *story)) + ": ",
                                       code(story->name), matrix::shortly(story->columns), plain(story_told(library, *story)));
        if (const History::Span& now = story->spans.back(); !now.replay.empty()) line += "<br>" + code(now.replay);
        lines.push_back(line + "\n");
      }
      text.add(fmt::format("### {} ({})\n\n", part.title, part.stories.size()), lines, "\n");
    }
  }
  return text.text();
}

std::string history_json(const History& history) {
  Json json{{"format", "tlsbye-history/1"}, {"libraries", Json::array()}};
  for (const History::Library& library : history.libraries) {
    Json one{{"stack", library.name},
             {"builds", Json::array()},
             {"abilities", Json::array()},
             {"clauses", Json::array()},
             {"traits", Json::array()}};
    for (const StackInfo& build : library.builds)
      one["builds"].push_back({{"version", build.version}, {"library", build.library}, {"build_id", build.build_id}});
    for (const History::Abilities& each : library.abilities)
      one["abilities"].push_back({{"version", library.builds[each.build].version}, {"gained", each.gained}, {"lost", each.lost}});
    for (const History::Story& story : library.clauses) one["clauses"].push_back(story_json(library, story, "clause", "verdict"));
    for (const History::Story& story : library.traits) one["traits"].push_back(story_json(library, story, "trait", "answer"));
    json["libraries"].push_back(std::move(one));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tlsbye
