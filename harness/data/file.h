// Reading and writing whole files, with errors that are told in words: every file that a user names, or that lies in a folder which a user
// names, comes and goes this way.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/data/diagnostic.h"

namespace tlsbye {

// Why a file could not be read or written, without its name: "cannot be read: Permission denied".
struct FileError {
  std::string what;
  bool of_the_disk = false;  // which is full, has a limit, or fails: the name is right
};

// A file's content. What is not a file (a folder, a device, a socket, a pipe without a writer) is an error, and never waited for;
// a pipe with a writer, as a shell makes it of `<(...)`, is read to its end. So is a file of more than `most` bytes.
std::variant<std::string, FileError> read_file(const std::filesystem::path& file, std::size_t most = std::size_t{1} << 30);

// The same of a file of data; an error is a diagnostic.
std::optional<std::string> read_text(const std::filesystem::path& file, std::vector<Diagnostic>& diagnostics);

// Writes by way of a temporary file beside it, so that the file is whole or as it was before. What is there and is not a file (/dev/stdout,
// a pipe) is written to as it is.
std::optional<FileError> write_file(const std::filesystem::path& file, std::string_view text);
// The same of a text in pieces: `next` gives one after the other, and an empty one at the end.
std::optional<FileError> write_file(const std::filesystem::path& file, const std::function<std::string()>& next);

}  // namespace tlsbye
