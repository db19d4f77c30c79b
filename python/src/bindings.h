#pragma once

#include <nanobind/nanobind.h>

// The parts of the module ttt._core, a file for each.
namespace ttt::python {

void bind_errors(nanobind::module_& m);
void bind_model(nanobind::module_& m);
void bind_outputs(nanobind::module_& m);
void bind_generation(nanobind::module_& m);
void bind_chat(nanobind::module_& m);
void bind_encoder(nanobind::module_& m);
void bind_engine(nanobind::module_& m);
void bind_tokenizer(nanobind::module_& m);
void bind_template(nanobind::module_& m);

}  // namespace ttt::python
