#include "server/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/error.h"

namespace ttt::server {

const std::vector<double> Metrics::kSeconds{0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,
                                            10,   15,   20,  30,  40,  50,  60, 120, 240, 480, 960};
const std::vector<double> Metrics::kTokens{1,    2,    5,    10,    20,    50,    100,    200,   500,
                                           1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000};

namespace {

void header(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += text("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

std::string braces(std::string_view labels) { return labels.empty() ? std::string() : text("{", labels, "}"); }

}  // namespace

Histogram::Histogram(std::span<const double> bounds, std::span<const std::int64_t> counts, double sum)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(counts.begin(), counts.end()),
      count_(std::accumulate(counts.begin(), counts.end(), std::int64_t{0})),
      sum_(sum) {}

void Histogram::add(double value) {
  const auto at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  ++counts_[static_cast<std::size_t>(at)];
  ++count_;
  sum_ += value;
}

void Histogram::write(std::string& out, std::string_view name, std::string_view labels) const {
  const std::string_view comma = labels.empty() ? "" : ",";
  std::int64_t below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    below += counts_[i];
    out += text(name, "_bucket{", labels, comma, "le=\"", bounds_[i], "\"} ", below, "\n");
  }
  out += text(name, "_bucket{", labels, comma, "le=\"+Inf\"} ", count_, "\n", name, "_sum", braces(labels), " ", sum_,
              "\n", name, "_count", braces(labels), " ", count_, "\n");
}

std::string label(std::string_view name, std::string_view value) {
  std::string s = text(name, "=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') s.push_back('\\');
    s += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return s + "\"";
}

void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help, double value,
                  std::string_view labels) {
  header(out, name, type, help);
  out += text(name, braces(labels), " ", value, "\n");
}

void write_counters(std::string& out, std::string_view name, std::string_view help,
                    const std::map<std::string, double>& by_labels, std::string_view labels) {
  header(out, name, "counter", help);
  for (const auto& [own, count] : by_labels) {
    out += text(name, "{", labels, labels.empty() ? "" : ",", own, "} ", count, "\n");
  }
}

void write_histogram(std::string& out, std::string_view name, std::string_view help, const Histogram& histogram,
                     std::string_view labels) {
  header(out, name, "histogram", help);
  histogram.write(out, name, labels);
}

void Metrics::http_request(std::string_view handler, std::string_view method, int status) {
  const std::lock_guard lock(mutex_);
  ++http_[text(label("handler", handler), ",", label("method", method), ",", label("status", text(status)))];
}

void Metrics::finished(std::string_view reason) {
  const std::lock_guard lock(mutex_);
  ++finished_[label("finished_reason", reason)];
}

void Metrics::cancelled() {
  const std::lock_guard lock(mutex_);
  ++cancelled_;
}

void Metrics::rejected(std::string_view reason) {
  const std::lock_guard lock(mutex_);
  ++rejected_[label("reason", reason)];
}

void Metrics::request(const Request& r) {
  const std::lock_guard lock(mutex_);
  whole_.add(r.seconds);
  queue_.add(r.queue_seconds);
  prefill_.add(r.prefill_seconds);
  decode_.add(r.decode_seconds);
  prompt_.add(static_cast<double>(r.prompt_tokens));
  generation_.add(static_cast<double>(r.generation_tokens));
  if (r.first_token_seconds >= 0) first_token_.add(r.first_token_seconds);
}

void Metrics::token_gap(double seconds) {
  const std::lock_guard lock(mutex_);
  gap_.add(seconds);
}

std::string Metrics::text_format(std::string_view labels) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  const auto histogram = [&](std::string_view name, std::string_view help, const Histogram& h) {
    write_histogram(out, name, help, h, labels);
  };
  write_counters(out, "ttt_http_requests_total", "Requests that were answered.", http_, {});
  write_counters(out, "ttt_request_success_total", "Choices that were finished, by reason.", finished_, labels);
  write_counters(out, "ttt_requests_rejected_total", "Requests that were refused, by the code of the error.", rejected_,
                 {});
  write_metric(out, "ttt_requests_cancelled_total", "counter", "Requests whose client went away before the end.",
               static_cast<double>(cancelled_), labels);
  histogram("ttt_time_to_first_token_seconds", "From the arrival of a request to its first token.", first_token_);
  histogram("ttt_inter_token_latency_seconds", "Between two tokens of a choice.", gap_);
  histogram("ttt_e2e_request_latency_seconds", "From the arrival of a request to its end.", whole_);
  histogram("ttt_request_queue_time_seconds", "In the queue of the engine.", queue_);
  histogram("ttt_request_prefill_time_seconds", "From the queue to the first token.", prefill_);
  histogram("ttt_request_decode_time_seconds", "From the first token to the last.", decode_);
  histogram("ttt_request_prompt_tokens", "Tokens of the prompts of a request.", prompt_);
  histogram("ttt_request_generation_tokens", "Tokens that a request generated.", generation_);
  return out;
}

namespace {

std::int64_t open_files() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return -1;
  std::int64_t count = -3;  // ".", "..", and this one
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

// Fields of /proc/self/stat from the third on (man 5 proc).
std::vector<double> stat_fields() {
  std::ifstream in("/proc/self/stat");
  const std::string line{std::istreambuf_iterator<char>(in), {}};
  std::vector<double> fields;
  const std::size_t name = line.rfind(')');
  if (name == std::string::npos || name + 4 > line.size()) return fields;
  const char* at = line.c_str() + name + 4;  // after the state
  const char* end = line.c_str() + line.size();
  while (at < end) {
    double value = 0;
    const auto r = std::from_chars(at, end, value);
    if (r.ec != std::errc{}) break;
    fields.push_back(value);
    at = r.ptr + 1;
  }
  return fields;
}

double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double value = 0;
    if (word == "btime" && in >> value) return value;
  }
  return 0;
}

}  // namespace

std::string process_metrics() {
  std::string out;
  const auto per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  // Counted from ppid, which is field 4: utime 14, stime 15, num_threads 20, starttime 22, vsize 23, rss 24.
  const std::vector<double> f = stat_fields();
  constexpr std::size_t kUser = 10, kSystem = 11, kThreads = 16, kStart = 18, kVirtual = 19, kResident = 20;
  if (f.size() > kResident) {
    write_metric(out, "process_cpu_seconds_total", "counter", "Processor time of the process.",
                 (f[kUser] + f[kSystem]) / per_second);
    write_metric(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", f[kVirtual]);
    write_metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.", f[kResident] * page);
    write_metric(out, "process_start_time_seconds", "gauge", "Start of the process since 1970.",
                 boot_time() + f[kStart] / per_second);
    write_metric(out, "process_threads", "gauge", "Threads of the process.", f[kThreads]);
  }
  write_metric(out, "process_open_fds", "gauge", "Open file descriptors.", static_cast<double>(open_files()));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  write_metric(out, "process_max_fds", "gauge", "Most file descriptors.", static_cast<double>(limit.rlim_cur));
  return out;
}

}  // namespace ttt::server
