// Versions of libraries, in the order in which they were released.
#pragma once

#include <string_view>

namespace tlsbye {

// Below, at or above 0, as `one` is older than `other`, as old, or newer. Number by number: 3.8.9 < 3.8.13, and what is missing is 0. A
// letter behind a number is a later release (OpenSSL's 1.1.1 < 1.1.1w); a word that announces a release comes before it (4.0.0-beta1,
// 3.2.0~rc2 < 3.2.0). What stands behind a `+`, a label or a repack, decides last.
int compare_versions(std::string_view one, std::string_view other);

// Whether a version is one of those that a word of the command line names: `3.5` (3.5 and 3.5.9, not 3.50), `>=3.2`, `>`, `<=`, `<`, `=`;
// several with commas between them must all hold (`>=3,<4`). Else the word is a glob.
bool is_version_of(std::string_view word, std::string_view version);

}  // namespace tlsbye
