#include "harness/data/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tlsbye {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_data = std::size_t{16} << 20;  // of a file that people write

FileError unreadable(int error) { return {fmt::format("cannot be read: {}", std::strerror(error))}; }

// An open descriptor, closed at the end.
class Open {
 public:
  Open(const fs::path& file, int flags) : descriptor_(::open(file.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0666)) {}
  ~Open() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  int get() const { return descriptor_; }
  // Whether it could be closed, which is when some file systems say that they are full.
  bool close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return ::close(descriptor) == 0;
  }

 private:
  int descriptor_;
};

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "is a folder, not a file";
  if (S_ISSOCK(mode)) return "is a socket, not a file";
  return "is a device, not a file";
}

using Pieces = std::function<std::string_view()>;

// All pieces, up to an empty one; the errno otherwise.
int write_all(Open& out, const Pieces& next) {
  for (std::string_view text = next(); !text.empty(); text = next()) {
    while (!text.empty()) {
      const ssize_t written = ::write(out.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return out.close() ? 0 : errno;
}

FileError unwritable(int error) {
  const bool of_the_disk = error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;
  return {fmt::format("cannot be written: {}", std::strerror(error)), of_the_disk};
}

// A name of an open descriptor: what a shell has sent there before stays.
bool is_descriptor(const fs::path& file) {
  const std::string_view name = file.native();
  return name == "/dev/stdout" || name == "/dev/stderr" || name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/");
}

std::optional<FileError> write_as_it_is(const fs::path& file, int flags, const Pieces& next) {
  Open out(file, O_WRONLY | flags);
  if (out.get() < 0) return unwritable(errno);
  const int problem = write_all(out, next);
  return problem == 0 ? std::nullopt : std::optional(unwritable(problem));
}

// A name beside the file; it is up to O_EXCL to find out if another process takes it first.
fs::path unused_name(const fs::path& file) {
  std::error_code ignored;
  for (int number = 0;; ++number) {
    fs::path name = fmt::format("{}.partial-{}-{}", file.string(), ::getpid(), number);
    if (!fs::exists(fs::symlink_status(name, ignored))) return name;
  }
}

std::optional<FileError> write_pieces(const fs::path& file, const Pieces& next) {
  std::error_code error;
  const fs::file_status there = fs::status(file, error);
  if (fs::is_directory(there)) return FileError{"cannot be written: it is a folder"};
  if (is_descriptor(file)) return write_as_it_is(file, O_APPEND, next);
  if (fs::exists(there) && !fs::is_regular_file(there)) return write_as_it_is(file, 0, next);
  if (fs::exists(there) && ::access(file.c_str(), W_OK) != 0) return unwritable(errno);
  // Through a link to the file that it stands for.
  const fs::path target = fs::exists(there) ? fs::canonical(file, error) : file;
  // Under an unused name: every other file of the folder may be the user's.
  const fs::path partial = unused_name(target);
  Open out(partial, O_WRONLY | O_CREAT | O_EXCL);
  if (out.get() < 0 && fs::exists(there)) return write_as_it_is(file, O_TRUNC, next);  // its folder takes no further file
  if (out.get() < 0) return unwritable(errno);
  if (fs::exists(there)) ::fchmod(out.get(), static_cast<mode_t>(there.permissions()) & 07777);
  int problem = write_all(out, next);
  if (problem == 0 && ::rename(partial.c_str(), target.c_str()) != 0) problem = errno;
  if (problem == 0) return std::nullopt;
  ::unlink(partial.c_str());
  return unwritable(problem);
}

}  // namespace

std::variant<std::string, FileError> read_file(const fs::path& file, std::size_t most) {
  struct stat about {};
  // Asked before it is opened: to open a device may do something, and a socket cannot be opened.
  if (::stat(file.c_str(), &about) != 0) return unreadable(errno);
  if (!S_ISREG(about.st_mode) && !S_ISFIFO(about.st_mode)) return FileError{std::string(kind_of(about.st_mode))};
  const Open in(file, O_RDONLY | O_NONBLOCK);
  if (in.get() < 0) return unreadable(errno);
  std::string text;
  for (;;) {
    constexpr std::size_t step = 1 << 16;
    const std::size_t had = text.size();
    text.resize(had + step);
    const ssize_t got = ::read(in.get(), text.data() + had, step);
    const int error = errno;
    text.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) break;
    if (text.size() > most) return FileError{fmt::format("is larger than {} MiB", most >> 20)};
    if (got > 0 || error == EINTR) continue;
    if (error != EAGAIN) return unreadable(error);
    struct pollfd wait {
      in.get(), POLLIN, 0
    };
    ::poll(&wait, 1, -1);
  }
  if (text.empty() && S_ISFIFO(about.st_mode)) return FileError{"is a pipe into which nothing is written"};
  return text;
}

std::optional<std::string> read_text(const fs::path& file, std::vector<Diagnostic>& diagnostics) {
  auto read = read_file(file, largest_data);
  if (const auto* error = std::get_if<FileError>(&read)) {
    diagnostics.push_back({file.string(), 0, 0, {}, error->what, {}});
    return std::nullopt;
  }
  return std::get<std::string>(std::move(read));
}

std::optional<FileError> write_file(const fs::path& file, std::string_view text) {
  return write_pieces(file, [&] { return std::exchange(text, {}); });
}

std::optional<FileError> write_file(const fs::path& file, const std::function<std::string()>& next) {
  std::string piece;
  return write_pieces(file, [&] { return std::string_view(piece = next()); });
}

}  // namespace tlsbye
