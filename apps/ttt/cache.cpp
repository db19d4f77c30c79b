#include <algorithm>
#include <cstdio>
#include <ctime>

#include "apps/ttt/cache_options.h"
#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "base/error.h"

namespace ttt::app {
namespace {

struct CacheFlags {
  CacheOptions cache;
  std::string action = {};
  bool json = false;
};

std::string time_text(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm parts{};
  char s[32];
  if (gmtime_r(&t, &parts) == nullptr) return "?";
  return {s, std::strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

int list(const CacheFlags& f, const std::string& directory) {
  std::vector<CacheFile> files = list_cache(directory);
  std::ranges::sort(files, std::ranges::greater{}, &CacheFile::used);
  std::int64_t total = 0;
  Json::Array each;
  for (const CacheFile& file : files) {
    total += file.bytes;
    const std::string source = file.readable ? file.source : "not readable by this version";
    if (f.json) {
      each.emplace_back(Json::Object{{"path", file.path.string()},
                                     {"model", file.source},
                                     {"bytes", file.bytes},
                                     {"used", time_text(file.used)},
                                     {"readable", file.readable}});
    } else {
      std::printf("%s %14s  %s  %s\n", time_text(file.used).c_str(), text(file.bytes).c_str(),
                  file.path.filename().c_str(), source.c_str());
    }
  }
  if (f.json) {
    const Json out(Json::Object{{"directory", directory}, {"bytes", total}, {"files", std::move(each)}});
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf("%s: %zu files, %s bytes\n", directory.c_str(), files.size(), text(total).c_str());
  }
  return 0;
}

// Reads everything. Broken files are removed.
int verify(const std::string& directory) {
  std::int64_t sound = 0, broken = 0;
  for (const CacheFile& file : list_cache(directory)) {
    const std::string key = file.path.stem().string();
    const auto weights = CachedWeights::open(directory, key);
    if (weights != nullptr && weights->is_sound()) {
      ++sound;
      continue;
    }
    ++broken;
    std::error_code ignored;
    std::filesystem::remove(file.path, ignored);
    std::printf("%s is broken and was removed\n", file.path.c_str());
  }
  std::printf("%s: %s sound, %s broken\n", directory.c_str(), text(sound).c_str(), text(broken).c_str());
  return broken == 0 ? 0 : static_cast<int>(ErrorKind::kBadData);
}

int cache(const CacheFlags& f) {
  const std::string directory = cache_directory(f.cache);
  if (f.action == "list") return list(f, directory);
  if (f.action == "verify") return verify(directory);
  require(f.action == "clear", ErrorKind::kUsage, "cache wanted list, clear or verify, got \"", f.action, "\"");
  std::printf("%s: %s bytes removed\n", directory.c_str(), text(clear_cache(directory)).c_str());
  return 0;
}

}  // namespace

void add_cache(Arguments& arguments) {
  auto f = std::make_shared<CacheFlags>();
  Command c = arguments.command("cache", "Lists, clears or verifies the cache of converted and packed weights",
                                "Example: ttt cache list", [f] { return cache(*f); });
  c.option("action", f->action, "list, clear, or verify (reads everything, removes what is broken)", Option::kRequired);
  c.option("--cache-dir", f->cache.directory,
           "directory of the cache (default: TTT_CACHE_DIR, else below the home directory)");
  c.flag("--json", f->json, "list: print JSON");
}

}  // namespace ttt::app
