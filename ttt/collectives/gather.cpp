#include "collectives/gather.h"

#include <algorithm>

#include "base/partition.h"
#include "base/scratch.h"
#include "collectives/communicator.h"
#include "collectives/launch.h"

namespace ttt {
namespace {

std::int64_t part_bytes(const AllGatherArgs& args, std::size_t rank) {
  return std::min(args.counts[rank], args.limit) * args.entry_bytes;
}

}  // namespace

void all_gather(Exec& exec, const AllGatherArgs& args) {
  for (std::size_t r = 0; r < args.counts.size(); ++r) args.part_bytes[r] = part_bytes(args, r);
  const std::int64_t all = sum_of(args.part_bytes);
  const std::int64_t mine = args.part_bytes[static_cast<std::size_t>(exec.communicator.rank())];
  exec.communicator.all_gather({args.mine, static_cast<std::size_t>(mine)}, args.part_bytes,
                               {args.all, static_cast<std::size_t>(all)});
}

double operations(const AllGatherArgs&) { return 0; }

double bytes(const AllGatherArgs& args) {
  double all = 0;
  for (std::size_t r = 0; r < args.counts.size(); ++r) all += static_cast<double>(part_bytes(args, r));
  return all;
}

void launch_all_gather(Exec& exec, AllGatherArgs args) {
  Scratch::Frame frame(exec.scratch);
  const auto ranks = static_cast<std::int64_t>(args.counts.size());
  constexpr std::int64_t kBytes = sizeof(std::int64_t);
  args.part_bytes = {reinterpret_cast<std::int64_t*>(frame.take_bytes(ranks * kBytes)), args.counts.size()};
  launch_throwing(exec, all_gather, args);
}

}  // namespace ttt
