// What commands that work for long have in common: a folder that is theirs while they write to it, and an end that loses nothing.
#pragma once

#include <atomic>
#include <filesystem>
#include <initializer_list>

namespace tlsbye {

// From the first call on Ctrl-C, SIGTERM and the terminal's end (SIGHUP) set the flag that it gives; a second Ctrl-C ends the program at
// once. The terminal's end counts as one interruption, however often it is reported.
const std::atomic<bool>& interrupted_gently();
// The same of a second Ctrl-C, for what begins to clear up after the first: then it is the third that ends the program.
const std::atomic<bool>& interrupted_again();

// Finds out before anything is run whether there will be a place for the results, and keeps others out of it as long as it lives. Throws
// Stop where there is none.
class OutFolder {
 public:
  // `inside`: folders to make in it.
  explicit OutFolder(const std::filesystem::path& out, std::initializer_list<const char*> inside = {});
  ~OutFolder();
  OutFolder(const OutFolder&) = delete;
  OutFolder& operator=(const OutFolder&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace tlsbye
