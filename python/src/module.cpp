#include "python/src/bindings.h"

NB_MODULE(_core, m) {
  using namespace ttt::python;
  m.doc() = "The library ttt for the package of the same name, whose classes are the interface for users.";
  m.attr("__version__") = TTT_VERSION;
  bind_errors(m);
  bind_tokenizer(m);
  bind_template(m);
  bind_model(m);
  bind_outputs(m);
  bind_generation(m);
  bind_chat(m);
  bind_encoder(m);
  bind_engine(m);
}
