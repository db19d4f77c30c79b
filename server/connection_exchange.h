#pragma once

// Private to the connection.

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "server/connection.h"

namespace ttt::server {

// An exchange of a connection. The handler may keep it longer than the connection lives.
class ConnectionExchange final : public Exchange {
 public:
  ConnectionExchange(std::shared_ptr<Connection> connection, std::int64_t number, HttpRequest request, std::string id)
      : connection_(std::move(connection)), number_(number), request_(std::move(request)), id_(std::move(id)) {}
  ~ConnectionExchange() override {
    if (answered_) return;
    const ApiError error{
        .status = 500, .message = "the request was dropped", .type = "server_error", .code = "internal_error"};
    on_thread([number = number_, id = id_, error](Connection& c) { c.respond(number, error.response(), id); });
  }
  ConnectionExchange(const ConnectionExchange&) = delete;
  ConnectionExchange& operator=(const ConnectionExchange&) = delete;

  const HttpRequest& request() const override { return request_; }
  const std::string& id() const override { return id_; }
  void respond(HttpResponse response) override {
    answered_ = true;
    on_thread([number = number_, id = id_, r = std::move(response)](Connection& c) mutable {
      c.respond(number, std::move(r), id);
    });
  }
  void begin(HttpResponse head) override {
    answered_ = true;
    on_thread([number = number_, id = id_, h = std::move(head)](Connection& c) { c.begin(number, h, id); });
  }
  void write(std::string bytes) override {
    on_thread([number = number_, b = std::move(bytes)](Connection& c) { c.write(number, b); });
  }
  void end(bool close) override {
    on_thread([number = number_, close](Connection& c) { c.end(number, close); });
  }
  void on_gone(std::function<void()> gone) override {
    on_thread([number = number_, g = std::move(gone)](Connection& c) mutable { c.on_gone(number, std::move(g)); });
  }
  void post(std::function<void()> task) override { asio::post(connection_->io(), std::move(task)); }

 private:
  template <class F>
  void on_thread(F f) {
    asio::dispatch(connection_->io(), [c = connection_, f = std::move(f)]() mutable { f(*c); });
  }

  std::shared_ptr<Connection> connection_;
  std::int64_t number_;
  HttpRequest request_;
  std::string id_;
  std::atomic<bool> answered_ = false;
};

}  // namespace ttt::server
