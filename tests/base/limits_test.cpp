#include "base/limits.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace ttt {
namespace {

namespace fs = std::filesystem;

std::string pair_from(int first) { return std::to_string(first) + "-" + std::to_string(first + 1); }

// A made-up /proc and /sys of a machine with eight processors and 8 GB.
class FakeMachine : public ::testing::Test {
 protected:
  FakeMachine() {
    std::string name = (fs::temp_directory_path() / "ttt_limits_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    write("/proc/meminfo", "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n");
    write("/proc/self/mountinfo", "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n");
    write("/proc/self/cgroup", "0::/\n");
  }
  ~FakeMachine() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void siblings(int processor, const std::string& list, const char* file = "core_cpus_list") const {
    write("/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/" + file, list + "\n");
  }
  void mounted_v2(const std::string& group = "/", const std::string& point = "/sys/fs/cgroup") const {
    std::ofstream(root_ + "/proc/self/mountinfo", std::ios::app)
        << "30 22 0:26 " << group << " " << point << " rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw,nsdelegate\n";
  }
  void mounted_v1(const std::string& controllers, const std::string& point, const std::string& group = "/") const {
    std::ofstream(root_ + "/proc/self/mountinfo", std::ios::app)
        << "32 31 0:29 " << group << " " << point << " rw,relatime - cgroup cgroup rw," << controllers << "\n";
  }
  void memory_v2(const std::string& group, std::int64_t limit, std::int64_t used, std::int64_t cached) const {
    write(group + "/memory.max", std::to_string(limit) + "\n");
    write(group + "/memory.current", std::to_string(used) + "\n");
    write(group + "/memory.stat", "anon 1\nfile 2\ninactive_file " + std::to_string(cached) + "\nactive_file 0\n");
  }
  ProcessLimits limits() const { return query_process_limits(root_, allowed_); }

  std::string root_;
  std::vector<int> allowed_{0, 1, 2, 3, 4, 5, 6, 7};
};

TEST_F(FakeMachine, WithoutLimitsGivesAllOfIt) {
  EXPECT_EQ(limits().cores, 8);
  EXPECT_EQ(limits().processors, allowed_);
  EXPECT_EQ(limits().available_bytes, std::int64_t{8000000} << 10);
}

TEST_F(FakeMachine, SiblingsOfACoreCountOnce) {
  for (int p = 0; p < 8; ++p) siblings(p, std::to_string(p % 4) + "," + std::to_string(p % 4 + 4));
  EXPECT_EQ(limits().cores, 4);
  EXPECT_EQ(limits().processors, (std::vector<int>{0, 1, 2, 3}));
  // A mask that leaves only one sibling of some cores: still cores.
  allowed_ = {2, 5, 6, 7};
  EXPECT_EQ(limits().processors, (std::vector<int>{2, 5, 7}));
}

TEST_F(FakeMachine, SiblingsAreReadUnderTheirOldNameToo) {
  for (int p = 0; p < 8; ++p) siblings(p, p % 2 == 0 ? pair_from(p) : pair_from(p - 1), "thread_siblings_list");
  EXPECT_EQ(limits().processors, (std::vector<int>{0, 2, 4, 6}));
}

TEST_F(FakeMachine, AnAffinityMaskIsObeyed) {
  allowed_ = {5};
  EXPECT_EQ(limits().cores, 1);
  EXPECT_EQ(limits().processors, (std::vector<int>{5}));
}

TEST_F(FakeMachine, QuotaOfVersion2InTheGroupOrAboveIt) {
  mounted_v2();
  write("/proc/self/cgroup", "0::/user.slice/work.scope\n");
  write("/sys/fs/cgroup/user.slice/work.scope/cpu.max", "max 100000\n");
  EXPECT_EQ(limits().cores, 8);
  write("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
  EXPECT_EQ(limits().cores, 3);  // 2.5, rounded up
  write("/sys/fs/cgroup/user.slice/work.scope/cpu.max", "50000 100000\n");
  EXPECT_EQ(limits().cores, 1);
  write("/sys/fs/cgroup/other.slice/cpu.max", "1 100000\n");  // not ours
  write("/sys/fs/cgroup/user.slice/work.scope/cpu.max", "400000 100000\n");
  EXPECT_EQ(limits().cores, 3);
}

TEST_F(FakeMachine, QuotaAtTheTopOfAContainersView) {
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(limits().cores, 2);  // although nothing says that control groups are mounted there
}

TEST_F(FakeMachine, QuotaOfVersion1WithItsOwnNames) {
  mounted_v1("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct");
  write("/proc/self/cgroup", "5:memory:/elsewhere\n4:cpu,cpuacct:/a/b\n0::/\n");
  const std::string group = "/sys/fs/cgroup/cpu,cpuacct/a/b";
  write(group + "/cpu.cfs_period_us", "100000\n");
  write(group + "/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(limits().cores, 8);
  write(group + "/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(limits().cores, 3);
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(limits().cores, 2);
}

TEST_F(FakeMachine, AContainerSeesItsGroupOfVersion1AtTheTop) {
  // The path is the host's; what is mounted is the group itself.
  mounted_v1("cpu,cpuacct", "/sys/fs/cgroup/cpu", "/docker/abc");
  mounted_v1("memory", "/sys/fs/cgroup/memory", "/docker/abc");
  write("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "400\n");
  EXPECT_EQ(limits().cores, 2);
  EXPECT_EQ(limits().available_bytes, 600);
}

TEST_F(FakeMachine, AMountThatDoesNotHoldOurGroupIsNotAsked) {
  mounted_v2("/other", "/mnt/their\\040groups");
  write("/proc/self/cgroup", "0::/ours\n");
  write("/mnt/their groups/cpu.max", "100000 100000\n");
  EXPECT_EQ(limits().cores, 8);
  write("/proc/self/cgroup", "0::/otherwise\n");
  EXPECT_EQ(limits().cores, 8);
  write("/proc/self/cgroup", "0::/other/../../ours\n");
  EXPECT_EQ(limits().cores, 8);
  write("/proc/self/cgroup", "0::/other\n");
  EXPECT_EQ(limits().cores, 1);
}

TEST_F(FakeMachine, MemoryIsTheLeastThatAnyGroupAboveHasLeft) {
  mounted_v2();
  write("/proc/self/cgroup", "0::/a/b\n");
  memory_v2("/sys/fs/cgroup/a/b", 5000, 1000, 0);
  EXPECT_EQ(limits().available_bytes, 4000);
  memory_v2("/sys/fs/cgroup/a", 9000, 8000, 0);
  EXPECT_EQ(limits().available_bytes, 1000);
  memory_v2("/sys/fs/cgroup/a", 9000, 9500, 0);
  EXPECT_EQ(limits().available_bytes, 0);
  write("/sys/fs/cgroup/a/memory.max", "max\n");
  EXPECT_EQ(limits().available_bytes, 4000);
}

TEST_F(FakeMachine, WhatTheKernelCanTakeBackIsFree) {
  mounted_v2();
  memory_v2("/sys/fs/cgroup", 5000, 4000, 1500);
  EXPECT_EQ(limits().available_bytes, 2500);
  write("/sys/fs/cgroup/memory.stat", "inactive_file 1000\nactive_file 500\nslab_reclaimable 100\nanon 7\n");
  EXPECT_EQ(limits().available_bytes, 2600);
  write("/sys/fs/cgroup/memory.stat", "inactive_file 9000\n");  // never more than is used
  EXPECT_EQ(limits().available_bytes, 5000);
}

TEST_F(FakeMachine, MemoryOfVersion1CountsWholeSubtrees) {
  mounted_v1("memory", "/sys/fs/cgroup/memory");
  write("/proc/self/cgroup", "4:memory:/job\n");
  const std::string group = "/sys/fs/cgroup/memory/job";
  write(group + "/memory.limit_in_bytes", "6000\n");
  write(group + "/memory.usage_in_bytes", "5500\n");
  write(group + "/memory.stat", "inactive_file 1\nactive_file 1\ntotal_inactive_file 700\ntotal_active_file 300\n");
  EXPECT_EQ(limits().available_bytes, 1500);
  // What "no limit" looks like there.
  write(group + "/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limits().available_bytes, std::int64_t{8000000} << 10);
}

TEST_F(FakeMachine, FilesThatMakeNoSenseLimitNothing) {
  mounted_v2();
  for (const char* text :
       {"", "\n", "max", "0 100000", "-5 100000", "100000", "100000 0", "1e5 100000", "99999999999999999999 1"}) {
    write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(limits().cores, 8) << text;
  }
  memory_v2("/sys/fs/cgroup", -1, 100, 0);
  EXPECT_EQ(limits().available_bytes, std::int64_t{8000000} << 10);
  write("/proc/self/mountinfo", "30 22\n- - -\n30 22 0:26 / /sys/fs/cgroup rw - cgroup2\n\n");
  write("/proc/self/cgroup", "0\n:\n::\n");
  EXPECT_EQ(limits().cores, 8);
}

TEST(ProcessLimits, OfThisMachineArePlausible) {
  const ProcessLimits limits = query_process_limits();
  EXPECT_GE(limits.cores, 1);
  EXPECT_LE(limits.cores, static_cast<std::int64_t>(limits.processors.size()));
  EXPECT_LE(limits.processors.size(), affinity_mask().size());
  EXPECT_GT(limits.available_bytes, 1 << 20);
}

}  // namespace
}  // namespace ttt
