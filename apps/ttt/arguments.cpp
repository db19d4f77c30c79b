#include "apps/ttt/arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <sstream>
#include <utility>

#include "base/error.h"

namespace ttt::app {
namespace {

// Empty, or what is wrong with the argument. By itself CLI11 reads "" as 0 and a number that is too large as the
// largest.
template <class T>
std::string problem_of(const std::string& argument, std::string_view wanted) {
  std::string_view s = argument;
  if (s.starts_with('+')) s.remove_prefix(1);
  T value{};
  const auto r = std::from_chars(s.data(), s.data() + s.size(), value);
  if (r.ec == std::errc{} && r.ptr == s.data() + s.size()) return {};
  const bool too_large = r.ec == std::errc::result_out_of_range;
  return text("wanted ", wanted, ", got ", too_large ? "one out of range: " : "", "\"", argument, "\"");
}

template <class T>
CLI::Validator number(std::string_view wanted) {
  return {[wanted](std::string& argument) { return problem_of<T>(argument, wanted); }, ""};
}

template <class T>
CLI::Option& add_option(CLI::App& app, const char* names, T* value, const std::string& help, Option kind) {
  CLI::Option& option = *app.add_option(names, *value, help);
  if (kind == Option::kRequired) option.required();
  if (kind == Option::kShowsDefault) option.capture_default_str();
  return option;
}

}  // namespace

void Command::flag(const char* name, bool& value, const std::string& help) { app_.add_flag(name, value, help); }
void Command::flag(const char* name, int& count, const std::string& help) { app_.add_flag(name, count, help); }
void Command::read_environment(const std::string& prefix) {
  for (CLI::Option* option : app_.get_options()) {
    if (option->get_lnames().empty() || option == app_.get_help_ptr()) continue;
    std::string name = prefix;
    for (const char c : "_" + option->get_lnames().back()) {
      name.push_back(c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    }
    option->envname(name);
  }
}
void Command::make_optional(const char* name) { app_.get_option(name)->required(false); }

void Command::add(const char* names, std::string* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind);
}
void Command::add(const char* names, std::optional<std::string>* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind);
}
void Command::add(const char* names, double* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind).check(number<double>("a number"));
}
void Command::add(const char* names, std::optional<double>* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind).check(number<double>("a number"));
}
void Command::add(const char* names, std::int64_t* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind).check(number<std::int64_t>("an integer"));
}
void Command::add(const char* names, std::optional<std::int64_t>* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind).check(number<std::int64_t>("an integer"));
}
void Command::add(const char* names, std::optional<std::uint64_t>* value, const std::string& help, Option kind) {
  add_option(app_, names, value, help, kind).check(number<std::uint64_t>("an integer of at least 0"));
}

Arguments::Arguments(const std::string& description, const std::string& examples, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, "ttt")) {
  app_->footer(examples);
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}
Arguments::~Arguments() = default;

Command Arguments::command(const char* name, const std::string& description, const std::string& examples, Run run) {
  CLI::App& command = *app_->add_subcommand(name, description);
  command.footer(examples);
  command.callback([this, run = std::move(run)] { chosen_ = run; });
  return Command(command);
}

Arguments::Parsed Arguments::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // Help and the version come this way too, and are no errors.
    if (e.get_exit_code() != 0) fail(ErrorKind::kUsage, text(e.what(), "; --help says more"));
    std::ostringstream said;
    app_->exit(e, said, said);
    return {.run = {}, .text = said.str()};
  }
  return {.run = chosen_, .text = {}};
}

}  // namespace ttt::app
