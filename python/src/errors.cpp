#include <nanobind/stl/string.h>

#include <filesystem>
#include <new>

#include "base/error.h"
#include "python/src/bindings.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

// Raises the class of ttt.errors that belongs to the kind.
void raise(const Error& e) {
  const ErrorParts& p = e.parts();
  const nb::object make = nb::module_::import_("ttt.errors").attr("_make");
  const nb::object error =
      make(static_cast<int>(e.kind()), e.what(), p.where, p.block.value_or(""), p.field, p.wanted, p.got, p.note);
  PyErr_SetObject(error.type().ptr(), error.ptr());
}

void translate(const std::exception_ptr& p, void*) {
  try {
    std::rethrow_exception(p);
  } catch (const Error& e) {
    raise(e);
  } catch (const std::bad_alloc&) {
    raise(Error(ErrorKind::kResources, "memory is short"));
  } catch (const std::filesystem::filesystem_error& e) {
    raise(Error(ErrorKind::kIo, e.what()));
  }
}

}  // namespace

void bind_errors(nb::module_&) { nb::register_exception_translator(translate); }

}  // namespace ttt::python
