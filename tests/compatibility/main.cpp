#include <gtest/gtest.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "checkpoint/test_files.h"
#include "compatibility/table.h"
#include "support/random_checkpoint.h"

// Tests; with --write, what writes docs/compatibility.md instead.
namespace {

int write_page() {
  const ttt::testing::TempDir folder;
  const ttt::compatibility::Results results = ttt::compatibility::run_everything(folder.path());
  for (const std::string& line : results.failures()) std::fprintf(stderr, "%s\n", line.c_str());
  const std::string families =
      ttt::support::read_file(ttt::compatibility::kPage).substr(ttt::compatibility::page_before_families().size());
  ttt::support::write_file(ttt::compatibility::kPage, ttt::compatibility::page(results) + families);
  return results.failures().empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--write") {
    try {
      return write_page();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      return 1;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
