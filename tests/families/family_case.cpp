#include "families/family_case.h"

#include <algorithm>

#include "support/npy.h"

namespace ttt::family_tests {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = fs::path(TTT_SOURCE_DIR) / "tests/golden/families";

std::vector<std::int32_t> read_ids(const fs::path& file) {
  const auto bytes = support::read_npy_of<std::uint8_t>(file, "|u1");
  return {bytes.begin(), bytes.end()};
}

std::vector<std::string> find_cases() {
  std::vector<std::string> names;
  for (const auto& family : fs::directory_iterator(kRoot)) {
    if (!family.is_directory()) continue;
    for (const auto& variant : fs::directory_iterator(family.path())) {
      if (!fs::exists(variant.path() / "config.json")) continue;
      names.push_back(family.path().filename().string() + "/" + variant.path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> case_names_with(const std::string& file) {
  std::vector<std::string> names;
  for (const std::string& name : case_names()) {
    if (fs::exists(kRoot / name / file)) names.push_back(name);
  }
  return names;
}

}  // namespace

const std::vector<std::string>& case_names() {
  static const std::vector<std::string> names = find_cases();
  return names;
}

std::vector<std::string> case_names_with_gguf() { return case_names_with("model.gguf"); }
std::vector<std::string> case_names_with_experts() { return case_names_with("experts.npy"); }

FamilyCase read_case(const std::string& name) {
  FamilyCase c{.name = name, .directory = kRoot / name};
  c.ids = read_ids(c.directory / "ids.npy");
  c.greedy = read_ids(c.directory / "greedy.npy");
  c.logits = support::read_npy(c.directory / "logits.npy");
  if (fs::exists(c.directory / "experts.npy")) c.experts = read_ids(c.directory / "experts.npy");
  c.vocab =
      static_cast<std::int64_t>(c.logits.size()) / (kShort + static_cast<std::int64_t>(c.longer_prompts().size()));
  require(c.greedy.size() == kGreedy, ErrorKind::kBadData, name, " wanted ", kGreedy, " tokens, got ", c.greedy.size());
  return c;
}

std::vector<std::int64_t> FamilyCase::longer_prompts() const {
  std::vector<std::int64_t> lengths;
  for (const std::int64_t length : {700, 3000}) {
    if (length <= static_cast<std::int64_t>(ids.size())) lengths.push_back(length);
  }
  return lengths;
}

std::span<const float> FamilyCase::last_logits(std::size_t longer_prompt) const {
  return std::span(logits).subspan((kShort + longer_prompt) * static_cast<std::size_t>(vocab),
                                   static_cast<std::size_t>(vocab));
}

double FamilyCase::range() const {
  const auto [least, most] = std::ranges::minmax(logits);
  return static_cast<double>(most) - static_cast<double>(least);
}

}  // namespace ttt::family_tests
