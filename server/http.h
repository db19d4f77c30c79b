#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ttt::server {

// One request, whole. Names of headers are compared without regard to case.
struct HttpRequest {
  std::string method = {};
  std::string target = {};  // as sent: path and query
  std::string path = {};    // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::string peer = {};  // address of the client

  // Of the first header of that name; empty: there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool close = false;  // ends the connection after it
};

// The answer to one request, which may be given at once or piece by piece, by any thread. What is written after the end
// or after the client has gone is dropped. Destroying the last reference without an answer sends a 500.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const HttpRequest& request() const = 0;
  virtual const std::string& id() const = 0;  // X-Request-Id

  virtual void respond(HttpResponse response) = 0;
  // A response of unknown length, its body following by write.
  virtual void begin(HttpResponse head) = 0;
  virtual void write(std::string bytes) = 0;
  virtual void end(bool close = false) = 0;

  // Called once, by the listener's thread, when the client has closed the connection or does not read what is written;
  // never after the end of the answer. At once where it has happened already.
  virtual void on_gone(std::function<void()> gone) = 0;
  // Runs `task` on the listener's thread.
  virtual void post(std::function<void()> task) = 0;
};

// Handles a request on the listener's thread and must not block it.
using Handler = std::function<void(std::shared_ptr<Exchange>)>;

bool same_ignoring_case(std::string_view a, std::string_view b);
std::string make_request_id();  // 24 hexadecimal digits, random
std::string_view reason_phrase(int status);
// %41 becomes A. False for an invalid escape or a zero byte.
bool percent_decode(std::string_view text, std::string& decoded);

}  // namespace ttt::server
