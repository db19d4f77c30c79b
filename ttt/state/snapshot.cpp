#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/checked.h"
#include "base/error.h"
#include "state/state_pool.h"

// A snapshot is, in the machine's byte order: magic, layout text, length, source rows; per group of slots that see
// alike the entries of the page table that have a page; per slot with rows of its own the bytes of those pages; a
// checksum of all before.
namespace ttt {
namespace {

constexpr std::string_view kMagic = "TTTSTAT2";

std::uint64_t checksum(std::span<const std::byte> bytes) {
  std::uint64_t h = 0xcbf29ce484222325;  // FNV-1a
  for (const std::byte b : bytes) h = (h ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
  return h;
}

void put(std::vector<std::byte>& to, const void* data, std::int64_t size) {
  const std::byte* p = static_cast<const std::byte*>(data);
  to.insert(to.end(), p, p + size);
}
void put(std::vector<std::byte>& to, std::int64_t value) { put(to, &value, sizeof value); }

// Reads what put wrote; what is missing is bad data.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> take(std::int64_t size) {
    require(size >= 0 && size <= static_cast<std::int64_t>(bytes_.size()), ErrorKind::kBadData,
            "[state] snapshot wanted ", size, " bytes more, got ", bytes_.size());
    const std::span<const std::byte> part = bytes_.first(static_cast<std::size_t>(size));
    bytes_ = bytes_.subspan(static_cast<std::size_t>(size));
    return part;
  }
  std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text(std::int64_t size) {
    const std::span<const std::byte> part = take(size);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
};

// The body of a snapshot that is whole and of this version.
std::span<const std::byte> checked_body(std::span<const std::byte> snapshot) {
  constexpr std::size_t kSum = sizeof(std::uint64_t);
  require(snapshot.size() >= kMagic.size() + kSum, ErrorKind::kBadData, "[state] snapshot wanted at least ",
          kMagic.size() + kSum, " bytes, got ", snapshot.size());
  const std::span<const std::byte> body = snapshot.first(snapshot.size() - kSum);
  Reader begin(body), end(snapshot.last(kSum));
  require(begin.text(static_cast<std::int64_t>(kMagic.size())) == kMagic &&
              static_cast<std::uint64_t>(end.number()) == checksum(body),
          ErrorKind::kBadData, "[state] snapshot wanted intact data of this version, got something else");
  return body.subspan(kMagic.size());
}

// The entries of the page table that have a page, in ascending order. Which they are decides what attention reads: all
// rows of a source; of a sequence's own `rows` what a window leaves: the pinned ones and one run beyond them.
std::vector<std::int64_t> read_entries(Reader& in, const PageGroup& g, std::int64_t rows) {
  const std::int64_t count = in.number(), used = div_up(rows, g.page_rows());
  const std::int64_t least = g.kind() == RowsKind::kSource ? used : 0;
  require(count >= least && count <= used, ErrorKind::kBadData, "[state] snapshot wanted ", least, " to ", used,
          " pages, got ", count);
  std::vector<std::int64_t> entries;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t e = in.number(), previous = entries.empty() ? -1 : entries.back();
    const bool runs_on = e == previous + 1 || previous * g.page_rows() < g.visible().pinned;
    require(e > previous && e < used && runs_on, ErrorKind::kBadData, "[state] snapshot wanted a page from ",
            previous + 1, " to ", used - 1, ", got ", e);
    entries.push_back(e);
  }
  return entries;
}

}  // namespace

std::string StatePool::layout() const {
  std::string s;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const StateSpec& spec = slots_[i];
    s += text(spec.heads, "x", spec.key_dim, "+", spec.value_dim, " ", name_of(spec.format), " behind ",
              spec.visible.behind, " chunk ", spec.visible.chunk, " pinned ", spec.visible.pinned, " source ",
              spec.source_rows, spec.step_only ? " of one step" : "", " as ", spec.shared_slot, " pages of ",
              rows_[i].view.keys.page_rows, "; ");
  }
  return s;
}

// The four parts of a page of a slot.
std::array<std::span<std::byte>, 4> StatePool::page_parts(const Slot& slot, std::int32_t page) const {
  std::byte* const data[4] = {slot.view.keys.data, slot.view.keys.scales, slot.view.values.data,
                              slot.view.values.scales};
  std::array<std::span<std::byte>, 4> parts;
  for (std::size_t k = 0; k < 4; ++k) {
    const std::int64_t size = slot.page_bytes[k];
    if (size > 0) parts[k] = {data[k] + page * size, static_cast<std::size_t>(size)};
  }
  return parts;
}

std::vector<std::byte> StatePool::save(const Sequence& s) const {
  require(s.pool_ == this, ErrorKind::kUsage, "[state] save wanted a sequence of this pool");
  std::vector<std::byte> out;
  const std::string shape = layout();
  put(out, kMagic.data(), static_cast<std::int64_t>(kMagic.size()));
  put(out, static_cast<std::int64_t>(shape.size()));
  put(out, shape.data(), static_cast<std::int64_t>(shape.size()));
  put(out, s.length());
  put(out, s.source_rows());
  const auto pages_of = [&](const PageGroup& g) -> std::span<const std::int32_t> {
    if (g.kind() == RowsKind::kStep) return {};
    return g.table(s.id()).first(static_cast<std::size_t>(div_up(rows_of(g, s.id()), g.page_rows())));
  };
  for (const PageGroup& g : groups_) {
    const auto pages = pages_of(g);
    put(out, std::count_if(pages.begin(), pages.end(), [](std::int32_t p) { return p >= 0; }));
    for (std::size_t e = 0; e < pages.size(); ++e) {
      if (pages[e] >= 0) put(out, static_cast<std::int64_t>(e));
    }
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].shared_slot >= 0) continue;
    for (const std::int32_t page : pages_of(groups_[static_cast<std::size_t>(rows_[i].group)])) {
      if (page < 0) continue;
      for (const auto part : page_parts(rows_[i], page)) put(out, part.data(), static_cast<std::int64_t>(part.size()));
    }
  }
  put(out, static_cast<std::int64_t>(checksum(out)));
  return out;
}

Sequence StatePool::restore(std::span<const std::byte> snapshot) {
  Reader in(checked_body(snapshot));
  const std::string_view shape = in.text(in.number());
  require(shape == layout(), ErrorKind::kBadData, "[state] snapshot wanted slots ", layout(), "got ", shape);
  const std::int64_t length = in.number(), source = in.number(), most_source = most_source_rows(slots_);
  require(length >= 0 && length <= config_.context, ErrorKind::kBadData, "[state] snapshot wanted at most ",
          config_.context, " rows, got ", length);
  require(source >= 0 && source <= most_source, ErrorKind::kBadData, "[state] snapshot wanted at most ", most_source,
          " rows of a source, got ", source);
  Sequence s = create();
  lengths_[static_cast<std::size_t>(s.id())] = length;
  source_rows_[static_cast<std::size_t>(s.id())] = source;
  std::vector<std::vector<std::int64_t>> entries(groups_.size());
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    PageGroup& g = groups_[i];
    require(g.kind() != RowsKind::kSource || source <= g.context(), ErrorKind::kBadData,
            "[state] snapshot wanted at most ", g.context(), " rows of a source, got ", source);
    entries[i] = read_entries(in, g, rows_of(g, s.id()));
    const std::int64_t count = static_cast<std::int64_t>(entries[i].size());
    require(count <= g.free_pages(), ErrorKind::kResources, "[state] wanted ", count, " pages of ", g.page_rows(),
            " rows more, got ", g.free_pages(), " free of ", g.pages());
    for (const std::int64_t e : entries[i]) g.make_writable(s.id(), e);
    require(!g.grows() || g.has_seen_rows(s.id(), length), ErrorKind::kBadData,
            "[state] snapshot wanted all rows that the next token sees, got pages missing");
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].shared_slot >= 0) continue;
    const std::size_t group = static_cast<std::size_t>(rows_[i].group);
    for (const std::int64_t e : entries[group]) {
      const std::int32_t page = groups_[group].table(s.id())[static_cast<std::size_t>(e)];
      for (const auto part : page_parts(rows_[i], page)) {
        const auto from = in.take(static_cast<std::int64_t>(part.size()));
        std::copy(from.begin(), from.end(), part.begin());
      }
    }
  }
  require(in.empty(), ErrorKind::kBadData, "[state] snapshot wanted no more data, got some");
  return s;
}

}  // namespace ttt
