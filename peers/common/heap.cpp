#include "peers/common/heap.h"

#include <link.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace tlsbye::peer::heap {
namespace {

struct Range {
  std::uintptr_t begin = 0, end = 0;
  bool has(std::uintptr_t address) const { return address >= begin && address < end; }
};

// Nothing here allocates.
thread_local bool counts = false;
std::atomic<long> left = -1;  // allocations until one fails; negative: none will. Two threads may close at once
std::optional<Failed> failed;
std::array<Range, 4> ours;  // the code of this program, and of the C++ runtime

int note_ours(dl_phdr_info* file, std::size_t, void* next) {
  const std::string_view name = file->dlpi_name;
  auto& at = *static_cast<std::size_t*>(next);
  const bool program = name.empty() && at == 0;
  if (!program && name.find("/libstdc++.so") == std::string_view::npos && name.find("/libc++.so") == std::string_view::npos) return 0;
  Range range{UINTPTR_MAX, 0};
  for (int i = 0; i < file->dlpi_phnum; ++i) {
    const auto& segment = file->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    range.begin = std::min<std::uintptr_t>(range.begin, file->dlpi_addr + segment.p_vaddr);
    range.end = std::max<std::uintptr_t>(range.end, file->dlpi_addr + segment.p_vaddr + segment.p_memsz);
  }
  if (at < ours.size()) ours[at++] = range;
  return 0;
}

#ifndef TLSBYE_SANITIZED
bool fails(const char* function, std::size_t size, const void* caller) {
  if (!counts || left < 0) return false;
  for (const Range& range : ours)
    if (range.has(reinterpret_cast<std::uintptr_t>(caller))) return false;
  if (left.fetch_sub(1) != 0) return false;
  failed = {function, size};
  errno = ENOMEM;
  return true;
}
#endif

}  // namespace

void starve(long after) {
  std::size_t next = 0;
  ours = {};
  ::dl_iterate_phdr(note_ours, &next);
  left = after;
}
void forget() {
  left = -1;
  failed.reset();
}

Counting::Counting(bool on) { counts = on; }
Counting::~Counting() { counts = false; }

std::optional<Failed> take_failed() { return std::exchange(failed, std::nullopt); }

}  // namespace tlsbye::peer::heap

#ifndef TLSBYE_SANITIZED
extern "C" {
// libc's own, under the names that it keeps for who defines the usual ones.
void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* before, std::size_t size);      // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) noexcept {
  return tlsbye::peer::heap::fails("malloc", size, __builtin_return_address(0)) ? nullptr : __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  return tlsbye::peer::heap::fails("calloc", count * size, __builtin_return_address(0)) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* before, std::size_t size) noexcept {
  return tlsbye::peer::heap::fails("realloc", size, __builtin_return_address(0)) ? nullptr : __libc_realloc(before, size);
}
}
#endif
