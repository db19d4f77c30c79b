#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Text inside a template: code points, each with a mark that says whether it came from the request. A character keeps
// its mark through every operation, so that in the result the user's text can be distinguished from the template's.
// Properties of characters are those of Python's str methods.
namespace ttt::jinja {

using Text = std::u32string;

inline constexpr char32_t kFromInput = 0x8000'0000;

constexpr char32_t plain(char32_t c) { return c & ~kFromInput; }
constexpr char32_t mark_of(char32_t c) { return c & kFromInput; }

// Invalid UTF-8 becomes U+FFFD.
Text to_text(std::string_view utf8, bool from_input = false);
std::string to_utf8(const Text& text);

// Comparison by code point; marks are ignored. Negative, 0 or positive.
int compare(const Text& a, const Text& b);
bool equal(const Text& a, std::string_view ascii);

// First place at or after `from` where `part` begins and ends by `end`, or Text::npos; find_last: the last such place.
std::size_t find(const Text& text, const Text& part, std::size_t from = 0, std::size_t end = Text::npos);
std::size_t find_last(const Text& text, const Text& part, std::size_t from = 0, std::size_t end = Text::npos);
bool starts_with(const Text& text, const Text& part);
bool ends_with(const Text& text, const Text& part);

bool is_space(char32_t c);
bool is_line_end(char32_t c);  // where splitlines splits
bool is_letter(char32_t c);
bool is_decimal(char32_t c);
int decimal_value(char32_t c);  // of a decimal digit, of any alphabet
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_word(char32_t c);  // a letter, a number or "_", as \w of Python
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_printable(char32_t c);

// Every character separately; those that grow (the German sharp s in upper case) become several. The mark is kept.
Text lower(const Text& text);
Text fold(const Text& text);  // as str.casefold
Text upper(const Text& text);
Text title(const Text& text);       // the first letter of each word in title case, the others in lower case
Text capitalize(const Text& text);  // the first character in title case, the others in lower case
Text swap_case(const Text& text);

// Without the characters at the chosen sides that are in `chars` (white space where it is null).
Text strip(const Text& text, const Text* chars, bool left, bool right);
// `part` replaced from left to right, at most `count` times where that is not negative.
Text replace(const Text& text, const Text& part, const Text& by, long long count);

}  // namespace ttt::jinja
