#pragma once

// Golden cases of tools/make_ffn_golden.py: cases.json lists them, NAME.npy holds the arrays of one back to back.

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/tensor.h"
#include "support/npy.h"

namespace ttt::support {

struct GoldenCase {
  std::string name;
  Json entry;
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, Shape> shapes;

  const Json& spec() const { return entry.at("spec", name); }
  bool has(const std::string& array) const { return values.contains(array); }
  const std::vector<float>& array(const std::string& array) const { return values.at(array); }
  // Absent where the case has no such array.
  ConstTensorView view(const std::string& array) const {
    return has(array) ? view_of(values.at(array).data(), shapes.at(array)) : ConstTensorView{};
  }
  // array[index] of an array of three extents, or two of which the last is a vector.
  ConstTensorView slice(const std::string& array, std::int64_t index) const {
    if (!has(array)) return {};
    const Shape& s = shapes.at(array);
    Shape left;
    for (int i = 1; i < s.rank(); ++i) left.append(s[i]);
    return view_of(values.at(array).data() + index * left.elements(), left);
  }
};
inline std::ostream& operator<<(std::ostream& out, const GoldenCase& c) { return out << c.name; }

// The cases of a folder below tests/golden whose names begin so.
inline std::vector<GoldenCase> golden_cases(const std::string& folder, const std::string& prefix = "") {
  const std::string root = std::string(TTT_SOURCE_DIR) + "/tests/golden/" + folder + "/", list = root + "cases.json";
  std::vector<GoldenCase> cases;
  const Json all = Json::parse(read_text(list), list);
  for (const Json& entry : all.as_array(list)) {
    GoldenCase c{entry.at("name", list).as_string(list), entry, {}, {}};
    if (!c.name.starts_with(prefix)) continue;
    const std::vector<float> values = read_npy(root + c.name + ".npy");
    auto at = values.begin();
    for (const Json& array : entry.at("arrays", list).as_array(list)) {
      const std::string& name = array.at("name", list).as_string(list);
      Shape shape;
      for (const Json& extent : array.at("shape", list).as_array(list)) shape.append(extent.as_integer(list));
      require(shape.elements() <= values.end() - at, ErrorKind::kBadData, c.name, " is cut short at ", name);
      c.values[name].assign(at, at + shape.elements());
      c.shapes[name] = shape;
      at += shape.elements();
    }
    require(at == values.end(), ErrorKind::kBadData, c.name, " has values after the end");
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace ttt::support
