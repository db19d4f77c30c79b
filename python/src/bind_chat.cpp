#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/src/bindings.h"
#include "python/src/chat.h"
#include "python/src/generation.h"
#include "python/src/json.h"
#include "runtime/generation_options.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

using Pieces = std::vector<std::pair<bool, std::string>>;

std::shared_ptr<PyConversation> converse(std::shared_ptr<PyModel> model, std::shared_ptr<const PyTemplate> templ,
                                         nb::handle variables, bool drop_oldest) {
  return std::make_shared<PyConversation>(std::move(model), std::move(templ), to_json(variables, "variables"),
                                          drop_oldest);
}

// (whether it is reasoning, text) of every piece
std::optional<Pieces> next_pieces(PyConversation& c) {
  std::optional<std::vector<AnswerPiece>> next = c.next();
  if (!next) return std::nullopt;
  Pieces pieces;
  for (AnswerPiece& piece : *next) pieces.emplace_back(piece.reasoning, std::move(piece.text));
  return pieces;
}

nb::dict end(PyConversation& c) {
  const Reply r = c.end();
  nb::dict d;
  d["content"] = r.content;
  d["reasoning"] = r.reasoning;
  d["ids"] = r.ids;
  d["reason"] = name_of(r.reason);
  d["prompt_tokens"] = r.prompt;
  d["prefilled_tokens"] = r.prefilled;
  d["dropped_messages"] = r.dropped;
  d["prefill_seconds"] = r.prefill_seconds;
  d["generate_seconds"] = r.generate_seconds;
  return d;
}

// All ids that end an answer: those of the model's files, and of the template.
std::vector<std::int64_t> all_end_ids(PyModel& model, const PyTemplate& t, nb::handle variables) {
  std::vector<std::int64_t> ids = generate_options(model, Json(Json::Object{})).end_ids;
  for (const std::int64_t id : answer_end_ids(t.chat_template, model.tokenizer(), to_json(variables, "variables"))) {
    ids.push_back(id);
  }
  return ids;
}

void add(PyConversation& c, nb::handle message) { c.conversation().add(to_json(message, "message")); }

}  // namespace

void bind_chat(nb::module_& m) {
  m.def("answer_end_ids", all_end_ids, nb::arg("model"), nb::arg("template"), nb::arg("variables"),
        "Ids that end an answer of a conversation.");
  nb::class_<PyConversation>(m, "Conversation", "Messages, and the rows of their tokens.")
      .def(nb::new_(&converse), nb::arg("model"), nb::arg("template"), nb::arg("variables"), nb::arg("drop_oldest"))
      .def("add", add, nb::arg("message"), "Adds a message.")
      .def(
          "set_system", [](PyConversation& c, const std::string& content) { c.conversation().set_system(content); },
          nb::arg("content"), "Sets the system message.")
      .def(
          "reset", [](PyConversation& c) { c.conversation().reset(); }, "Forgets all but the system message.")
      .def(
          "drop_answer", [](PyConversation& c) { return c.conversation().drop_answer(); },
          "Takes the last message away if it is the assistant's.")
      .def(
          "drop_user", [](PyConversation& c) { return c.conversation().drop_user(); },
          "Takes the last message away if it is the user's.")
      .def_prop_ro(
          "messages", [](PyConversation& c) { return from_json(Json(c.conversation().messages())); },
          "The messages, as dicts.")
      .def_prop_ro(
          "replying", [](PyConversation& c) { return c.conversation().replying(); },
          "Whether an answer is being written.")
      .def_prop_ro("end_ids", &PyConversation::end_ids, "Ids that end an answer besides those of the model's files.")
      .def("begin", &PyConversation::begin, nb::arg("options"), "Begins the answer to the messages.")
      .def("next", next_pieces, "(is reasoning, text) of what the next step adds; None when the answer is complete.")
      .def("cancel", &PyConversation::cancel, "Forgets the answer that is being written.")
      .def("end", end, "The answer as it is now, as a dict; it becomes a message.");
}

}  // namespace ttt::python
