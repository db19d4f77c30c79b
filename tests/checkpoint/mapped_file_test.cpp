#include "checkpoint/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::TempDir;

std::string as_text(const MappedFile& f) { return {reinterpret_cast<const char*>(f.bytes().data()), f.bytes().size()}; }

TEST(MappedFile, maps_and_copies) {
  const TempDir dir;
  const auto path = dir.write("a", "some bytes");
  const auto mapped = MappedFile::open(path), copied = MappedFile::open(path, FileAccess::kCopy);
  EXPECT_EQ(as_text(*mapped), "some bytes");
  EXPECT_EQ(as_text(*copied), "some bytes");
  EXPECT_EQ(mapped->mapped_range().bytes, 10);
  EXPECT_EQ(mapped->mapped_range().file, path.string());
  EXPECT_EQ(copied->mapped_range().data, nullptr);
}

TEST(MappedFile, copy_does_not_follow_the_file) {
  const TempDir dir;
  const auto path = dir.write("a", std::string(10000, 'x'));
  const auto copied = MappedFile::open(path, FileAccess::kCopy);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  EXPECT_EQ(as_text(*copied), std::string(10000, 'x'));
}

TEST(MappedFile, release_keeps_the_bytes) {
  const TempDir dir;
  const auto path = dir.write("a", std::string(100000, 'x'));
  for (const FileAccess access : {FileAccess::kMap, FileAccess::kCopy}) {
    const auto file = MappedFile::open(path, access);
    file->release(file->bytes().data() + 5, 90000);
    EXPECT_EQ(as_text(*file), std::string(100000, 'x'));
  }
}

TEST(MappedFile, empty) {
  const TempDir dir;
  EXPECT_EQ(MappedFile::open(dir.write("a", ""))->size(), 0);
}

TEST(MappedFile, refuses_what_is_no_regular_file) {
  const TempDir dir;
  const auto fifo = dir.path() / "fifo", loop = dir.path() / "loop";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::filesystem::create_symlink("loop", loop);
  for (const FileAccess access : {FileAccess::kMap, FileAccess::kCopy}) {
    expect_error(ErrorKind::kIo, "a FIFO", [&] { MappedFile::open(fifo, access); });
    expect_error(ErrorKind::kIo, "a directory", [&] { MappedFile::open(dir.path(), access); });
    expect_error(ErrorKind::kIo, "a device", [&] { MappedFile::open("/dev/zero", access); });
    expect_error(ErrorKind::kIo, "Too many levels", [&] { MappedFile::open(loop, access); });
    expect_error(ErrorKind::kIo, "No such file", [&] { MappedFile::open(dir.path() / "none", access); });
    expect_error(ErrorKind::kIo, "NUL", [&] { MappedFile::open(std::string("a\0b", 3), access); });
  }
  expect_error(ErrorKind::kIo, "a FIFO", [&] { read_small_file(fifo, 10, "config.json"); });
}

TEST(MappedFile, unreadable) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const TempDir dir;
  const auto path = dir.write("a", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  expect_error(ErrorKind::kIo, "Permission denied", [&] { MappedFile::open(path); });
}

TEST(ReadSmallFile, limit) {
  const TempDir dir;
  const auto path = dir.write("a", "0123456789");
  EXPECT_EQ(read_small_file(path, 10, "config.json"), "0123456789");
  expect_error(ErrorKind::kBadData, "config.json wanted at most 9 bytes, got 10 bytes",
               [&] { read_small_file(path, 9, "config.json"); });
}

}  // namespace
}  // namespace ttt
