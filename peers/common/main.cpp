// The main() of every stack's peer. TLSBYE_STACK is the name of the function that makes the stack, make_<stack>: CMake sets it.
#include "peers/common/stack.h"

namespace tlsbye::peer {
std::unique_ptr<Stack> TLSBYE_STACK();
}

int main() {
  const auto stack = tlsbye::peer::TLSBYE_STACK();
  return tlsbye::peer::serve(*stack);
}
