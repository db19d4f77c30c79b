#pragma once

#include <string>

#include "apps/ttt/arguments.h"
#include "checkpoint/cache/weight_cache.h"

namespace ttt::app {

// Where converted and packed weights are kept.
struct CacheOptions {
  std::string directory = {};
  double gigabytes = 32;
  bool none = false;
};

void add_cache_options(Command& command, CacheOptions& options);

// The cache that the options or the environment ask for: --cache-dir, else TTT_CACHE_DIR; neither, or --no-cache: none.
// "default" stands for $XDG_CACHE_HOME/ttt/weights, else $HOME/.cache/ttt/weights. Error{kUsage}.
WeightCacheOptions weight_cache(const CacheOptions& options);

// Whether "default" was asked for and the user has no home directory for it.
bool lacks_home(const CacheOptions& options);

// Of `ttt cache`: as above, but the default where nothing is asked for. Error{kUsage} where there is no home for it.
std::string cache_directory(const CacheOptions& options);

}  // namespace ttt::app
