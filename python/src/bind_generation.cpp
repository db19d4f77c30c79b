#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "python/src/bindings.h"
#include "python/src/constraint.h"
#include "python/src/generation.h"
#include "python/src/json.h"
#include "runtime/generation_options.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

using TopTokens = std::vector<std::pair<std::int32_t, double>>;
using TokenTuple = std::tuple<std::int32_t, std::optional<std::string>, double, TopTokens>;

// (id, text, log-probability, the most likely tokens)
std::optional<TokenTuple> next_token(GenerationStream& stream) {
  std::optional<GeneratedToken> token = stream.next();
  if (!token) return std::nullopt;
  TopTokens top;
  for (const TokenLogProb& t : token->sample.top) top.emplace_back(t.id, t.log_prob);
  return TokenTuple{token->sample.id, std::move(token->text), token->sample.log_prob, std::move(top)};
}

GenerateOptions options(PyModel& model, nb::handle arguments) {
  return generate_options(model, to_json(arguments, "arguments"));
}

void constrain(GenerateOptions& options, PyModel& model, const std::string& kind, nb::handle value) {
  const Json json = to_json(value, kind);
  const nb::gil_scoped_release release;
  options.constraint = constraint_of(model, kind, json);
}

std::shared_ptr<GenerationStream> begin(std::shared_ptr<PyModel> model, std::vector<std::int32_t> prompt,
                                        GenerateOptions options, std::vector<std::int32_t> source) {
  options.source = std::move(source);
  return std::make_shared<GenerationStream>(std::move(model), std::move(prompt), std::move(options));
}

}  // namespace

void bind_generation(nb::module_& m) {
  nb::class_<GenerateOptions>(m, "GenerateOptions", "How tokens are chosen and when a generation ends.")
      .def(nb::new_(&options), nb::arg("model"), nb::arg("arguments"))
      .def(
          "add_end_ids",
          [](GenerateOptions& o, const std::vector<std::int64_t>& ids) {
            o.end_ids.insert(o.end_ids.end(), ids.begin(), ids.end());
          },
          nb::arg("ids"), "Further ids that end a generation.")
      .def("constrain", constrain, nb::arg("model"), nb::arg("kind"), nb::arg("value"),
           "What the text must keep to: json, schema, regex or grammar.");
  nb::class_<GenerationStream>(m, "GenerationStream", "A continuation, token by token.")
      .def(nb::new_(&begin), nb::arg("model"), nb::arg("prompt"), nb::arg("options"), nb::arg("source"))
      .def("next", next_token, "(id, text, log-probability, top) of the next token; None at the end. id -1: text only.")
      .def("close", &GenerationStream::stop, "Ends it where it is, and lets go of its memory.")
      .def_prop_ro("reason", &GenerationStream::reason, "Why it ended: end, length, context or stopped.");
  m.def(
      "decoder_start_id", [](PyModel& model) { return decoder_start_id(model.checkpoint()); }, nb::arg("model"),
      "What the decoder of an encoder-decoder begins with.");
}

}  // namespace ttt::python
