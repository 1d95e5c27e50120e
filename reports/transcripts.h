// Transcripts as data, out/transcripts.jsonl: one line of JSON for each run that decided a cell or a trait, format "tlsbye-transcript/2",
// sorted by replay id. Its schema is reports/transcript.schema.json. From these and the run file the page is made.
//
// Events carry their fields under the names of harness/transcript/transcript.h. A word of a closed list is always there; of the rest what
// has its usual value (0, false, empty; `intact`: true) is left out. An event's number is its place, from 1. Bytes are hexadecimal.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/spill.h"
#include "harness/transcript/transcript.h"

namespace tlsbye {

// The replay id of a line of that file, by its beginning alone; nothing where it is not one of ours.
std::optional<std::string> replay_named_by(std::string_view line);

// Transcripts by replay id. They stand in a file, and each is in memory while it is looked at. Several threads may add to them at a time.
class Transcripts {
 public:
  Transcripts() : Transcripts(std::filesystem::path()) {}  // only to take those of a file
  // What is added stands in that folder.
  explicit Transcripts(const std::filesystem::path& folder) : lines_(folder) {}

  void add(const std::string& replay, const Transcript& transcript) { lines_.put(replay, line(replay, transcript)); }
  void erase(const std::string& replay) { lines_.erase(replay); }
  // Takes those of a file of this format; what is here already stays. The file must not be changed as long as these live. Strict: a
  // missing, unknown or mistyped key throws RunFileError (run_file.h), which names the line; so does a file that cannot be read. Gives the
  // replay ids that stand there.
  std::vector<std::string> take(const std::filesystem::path& file);

  bool contains(const std::string& replay) const { return lines_.contains(replay); }
  Transcript at(const std::string& replay) const;                      // throws std::out_of_range where there is none
  std::vector<std::string> replays() const { return lines_.names(); }  // sorted
  std::optional<FileError> fault() const { return lines_.fault(); }    // why some were left out, when they were added
  void write(const std::filesystem::path& file) const;                 // throws RunFileError

  // A line of the file, with its end.
  static std::string line(const std::string& replay, const Transcript& transcript);

 private:
  Spill lines_;
};

}  // namespace tlsbye
