#include "server/log.h"

#include <utility>

namespace ttt::server {

Log::Log(std::function<void(const std::string&)> write, std::size_t most) : write_(std::move(write)), most_(most) {
  thread_ = std::thread([this] { run(); });
}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Log::line(std::string s) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= most_) {
      ++lost_;
      return;
    }
    waiting_.push_back(std::move(s));
  }
  changed_.notify_one();
}

std::int64_t Log::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Log::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const std::string line = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    write_(line);
    lock.lock();
  }
}

}  // namespace ttt::server
