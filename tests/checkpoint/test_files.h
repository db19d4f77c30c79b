#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ttt::testing {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "ttt-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::filesystem::path& name, std::string_view bytes) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file;
  }
  // The same for a file of that size which exists: file systems may wait for the disk when one is truncated and
  // refilled.
  std::filesystem::path overwrite(const std::filesystem::path& name, std::string_view bytes) const {
    std::fstream(path_ / name, std::ios::binary | std::ios::in | std::ios::out)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

template <class T>
void put(std::string& s, T v) {
  s.append(reinterpret_cast<const char*>(&v), sizeof v);
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return values.empty() ? std::string()
                        : std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// Header length, header, data.
inline std::string safetensors(std::string_view header, std::string_view data) {
  std::string s;
  put(s, static_cast<std::uint64_t>(header.size()));
  return s.append(header).append(data);
}

// Builds a well-formed file out of whole tensors.
class SafetensorsWriter {
 public:
  SafetensorsWriter& add(const std::string& name, const std::string& dtype, const std::vector<std::int64_t>& shape,
                         std::string_view data) {
    if (!header_.empty()) header_ += ",";
    header_ += text("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":[");
    for (std::size_t i = 0; i < shape.size(); ++i) header_ += text(i > 0 ? "," : "", shape[i]);
    header_ += text("],\"data_offsets\":[", data_.size(), ",", data_.size() + data.size(), "]}");
    data_.append(data);
    return *this;
  }
  // `pad`: spaces after the header, with which the alignment of the data is chosen.
  std::string bytes(std::size_t pad = 0) const {
    return safetensors("{" + header_ + "}" + std::string(pad, ' '), data_);
  }
  std::string aligned() const { return bytes((64 - (header_.size() + 2 + 8) % 64) % 64); }

 private:
  std::string header_, data_;
};

class GgufWriter {
 public:
  explicit GgufWriter(std::uint32_t version = 3) : version_(version) {}
  static void put_string(std::string& to, std::string_view s) {
    put(to, static_cast<std::uint64_t>(s.size()));
    to.append(s);
  }
  // A value as bytes, under any type number.
  GgufWriter& raw(std::string_view key, std::uint32_t type, std::string_view value) {
    put_string(meta_, key);
    put(meta_, type);
    meta_.append(value);
    ++keys_;
    return *this;
  }
  template <class T>
  GgufWriter& number(std::string_view key, std::uint32_t type, T v) {
    std::string s;
    put(s, v);
    return raw(key, type, s);
  }
  GgufWriter& u32(std::string_view key, std::uint32_t v) { return number(key, 4, v); }
  GgufWriter& u16(std::string_view key, std::uint16_t v) { return number(key, 2, v); }
  GgufWriter& f32(std::string_view key, float v) { return number(key, 6, v); }
  GgufWriter& string(std::string_view key, std::string_view v) {
    std::string s;
    put_string(s, v);
    return raw(key, 8, s);
  }
  GgufWriter& strings(std::string_view key, const std::vector<std::string>& v) {
    std::string s;
    put(s, std::uint32_t{8});
    put(s, static_cast<std::uint64_t>(v.size()));
    for (const std::string& one : v) put_string(s, one);
    return raw(key, 9, s);
  }
  // `extents` innermost first, as files have them.
  GgufWriter& tensor(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                     std::string_view data) {
    data_.resize((data_.size() + 31) / 32 * 32, '\0');
    return tensor_at(name, extents, type, data_.size(), data);
  }
  GgufWriter& tensor_at(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                        std::uint64_t offset, std::string_view data) {
    put_string(infos_, name);
    put(infos_, static_cast<std::uint32_t>(extents.size()));
    for (const std::uint64_t e : extents) put(infos_, e);
    put(infos_, type);
    put(infos_, offset);
    data_.append(data);
    ++tensors_;
    return *this;
  }
  std::string bytes() const { return bytes(tensors_, keys_); }
  std::string bytes(std::uint64_t tensors, std::uint64_t keys) const {
    std::string s = "GGUF";
    put(s, version_);
    put(s, tensors);
    put(s, keys);
    s += meta_ + infos_;
    if (!data_.empty()) s.resize((s.size() + 31) / 32 * 32, '\0');
    return s + data_;
  }

 private:
  std::uint32_t version_;
  std::uint64_t tensors_ = 0, keys_ = 0;
  std::string meta_, infos_, data_;
};

// That `body` throws Error of the kind, with a message that holds `part`.
inline void expect_error(ErrorKind kind, std::string_view part, const std::function<void()>& body) {
  try {
    body();
    ADD_FAILURE() << "wanted an error with: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what() << "\nwanted: " << part;
  }
}

// That `body` returns, or throws Error; nothing else may come out. Whether it returned.
inline bool returns_or_error(const std::function<void()>& body) {
  try {
    body();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A reproducible sequence; the seed is fixed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  float real() { return static_cast<float>(next() >> 40) * 0x1p-23F - 1.0F; }

 private:
  std::uint64_t state_;
};

// Replaces one to four bytes.
inline std::string mutated(std::string s, Random& random) {
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    s[random.below(s.size())] = static_cast<char>(random.below(256));
  }
  return s;
}

}  // namespace ttt::testing
