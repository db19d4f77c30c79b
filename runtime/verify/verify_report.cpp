#include <algorithm>

#include "runtime/verify/verify.h"
#include "testing/test_report.h"

namespace ttt {
namespace {

using testing::short_number;

std::string percent(double share) { return short_number(share * 100) + " %"; }

std::string details(const PlaceComparison& c) {
  return text("max error ", short_number(c.error), " (", percent(c.share), " of the range) at row ", c.row, " column ",
              c.column, ": wanted ", c.wanted, ", got ", c.got, "; PCC ", short_number(c.pcc), ", cosine ",
              short_number(c.cosine));
}

Json place_json(const PlaceComparison& c) {
  return Json(Json::Object{{"path", c.path},
                           {"block", c.block},
                           {"rows", c.rows},
                           {"width", c.width},
                           {"max_error", c.error},
                           {"share_of_range", c.share},
                           {"pcc", c.pcc},
                           {"cosine", c.cosine},
                           {"row", c.row},
                           {"column", c.column},
                           {"wanted", static_cast<double>(c.wanted)},
                           {"got", static_cast<double>(c.got)},
                           {"agrees", c.agrees}});
}

std::string causes_text(const VerifyReport& report) {
  std::string s;
  for (const Cause& c : report.causes) {
    const bool first = &c == report.causes.data();
    const std::string_view label = !c.agrees ? "nearest" : first ? "likely cause" : "agrees as well";
    s += ttt::text("  ", label, ": ", c.what, " (error ", percent(c.share), ")\n");
  }
  if (!report.hint.empty()) s += ttt::text("  ", report.hint, "\n");
  return s;
}

}  // namespace

std::string VerifyReport::text(bool all_places) const {
  std::string s = ttt::text(trace, ": ", tokens, " tokens of ", model_type, " in ", dtype, "; tolerance ",
                            percent(tolerance), " of the range of what was recorded\n");
  std::vector<std::vector<std::string>> rows{{"place", "block", "max error", "of range", "PCC", "cosine", "result"}};
  const auto shown = all_places || !first ? places.size() : static_cast<std::size_t>(*first) + 1;
  for (const PlaceComparison& c : std::span(places).first(shown)) {
    rows.push_back({c.path, c.block, short_number(c.error), percent(c.share), short_number(c.pcc),
                    short_number(c.cosine), c.agrees ? "agrees" : "DIVERGES"});
  }
  s += testing::aligned(rows, 2);
  if (!not_compared.empty()) {
    s += ttt::text(not_compared.size(), " blocks have no recorded ", alone ? "input and output" : "output",
                   ", the first is ", not_compared[0], "\n");
  }
  if (!otherwise.empty()) {
    s += ttt::text(otherwise.size(), " places are recorded as something else (what follows them agrees), the first is ",
                   otherwise[0].path, "\n");
  }
  if (!first)
    return s + ttt::text("all ", places.size(), otherwise.empty() ? "" : " other", " recorded places agree\n");
  const PlaceComparison& c = places[static_cast<std::size_t>(*first)];
  s += ttt::text("first divergence: ", c.path, " (", c.block, ")\n  ", alone ? "alone" : "in the run", ": ", details(c),
                 "\n");
  if (first_alone && !alone) s += ttt::text("  alone, on its recorded input: ", details(*first_alone), "\n");
  return s + causes_text(*this);
}

Json VerifyReport::json() const {
  Json::Array all, others, likely, missing(not_compared.begin(), not_compared.end());
  for (const PlaceComparison& c : places) all.push_back(place_json(c));
  for (const PlaceComparison& c : otherwise) others.push_back(place_json(c));
  for (const Cause& c : causes) {
    likely.emplace_back(Json::Object{{"what", c.what}, {"share_of_range", c.share}, {"agrees", c.agrees}});
  }
  return Json(Json::Object{{"trace", trace},
                           {"model_type", model_type},
                           {"dtype", dtype},
                           {"tokens", tokens},
                           {"tolerance", tolerance},
                           {"alone", alone},
                           {"agrees", agrees()},
                           {"first_divergence", first ? place_json(places[static_cast<std::size_t>(*first)]) : Json()},
                           {"first_alone", first_alone ? place_json(*first_alone) : Json()},
                           {"causes", std::move(likely)},
                           {"specs_tried", tried},
                           {"hint", hint},
                           {"places", std::move(all)},
                           {"recorded_otherwise", std::move(others)},
                           {"not_compared", std::move(missing)}});
}

}  // namespace ttt
