#include "peers/common/loaded_file.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstring>
#include <filesystem>
#include <system_error>

namespace tlsbye::peer {
namespace {

// A note is a header, its owner's name and its description, each padded to four bytes (elf(5), "Notes").
constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

std::string build_id_in(const char* notes, std::size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const std::size_t whole = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    if (whole > size) break;
    const char* name = notes + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
        std::memcmp(name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
      constexpr char digits[] = "0123456789abcdef";
      std::string id;
      for (const char* byte = name + padded(note.n_namesz); id.size() < 2 * note.n_descsz; ++byte) {
        id += digits[static_cast<unsigned char>(*byte) >> 4];
        id += digits[static_cast<unsigned char>(*byte) & 15];
      }
      return id;
    }
    notes += whole;
    size -= whole;
  }
  return {};
}

struct Wanted {
  const void* base;  // where the file is mapped
  std::string build_id;
};

int look_at(dl_phdr_info* file, std::size_t, void* data) {
  auto& wanted = *static_cast<Wanted*>(data);
  const char* base = reinterpret_cast<const char*>(file->dlpi_addr);
  bool is_it = false;
  for (int i = 0; i < file->dlpi_phnum; ++i) {
    const auto& segment = file->dlpi_phdr[i];
    is_it = is_it || (segment.p_type == PT_LOAD && segment.p_offset == 0 && base + segment.p_vaddr == wanted.base);
  }
  if (!is_it) return 0;
  for (int i = 0; i < file->dlpi_phnum && wanted.build_id.empty(); ++i) {
    const auto& segment = file->dlpi_phdr[i];
    if (segment.p_type == PT_NOTE) wanted.build_id = build_id_in(base + segment.p_vaddr, segment.p_memsz);
  }
  return 1;
}

}  // namespace

LoadedFile loaded_file(const char* symbol) {
  void* function = ::dlsym(RTLD_DEFAULT, symbol);
  Dl_info info{};
  if (!function || ::dladdr(function, &info) == 0 || !info.dli_fname) return {};
  Wanted wanted{info.dli_fbase, {}};
  ::dl_iterate_phdr(look_at, &wanted);
  std::error_code error;
  const auto path = std::filesystem::canonical(info.dli_fname, error);
  return {error ? info.dli_fname : path.string(), wanted.build_id};
}

}  // namespace tlsbye::peer
