#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace ttt::app {

// The command line. Only arguments.cpp sees CLI11, whose headers are slow to compile.

using Run = std::function<int()>;  // the chosen command; returns the exit status

enum class Option : std::uint8_t { kMayBeMissing, kRequired, kShowsDefault };

// One sub-command. Values must outlive the parsing. If an option is given twice, the last one counts. A numeric
// option takes one number of its type and nothing else.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(app) {}

  template <class T>
  void option(const char* names, T& value, const std::string& help, Option kind = Option::kMayBeMissing) {
    add(names, &value, help, kind);
  }
  void flag(const char* name, bool& value, const std::string& help);
  void flag(const char* name, int& count, const std::string& help);
  void make_optional(const char* name);  // an option that was added as required
  // Each option that was added is also read from an environment variable, unless the command line has it: --max-queue
  // from PREFIX_MAX_QUEUE. A flag is set by 1 or true.
  void read_environment(const std::string& prefix);

 private:
  void add(const char* names, std::string* value, const std::string& help, Option kind);
  void add(const char* names, std::optional<std::string>* value, const std::string& help, Option kind);
  void add(const char* names, double* value, const std::string& help, Option kind);
  void add(const char* names, std::optional<double>* value, const std::string& help, Option kind);
  void add(const char* names, std::int64_t* value, const std::string& help, Option kind);
  void add(const char* names, std::optional<std::int64_t>* value, const std::string& help, Option kind);
  void add(const char* names, std::optional<std::uint64_t>* value, const std::string& help, Option kind);

  CLI::App& app_;
};

class Arguments {
 public:
  Arguments(const std::string& description, const std::string& examples, const std::string& version);
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  Command command(const char* name, const std::string& description, const std::string& examples, Run run);

  // The function of the chosen command or, for --help and --version, one that prints their text. Error{kUsage}.
  struct Parsed {
    Run run = {};
    std::string text = {};
  };
  Parsed parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  Run chosen_;
};

}  // namespace ttt::app
