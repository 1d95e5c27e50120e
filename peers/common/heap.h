// The memory of the library under test: an allocation that it makes in a close can be made to fail.
//
// The program defines malloc, calloc and realloc itself, before libc's (heap.cpp). An allocation is the library's unless code of the
// program (the adapter's too) or of the C++ runtime makes it; those never fail. If a sanitizer has the allocator, nothing can be made to
// fail.
#pragma once

#include <cstddef>
#include <optional>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TLSBYE_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TLSBYE_SANITIZED
#endif

namespace tlsbye::peer::heap {

// Whether an allocation can be made to fail in a peer. An adapter may ask this in a program that lacks the rest (the benchmark).
#ifdef TLSBYE_SANITIZED
inline constexpr bool possible = false;
#else
inline constexpr bool possible = true;
#endif

// After so many more allocations of the library in calls that count, the next one fails; once.
void starve(long after);
void forget();

// As long as one of these lives, the library's allocations in this thread count.
class Counting {
 public:
  explicit Counting(bool on);
  ~Counting();
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
};

struct Failed {
  const char* function;
  std::size_t size;
};
// The one that was made to fail since this was last asked.
std::optional<Failed> take_failed();

}  // namespace tlsbye::peer::heap
