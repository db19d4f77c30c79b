#include "runtime/verify/model_case.h"

#include <algorithm>

#include "base/error.h"
#include "runtime/verify/verify_run.h"

namespace ttt {
namespace {

// The block as a model has it that is built over the same weights.
BuiltBlock built_block(const LoadedModel& model, std::span<const Family> families, const LoadOptions& load,
                       const std::string& path) {
  const Json& config = model.checkpoint->config();
  const std::string where = model.checkpoint->config_where();
  RequestLog log(*model.weights);
  const BuiltModel built = build_model(family_of(families, config, where), config, where, log, load);
  std::vector<BuiltBlock> blocks = log.blocks(*built.tree);
  const auto found = std::ranges::find(blocks, path, &BuiltBlock::path);
  require(found != blocks.end(), ErrorKind::kUsage, model.checkpoint->path().string(), ": has no block ", path);
  return std::move(*found);
}

}  // namespace

testing::BlockCase block_case(const LoadedModel& model, std::span<const Family> families, const LoadOptions& load,
                              const std::string& path, std::span<const BlockKind> kinds) {
  const BuiltBlock block = built_block(model, families, load, path);
  const auto kind = std::ranges::find(kinds, block.block, &BlockKind::block);
  require(kind != kinds.end(), ErrorKind::kUnsupported, "[", path, "] a block of type ", block.block,
          " cannot be built alone: register block_kind<", block.block, ">()");
  return {.path = path, .build = [&model, families, load, path, kind = *kind](std::optional<Strategy> strategy) {
            LoadOptions options = load;
            if (strategy) options.strategy = *strategy;
            const BuiltBlock built = built_block(model, families, options, path);
            return kind.build(built, built.spec, *model.weights, options.traits);
          }};
}

}  // namespace ttt
