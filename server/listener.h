#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/http.h"

namespace ttt::server {

struct ListenerOptions {
  std::string host = "127.0.0.1";
  std::int64_t port = 8000;  // 0: one that is free
  std::int64_t most_connections = 1024;
  std::int64_t most_body_bytes = std::int64_t{32} << 20;
  std::int64_t most_head_bytes = 16 << 10;  // request line and headers
  std::int64_t most_headers = 100;
  std::int64_t most_target_bytes = 8 << 10;
  double head_seconds = 10;   // from the first byte of a request to the end of its headers
  double idle_seconds = 65;   // between two requests of a connection
  double write_seconds = 30;  // until what was written has been taken by the client, plus its size at that rate
  double least_bytes_per_second = 4096;  // of a body that is sent or taken
};

struct ListenerStats {
  std::int64_t connections = 0;            // open now
  std::int64_t accepted = 0, refused = 0;  // since the start; refused: beyond most_connections
  std::int64_t slow_readers = 0;           // answers that were given up
  std::int64_t bad_requests = 0;           // answered here: not HTTP, or beyond a limit
};

// Accepts HTTP/1.1 connections and reads requests within limits; answers by itself what is not a request that a handler
// could take. One thread of its own does all of it. An own thread never sees the process's signals.
class Listener {
 public:
  // Binds and listens; connections wait until start. Error{kIo} naming the address. `log` takes a line about what
  // concerns no request; it is called at most once a second.
  Listener(const ListenerOptions& options, std::function<void(std::string)> log);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start(Handler handler);
  void stop_accepting();
  // Closes every connection and ends the thread. Handlers are not called any more.
  void stop();

  std::int64_t port() const;
  std::string address() const;  // "127.0.0.1:8000"
  bool is_public() const;       // others than this machine can reach it
  ListenerStats stats() const;
  void post(std::function<void()> task);
  // Calls `task` on the listener's thread after that time, once.
  void after(double seconds, std::function<void()> task);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace ttt::server
