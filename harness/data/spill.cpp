#include "harness/data/spill.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace tlsbye {

namespace fs = std::filesystem;

struct Spill::File {
  explicit File(int number) : descriptor(number) {}
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int descriptor;
};

namespace {

// A file without a name; -1 and errno where there can be none.
int unnamed(const fs::path& folder) {
  if (const int made = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); made >= 0) return made;
  // Some file systems have no such files: then it loses its name at once.
  std::string name = (folder / ".spill-XXXXXX").string();
  const int made = ::mkostemp(name.data(), O_CLOEXEC);
  if (made >= 0) ::unlink(name.c_str());
  return made;
}

int write_at(int descriptor, std::string_view text, off_t at) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(descriptor, text.data(), text.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return 0;
}

// As many bytes as there are, and at most `size`.
std::string read_at(int descriptor, std::size_t size, off_t at) {
  std::string text(size, '\0');
  std::size_t had = 0;
  while (had < size) {
    const ssize_t got = ::pread(descriptor, text.data() + had, size - had, at + static_cast<off_t>(had));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "what was kept of a run cannot be read");
    if (got == 0) break;
    had += static_cast<std::size_t>(got);
  }
  text.resize(had);
  return text;
}

}  // namespace

void Spill::put(const std::string& name, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (fault_) return;
  if (!own_) own_ = std::make_shared<File>(unnamed(folder_));
  const int problem = own_->descriptor < 0 ? errno : write_at(own_->descriptor, text, end_);
  if (problem != 0) {
    fault_ = FileError{fmt::format("cannot be written: {}", std::strerror(problem))};
    return;
  }
  places_.insert_or_assign(name, Place{own_, end_, text.size()});
  end_ += static_cast<off_t>(text.size());
}

void Spill::erase(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found == places_.end()) return;
  const Place& it = found->second;
  // The disk gets back what it can take back.
  if (it.file == own_) ::fallocate(own_->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, it.at, static_cast<off_t>(it.size));
  places_.erase(found);
}

std::optional<FileError> Spill::take(const fs::path& file, const std::function<std::string(std::string_view line)>& name_of) {
  if (struct stat about{}; ::stat(file.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) return FileError{"is not a file"};
  const auto from = std::make_shared<const File>(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const auto unreadable = [](int error) { return FileError{fmt::format("cannot be read: {}", std::strerror(error))}; };
  if (from->descriptor < 0) return unreadable(errno);
  const std::lock_guard lock(mutex_);
  constexpr std::size_t step = std::size_t{1} << 20;
  std::string begun;  // a line whose end is not there yet
  off_t at = 0;       // where it begins
  const auto take_line = [&](std::string_view line) {
    places_.try_emplace(name_of(line), Place{from, at, line.size()});
    at += static_cast<off_t>(line.size()) + 1;
  };
  try {
    for (off_t read = 0;;) {
      const std::string more = read_at(from->descriptor, step, read);
      if (more.empty()) break;
      read += static_cast<off_t>(more.size());
      std::string_view left = more;
      for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
        begun += left.substr(0, end);
        take_line(std::exchange(begun, {}));
        left.remove_prefix(end + 1);
      }
      begun += left;
    }
  } catch (const std::system_error& error) {
    return unreadable(error.code().value());
  }
  if (!begun.empty()) take_line(begun);
  return std::nullopt;
}

bool Spill::contains(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return places_.contains(name);
}

std::string Spill::get(const std::string& name) const {
  Place it;
  {
    const std::lock_guard lock(mutex_);
    it = places_.at(name);
  }
  return read_at(it.file->descriptor, it.size, it.at);
}

std::vector<std::string> Spill::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [name, place] : places_) all.push_back(name);
  return all;
}

std::size_t Spill::held() const {
  const std::lock_guard lock(mutex_);
  constexpr std::size_t node = sizeof(std::pair<const std::string, Place>) + 4 * sizeof(void*);
  std::size_t bytes = sizeof(*this);
  for (const auto& [name, place] : places_) bytes += node + name.capacity();
  return bytes;
}

std::optional<FileError> Spill::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace tlsbye
