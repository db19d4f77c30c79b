#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "python/src/bindings.h"
#include "python/src/engine.h"
#include "python/src/generation.h"
#include "python/src/json.h"

namespace nb = nanobind;

namespace ttt::python {
namespace {

constexpr std::string_view kReasons[] = {"end", "stop", "length", "context", "cancelled", "error"};

std::shared_ptr<PyEngine> start(std::shared_ptr<PyModel> model, std::int64_t sequences, std::int64_t context,
                                std::int64_t step_rows, std::int64_t state_bytes, std::int64_t waiting,
                                bool prefix_cache, std::int64_t speculate, std::int64_t threads) {
  const EngineOptions options{.sequences = sequences,
                              .context = context,
                              .step_rows = step_rows,
                              .state_bytes = state_bytes,
                              .waiting = waiting,
                              .prefix_cache = prefix_cache,
                              .speculate = speculate};
  const nb::gil_scoped_release release;
  return std::make_shared<PyEngine>(std::move(model), options, threads);
}

// What a request has besides the options of a generation.
EngineRequest request_of(const GenerateOptions& options, std::vector<std::int32_t> prompt, const Json& rest) {
  EngineRequest r{.prompt = std::move(prompt),
                  .sampling = options.sampling,
                  .max_new_tokens = options.max_new_tokens,
                  .constraint = options.constraint};
  for (const std::int64_t id : options.end_ids) r.end_ids.push_back(static_cast<std::int32_t>(id));
  for (const auto& [name, value] : rest.as_object("request")) {
    if (name == "n") {
      r.n = value.as_integer(name);
    } else if (name == "min_new_tokens") {
      r.min_new_tokens = value.as_integer(name);
    } else if (name == "stop") {
      for (const Json& text : value.as_array(name)) r.stop.push_back(text.as_string(name));
    } else if (name == "keep_stop") {
      r.keep_stop = value.as_bool(name);
    } else if (name == "prompt_log_probs") {
      r.prompt_log_probs = value.as_bool(name);
    } else if (name == "priority") {
      r.priority = value.as_integer(name);
    } else if (name == "cache_key") {
      r.cache_key = value.as_string(name);
    } else {
      fail(ErrorKind::kUsage, text("a request has no field \"", name, "\""));
    }
  }
  return r;
}

std::shared_ptr<PyEngineStream> submit(PyEngine& engine, std::vector<std::int32_t> prompt,
                                       const GenerateOptions& options, nb::handle rest,
                                       const std::shared_ptr<EngineWaker>& waker) {
  EngineRequest request;
  try {
    request = request_of(options, std::move(prompt), to_json(rest, "request"));
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, e.parts());  // the caller's values, not a file's
  }
  const nb::gil_scoped_release release;
  return engine.submit(std::move(request), waker);
}

nb::list tokens_of(const std::vector<SampleResult>& samples) {
  nb::list tokens;
  for (const SampleResult& s : samples) {
    nb::list top;
    for (const TokenLogProb& t : s.top) top.append(nb::make_tuple(t.id, t.log_prob));
    tokens.append(nb::make_tuple(s.id, s.log_prob, top));
  }
  return tokens;
}

// An event as a dict; nothing where there is none. Throws the error of one.
std::optional<nb::dict> dict_of(std::optional<EngineEvent> event) {
  if (!event) return std::nullopt;
  if (event->error) throw *event->error;
  nb::dict d;
  d["index"] = event->index;
  d["text"] = event->text;
  d["ids"] = event->ids;
  d["tokens"] = tokens_of(event->tokens);
  d["prompt_tokens"] = tokens_of(event->prompt_tokens);
  d["finish"] =
      event->finish ? nb::object(nb::cast(kReasons[static_cast<std::size_t>(*event->finish)])) : nb::object(nb::none());
  d["stopped_by"] = event->stopped_by;
  return d;
}

nb::dict usage(const PyEngineStream& stream) {
  const EngineUsage u = stream.usage();
  nb::dict d;
  d["prompt"] = u.prompt;
  d["cached"] = u.cached;
  d["generated"] = u.generated;
  d["queue_seconds"] = u.queue_seconds;
  d["prefill_seconds"] = u.prefill_seconds;
  d["decode_seconds"] = u.decode_seconds;
  return d;
}

nb::dict stats(const PyEngine& engine) {
  const EngineStats s = engine.stats();
  nb::dict d;
  for (const auto& [name, value] : {std::pair<const char*, std::int64_t>{"running", s.running},
                                    {"waiting", s.waiting},
                                    {"pages", s.pages},
                                    {"used_pages", s.used_pages},
                                    {"cached_pages", s.cached_pages},
                                    {"prompt_tokens", s.prompt_tokens},
                                    {"generated_tokens", s.generated_tokens},
                                    {"prefix_queries", s.prefix_queries},
                                    {"prefix_hits", s.prefix_hits},
                                    {"preemptions", s.preemptions},
                                    {"steps", s.steps},
                                    {"guessed", s.guessed},
                                    {"guessed_right", s.guessed_right}}) {
    d[name] = value;
  }
  return d;
}

}  // namespace

void bind_engine(nb::module_& m) {
  nb::class_<EngineWaker>(m, "EngineWaker", "Tells a waiting thread or event loop that there may be events.")
      .def(nb::init<>())
      .def_prop_ro("descriptor", &EngineWaker::descriptor, "A file descriptor, readable when there may be events.")
      .def("clear", &EngineWaker::clear, "Makes the descriptor unreadable, before one looks for events.");
  nb::class_<PyEngineStream>(m, "EngineStream", "A request.")
      .def(
          "poll", [](PyEngineStream& s) { return dict_of(s.poll()); }, "The next event if there is one now.")
      .def(
          "next", [](PyEngineStream& s) { return dict_of(s.next()); }, "The next event; None after the last one.")
      .def("cancel", &PyEngineStream::cancel, "Ends the request within one step.")
      .def("usage", usage, "Counts and times.")
      .def_prop_ro("done", &PyEngineStream::done, "Whether all events were taken.");
  nb::class_<PyEngine>(m, "Engine", "Many requests on one model.")
      .def(nb::new_(&start), nb::arg("model"), nb::arg("sequences"), nb::arg("context"), nb::arg("step_rows"),
           nb::arg("state_bytes"), nb::arg("waiting"), nb::arg("prefix_cache"), nb::arg("speculate"),
           nb::arg("threads"))
      .def("submit", submit, nb::arg("prompt"), nb::arg("options"), nb::arg("request"), nb::arg("waker"),
           "Puts a request into the queue.")
      .def("stats", stats, "Counts since the start.")
      .def("drain", &PyEngine::drain, "Takes no further requests, and waits for the others.")
      .def("close", &PyEngine::close, "Cancels what runs, and ends the engine.")
      .def_prop_ro("context", &PyEngine::context, "Tokens of one sequence, at most.");
}

}  // namespace ttt::python
