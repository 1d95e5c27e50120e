#include "harness/cli/liars.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include "harness/data/diagnostic.h"
#include "harness/data/file.h"

namespace tlsbye {
namespace {

class Reader {
 public:
  Reader(const std::filesystem::path& file, LoadedLiars& loaded) : file_(file), loaded_(loaded) {}

  void read() {
    const auto text = read_text(file_, loaded_.diagnostics);
    if (!text) return;
    try {
      const toml::table root = toml::parse(*text, file_.string());
      for (const auto& [key, node] : root) {
        if (key != "liar" || !node.is_array_of_tables()) {
          complain(key.source(), fmt::format("`{}` is not known here", key.str()), "a liar is a [[liar]]");
          continue;
        }
        for (const auto& entry : *node.as_array()) read_liar(*entry.as_table());
      }
    } catch (const toml::parse_error& error) {
      complain(error.source(), std::string(error.description()), "");
    }
  }

 private:
  void complain(const toml::source_region& where, std::string problem, std::string suggestion) {
    loaded_.diagnostics.push_back({file_.string(), static_cast<int>(where.begin.line), static_cast<int>(where.begin.column), "",
                                   std::move(problem), std::move(suggestion)});
  }

  static std::vector<std::string> words(const toml::node& node) {
    if (const auto one = node.value<std::string>()) return {*one};
    if (const auto number = node.value<std::int64_t>()) return {fmt::format("{}", *number)};
    std::vector<std::string> list;
    if (const toml::array* array = node.as_array())
      for (const auto& item : *array) list.push_back(item.value_or(std::string()));
    return list;
  }

  template <typename Enum>
  void read_enum(const toml::node& node, Enum& value) {
    const auto word = read_word<Enum>(node.value_or(std::string_view()));
    if (word)
      value = *word;
    else
      complain(node.source(), "not a word of that list",
               did_you_mean(node.value_or(std::string_view()), {Words<Enum>::list.begin(), Words<Enum>::list.end()}));
  }

  void read_liar(const toml::table& table) {
    Liar liar;
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      if (name == "property") {
        const auto word = node.value_or(std::string());
        liar.property = find_property(word);
        if (!liar.property) complain(node.source(), fmt::format("there is no property `{}`", word), "");
      } else if (name == "with" && node.is_table()) {
        for (const auto& [parameter, value] : *node.as_table()) liar.parameters.emplace(parameter.str(), words(value));
      } else if (name == "lie") {
        liar.lie = node.value_or(std::string());
      } else if (name == "blame") {
        liar.blame = node.value_or(false);
      } else if (name == "role") {
        read_enum(node, liar.role);
      } else if (name == "tls") {
        read_enum(node, liar.tls);
      } else if (name == "io") {
        read_enum(node, liar.io);
      } else if (name == "options") {
        liar.scenario.options = words(node);
      } else if (name == "schedule") {
        auto schedule = read_schedule(node.value_or(std::string()));
        if (const auto* problem = std::get_if<std::string>(&schedule))
          complain(node.source(), *problem, "");
        else
          liar.schedule = std::get<Schedule>(std::move(schedule));
      } else if (name == "script" && node.is_string()) {
        const std::string text = node.value_or(std::string());
        // A ''' string begins on the line after its quotes.
        liar.scenario.script = parse_script(text, file_.string(), static_cast<int>(node.source().begin.line) + 1, loaded_.diagnostics);
        std::size_t at = 0;
        while (at < text.size()) {
          const std::size_t end = std::min(text.find('\n', at), text.size());
          liar.scenario.lines.push_back(text.substr(at, end - at));
          at = end + 1;
        }
      } else {
        complain(key.source(), fmt::format("`{}` is not known in a [[liar]]", name),
                 "property, with, lie, blame, role, tls, io, options, schedule, script");
      }
    }
    if (!liar.property || liar.scenario.script.empty() || liar.lie.empty() != liar.blame) {
      complain(table.source(), "a [[liar]] needs a property, a script, and either a lie or blame = true", "");
      return;
    }
    liar.scenario.id = fmt::format("liars/{}", liar.lie.empty() ? "the-wire" : liar.lie);
    liar.scenario.file = file_;
    loaded_.liars.push_back(std::move(liar));
  }

  const std::filesystem::path& file_;
  LoadedLiars& loaded_;
};

}  // namespace

LoadedLiars load_liars(const std::filesystem::path& file) {
  LoadedLiars loaded;
  Reader(file, loaded).read();
  return loaded;
}

}  // namespace tlsbye
