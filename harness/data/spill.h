// Texts by name, in files instead of in memory: of each, memory holds its name and its place. So what grows with the number of libraries
// does not have to fit into memory.
//
// A spill's own file has no name, and ends with the program, however that ends. Texts that stand in a file already are taken from there.
// Several threads may use one spill at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/data/file.h"

namespace tlsbye {

class Spill {
 public:
  // The own file is made in that folder, when the first text is put in.
  explicit Spill(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // In the place of what had that name before. Where it cannot be written, it is left out, as are all that come later: `fault` says why.
  void put(const std::string& name, std::string_view text);
  void erase(const std::string& name);
  // Takes each line of a file under the name that `name_of` gives it; what has that name already stays. The file must not be changed as
  // long as the spill lives.
  std::optional<FileError> take(const std::filesystem::path& file, const std::function<std::string(std::string_view line)>& name_of);

  bool contains(const std::string& name) const;
  std::string get(const std::string& name) const;  // throws std::out_of_range where there is none, std::system_error for the system
  std::vector<std::string> names() const;          // sorted
  std::size_t held() const;                        // bytes of memory that it takes
  std::optional<FileError> fault() const;

 private:
  struct File;
  struct Place {
    std::shared_ptr<const File> file;
    off_t at = 0;
    std::size_t size = 0;
  };
  std::filesystem::path folder_;
  mutable std::mutex mutex_;
  std::shared_ptr<const File> own_;
  off_t end_ = 0;  // of the own file
  std::map<std::string, Place> places_;
  std::optional<FileError> fault_;
};

}  // namespace tlsbye
