#include "text/grammar/json_format.h"

#include "base/error.h"
#include "text/grammar/regular_expression.h"

namespace ttt {
namespace {

std::string date() {
  // Years that are divisible by 4, and by 400 where they are by 100; not the year 0.
  const std::string leap = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";
  const std::string year = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])";
  return text("(?:", year,
              "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1["
              "0-9]|2[0-8]))|",
              leap, "-02-29)");
}

std::string time_of_day() {
  return "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
}

std::string ipv4() {
  const std::string byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  return text(byte, "(?:\\.", byte, "){3}");
}

std::string ipv6() {
  const std::string group = "[0-9a-fA-F]{1,4}";
  std::string all = text("(?:", group, ":){7}", group, "|::");
  // "::" stands for two groups at least.
  for (int before = 0; before <= 6; ++before) {
    for (int after = 0; before + after <= 6; ++after) {
      if (before + after == 0) continue;
      std::string one = "|";
      for (int i = 0; i < before; ++i) one += (i > 0 ? ":" : "") + group;
      one += "::";
      for (int i = 0; i < after; ++i) one += (i > 0 ? ":" : "") + group;
      all += one;
    }
  }
  return all;
}

std::string label() { return "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"; }

std::optional<std::string> expression(std::string_view name) {
  if (name == "date") return date();
  if (name == "time") return time_of_day();
  if (name == "date-time") return date() + "T" + time_of_day();
  if (name == "duration") {
    return "P(?:[0-9]{1,9}W|(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)(?:"
           "T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))?"
           "|T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))";
  }
  if (name == "uuid") return "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
  if (name == "email") {
    return text("[A-Za-z0-9_%+-]{1,20}(?:\\.[A-Za-z0-9_%+-]{1,20}){0,2}@", label(), "(?:\\.", label(), "){1,3}");
  }
  if (name == "hostname") return text(label(), "(?:\\.", label(), "){0,3}");
  if (name == "uri") {
    return text(
        "[a-z][a-z0-9+.-]{1,15}://", label(), "(?:\\.", label(),
        "){0,5}(?::[1-9][0-9]{0,3})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*)?(?:\\?(?:[A-Za-z0-9._~!$&'()*"
        "+,;=:@/?-]|%[0-9A-F]{2})*)?");
  }
  if (name == "ipv4") return ipv4();
  if (name == "ipv6") return ipv6();
  return std::nullopt;
}

}  // namespace

std::optional<Regular> json_format(std::string_view name, const GrammarLimits& limits, std::string_view where) {
  const std::optional<std::string> e = expression(name);
  if (!e) return std::nullopt;
  return resolve_assertions(read_regular_expression(*e, limits, where), false);
}

}  // namespace ttt
