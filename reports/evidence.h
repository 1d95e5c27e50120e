// Evidence in files for programs: an object for each line, with all its keys.
#pragma once

#include <nlohmann/json.hpp>

#include "harness/judge/judge.h"

namespace tlsbye {

// Found by the library where a list of these becomes JSON.
inline void to_json(nlohmann::ordered_json& json, const EvidenceLine& line) {
  json = {{"label", line.label}, {"text", line.text}, {"decisive", line.decisive}};
}

}  // namespace tlsbye
