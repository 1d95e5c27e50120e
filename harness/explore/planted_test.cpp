// Faults that were planted, of the judge and of a library: the explorer must find each.
//
// The tests look for each with one seed, so that they take seconds. `TLSBYE_UPDATE=1 explore-test --gtest_filter='Planted.*'` looks with
// ten, and writes after how many runs each was found into docs/exploring.md.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "harness/explore/explorer.h"
#include "harness/oracle/terms.h"

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

const std::string page = TLSBYE_SOURCE_DIR "/docs/exploring.md";
constexpr std::size_t most_runs = 20'000;

bool updating() { return std::getenv("TLSBYE_UPDATE") != nullptr; }

std::vector<std::uint64_t> seeds() {
  if (!updating()) return {5};
  return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
}

// After how many runs each fault was found, by its name; a fault that was not found is not in it.
using Found = std::map<std::string, std::size_t>;

std::string clause_of(const KeptPair& pair) { return pair.clause ? pair.clause->id : "the harness fails: " + pair.says; }

// Nothing is shrunk: all that counts is when it was found.
Found found_by(const std::vector<const Stack*>& subjects, const Stack& partner, const std::vector<Clause>& clauses, std::uint64_t seed,
               std::size_t runs) {
  static const std::atomic<bool> hurried{true};
  static const std::vector<Scenario> scenarios = load_scenarios(TLSBYE_SOURCE_DIR "/scenarios").scenarios;
  static const std::vector<Term> terms = load_terms(TLSBYE_SOURCE_DIR "/scenarios/clauses").terms;
  ExploreOptions options;
  options.seed = seed;
  options.runs = runs;
  options.terms = terms;
  options.hurried = &hurried;
  Found found;
  for (const KeptPair& pair : explore(subjects, {&partner}, scenarios, clauses, Baseline(), options, "planted").pairs) {
    std::size_t& first = found.try_emplace(clause_of(pair), pair.number + 1).first->second;
    first = std::min(first, pair.number + 1);
  }
  return found;
}

// Looks at few runs first.
template <typename Look>
auto looked_for(Look look) {
  std::size_t runs = 300;
  auto found = look(runs);
  while (!found && runs < most_runs) {
    runs = std::min(runs * 4, most_runs);
    found = look(runs);
  }
  return found;
}

// The rows of one table: a fault, in words, and after how many runs it was found with each seed.
struct Row {
  std::string name, words;
  std::vector<std::size_t> found = {};
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(row.found.size(), seeds().size()) << row.name << " is not found";
    for (const std::size_t runs : row.found) EXPECT_LE(runs, most_runs) << row.name;
  }
}

void write(const std::string& mark, const std::vector<Row>& rows) {
  std::ifstream stream(page, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::string table = "| planted | in the middle | at most | seed by seed |\n|---|--:|--:|---|\n";
  for (Row row : rows) {
    std::vector<std::size_t> sorted = row.found;
    std::sort(sorted.begin(), sorted.end());
    table += fmt::format("| {} | {} | {} | {} |\n", row.words, sorted[sorted.size() / 2], sorted.back(), fmt::join(row.found, " "));
  }
  const std::size_t opening = text.find(fmt::format("<!-- planted {}:", mark));
  ASSERT_NE(opening, std::string::npos);
  const std::size_t begin = text.find('\n', opening) + 1, closing = text.find("<!-- end -->", begin);
  std::ofstream(page, std::ios::binary) << text.substr(0, begin) << table << text.substr(closing);
}

// The page names what is planted here.
void hold_against_the_page(const std::vector<Row>& rows) {
  std::ifstream stream(page, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  for (const Row& row : rows)
    EXPECT_NE(text.find("| " + row.words + " |"), std::string::npos)
        << row.name << ": docs/exploring.md does not name it; TLSBYE_UPDATE=1 explore-test --gtest_filter='Planted.*' writes it anew";
}

std::vector<Stack> stacks_in(const fs::path& folder) {
  FoundStacks found = find_stacks(folder, std::chrono::seconds(10));
  EXPECT_THAT(found.problems, testing::IsEmpty());
  return std::move(found.stacks);
}

// A folder of links to peer programs, under other names.
class Peers {
 public:
  explicit Peers(const std::vector<std::pair<std::string, std::string>>& names) {
    fs::create_directories(folder_);
    for (const auto& [name, program] : names) {
      fs::remove(folder_ / ("tlsbye-peer-" + name));
      fs::create_symlink(fs::path(TLSBYE_BINARY_DIR) / program, folder_ / ("tlsbye-peer-" + name));
    }
  }
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;
  ~Peers() { fs::remove_all(folder_); }
  std::vector<Stack> stacks() const { return stacks_in(folder_); }

 private:
  fs::path folder_ = testing::TempDir() + "planted-" + std::to_string(::getpid());
};

const Stack& named(const std::vector<Stack>& stacks, std::string_view name) {
  return *std::find_if(stacks.begin(), stacks.end(), [&](const Stack& it) { return it.name == name; });
}

std::vector<Clause> all_clauses() { return load_clauses(TLSBYE_SOURCE_DIR "/scenarios/clauses").clauses; }

// Faults of the judge: properties that say no where the events leave it open.

bool is_own_close_notify(const Record& record) { return record.from == Side::subject && record.alert && record.alert->description == 0; }

// An unread record may be the close_notify; a transport that ended took none; an application that wanted silence gets it.
Finding misses_what_it_cannot_read(const Facts& facts, const Question&) {
  for (const Event& event : facts.events())
    if (const auto* record = event.as<Record>(); record && is_own_close_notify(*record)) return {Finding::Kind::holds, "", {event.number}};
  for (const SubjectCall& call : facts.calls())
    if (call.call == Call::close && call.api && call.api->outcome == Outcome::done)
      return {Finding::Kind::broken, "close answered done and sent no close_notify", {call.ended}};
  return {};
}

// What the wire sends again, or makes up, the library did not send.
Finding counts_what_the_wire_made(const Facts& facts, const Question&) {
  std::vector<int> seen;
  for (const Event& event : facts.events())
    if (const auto* record = event.as<Record>(); record && is_own_close_notify(*record)) seen.push_back(event.number);
  if (seen.empty()) return {};
  return {seen.size() == 1 ? Finding::Kind::holds : Finding::Kind::broken, "more than one close_notify was sent", seen};
}

// Data that never left the wire, or that a KeyUpdate in front of it holds up, cannot be read.
Finding takes_what_was_held_for_lost(const Facts& facts, const Question&) {
  bool data = false;
  for (const Event& event : facts.events()) {
    const auto* record = event.as<Record>();
    data |= record && record->from == Side::partner && record->type == ContentType::application_data && record->content_bytes > 0;
    const auto* call = event.as<ApiCall>();
    if (!data || !call || call->side != Side::subject || call->call != Call::read) continue;
    const bool got = call->bytes > 0 || call->total > 0;
    return {got ? Finding::Kind::holds : Finding::Kind::broken, "the data that the peer sent was not read", {event.number}};
  }
  return {};
}

Clause with_property(std::string id, const Property& property, const Parameters& parameters = {}) {
  Clause clause;
  clause.id = std::move(id);
  clause.strength = Strength::must;
  clause.property = &property;
  clause.parameters = parameters;
  clause.asked = Question(parameters);
  return clause;
}

// A clause that lacks one word of `given`.
Clause without(const std::vector<Clause>& clauses, std::string_view id, const std::string& word) {
  const auto found = std::find_if(clauses.begin(), clauses.end(), [&](const Clause& it) { return it.id == id; });
  EXPECT_NE(found, clauses.end()) << id;
  Clause clause = *found;
  EXPECT_EQ(std::erase(clause.parameters["given"], word), 1U) << id << " has no `" << word << "`";
  clause.id = fmt::format("{} without {}", id, word);
  clause.asked = Question(clause.parameters);
  return clause;
}

TEST(Planted, FaultsOfTheJudgeAreFound) {
  static const Property unread{"planted", "", {}, misses_what_it_cannot_read};
  static const Property made{"planted", "", {}, counts_what_the_wire_made};
  static const Property held{"planted", "", {}, takes_what_was_held_for_lost};
  const std::vector<Clause> honest = all_clauses();
  std::vector<Clause> planted{with_property("unread", unread), with_property("made", made), with_property("held", held)};
  std::vector<Row> rows{{"unread", "property: a close_notify that was not read was not sent"},
                        {"made", "property: what the wire repeats was sent twice"},
                        {"held", "property: what is held up was lost"}};
  const std::vector<std::pair<const char*, const char*>> lacking{
      {"rfc8446/closing-sends-close-notify", "not own-close-notify-sent"},
      {"openssl-shutdown/quiet-shutdown-sends-nothing", "quiet-shutdown-on"},
      {"gnutls-bye/a-reset-is-not-the-reply", "reset-arrived"},
      {"rfc8446/closing-sends-close-notify", "sending-untroubled"},
      {"wolfssl-get-shutdown/1-after-ones-own-close", "nothing-arrived"},
      {"openssl-shutdown/the-first-call-returns-0", "not end-of-data-read"},
  };
  for (const auto& [id, word] : lacking) {
    planted.push_back(without(honest, id, word));
    rows.push_back({planted.back().id, fmt::format("`{}` without `{}`", id, word)});
  }
  const std::vector<Stack> stacks = stacks_in(fs::path(TLSBYE_BINARY_DIR) / "peers");
  const std::vector<const Stack*> three{&named(stacks, "gnutls"), &named(stacks, "openssl"), &named(stacks, "wolfssl")};
  for (const std::uint64_t seed : seeds()) {
    const auto found = looked_for([&](std::size_t runs) {
      Found it = found_by(three, named(stacks, "openssl"), planted, seed, runs);
      return it.size() == rows.size() || runs == most_runs ? std::optional(std::move(it)) : std::nullopt;
    });
    for (Row& row : rows)
      if (const auto at = found->find(row.name); at != found->end()) row.found.push_back(at->second);
  }
  check(rows);
  if (updating()) return write("judge", rows);
  hold_against_the_page(rows);
}

// The same scripts with an honest OpenSSL break nothing.
TEST(Planted, FaultsOfALibraryAreFound) {
  std::vector<Row> rows{
      {"rarely-loses-a-byte", "library: the last byte of the first read behind a KeyUpdate of its own is lost"},
      {"rarely-closes-twice", "library: a close behind a close-write and data that was read since sends a second close_notify"},
      {"rarely-forgets-a-flag", "library: behind a peek the flag of the own close_notify is not set"}};
  const std::vector<Clause> clauses{
      with_property("data", *find_property("data-intact")),
      with_property("one", *find_property("one-close-notify"), {{"given", {"not option-ignore-eof"}}}),
      with_property(
          "flag", *find_property("shows"),
          {{"call", {"close"}},
           {"given", {"in-good-order", "not option-ignore-eof", "not hello-request-arrived"}},
           {"flag", {"shutdown"}},
           {"contains", {"SENT"}}}),
  };
  std::vector<std::pair<std::string, std::string>> names{{"openssl", "peers/tlsbye-peer-openssl"}};
  for (const Row& row : rows) names.emplace_back(row.name, "rogues/tlsbye-peer-rogue");
  const Peers peers(names);
  const std::vector<Stack> stacks = peers.stacks();
  const Stack& openssl = named(stacks, "openssl");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    Stack honest = openssl;
    honest.name = row.name;  // the same name, the same scripts
    for (const std::uint64_t seed : seeds()) {
      const auto found = looked_for([&](std::size_t runs) -> std::optional<std::size_t> {
        const Found by_liar = found_by({&named(stacks, row.name)}, openssl, {clauses[i]}, seed, runs);
        return by_liar.empty() ? std::nullopt : std::optional(by_liar.begin()->second);
      });
      if (!found) continue;
      row.found.push_back(*found);
      EXPECT_THAT(found_by({&honest}, openssl, {clauses[i]}, seed, *found), testing::IsEmpty()) << row.name;
    }
  }
  check(rows);
  if (updating()) return write("library", rows);
  hold_against_the_page(rows);
}

}  // namespace
}  // namespace tlsbye
