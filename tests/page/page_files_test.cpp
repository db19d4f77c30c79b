// What cmake/embed_page.cmake made of server/page/.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "server/page.h"

namespace ttt {
namespace {

const std::filesystem::path folder = std::filesystem::path(TTT_SOURCE_DIR) / "server" / "page";

std::string path_of(const std::filesystem::path& file) {
  if (file.filename() == "index.html") return "/";
  if (file.extension() == ".html") return "/" + file.stem().string();
  return "/page/" + file.filename().string();
}

TEST(PageFiles, AreTheFilesOfTheFolderByteForByte) {
  std::map<std::string, std::string> wanted;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    wanted[path_of(entry.path())] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::map<std::string, std::string> got;
  for (const PageFile& file : page_files()) {
    got[std::string(file.path)] = std::string(file.bytes.begin(), file.bytes.end());
  }
  EXPECT_TRUE(wanted == got);
  EXPECT_TRUE(got.contains("/"));
  EXPECT_TRUE(got.contains("/dashboard"));
}

TEST(PageFiles, AreSortedByPathAndTyped) {
  EXPECT_TRUE(std::ranges::is_sorted(page_files(), {}, &PageFile::path));
  for (const PageFile& file : page_files()) {
    EXPECT_NE(file.type, "") << file.path;
    if (!file.path.starts_with("/page/")) {
      EXPECT_EQ(file.type, "text/html; charset=utf-8") << file.path;
    } else if (file.path.ends_with(".js")) {
      EXPECT_EQ(file.type, "text/javascript; charset=utf-8") << file.path;
    } else if (file.path.ends_with(".css")) {
      EXPECT_EQ(file.type, "text/css; charset=utf-8") << file.path;
    }
  }
}

// The policy forbids scripts and styles in markup, and everything from elsewhere; pages that rely on either would
// break.
TEST(PageFiles, PagesUseNothingThatThePolicyForbids) {
  for (const PageFile& file : page_files()) {
    if (!file.type.starts_with("text/html")) continue;
    const std::string text(file.bytes.begin(), file.bytes.end());
    for (const char* forbidden :
         {"<style", " style=", " onclick=", " onload=", "src=\"http", "href=\"http", "javascript:"}) {
      EXPECT_EQ(text.find(forbidden), std::string::npos) << file.path << " has " << forbidden;
    }
    for (std::size_t at = text.find("<script"); at != std::string::npos; at = text.find("<script", at + 1)) {
      EXPECT_NE(text.substr(at, text.find('>', at) - at).find(" src=\"page/"), std::string::npos) << file.path;
    }
  }
}

TEST(PageFiles, ScriptsNeverParseMarkup) {
  for (const PageFile& file : page_files()) {
    if (!file.path.ends_with(".js")) continue;
    const std::string text(file.bytes.begin(), file.bytes.end());
    for (const char* forbidden :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("}) {
      EXPECT_EQ(text.find(forbidden), std::string::npos) << file.path << " has " << forbidden;
    }
  }
}

}  // namespace
}  // namespace ttt
