#include "apps/ttt/bench_lists.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace ttt::app {

bool BenchLists::single() const {
  return formats.size() == 1 && prompts.size() == 1 && batches.size() == 1 && contexts.size() <= 1;
}

std::vector<std::string> parse_names(const std::string& flag, const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    names.push_back(list.substr(begin, end - begin));
    const std::string& name = names.back();
    require(!name.empty(), ErrorKind::kUsage, flag, " wanted names with single commas between them, got \"", list,
            "\"");
    require(std::ranges::count(names, name) == 1, ErrorKind::kUsage, flag, " wanted every name once, got \"", name,
            "\" twice");
    begin = end + 1;
  }
  return names;
}

std::vector<std::int64_t> parse_counts(const std::string& flag, const std::string& list, std::int64_t least) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  std::vector<std::int64_t> counts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    std::string_view s(list.data() + begin, end - begin);
    if (s.starts_with('+')) s.remove_prefix(1);
    std::int64_t count = 0;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), count);
    const bool whole = r.ptr == s.data() + s.size() && !s.empty();
    require(whole && r.ec == std::errc{} && count >= least && count <= kMost, ErrorKind::kUsage, flag,
            " wanted integers from ", least, " to ", kMost, " with commas between them, got \"", list, "\"");
    require(std::ranges::find(counts, count) == counts.end(), ErrorKind::kUsage, flag,
            " wanted every number once, got ", count, " twice");
    counts.push_back(count);
    begin = end + 1;
  }
  return counts;
}

}  // namespace ttt::app
