// What is written into the folder of results.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "harness/cli/campaign.h"
#include "harness/cli/commands.h"
#include "harness/cli/out_folder.h"
#include "harness/judge/known.h"

namespace tlsbye {

// Everything that is written of a run: the run file first, and last, by `write_runs`, the many files of single runs, which the list of
// transcripts names already. What an earlier run has left there goes. Gives what could not be written: nothing is written after it.
std::optional<Stop> write_results(const House& house, const std::filesystem::path& out, const RunReport& report,
                                  const Transcripts& transcripts, const std::function<void()>& write_runs);

// The deciding runs, a file each: told, and as what Wireshark opens.
void write_runs(const std::filesystem::path& out, const KeptRuns& kept);

// The list of that name, or the usual one; throws Stop where it has mistakes.
LoadedKnown known_of(const House& house, const std::filesystem::path& named);

}  // namespace tlsbye
