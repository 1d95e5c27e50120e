// Transcripts as data, out/transcripts.jsonl: one line of JSON for each run that decided a cell or a trait, format "tlsbye-transcript/2",
// sorted by replay id. Its schema is reports/transcript.schema.json. From these and the run file the page is made.
//
// Events carry their fields under the names of harness/transcript/transcript.h. A word of a closed list is always there; of the rest what
// has its usual value (0, false, empty; `intact`: true) is left out. An event's number is its place, from 1. Bytes are hexadecimal.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/transcript/transcript.h"

namespace tlsbye {

using Transcripts = std::map<std::string, Transcript>;  // by replay id

std::string transcripts_json(const Transcripts& transcripts);

// The replay id of a line of that file, by its beginning alone; nothing where it is not one of ours.
std::optional<std::string> replay_named_by(std::string_view line);

// `name` is for messages. Strict: a missing, unknown or mistyped key throws RunFileError (run_file.h), which names the line.
Transcripts parse_transcripts(std::string_view text, const std::string& name);
// Throws RunFileError in the system's words.
Transcripts read_transcripts(const std::filesystem::path& file);

}  // namespace tlsbye
