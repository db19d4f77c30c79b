#pragma once

// Golden logits, kept as a digest: of a few rows the largest 32, 64 fixed columns, minimum and maximum; two rows whole;
// of every row log(sum(exp(logits))), which moves with each of them. tools/make_llama_golden.py defines the file.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ttt::support {

struct DigestRow {
  std::int64_t row = 0;
  std::vector<std::int32_t> top_ids;  // largest first
  std::vector<float> top;
  std::vector<float> columns;
  float minimum = 0, maximum = 0;
  std::vector<float> full;  // every logit, or empty
};

// How rows of logits compare. `error` is the largest difference over what is stored, as a share of Digest::range().
struct DigestMatch {
  std::int64_t rows = 0;
  double error = 0;
  double pcc = 1;                // Pearson's correlation over everything stored, of all rows together
  double worst_row_pcc = 1;      // and of the worst row alone
  std::int64_t other_top1 = 0;   // rows whose largest logit is another than the reference's
  double other_top1_gap = 0;     // how far apart the two are in the reference, as a share of the range: small for a tie
  double log_sum_exp_error = 0;  // in logits, over all rows; compare() only
  std::int64_t worst_row = -1;   // of `error`
  std::string message;

  double top1_agreement() const {
    return rows == 0 ? 1 : 1 - static_cast<double>(other_top1) / static_cast<double>(rows);
  }
};

class Digest {
 public:
  static Digest load(const std::filesystem::path& path);

  std::int64_t tokens() const { return tokens_; }
  std::int64_t vocab() const { return vocab_; }
  double range() const { return range_; }                 // largest minus smallest logit of all rows
  std::uint64_t ids_fnv1a() const { return ids_fnv1a_; }  // of the token ids as little-endian int32
  const std::vector<DigestRow>& rows() const { return rows_; }
  const std::vector<std::int64_t>& columns() const { return columns_; }
  const std::vector<float>& log_sum_exp() const { return log_sum_exp_; }  // [tokens]
  const std::vector<std::int32_t>& argmax() const { return argmax_; }     // [tokens] or empty

  // Throws unless these are the tokens that the logits belong to.
  void require_ids(std::span<const std::int32_t> ids) const;

  // One row, logits [vocab]. The digest must hold it: rows() says which it does.
  DigestMatch compare_row(std::int64_t row, std::span<const float> logits) const;

  // All rows, logits [tokens, vocab].
  DigestMatch compare(std::span<const float> logits) const;

 private:
  // Sums for Pearson's correlation.
  struct Correlation {
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    void add(double a, double b) {
      n += 1;
      x += a;
      y += b;
      xx += a * a;
      yy += b * b;
      xy += a * b;
    }
    double value() const {
      const double a = xx - x * x / n, b = yy - y * y / n;
      return a > 0 && b > 0 ? (xy - x * y / n) / std::sqrt(a * b) : 0;
    }
  };

  void add_row(const DigestRow& want, std::span<const float> got, DigestMatch& match, Correlation& all) const;
  void describe(DigestMatch& match) const;

  std::int64_t tokens_ = 0, vocab_ = 0;
  double range_ = 0;
  std::uint64_t ids_fnv1a_ = 0;
  std::vector<DigestRow> rows_;
  std::vector<std::int64_t> columns_;
  std::vector<float> log_sum_exp_;
  std::vector<std::int32_t> argmax_;
};

// Token ids kept as little-endian uint16.
std::vector<std::int32_t> read_u16_ids(const std::filesystem::path& path);

}  // namespace ttt::support
