#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"

#ifndef TTT_SOURCE_DIR
#define TTT_SOURCE_DIR "."
#endif

namespace ttt {

inline std::string read_golden(const std::string& name) {
  const std::string path = std::string(TTT_SOURCE_DIR) + "/tests/golden/tokenizers/" + name;
  std::ifstream file(path, std::ios::binary);
  require(file.good(), ErrorKind::kIo, "cannot read ", path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state_ >> 33) % n;
  }

 private:
  std::uint64_t state_;
};

// The strings of tools/make_tokenizer_fixtures.py.
class Corpus {
 public:
  Corpus() {
    const Json atoms = Json::parse(read_golden("corpus.json"), "corpus.json");
    const auto list = [&](std::string_view key) {
      std::vector<std::string> items;
      for (const Json& item : atoms.at(key, "corpus").as_array("corpus")) items.push_back(item.as_string("corpus"));
      return items;
    };
    const auto ranges = [&](std::string_view key) {
      std::vector<Range> items;
      for (const Json& item : atoms.at(key, "corpus").as_array("corpus")) {
        const auto& pair = item.as_array("corpus");
        items.push_back(
            {static_cast<std::size_t>(pair[0].as_integer("")), static_cast<std::size_t>(pair[1].as_integer(""))});
      }
      return items;
    };
    words_ = list("words");
    spaces_ = list("spaces");
    letters_ = list("letters");
    runs_ = list("runs");
    for (const char* key : {"emoji", "specials", "code", "contractions", "specials"}) lists_.push_back(list(key));
    ranges_ = ranges("ranges");
    marks_ = ranges("marks");
  }

  std::vector<std::string> strings(std::size_t count) const {
    Random r(2024);
    std::vector<std::string> result{""};
    while (result.size() < count) {
      std::string s;
      for (std::size_t n = 1 + r.below(10); n > 0; --n) s += atom(r);
      result.push_back(s);
    }
    return result;
  }

 private:
  struct Range {
    std::size_t low, high;
  };

  static std::string code_point(std::size_t c) {
    std::string s;
    append_utf8(s, c >= 0xD800 && c < 0xE000 ? U'a' : static_cast<char32_t>(c));
    return s;
  }
  static std::string from(Random& r, Range range) {
    return code_point(range.low + r.below(range.high - range.low + 1));
  }
  static const std::string& one(Random& r, const std::vector<std::string>& list) { return list[r.below(list.size())]; }

  std::string atom(Random& r) const {
    const std::size_t kind = r.below(24);
    std::string s;
    if (kind < 6) {
      const std::string& word = one(r, words_);
      return (r.below(3) != 0 ? " " : "") + word;
    }
    if (kind < 8) {
      for (std::size_t n = 1 + r.below(4); n > 0; --n) s += one(r, spaces_);
    } else if (kind < 10) {
      for (std::size_t n = 1 + r.below(8); n > 0; --n) s += static_cast<char>('0' + r.below(10));
    } else if (kind < 14) {
      const Range range = ranges_[r.below(ranges_.size())];
      for (std::size_t n = 1 + r.below(6); n > 0; --n) s += from(r, range);
    } else if (kind < 16) {
      for (std::size_t n = 1 + r.below(3); n > 0; --n) s += code_point(r.below(0x110000));
    } else if (kind < 18) {
      s = one(r, letters_);
      for (std::size_t n = 1 + r.below(5); n > 0; --n) s += from(r, marks_[r.below(marks_.size())]);
    } else if (kind < 23) {
      s = one(r, lists_[kind - 18]);
    } else {
      const std::string& unit = one(r, runs_);
      for (std::size_t n = 1 + r.below(80); n > 0; --n) s += unit;
    }
    return s;
  }

  std::vector<std::string> words_, spaces_, letters_, runs_;
  std::vector<std::vector<std::string>> lists_;
  std::vector<Range> ranges_, marks_;
};

// FNV-1a, 32 bits.
class Fnv {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  void add_text(std::string_view s) {
    add(s);
    add("\xff");
  }
  void add_ids(const std::vector<std::int32_t>& ids) {
    for (const std::int32_t id : ids) {
      for (int shift = 0; shift < 32; shift += 8) {
        const char c = static_cast<char>((id >> shift) & 255);
        add(std::string_view(&c, 1));
      }
    }
    add("\xff");
  }
  std::uint32_t value() const { return hash_; }

 private:
  std::uint32_t hash_ = 2166136261u;
};

}  // namespace ttt
