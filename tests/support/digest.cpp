#include "support/digest.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/json.h"

namespace ttt::support {

Digest Digest::load(const std::filesystem::path& path) {
  const std::string where = path.string();
  std::ifstream in(path, std::ios::binary);
  require(in.good(), ErrorKind::kIo, where, ": cannot open");
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::size_t at = 0;
  const auto take = [&](std::size_t count) {
    require(count <= bytes.size() - at, ErrorKind::kBadData, where, ": cut short");
    at += count;
    return std::string_view(bytes).substr(at - count, count);
  };
  const auto take_array = [&]<class T>(std::vector<T>& values, std::size_t count) {
    values.resize(count);
    std::memcpy(values.data(), take(count * sizeof(T)).data(), count * sizeof(T));
  };
  require(take(8) == "TTTDGST1", ErrorKind::kBadData, where, ": no digest");
  std::uint32_t length = 0;
  std::memcpy(&length, take(4).data(), 4);
  const Json header = Json::parse(take(length), where);
  const auto integers = [&](std::string_view key) {
    std::vector<std::int64_t> values;
    for (const Json& value : header.at(key, where).as_array(where)) values.push_back(value.as_integer(where));
    return values;
  };

  Digest d;
  d.tokens_ = header.at("tokens", where).as_integer(where);
  d.vocab_ = header.at("vocab", where).as_integer(where);
  d.range_ = header.at("maximum", where).as_number(where) - header.at("minimum", where).as_number(where);
  const std::string& sum = header.at("ids_fnv1a", where).as_string(where);
  const auto parsed = std::from_chars(sum.data(), sum.data() + sum.size(), d.ids_fnv1a_, 16);
  require(parsed.ec == std::errc{}, ErrorKind::kBadData, where, ": ids_fnv1a is no number");
  d.columns_ = integers("columns");
  const auto top = static_cast<std::size_t>(header.at("top", where).as_integer(where));
  for (const std::int64_t row : integers("rows")) {
    DigestRow r;
    r.row = row;
    take_array(r.top_ids, top);
    take_array(r.top, top);
    take_array(r.columns, d.columns_.size());
    std::vector<float> ends;
    take_array(ends, 2);
    r.minimum = ends[0];
    r.maximum = ends[1];
    d.rows_.push_back(std::move(r));
  }
  for (const std::int64_t row : integers("full_rows")) {
    take_array(std::ranges::find(d.rows_, row, &DigestRow::row)->full, static_cast<std::size_t>(d.vocab_));
  }
  const auto tokens = static_cast<std::size_t>(d.tokens_);
  if (header.at("log_sum_exp", where).as_bool(where)) take_array(d.log_sum_exp_, tokens);
  if (header.at("argmax", where).as_bool(where)) take_array(d.argmax_, tokens);
  require(at == bytes.size(), ErrorKind::kBadData, where, ": bytes after the end");
  return d;
}

void Digest::require_ids(std::span<const std::int32_t> ids) const {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const std::int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      h = (h ^ ((static_cast<std::uint32_t>(id) >> shift) & 255u)) * 0x100000001B3u;
    }
  }
  require(std::ssize(ids) == tokens_ && h == ids_fnv1a_, ErrorKind::kBadData, "the digest is of ", tokens_,
          " other tokens than these ", std::ssize(ids));
}

void Digest::add_row(const DigestRow& want, std::span<const float> got, DigestMatch& match, Correlation& all) const {
  require(std::ssize(got) == vocab_, ErrorKind::kUsage, "row of logits wanted ", vocab_, " values, got ", got.size());
  Correlation own;
  double error = 0;
  const auto difference = [&](float a, float b) {
    const double d = std::fabs(double{a} - double{b}) / range_;
    error = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(error, d);
  };
  const auto compare_value = [&](std::size_t column, float value) {
    difference(got[column], value);
    own.add(got[column], value);
    all.add(got[column], value);
  };
  if (!want.full.empty()) {
    for (std::size_t i = 0; i < want.full.size(); ++i) compare_value(i, want.full[i]);
  } else {
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < want.top.size(); ++i) {
      seen.insert(want.top_ids[i]);
      compare_value(static_cast<std::size_t>(want.top_ids[i]), want.top[i]);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (seen.insert(columns_[i]).second) compare_value(static_cast<std::size_t>(columns_[i]), want.columns[i]);
    }
    const auto [low, high] = std::ranges::minmax_element(got);
    difference(*low, want.minimum);
    difference(*high, want.maximum);
  }
  const auto first = std::ranges::max_element(got) - got.begin();
  if (first != want.top_ids[0]) {
    ++match.other_top1;
    // What is not among the stored top is at least as far below as the last of them.
    const auto place = std::ranges::find(want.top_ids, static_cast<std::int32_t>(first)) - want.top_ids.begin();
    const auto last = std::ssize(want.top) - 1;
    const double gap = double{want.top[0]} - double{want.top[static_cast<std::size_t>(std::min(place, last))]};
    match.other_top1_gap = std::max(match.other_top1_gap, gap / range_);
  }
  ++match.rows;
  match.worst_row_pcc = std::min(match.worst_row_pcc, std::isnan(own.value()) ? -1 : own.value());
  if (match.worst_row < 0 || error > match.error) {
    match.error = error;
    match.worst_row = want.row;
  }
}

void Digest::describe(DigestMatch& match) const {
  match.message =
      text(match.rows, " row(s): error ", match.error, " of the range ", range_, " (worst: row ", match.worst_row,
           "), PCC ", match.pcc, " (worst row ", match.worst_row_pcc, "), top-1 differs in ", match.other_top1, " (by ",
           match.other_top1_gap, " of the range), log-sum-exp off by ", match.log_sum_exp_error);
}

DigestMatch Digest::compare_row(std::int64_t row, std::span<const float> logits) const {
  const auto want = std::ranges::find(rows_, row, &DigestRow::row);
  require(want != rows_.end(), ErrorKind::kUsage, "the digest does not hold row ", row);
  DigestMatch match;
  Correlation all;
  add_row(*want, logits, match, all);
  match.pcc = std::isnan(all.value()) ? -1 : all.value();
  describe(match);
  return match;
}

DigestMatch Digest::compare(std::span<const float> logits) const {
  require(std::ssize(logits) == tokens_ * vocab_, ErrorKind::kUsage, "logits wanted [", tokens_, ", ", vocab_,
          "], got ", logits.size(), " values");
  const auto row_of = [&](std::int64_t row) {
    return logits.subspan(static_cast<std::size_t>(row * vocab_), static_cast<std::size_t>(vocab_));
  };
  DigestMatch match;
  Correlation all;
  for (const DigestRow& row : rows_) add_row(row, row_of(row.row), match, all);
  match.pcc = std::isnan(all.value()) ? -1 : all.value();
  for (std::size_t i = 0; i < log_sum_exp_.size(); ++i) {
    const auto row = row_of(static_cast<std::int64_t>(i));
    const double peak = *std::ranges::max_element(row);
    double sum = 0;
    for (const float v : row) sum += std::exp(double{v} - peak);
    const double error = std::fabs(std::log(sum) + peak - double{log_sum_exp_[i]});
    match.log_sum_exp_error =
        std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(match.log_sum_exp_error, error);
  }
  describe(match);
  return match;
}

std::vector<std::int32_t> read_u16_ids(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), ErrorKind::kIo, path.string(), ": cannot open");
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<std::uint16_t> ids(bytes.size() / sizeof(std::uint16_t));
  std::memcpy(ids.data(), bytes.data(), ids.size() * sizeof(std::uint16_t));
  return {ids.begin(), ids.end()};
}

}  // namespace ttt::support
