#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/text/corpus.h"
#include "text/tokenizer.h"

namespace ttt {

// Compares a tokenizer with the digests of a reference, 20 strings of the corpus at a time: ids with and without
// special tokens and with their texts read as text; the text of those ids and of random ones, with each value of
// skip_special. So many groups may differ.
inline void expect_agrees(const Tokenizer& tokenizer, const std::string& digest_file, const std::vector<bool>& skips,
                          int tolerated = 0) {
  constexpr std::size_t kGroup = 20;
  std::istringstream digests(read_golden(digest_file));
  std::vector<std::pair<std::uint32_t, std::uint32_t>> wanted;
  for (std::uint32_t a, b; digests >> std::hex >> a >> b;) wanted.emplace_back(a, b);
  ASSERT_GT(wanted.size(), 1000u);
  const std::vector<std::string> strings = Corpus().strings(wanted.size() * kGroup);
  Random r(99);
  const auto size = static_cast<std::size_t>(tokenizer.vocab_size());
  int failures = 0;
  for (std::size_t group = 0; group < wanted.size() && failures < tolerated + 5; ++group) {
    Fnv ids_digest, text_digest;
    for (std::size_t i = group * kGroup; i < (group + 1) * kGroup; ++i) {
      const auto full = tokenizer.encode(strings[i]);
      ids_digest.add_ids(full);
      ids_digest.add_ids(tokenizer.encode(strings[i], {.add_special = false}));
      ids_digest.add_ids(tokenizer.encode(strings[i], {.add_special = false, .parse_special = false}));
      std::vector<std::int32_t> mixed(r.below(16));
      for (auto& id : mixed) id = static_cast<std::int32_t>(r.below(size));
      for (const auto& ids : {full, mixed}) {
        for (const bool skip : skips) text_digest.add_text(tokenizer.decode(ids, {.skip_special = skip}));
      }
    }
    const bool same = ids_digest.value() == wanted[group].first && text_digest.value() == wanted[group].second;
    failures += same ? 0 : 1;
    if (failures <= tolerated) continue;
    EXPECT_EQ(ids_digest.value(), wanted[group].first) << "ids of strings " << group * kGroup << " and following";
    EXPECT_EQ(text_digest.value(), wanted[group].second) << "text of strings " << group * kGroup << " and following";
  }
}

}  // namespace ttt
