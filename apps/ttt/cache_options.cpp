#include "apps/ttt/cache_options.h"

#include <cmath>
#include <cstdlib>

#include "base/error.h"

namespace ttt::app {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Empty where the user has no home.
std::string default_directory() {
  const std::string caches = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (caches.starts_with('/')) return caches + "/ttt/weights";
  return home.starts_with('/') ? home + "/.cache/ttt/weights" : "";
}

std::string asked_name(const CacheOptions& o) {
  return o.directory.empty() ? environment("TTT_CACHE_DIR") : o.directory;
}

std::string asked_directory(const CacheOptions& o) {
  const std::string asked = asked_name(o);
  return asked == "default" ? default_directory() : asked;
}

}  // namespace

void add_cache_options(Command& command, CacheOptions& o) {
  command.option(
      "--cache-dir", o.directory,
      "directory in which converted and packed weights are kept for the next start, or \"default\" (below the "
      "home directory); TTT_CACHE_DIR in the environment means the same");
  command.option("--cache-size", o.gigabytes, "gigabytes that the cache may take; what was unused longest is removed",
                 Option::kShowsDefault);
  command.flag("--no-cache", o.none, "neither read nor write the cache, whatever the environment says");
}

WeightCacheOptions weight_cache(const CacheOptions& o) {
  constexpr double kMost = 1e9;
  require(std::isfinite(o.gigabytes) && o.gigabytes >= 0 && o.gigabytes <= kMost, ErrorKind::kUsage,
          "--cache-size wanted a number of gigabytes, got ", o.gigabytes);
  WeightCacheOptions cache{.directory = {}, .most_bytes = static_cast<std::int64_t>(o.gigabytes * 1e9)};
  if (!o.none) cache.directory = asked_directory(o);
  return cache;
}

bool lacks_home(const CacheOptions& o) { return !o.none && asked_name(o) == "default" && default_directory().empty(); }

std::string cache_directory(const CacheOptions& o) {
  const std::string asked = asked_directory(o), directory = asked.empty() ? default_directory() : asked;
  require(!directory.empty(), ErrorKind::kUsage,
          "there is no cache: neither --cache-dir, TTT_CACHE_DIR, XDG_CACHE_HOME nor HOME names a directory");
  return directory;
}

}  // namespace ttt::app
