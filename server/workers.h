#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ttt::server {

// Threads for work that would block the listener: reading JSON, templates, tokenizers. Tasks must not throw.
class Workers {
 public:
  explicit Workers(std::int64_t threads);
  ~Workers();  // tasks that have not begun are dropped
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void post(std::function<void()> task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ttt::server
