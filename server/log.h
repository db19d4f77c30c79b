#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace ttt::server {

// Lines for a log, written by a thread of its own, so that a reader that does not take them delays no request. Beyond
// `most` waiting lines the new ones are lost and counted.
class Log {
 public:
  explicit Log(std::function<void(const std::string&)> write, std::size_t most = 10000);
  ~Log();  // after the waiting lines were written
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void line(std::string s);
  std::int64_t lost() const;

 private:
  void run();

  std::function<void(const std::string&)> write_;
  std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::int64_t lost_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace ttt::server
