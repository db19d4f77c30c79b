#include "runtime/engine/mailbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/engine/engine.h"

namespace ttt {
namespace {

template <class T>
void move_to_end(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void join(EngineEvent& to, EngineEvent& from) {
  move_to_end(to.prompt_tokens, from.prompt_tokens);
  move_to_end(to.ids, from.ids);
  move_to_end(to.tokens, from.tokens);
  to.text += from.text;
  to.finish = from.finish;
  to.stopped_by = std::move(from.stopped_by);
  to.error = std::move(from.error);
}

}  // namespace

void EngineMailbox::put(EngineEvent event) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = events_.empty();
    if (event.finish) --open_;
    const auto same = std::ranges::find(events_, event.index, &EngineEvent::index);
    if (same != events_.end()) {
      join(*same, event);
    } else {
      events_.push_back(std::move(event));
    }
    condition_.notify_one();
  }
  if (!was_empty) return;
  const std::lock_guard lock(waking_);
  if (wake_) wake_();
}

void EngineMailbox::set_usage(const EngineUsage& usage) {
  const std::lock_guard lock(mutex_);
  usage_ = usage;
}

std::optional<EngineEvent> EngineMailbox::take() {
  if (events_.empty()) return std::nullopt;
  std::optional<EngineEvent> event(std::move(events_.front()));
  events_.pop_front();
  return event;
}

std::optional<EngineEvent> EngineMailbox::next() {
  std::unique_lock lock(mutex_);
  condition_.wait(lock, [&] { return !events_.empty() || open_ == 0; });
  return take();
}

std::optional<EngineEvent> EngineMailbox::poll() {
  const std::lock_guard lock(mutex_);
  return take();
}

bool EngineMailbox::done() const {
  const std::lock_guard lock(mutex_);
  return open_ == 0 && events_.empty();
}

void EngineMailbox::cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  engine_->notify();
}

void EngineMailbox::stop_waking() {
  const std::lock_guard lock(waking_);
  wake_ = nullptr;
}

EngineUsage EngineMailbox::usage() const {
  const std::lock_guard lock(mutex_);
  return usage_;
}

EngineStream::EngineStream(std::shared_ptr<EngineMailbox> mailbox) : mailbox_(std::move(mailbox)) {}
EngineStream::EngineStream(EngineStream&&) noexcept = default;

EngineStream& EngineStream::operator=(EngineStream&& other) noexcept {
  if (this == &other) return *this;
  drop();
  mailbox_ = std::move(other.mailbox_);
  return *this;
}

EngineStream::~EngineStream() { drop(); }

void EngineStream::drop() {
  if (!mailbox_) return;
  mailbox_->stop_waking();
  mailbox_->cancel();
  mailbox_.reset();
}

std::optional<EngineEvent> EngineStream::next() { return mailbox_ ? mailbox_->next() : std::nullopt; }
std::optional<EngineEvent> EngineStream::poll() { return mailbox_ ? mailbox_->poll() : std::nullopt; }
bool EngineStream::done() const { return !mailbox_ || mailbox_->done(); }
void EngineStream::cancel() {
  if (mailbox_) mailbox_->cancel();
}
EngineUsage EngineStream::usage() const { return mailbox_ ? mailbox_->usage() : EngineUsage{}; }

}  // namespace ttt
