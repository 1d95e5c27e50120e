// Which file a library was loaded from: what is judged may be another build than the one that the peer was linked with.
#pragma once

#include <string>

namespace tlsbye::peer {

struct LoadedFile {
  std::string path;      // absolute, links resolved; empty where nothing defines the symbol
  std::string build_id;  // its GNU build id (ld(1), --build-id) as lower-case hex; empty where it has none
};

// The file that defines `symbol`, a function of the library, for this process. Where the library is linked statically, that is the program.
LoadedFile loaded_file(const char* symbol);

}  // namespace tlsbye::peer
