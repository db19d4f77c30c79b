#include "apps/ttt/arguments.h"

#include <charconv>
#include <cstdint>

#include "base/error.h"

namespace ttt::app {
namespace {

// Empty, or what is wrong with the argument.
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

}  // namespace

void let_the_last_win(CLI::App& app) { app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast); }

void check_numbers(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    for (CLI::Option* option : command->get_options()) {
      const std::string type = option->get_expected_max() == 0 ? std::string() : option->get_type_name();
      if (type == "INT") option->check(number<std::int64_t>("an integer"));
      if (type == "UINT") option->check(number<std::uint64_t>("an integer of at least 0"));
      if (type == "FLOAT") option->check(number<double>("a number"));
    }
  }
}

}  // namespace ttt::app
