#pragma once

// Runs the tool as a user does: arguments, standard input, signals; what it wrote and how it ended.

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt::support {

struct Finished {
  int status = -1;  // exit status; 128 + signal when one ended it, -1 when it had to be killed
  std::string out, err;
};

struct ProcessOptions {
  std::string input = {};                           // standard input
  std::vector<std::string> environment = {};        // NAME=VALUE, beside what this process has
  std::string output_file = {};                     // where standard output goes instead of to the test
  std::string input_file = {};                      // where standard input comes from instead of `input`
  std::vector<int> closed = {};                     // file descriptors
  std::vector<std::pair<int, rlim_t>> limits = {};  // RLIMIT_..., bytes
};

class Process {
 public:
  // Runs until finish(); what the destructor finds still running is killed.
  Process(const std::string& program, std::vector<std::string> arguments, const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;

  // Reads until standard output (or error) holds `bytes` bytes, or `text`. False: the process ended, or is too slow.
  bool wait_for_output(std::size_t bytes);
  bool wait_for_error(std::string_view text);

  // As a reader that has seen enough.
  void close_output();

  Finished finish();

 private:
  bool pump(const std::function<bool()>& enough);

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  Finished result_;
};

// Runs a program to its end.
Finished run(const std::string& program, std::vector<std::string> arguments, const ProcessOptions& options = {});

}  // namespace ttt::support
