#pragma once

#include <cstddef>
#include <string_view>

#include "text/template/functions.h"

namespace ttt::jinja {

// A call of a method of a text. `name` is one of Python's str.
struct TextMethodCall {
  Rendering& r;
  const Text& text;
  std::string_view name;
  const Call& call;

  template <std::size_t N>
  Parameters parameters(std::size_t needed, const std::string_view (&names)[N]) const {
    return Parameters(r, name, call, needed, names);
  }
  void no_parameters() const { Parameters(r, name, call, 0, {}); }
};

// Methods that cut a text into parts or put parts together: split and rsplit, splitlines, partition and rpartition,
// join.
Value split(const TextMethodCall& s);
Value splitlines(const TextMethodCall& s);
Value partition(const TextMethodCall& s);
Value join(const TextMethodCall& s);

}  // namespace ttt::jinja
