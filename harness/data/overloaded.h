// One function out of several, for std::visit: a member of the variant that none of them takes does not compile.
//
//     std::visit(Overloaded{[](const Release& it) { ... }, [](const Stall& it) { ... }}, order);
#pragma once

namespace tlsbye {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;  // clang before 17 does not see it by itself

}  // namespace tlsbye
