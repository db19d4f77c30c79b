#include <algorithm>
#include <array>

#include "text/template/functions.h"
#include "text/template/rendering.h"

// Filters of Jinja2 over items.
namespace ttt::jinja {
namespace {

Value undefined(std::string_view message) { return Undefined{std::make_shared<const std::string>(message)}; }

Value list(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "list", call, 0, {});
  return Value::list(r.items(v));
}

Value first(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "first", call, 0, {});
  const std::vector<Value> all = r.items(v);
  return all.empty() ? undefined("No first item, sequence was empty.") : all.front();
}

Value last(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "last", call, 0, {});
  const std::vector<Value> all = r.items(v);
  return all.empty() ? undefined("No last item, sequence was empty.") : all.back();
}

Value length(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "length", call, 0, {});
  if (v.is_undefined()) return 0;
  if (const Text* t = v.text()) return static_cast<std::int64_t>(t->size());
  if (const Dict* d = v.dict()) return static_cast<std::int64_t>(d->entries.size());
  const Sequence* s = v.sequence();
  if (s == nullptr || s->kind == Sequence::Kind::kIterator) {
    r.refuse(text("object of type '", v.type_name(), "' has no len()"));
  }
  return static_cast<std::int64_t>(s->items.size());
}

Value reverse(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "reverse", call, 0, {});
  if (const Text* t = v.text()) return Text(t->rbegin(), t->rend());
  std::vector<Value> all = r.items(v);
  std::reverse(all.begin(), all.end());
  return Value::iterator(std::move(all));
}

// What items are compared by: attributes where they are named, strings in lower case unless case counts.
struct Key {
  Rendering& r;
  bool case_sensitive;
  std::vector<Value> attributes;

  Key(Rendering& rendering, bool with_case, const Value& attribute) : r(rendering), case_sensitive(with_case) {
    if (attribute.is_none()) return;
    if (!attribute.is_string()) {
      attributes.push_back(attribute);
      return;
    }
    const Value parts = call_text_method(r, attribute, "split", {.positional = {Value(",")}});
    attributes = parts.sequence()->items;
  }

  Value folded(const Value& v) const { return v.is_string() && !case_sensitive ? Value(lower(*v.text())) : v; }
  Value operator()(const Value& v) const {
    if (attributes.empty()) return folded(v);
    if (attributes.size() == 1) return folded(r.attribute_path(v, attributes[0]));
    std::vector<Value> all;
    for (const Value& a : attributes) all.push_back(folded(r.attribute_path(v, a)));
    return Value::list(std::move(all));
  }
};

// Stable; a sort in reverse leaves equal items in their order, as Python's does.
std::vector<Value> sorted(Rendering& r, const std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    r.step();
    return reverse ? r.compare("<", keys[b], keys[a]) : r.compare("<", keys[a], keys[b]);
  });
  std::vector<Value> out;
  for (const std::size_t i : order) out.push_back(items[i]);
  return out;
}

std::vector<Value> keys_of(const Key& key, const std::vector<Value>& items) {
  std::vector<Value> keys;
  for (const Value& v : items) keys.push_back(key(v));
  return keys;
}

Value sort(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"reverse", "case_sensitive", "attribute"};
  const Parameters p(r, "sort", call, 0, kNames);
  const std::vector<Value> items = r.items(v);
  return Value::list(sorted(r, items, keys_of(Key(r, p.truth(1, false), p.get(2, {})), items), p.truth(0, false)));
}

Value dictsort(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"case_sensitive", "by", "reverse"};
  const Parameters p(r, "dictsort", call, 0, kNames);
  const Text by = p.text(1, "key");
  if (!equal(by, "key") && !equal(by, "value")) r.refuse("You can only sort by either \"key\" or \"value\"");
  if (v.dict() == nullptr) r.refuse(text("dictsort wanted a dict, got ", v.type_name()));
  const Key key(r, p.truth(0, false), {});
  std::vector<Value> items, keys;
  for (const auto& [k, x] : v.dict()->entries) {
    items.push_back(Value::tuple({k, x}));
    keys.push_back(key(equal(by, "key") ? k : x));
  }
  return Value::list(sorted(r, items, keys, p.truth(2, false)));
}

Value unique(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"case_sensitive", "attribute"};
  const Parameters p(r, "unique", call, 0, kNames);
  const Key key(r, p.truth(0, false), p.get(1, {}));
  Dict seen;
  std::vector<Value> kept;
  for (const Value& item : r.items(v)) {
    const Value k = key(item);
    r.require_hashable(k);
    if (seen.find(k) != nullptr) continue;
    seen.set(k, {});
    kept.push_back(item);
  }
  return Value::iterator(std::move(kept));
}

Value extreme(Rendering& r, const Value& v, const Call& call, bool most) {
  constexpr std::string_view kNames[] = {"case_sensitive", "attribute"};
  const Parameters p(r, most ? "max" : "min", call, 0, kNames);
  const Key key(r, p.truth(0, false), p.get(1, {}));
  const std::vector<Value> items = r.items(v);
  if (items.empty()) return undefined("No aggregated item, sequence was empty.");
  std::size_t best = 0;
  Value best_key = key(items[0]);
  for (std::size_t i = 1; i < items.size(); ++i) {
    Value k = key(items[i]);
    r.step();
    if (r.compare(most ? ">" : "<", k, best_key)) {
      best = i;
      best_key = std::move(k);
    }
  }
  return items[best];
}
Value maximum(Rendering& r, const Value& v, const Call& call) { return extreme(r, v, call, true); }
Value minimum(Rendering& r, const Value& v, const Call& call) { return extreme(r, v, call, false); }

Value sum(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"attribute", "start"};
  const Parameters p(r, "sum", call, 0, kNames);
  Value total = p.get(1, 0);
  for (const Value& item : r.items(v)) {
    r.step();
    total = r.binary("+", total, p.has(0) && !p[0].is_none() ? r.attribute_path(item, p[0]) : item);
  }
  return total;
}

Value groupby(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"attribute", "default", "case_sensitive"};
  const Parameters p(r, "groupby", call, 1, kNames);
  const bool with_case = p.truth(2, false);
  const std::vector<Value> items = r.items(v);
  const auto raw = [&](const Value& item) {
    const Value k = r.attribute_path(item, p[0]);
    return k.is_undefined() && p.has(1) && !p[1].is_none() ? p[1] : k;
  };
  const Key fold(r, with_case, {});
  std::vector<Value> keys;
  for (const Value& item : items) keys.push_back(fold(raw(item)));
  std::vector<Value> order;
  for (std::size_t i = 0; i < items.size(); ++i) order.push_back(Value::tuple({keys[i], items[i]}));
  order = sorted(r, order, keys, false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < order.size();) {
    const Value key = order[i].sequence()->items[0];
    std::vector<Value> members;
    for (; i < order.size() && r.equal(order[i].sequence()->items[0], key); ++i) {
      members.push_back(order[i].sequence()->items[1]);
    }
    const Value shown = raw(members[0]);
    groups.push_back(Sequence{.kind = Sequence::Kind::kTuple,
                              .items = {with_case ? key : shown, Value::list(std::move(members))},
                              .group = true});
  }
  return Value::list(std::move(groups));
}

Value batch(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"linecount", "fill_with"};
  const Parameters p(r, "batch", call, 1, kNames);
  const std::int64_t size = p.integer(0);
  if (size < 1 || size > 1 << 20) r.refuse(text("linecount of batch wanted 1 to ", 1 << 20, ", got ", size));
  std::vector<Value> lines, line;
  for (const Value& item : r.items(v)) {
    if (static_cast<std::int64_t>(line.size()) == size) lines.push_back(Value::list(std::exchange(line, {})));
    line.push_back(item);
  }
  if (!line.empty()) {
    if (p.has(1) && !p[1].is_none()) {
      r.step(size / 4);
      line.resize(static_cast<std::size_t>(size), p[1]);
    }
    lines.push_back(Value::list(std::move(line)));
  }
  return Value::iterator(std::move(lines));
}

Value slice(Rendering& r, const Value& v, const Call& call) {
  constexpr std::string_view kNames[] = {"slices", "fill_with"};
  const Parameters p(r, "slice", call, 1, kNames);
  const std::int64_t slices = p.integer(0);
  if (slices < 1 || slices > 100000) r.refuse(text("slices wanted 1 to 100000, got ", slices));
  const std::vector<Value> items = r.items(v);
  const std::int64_t size = static_cast<std::int64_t>(items.size()), each = size / slices, longer = size % slices;
  r.step(slices);
  std::vector<Value> parts;
  for (std::int64_t i = 0, begin = 0; i < slices; ++i) {
    const std::int64_t end = begin + each + (i < longer ? 1 : 0);
    std::vector<Value> part(items.begin() + begin, items.begin() + end);
    if (p.has(1) && !p[1].is_none() && i >= longer) part.push_back(p[1]);
    parts.push_back(Value::list(std::move(part)));
    begin = end;
  }
  return Value::iterator(std::move(parts));
}

// The rest of a call whose first argument named a filter or test.
Call rest_of(const Call& call, std::size_t from) {
  Call rest = call;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(from));
  return rest;
}

Value map(Rendering& r, const Value& v, const Call& call) {
  std::vector<Value> out;
  if (call.positional.empty() && !call.named.empty()) {
    constexpr std::string_view kNames[] = {"attribute", "default"};
    const Parameters p(r, "map", call, 0, kNames);
    if (!p.has(0)) r.refuse("map requires a filter argument");
    for (const Value& item : r.items(v)) {
      Value got = r.attribute_path(item, p[0]);
      out.push_back(got.is_undefined() && p.has(1) && !p[1].is_none() ? p[1] : std::move(got));
      r.step();
    }
    return Value::iterator(std::move(out));
  }
  if (call.positional.empty() || !call.positional[0].is_string()) r.refuse("map requires a filter argument");
  const std::string name = to_utf8(*call.positional[0].text());
  const Call rest = rest_of(call, 1);
  for (const Value& item : r.items(v)) out.push_back(r.filter(name, item, rest));
  return Value::iterator(std::move(out));
}

// select, reject, selectattr, rejectattr
template <bool kKeep, bool kByAttribute>
Value chosen(Rendering& r, const Value& v, const Call& call) {
  std::size_t used = 0;
  Value attribute;
  if (kByAttribute) {
    if (call.positional.empty()) r.refuse("Missing parameter for attribute name");
    attribute = call.positional[used++];
  }
  std::string name;
  if (used < call.positional.size()) {
    if (!call.positional[used].is_string()) r.refuse("the name of a test wanted str");
    name = to_utf8(*call.positional[used++].text());
  }
  const Call rest = rest_of(call, used);
  std::vector<Value> out;
  for (const Value& item : r.items(v)) {
    r.step();
    const Value tested = kByAttribute ? r.attribute_path(item, attribute) : item;
    const bool holds = name.empty() ? tested.truth() : r.test(name, tested, rest);
    if (holds == kKeep) out.push_back(item);
  }
  return Value::iterator(std::move(out));
}

Value items(Rendering& r, const Value& v, const Call& call) {
  Parameters(r, "items", call, 0, {});
  if (v.is_undefined()) return Value::iterator({});
  if (v.dict() == nullptr) r.refuse("Can only get item pairs from a mapping.");
  return Value::iterator(r.items(call_collection_method(r, v, "items", {})));
}

constexpr std::array<std::pair<std::string_view, FilterFn>, 21> kSequenceFilters{{
    {"batch", batch},
    {"count", length},
    {"dictsort", dictsort},
    {"first", first},
    {"groupby", groupby},
    {"items", items},
    {"last", last},
    {"length", length},
    {"list", list},
    {"map", map},
    {"max", maximum},
    {"min", minimum},
    {"reject", chosen<false, false>},
    {"rejectattr", chosen<false, true>},
    {"reverse", reverse},
    {"select", chosen<true, false>},
    {"selectattr", chosen<true, true>},
    {"slice", slice},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
}};

}  // namespace

FilterFn sequence_filter(std::string_view name) {
  const auto at =
      std::find_if(kSequenceFilters.begin(), kSequenceFilters.end(), [&](const auto& f) { return f.first == name; });
  return at == kSequenceFilters.end() ? nullptr : at->second;
}

}  // namespace ttt::jinja
