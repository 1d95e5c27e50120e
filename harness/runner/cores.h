// Processor cores: each worker, with the peers it starts, keeps to one (hops between cores cost more than the libraries do).
#pragma once

#include <vector>

namespace tlsbye {

// Those that this process may use; never none.
std::vector<int> usable_cores();

// Binds the calling thread, and with it the peers it starts, to one core. Only speed depends on it.
void keep_to(int core);

}  // namespace tlsbye
