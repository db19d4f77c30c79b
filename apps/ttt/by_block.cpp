#include "apps/ttt/by_block.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace ttt::app {
namespace {

using Counters = TimeObserver::Counters;

void add(Counters& sum, const Counters& part) {
  sum.calls += part.calls;
  sum.seconds += part.seconds;
  sum.operations += part.operations;
  sum.bytes += part.bytes;
}

struct Node {
  std::string name;
  int depth = 0;
  Counters counters;
};

// The nodes of the tree of paths, parents before their children, each with the sum of all below it.
std::vector<Node> nodes_of(const ModelTree& tree, const std::vector<Counters>& counters) {
  std::vector<Node> nodes{{.name = "all", .depth = 0, .counters = {}}};
  std::map<std::string, std::size_t> index;
  for (const BlockRecord& b : tree.blocks) {
    const Counters& mine = counters[static_cast<std::size_t>(b.place.index)];
    const std::string path = without_indices(std::string(b.place.path));
    add(nodes.front().counters, mine);
    int depth = 1;
    for (std::size_t begin = 0; begin < path.size(); ++depth) {
      std::size_t end = std::min(path.find('.', begin), path.size());
      if (path.compare(end, 2, ".*") == 0) end += 2;  // an index is no level of its own
      const auto [at, added] = index.try_emplace(path.substr(0, end), nodes.size());
      if (added) nodes.push_back({.name = path.substr(begin, end - begin), .depth = depth, .counters = {}});
      add(nodes[at->second].counters, mine);
      begin = end + 1;
    }
  }
  return nodes;
}

}  // namespace

double MachineLimit::share(const Counters& counters) const {
  if (counters.seconds <= 0) return 0;
  return std::max(counters.operations / operations, counters.bytes / bytes) / counters.seconds;
}

std::string without_indices(const std::string& path) {
  std::string s;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const bool index = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    s += (begin > 0 ? "." : "") + (index ? std::string("*") : part);
    begin = end + 1;
  }
  return s;
}

void print_by_block(const std::string& title, const ModelTree& tree, const std::vector<Counters>& counters,
                    const MachineLimit& limit) {
  const std::vector<Node> nodes = nodes_of(tree, counters);
  const double all = nodes.front().counters.seconds;
  std::printf("%s\n%-36s %8s %10s %7s %10s %10s %7s\n", title.c_str(), "block", "calls", "ms", "time", "GFLOP", "GB",
              "limit");
  for (const Node& n : nodes) {
    const std::string name = std::string(static_cast<std::size_t>(2 * n.depth), ' ') + n.name;
    std::printf("%-36s %8lld %10.3f %6.1f%% %10.4f %10.4f %6.1f%%\n", name.c_str(),
                static_cast<long long>(n.counters.calls), 1e3 * n.counters.seconds,
                all > 0 ? 100 * n.counters.seconds / all : 0.0, 1e-9 * n.counters.operations, 1e-9 * n.counters.bytes,
                100 * limit.share(n.counters));
  }
}

Json by_block_json(const ModelTree& tree, const std::vector<Counters>& counters, const MachineLimit& limit) {
  Json::Array blocks;
  for (const BlockRecord& b : tree.blocks) {
    const Counters& w = counters[static_cast<std::size_t>(b.place.index)];
    blocks.emplace_back(Json::Object{{"path", b.place.path},
                                     {"block", b.block},
                                     {"calls", w.calls},
                                     {"seconds", w.seconds},
                                     {"operations", w.operations},
                                     {"bytes", w.bytes},
                                     {"share_of_limit", limit.share(w)}});
  }
  return Json(std::move(blocks));
}

}  // namespace ttt::app
