// Where a run comes from (harness/judge/provenance.h), as the command line knows it.
#pragma once

#include "harness/cli/selection.h"
#include "harness/judge/known.h"

namespace tlsbye {

// The commit that this program was built of, "3a8f221ab01c", with `-changed` where files were not committed; or `unknown`.
extern const char* const commit;

// The command that was given, ready to be pasted, without those words on which no verdict depends (--out, --jobs, ...).
std::string deciding_command(const House& house);
// The same of `tlsbye explore`, with the seed that was taken and the runs that were made, whatever bounded them.
std::string exploring_command(const House& house, std::uint64_t seed, std::size_t runs);

Provenance provenance_of(const House& house, const RunWords& words, const Selected& chosen, const LoadedKnown& known);

}  // namespace tlsbye
