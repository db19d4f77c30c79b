#include "python/src/sequence.h"

#include <utility>

#include "base/error.h"

namespace ttt::python {

PySequence::PySequence(std::shared_ptr<PyModel> model, std::int64_t forks) : model_(std::move(model)) {
  require(forks >= 0, ErrorKind::kUsage, "forks wanted a number of at least 0, got ", forks);
  require(!model_->model().has_encoder() && model_->model().input_size() == 0, ErrorKind::kUnsupported,
          "a sequence wanted a model of tokens without an encoder beside its decoder, got one of another kind");
  model_->compute([&] {
    lease_ = std::make_shared<Lease>(model_->decoding_runner(1 + forks));
    sequence_ = (*lease_)->create();
  });
}

OwnedFloats PySequence::extend(std::span<const std::int32_t> ids, std::int64_t first_wanted) {
  return model_->compute([&] {
    require(!ids.empty(), ErrorKind::kUsage, "a sequence wanted at least one token, got none");
    Runner& runner = **lease_;
    OwnedFloats outputs((static_cast<std::int64_t>(ids.size()) - first_wanted) * runner.output_size());
    runner.extend(sequence_, ids, first_wanted, outputs.span());
    return outputs;
  });
}

std::unique_ptr<PySequence> PySequence::fork() {
  std::unique_ptr<PySequence> other(new PySequence());
  other->model_ = model_;
  other->lease_ = lease_;
  model_->compute([&] { other->sequence_ = sequence_.fork(); });
  return other;
}

void PySequence::truncate(std::int64_t length) {
  model_->compute([&] {
    require(length >= 0 && length <= sequence_.length(), ErrorKind::kUsage, "truncate wanted 0 to ", sequence_.length(),
            " tokens, got ", length);
    sequence_.truncate(length);
  });
}

}  // namespace ttt::python
