#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ttt {

// One file of the web page, which is embedded in the program.
struct PageFile {
  std::string_view path;                // of the URL, such as "/" or "/page/app.js"
  std::string_view type;                // for the header Content-Type
  std::span<const std::uint8_t> bytes;  // of the file in server/page/, unchanged
};

// All files of the page, sorted by path. cmake/embed_page.cmake writes the definition from server/page/.
std::span<const PageFile> page_files();

// The value of the header Content-Security-Policy that every page file is sent with: code and styles come from files of
// this server alone, so text that a model wrote cannot run. The scripts build the document node by node and never parse
// markup, which "require-trusted-types-for" makes browsers enforce.
inline constexpr std::string_view page_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

}  // namespace ttt
