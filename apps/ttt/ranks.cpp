#include "apps/ttt/ranks.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "apps/ttt/signals.h"
#include "base/error.h"
#include "checkpoint/printable.h"
#include "collectives/mpi.h"
#include "collectives/self.h"

namespace ttt::app {
namespace {

std::unique_ptr<MpiSession>& session() {
  static std::unique_ptr<MpiSession> open;
  return open;
}

std::int64_t environment_number(const char* name, std::int64_t otherwise) {
  const char* s = std::getenv(name);
  if (s == nullptr) return otherwise;
  std::int64_t value = 0;
  const char* end = s + std::strlen(s);
  return std::from_chars(s, end, value).ptr == end && end != s ? value : otherwise;
}

void say_line(const std::string& line) { std::fprintf(stderr, "%s\n", on_one_line(line).c_str()); }

// Another rank's output would be the same again.
void drop_stdout() {
  const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nothing < 0) return;
  dup2(nothing, STDOUT_FILENO);
  close(nothing);
}

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

std::vector<std::uint64_t> gather(std::uint64_t mine) {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(communicator().ranks()));
  const std::vector<std::int64_t> counts(all.size(), sizeof mine);
  communicator().all_gather(std::as_bytes(std::span(&mine, 1)), counts, std::as_writable_bytes(std::span(all)));
  return all;
}

Outcome run_open(MpiSession& open, const std::function<Outcome()>& command) {
  const Outcome outcome = command();
  if (outcome.status != 0) return outcome;
  try {
    open.communicator().barrier();
  } catch (const Error& e) {
    return {static_cast<int>(e.kind()), text("error: ", e.what())};
  }
  return {};
}

}  // namespace

Launch launch() {
  static const Launch found = [] {
    const std::int64_t ranks = environment_number("OMPI_COMM_WORLD_SIZE", environment_number("PMI_SIZE", 1));
    const std::int64_t rank = environment_number("OMPI_COMM_WORLD_RANK", environment_number("PMI_RANK", 0));
    return ranks > 1 ? Launch{rank, ranks} : Launch{};
  }();
  return found;
}

bool leads() { return launch().rank == 0; }

int run_on_ranks(const std::function<Outcome()>& command) {
  if (launch().ranks == 1) {
    const Outcome outcome = command();
    if (!outcome.message.empty()) say_line("ttt: " + outcome.message);
    return outcome.status;
  }
  if (!leads()) drop_stdout();
  try {
    session() = open_mpi_session();
    session()->set_interrupted([] { return interrupted() != 0; });
  } catch (const Error& e) {
    if (leads()) say_line(text("ttt: error: ", e.what()));
    return static_cast<int>(e.kind());
  }
  const Outcome outcome = run_open(*session(), command);
  // The launcher ends the other ranks, or has told them too; there is nothing to agree on.
  if (interrupted() != 0) std::_Exit(interrupted());
  const int status = outcome.status == 0
                         ? 0
                         : end_failed_job(*session(), outcome.status, outcome.message,
                                          [](const std::string& message) { say_line("ttt: " + message); });
  session().reset();
  return status;
}

Communicator& communicator() { return session() ? session()->communicator() : self_communicator(); }

void set_step_timeout(double seconds) {
  require(seconds >= 0 && seconds <= 1e6, ErrorKind::kUsage, "--step-timeout wanted a number of seconds, got ",
          seconds);
  if (!session() || seconds == 0) return;
  session()->set_timeout(std::chrono::milliseconds(std::max<std::int64_t>(1, std::llround(seconds * 1000))));
}

CoreShare core_share(std::int64_t cores) {
  if (communicator().ranks() == 1) return {cores, 0};
  cpu_set_t mask;
  CPU_ZERO(&mask);
  sched_getaffinity(0, sizeof mask, &mask);
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::string place(reinterpret_cast<const char*>(&mask), sizeof mask);
  place += host.data();
  const std::uint64_t mine = fnv1a(place);
  const std::vector<std::uint64_t> all = gather(mine);
  const std::int64_t sharers = std::ranges::count(all, mine);
  const std::int64_t before = std::count(all.begin(), all.begin() + communicator().rank(), mine);
  if (leads() && sharers > cores) say_line(text("ttt: warning: ", sharers, " ranks share ", cores, " cores"));
  const std::int64_t each = std::max<std::int64_t>(1, cores / sharers);
  return {each, before * each};
}

std::uint64_t same_on_all(std::uint64_t mine) {
  communicator().broadcast(std::as_writable_bytes(std::span(&mine, 1)), 0);
  return mine;
}

void require_same(std::string_view what, std::string_view bytes) {
  const std::vector<std::uint64_t> all = gather(fnv1a(bytes));
  for (std::size_t r = 1; r < all.size(); ++r) {
    require(all[r] == all[0], ErrorKind::kBadData, "ranks wanted the same ", what, ", but rank ", r,
            " has another one than rank 0");
  }
}

void require_same(std::string_view what, std::span<const std::int32_t> ids) {
  require_same(what, std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size_bytes()));
}

}  // namespace ttt::app
