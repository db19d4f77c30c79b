#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "python/src/bindings.h"
#include "python/src/chat.h"
#include "python/src/json.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

Rendered rendered(const PyTemplate& t, nb::handle request, std::int64_t time) {
  const Json json = to_json(request, "request");
  const nb::gil_scoped_release release;
  return t.chat_template.render(json, {.time = time});
}

std::vector<std::int32_t> render_ids(const PyTemplate& t, nb::handle request, const Tokenizer& tokenizer,
                                     std::int64_t time) {
  const Rendered text = rendered(t, request, time);
  const nb::gil_scoped_release release;
  return encode_rendered(tokenizer, text, t.chat_template.control_ids(tokenizer));
}

}  // namespace

void bind_template(nb::module_& m) {
  nb::class_<PyTemplate>(m, "ChatTemplate", "A chat template.")
      .def_static("of_model", template_of_model, nb::arg("path"), nb::arg("name").none(), nb::arg("with_tools"),
                  "One of the templates of a model's directory or file.")
      .def_static(
          "of_source",
          [](const std::string& source, const std::string& where, nb::handle special_tokens) {
            return template_of_source(source, where, to_json(special_tokens, "special_tokens"));
          },
          nb::arg("source"), nb::arg("where"), nb::arg("special_tokens"), "A template from its text.")
      .def_ro("source", &PyTemplate::source, "Its text.")
      .def(
          "render",
          [](const PyTemplate& t, nb::handle request, std::int64_t time) { return rendered(t, request, time).text; },
          nb::arg("request"), nb::arg("time"), "The prompt as text. time: for strftime_now; negative: the clock.")
      .def("render_ids", render_ids, nb::arg("request"), nb::arg("tokenizer"), nb::arg("time"),
           "The prompt as ids: texts of the request never become control tokens.");
}

}  // namespace ttt::python
