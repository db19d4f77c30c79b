#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt::server {

// Counts of observations up to each bound, as Prometheus has them.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  // Of counts that were made elsewhere, one for each interval.
  Histogram(std::span<const double> bounds, std::span<const std::int64_t> counts, double sum);
  void add(double value);
  void write(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::int64_t> counts_;  // of each interval; the last is above all bounds
  std::int64_t count_ = 0;
  double sum_ = 0;
};

// name="value", with what Prometheus wants escaped.
std::string label(std::string_view name, std::string_view value);
// One metric of one value with its HELP and TYPE lines. `type`: gauge or counter.
void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help, double value,
                  std::string_view labels = {});

// One counter with a value for each set of labels.
void write_counters(std::string& out, std::string_view name, std::string_view help,
                    const std::map<std::string, double>& by_labels, std::string_view labels);
void write_histogram(std::string& out, std::string_view name, std::string_view help, const Histogram& histogram,
                     std::string_view labels);

// What happened to requests since the start. Any thread.
class Metrics {
 public:
  void http_request(std::string_view handler, std::string_view method, int status);
  void finished(std::string_view reason);  // of one choice: stop, length, tool_calls
  void cancelled();                        // the client went away
  void rejected(std::string_view reason);  // by its error code
  struct Request {
    std::int64_t prompt_tokens = 0, generation_tokens = 0;
    double seconds = 0, queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0, first_token_seconds = -1;
  };
  void request(const Request& r);
  void token_gap(double seconds);  // between two tokens of a choice

  // In the text format of Prometheus 0.0.4. `labels` are on every line that tells of the model.
  std::string text_format(std::string_view labels) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, double> http_, finished_, rejected_;  // by labels
  std::int64_t cancelled_ = 0;
  Histogram first_token_{
      {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}};
  Histogram gap_{{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10}};
  Histogram whole_{kSeconds}, queue_{kSeconds}, prefill_{kSeconds}, decode_{kSeconds};
  Histogram prompt_{kTokens}, generation_{kTokens};
  static const std::vector<double> kSeconds, kTokens;
};

// process_* and their like, read from the system.
std::string process_metrics();

}  // namespace ttt::server
