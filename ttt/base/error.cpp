#include "base/error.h"

namespace ttt {

std::string ErrorParts::text() const {
  std::string s;
  const auto add = [&](std::string_view before, std::string_view part, std::string_view after) {
    if (!part.empty()) s.append(before).append(part).append(after);
  };
  add("", where, ": ");
  if (block && !problem_names_block) s.append("[").append(*block).append("] ");
  add("", field, " ");
  if (problem.empty()) {
    add("wanted ", wanted, got.empty() ? "" : ", ");
    add("got ", got, "");
  } else {
    s.append(problem);
  }
  add(" (", note, ")");
  return s;
}

Error::Error(ErrorKind kind, ErrorParts parts)
    : std::runtime_error(parts.text()), kind_(kind), parts_(std::make_shared<const ErrorParts>(std::move(parts))) {}

void fail(ErrorKind kind, const std::string& message) { throw Error(kind, message); }

void fail(ErrorKind kind, ErrorParts parts) { throw Error(kind, std::move(parts)); }

}  // namespace ttt
