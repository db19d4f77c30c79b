#include "model/tree.h"

#include <set>

#include "base/error.h"

namespace ttt {

Overrides::Overrides(const Json& json, const std::string& where) : where_(where) {
  require(json.is_object(), ErrorKind::kUsage, where, " wanted an object of block paths, got ", json.type_name());
  for (const auto& [pattern, fields] : json.as_object(where)) {
    require(fields.is_object(), ErrorKind::kUsage, where, ": \"", pattern, "\" wanted an object of fields, got ",
            fields.type_name());
    entries_.push_back({pattern, fields});
  }
}

std::vector<const Json*> Overrides::matching(std::string_view path) {
  std::vector<const Json*> found;
  for (Entry& e : entries_) {
    if (!path_matches(e.pattern, path)) continue;
    e.used = true;
    found.push_back(&e.fields);
  }
  return found;
}

void Overrides::require_all_used() const {
  for (const Entry& e : entries_) {
    require(e.used, ErrorKind::kUsage, where_, ": \"", e.pattern, "\" matches no block of this model");
  }
}

bool path_matches(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::size_t p = pattern.find('.'), q = path.find('.');
    const std::string_view want = pattern.substr(0, p), have = path.substr(0, q);
    if (want != "*" && want != have) return false;
    if (p == std::string_view::npos || q == std::string_view::npos) return p == q;
    pattern.remove_prefix(p + 1);
    path.remove_prefix(q + 1);
  }
}

std::int64_t ModelTree::parameters() const {
  std::set<std::string_view> seen;
  std::int64_t n = 0;
  for (const BlockRecord& b : blocks) {
    for (const BoundWeight& w : b.weights) {
      if (seen.insert(w.name).second) n += w.parameters;
    }
  }
  return n;
}

Json ModelTree::impl_configs() const {
  Json all{Json::Object{}};
  for (const BlockRecord& b : blocks) all.set(b.place.path, b.impl);
  return all;
}

}  // namespace ttt
