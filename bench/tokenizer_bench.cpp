// Text to ids and back, in megabytes of text for each second that one core works.
//   tokenizer_bench TEXT PATH...     PATH: a directory with a tokenizer, or a GGUF file
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/mapped_file.h"
#include "runtime/load_tokenizer.h"

namespace ttt {
namespace {

// Of the processor, so that others who use the machine count less.
double now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The best of several runs, in seconds.
template <class Run>
double best(const Run& run) {
  double fastest = 1e9;
  const double end = now() + 1.5;
  for (int i = 0; i < 3 || now() < end; ++i) {
    const double start = now();
    run();
    fastest = std::min(fastest, now() - start);
  }
  return fastest;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

void measure(const std::string& text, const std::filesystem::path& path) {
  const double start = now();
  const Tokenizer tokenizer = load_tokenizer(path);
  const double loaded = now() - start;
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  std::vector<std::int32_t> ids;
  const double first = best([&] { ids = load_tokenizer(path).encode(text, {.add_special = false}); }) - loaded;
  const double whole = best([&] { ids = tokenizer.encode(text, {.add_special = false}); });
  const std::vector<std::string_view> lines = lines_of(text);
  const double single = best([&] {
    for (const std::string_view line : lines) ids = tokenizer.encode(line, {.add_special = false});
  });
  ids = tokenizer.encode(text, {.add_special = false});
  const double back = best([&] { tokenizer.decode(ids); });
  std::printf(
      "%-28s %8zu ids  %7.1f MB/s  by lines %7.1f MB/s  decode %7.1f MB/s  (load %.2f s; new object %.1f MB/s)\n",
      path.filename().c_str(), ids.size(), megabytes / whole, megabytes / single, megabytes / back, loaded,
      megabytes / std::max(first, 1e-9));
}

int run(int argc, char** argv) {
  require(argc >= 3, ErrorKind::kUsage, "usage: tokenizer_bench TEXT PATH...");
  constexpr std::int64_t kMost = std::int64_t{1} << 28;
  const std::string text = read_small_file(argv[1], kMost, "text");
  for (int i = 2; i < argc; ++i) measure(text, argv[i]);
  return 0;
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) {
  try {
    return ttt::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
