// One rank of a job that run.py starts with mpirun. Usage: mpi_ranks CASE; exits 0 when all is as it should be.

#include <bit>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "collectives/mesh.h"
#include "collectives/mpi.h"

namespace ttt {
namespace {

using Counts = std::vector<std::int64_t>;

// Values whose sum depends on the order it is taken in.
float value(std::int64_t rank, std::int64_t i) {
  return static_cast<float>(rank % 2 == 0 ? 1e6 : -1e6) + static_cast<float>(i % 97) * 0.37f +
         static_cast<float>(rank) * 0.013f;
}

float sum_in_order(std::int64_t ranks, std::int64_t i) {
  float sum = value(0, i);
  for (std::int64_t r = 1; r < ranks; ++r) sum += value(r, i);
  return sum;
}

void expect(bool ok, const std::string& what) { require(ok, ErrorKind::kInternal, "wrong result of ", what); }

std::vector<float> values(std::int64_t rank, std::int64_t n) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) x.push_back(value(rank, i));
  return x;
}

void check_sums(Communicator& c, std::int64_t n) {
  std::vector<float> x = values(c.rank(), n);
  c.all_reduce(x);
  for (std::int64_t i = 0; i < n; ++i) {
    expect(std::bit_cast<std::uint32_t>(x[static_cast<std::size_t>(i)]) ==
               std::bit_cast<std::uint32_t>(sum_in_order(c.ranks(), i)),
           text("all_reduce(", n, ") at ", i));
  }
  Counts counts;
  for (std::int64_t r = 0, left = n; r < c.ranks(); ++r) {
    counts.push_back(r + 1 == c.ranks() ? left : left / 3);  // uneven, and empty for small n
    left -= counts.back();
  }
  std::int64_t first = 0;
  for (std::int64_t r = 0; r < c.rank(); ++r) first += counts[static_cast<std::size_t>(r)];
  std::vector<float> mine(static_cast<std::size_t>(counts[static_cast<std::size_t>(c.rank())]));
  c.reduce_scatter(values(c.rank(), n), counts, mine);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    expect(mine[i] == sum_in_order(c.ranks(), first + static_cast<std::int64_t>(i)), text("reduce_scatter(", n, ")"));
  }
}

std::vector<std::byte> bytes(std::int64_t from, std::int64_t to, std::int64_t n) {
  std::vector<std::byte> b;
  for (std::int64_t i = 0; i < n; ++i) b.push_back(static_cast<std::byte>(from * 31 + to * 7 + i));
  return b;
}

void check_moves(Communicator& c, std::int64_t n) {
  const auto size = [&](std::int64_t from, std::int64_t to) { return (from + 2 * to) % 3 * n; };
  Counts parts, sent, received;
  std::vector<std::byte> wanted, send, wanted_exchange;
  for (std::int64_t r = 0; r < c.ranks(); ++r) {
    parts.push_back(size(r, 0));
    sent.push_back(size(c.rank(), r));
    received.push_back(size(r, c.rank()));
    for (const std::byte b : bytes(r, 0, parts.back())) wanted.push_back(b);
    for (const std::byte b : bytes(c.rank(), r, sent.back())) send.push_back(b);
    for (const std::byte b : bytes(r, c.rank(), received.back())) wanted_exchange.push_back(b);
  }
  std::vector<std::byte> all(wanted.size()), exchanged(wanted_exchange.size());
  c.all_gather(bytes(c.rank(), 0, parts[static_cast<std::size_t>(c.rank())]), parts, all);
  expect(all == wanted, text("all_gather(", n, ")"));
  c.all_to_all(send, sent, exchanged, received);
  expect(exchanged == wanted_exchange, text("all_to_all(", n, ")"));
  for (std::int64_t root = 0; root < c.ranks(); ++root) {
    std::vector<std::byte> x = bytes(c.rank(), 5, n);
    c.broadcast(x, root);
    expect(x == bytes(root, 5, n), text("broadcast(", n, ")"));
  }
  c.barrier();
}

void collectives(Communicator& c) {
  for (const std::int64_t n : {0, 1, 3, 576, 8192, 8193, 300'000}) check_sums(c, n);
  for (const std::int64_t n : {0, 1, 1000, 700'000}) check_moves(c, n);
  for (int i = 0; i < 1100; ++i) check_sums(c, 5);  // tags come round again
}

void expect_error(const std::function<void()>& call, ErrorKind kind, const std::string& part) {
  try {
    call();
  } catch (const Error& e) {
    require(e.kind() == kind && std::string(e.what()).find(part) != std::string::npos, ErrorKind::kInternal,
            "wanted \"", part, "\", got \"", e.what(), "\"");
    return;
  }
  fail(ErrorKind::kInternal, "wanted \"" + part + "\", got no error");
}

// The last rank comes late, so one of the others gives up, and the rest hears of it.
int late(MpiSession& session) {
  Communicator& c = session.communicator();
  c.barrier();  // processes start at different times
  session.set_timeout(std::chrono::milliseconds(300));
  std::vector<float> x(10);
  const std::int64_t last = c.ranks() - 1;
  if (c.rank() == last) std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  std::string message;
  try {
    c.all_reduce(x);
    c.all_reduce(x);  // the late one may find all parts of the first waiting, and hears of the end at its next call
  } catch (const Error& e) {
    message = e.what();
  }
  const std::string wanted = text("all_reduce: rank ", last, " did not arrive within 300 ms (call 2)");
  expect(message.ends_with(wanted), "a late rank: " + message);
  const JobEnd end = session.end(7, message);
  return end.rank < last && end.status == 7 && end.message == wanted && end.complete && !end.everywhere ? 0 : 1;
}

// One rank fails by itself; the others, waiting, end with its status.
int failing(MpiSession& session) {
  Communicator& c = session.communicator();
  const bool fails = c.rank() == 1;
  if (!fails) expect_error([&] { c.barrier(); }, ErrorKind::kBadData, "): no such tensor");
  const JobEnd end = session.end(fails ? 3 : 7, fails ? "no such tensor" : "of another");
  return end.rank == 1 && end.status == 3 && end.message == "no such tensor" && end.complete && !end.everywhere ? 0 : 1;
}

int same_failure(MpiSession& session) {
  const JobEnd end = session.end(2, "all wrong");
  return end.rank == 0 && end.status == 2 && end.everywhere && end.complete ? 0 : 1;
}

int mismatch(MpiSession& session) {
  Communicator& c = session.communicator();
  session.set_timeout(std::chrono::milliseconds(300));
  std::vector<float> x(4);
  try {
    c.rank() == 0 ? c.all_reduce(x) : c.barrier();
  } catch (const Error& e) {
    session.end(1, e.what());
    return std::string(e.what()).find("collectives differ (call 1)") != std::string::npos ? 0 : 1;
  }
  return 1;
}

// Two rows of two. Groups make different numbers of calls, all at the same time.
int mesh(MpiSession& session) {
  Communicator& c = session.communicator();
  const Mesh mesh = make_mesh(c, 2, 2);
  expect(mesh.row * 2 + mesh.column == c.rank() && mesh.along_row->rank() == mesh.column &&
             mesh.along_column->rank() == mesh.row && mesh.along_row->ranks() == 2,
         "make_mesh");
  for (std::int64_t call = 0; call < 50 + 100 * mesh.row; ++call) {
    const std::int64_t n = call % 10 == 0 ? 20'000 : 7, first = mesh.row * 2;
    std::vector<float> x = values(c.rank(), n);
    mesh.along_row->all_reduce(x);
    for (std::int64_t i = 0; i < n; ++i) {
      expect(x[static_cast<std::size_t>(i)] == value(first, i) + value(first + 1, i),
             text("all_reduce in a row at ", i));
    }
  }
  for (std::int64_t call = 0; call < 60 - 20 * mesh.column; ++call) check_moves(*mesh.along_column, 40);
  const std::unique_ptr<Communicator> reversed = c.split("reversed", 5, -c.rank());
  expect(reversed->rank() == 3 - c.rank() && reversed->ranks() == 4, "split");
  check_sums(*reversed, 100);
  check_sums(c, 100);
  return 0;
}

// The last rank misses a collective of its row; the other row hears of it in one of its own.
int late_in_a_row(MpiSession& session) {
  Communicator& c = session.communicator();
  const Mesh mesh = make_mesh(c, 2, 2);
  c.barrier();
  session.set_timeout(std::chrono::milliseconds(mesh.row == 1 ? 300 : 20'000));
  std::string message;
  try {
    if (c.rank() == 3) std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    if (c.rank() != 0) mesh.along_row->barrier();
    mesh.along_column->barrier();
  } catch (const Error& e) {
    message = e.what();
  }
  const std::string wanted = "[row 1] barrier: rank 1 did not arrive within 300 ms (call 1)";
  expect(message.ends_with(wanted), "a rank that is late in a row: " + message);
  const JobEnd end = session.end(7, message);
  return end.rank == 2 && end.status == 7 && end.message == wanted && end.complete && !end.everywhere ? 0 : 1;
}

int run(const std::string& name, MpiSession& session) {
  if (name == "mesh") return mesh(session);
  if (name == "late_in_a_row") return late_in_a_row(session);
  if (name == "late") return late(session);
  if (name == "failing") return failing(session);
  if (name == "same_failure") return same_failure(session);
  if (name == "mismatch") return mismatch(session);
  if (name == "unwinding" && session.communicator().rank() == 1) throw std::runtime_error("thrown");
  if (name == "unwinding") session.communicator().barrier();
  collectives(session.communicator());
  return 0;
}

int main_of(const std::string& name) {
  try {
    const std::unique_ptr<MpiSession> session = open_mpi_session();
    try {
      return run(name, *session);
    } catch (const Error& e) {
      std::fprintf(stderr, "%s\n", e.what());
      session->abort(1);
      return 1;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

}  // namespace
}  // namespace ttt

int main(int argc, char** argv) { return argc == 2 ? ttt::main_of(argv[1]) : 2; }
