#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/src/arrays.h"
#include "python/src/bindings.h"
#include "runtime/load_tokenizer.h"
#include "text/tokenizer.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

Tokenizer load_tokenizer_of(const std::string& path) {
  const nb::gil_scoped_release release;
  return load_tokenizer(path);
}

EncodeOptions options_of(bool add_special, bool parse_special, std::int64_t max_ids, bool keep_end) {
  return {.add_special = add_special, .parse_special = parse_special, .limit = {.ids = max_ids, .keeps_end = keep_end}};
}

std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>> encode(const Tokenizer& tokenizer,
                                                                       std::string_view text,
                                                                       std::optional<std::string_view> second,
                                                                       bool add_special, bool parse_special,
                                                                       std::int64_t max_ids, bool keep_end) {
  const EncodeOptions options = options_of(add_special, parse_special, max_ids, keep_end);
  const nb::gil_scoped_release release;
  Encoding e = second ? tokenizer.encode_pair(text, *second, options) : tokenizer.encode_with_types(text, options);
  return {std::move(e.ids), std::move(e.types)};
}

// A StreamDecoder that cannot be copied.
class PyStreamDecoder {
 public:
  PyStreamDecoder(const Tokenizer& tokenizer, bool skip_special)
      : decoder_(std::make_unique<StreamDecoder>(tokenizer, DecodeOptions{.skip_special = skip_special})) {}
  void continue_after(const std::vector<std::int32_t>& ids) { decoder_->continue_after(ids); }
  std::string push(std::int32_t id) { return decoder_->push(id); }
  std::string finish() { return decoder_->finish(); }

 private:
  std::unique_ptr<StreamDecoder> decoder_;
};

std::string decode(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  const nb::gil_scoped_release release;
  return tokenizer.decode(span_of(ids), {.skip_special = skip_special});
}

}  // namespace

void bind_tokenizer(nb::module_& m) {
  nb::class_<Tokenizer>(m, "Tokenizer", "Text to token ids and back.")
      .def(nb::new_(&load_tokenizer_of), nb::arg("path"))
      .def("encode", encode, nb::arg("text"), nb::arg("second").none(), nb::arg("add_special"),
           nb::arg("parse_special"), nb::arg("max_ids"), nb::arg("keep_end"), "(ids, token types) of a text or a pair.")
      .def("decode", decode, nb::arg("ids"), nb::arg("skip_special"), "The text of ids.")
      .def("token_text", &Tokenizer::token_text, nb::arg("id"), "The token as the file spells it.")
      .def("id_of", &Tokenizer::id_of, nb::arg("token"), "The id of a token as the file spells it.")
      .def("is_token", &Tokenizer::is_token, nb::arg("id"), "Whether an id is a token.")
      .def("is_special", &Tokenizer::is_special, nb::arg("id"), "Whether a token is a special one.")
      .def_prop_ro("vocab_size", &Tokenizer::vocab_size, "One more than the highest id.")
      .def_prop_ro("added_ids", &Tokenizer::added_ids, "Ids of added tokens.")
      .def_prop_ro("end_ids", &Tokenizer::end_ids, "Ids that end a generation, of GGUF files.")
      .def_prop_ro("bos_id", &Tokenizer::bos_id, "The begin token.")
      .def_prop_ro("eos_id", &Tokenizer::eos_id, "The end token.")
      .def_prop_ro("eot_id", &Tokenizer::eot_id, "The end of a turn, of GGUF files.")
      .def_prop_ro("unk_id", &Tokenizer::unk_id, "The unknown token.")
      .def_prop_ro("pad_id", &Tokenizer::pad_id, "The padding token.")
      .def_prop_ro("adds_bos", &Tokenizer::adds_bos, "Whether encode begins with the begin token.")
      .def_prop_ro("adds_eos", &Tokenizer::adds_eos, "Whether encode ends with the end token.")
      .def_prop_ro("warnings", &Tokenizer::warnings, "Contradictions of the files.");
  nb::class_<PyStreamDecoder>(m, "StreamDecoder", "Decodes ids one by one.")
      .def(nb::init<const Tokenizer&, bool>(), nb::arg("tokenizer"), nb::arg("skip_special"))
      .def("continue_after", &PyStreamDecoder::continue_after, nb::arg("ids"), "Starts after ids, whose text is known.")
      .def("push", &PyStreamDecoder::push, nb::arg("id"), "The text that an id adds.")
      .def("finish", &PyStreamDecoder::finish, "The text that was held back.");
}

}  // namespace ttt::python
