#include "server/listener.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "server/connection.h"

namespace ttt::server {

using boost::system::error_code;

struct Listener::Impl {
  Impl(const ListenerOptions& options, std::function<void(std::string)> log_line)
      : shared{.options = options}, log(std::move(log_line)), acceptor(io), retry(io), work(io.get_executor()) {
    constexpr std::int64_t kWholeBodies = 8;
    shared.most_body_bytes = kWholeBodies * options.most_body_bytes;
  }

  void bind();
  void accept();
  void on_accept(const error_code& error, asio::ip::tcp::socket socket);
  void turn_away(asio::ip::tcp::socket socket);
  void pause(const std::string& why);

  ListenerShared shared;
  std::function<void(std::string)> log;
  asio::io_context io{1};
  asio::ip::tcp::acceptor acceptor;
  asio::ip::tcp::endpoint endpoint;
  asio::steady_timer retry;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
  Clock::time_point logged = {};
};

void Listener::Impl::bind() {
  const ListenerOptions& o = shared.options;
  require(o.port >= 0 && o.port <= 65535, ErrorKind::kUsage, "--port wanted 0 .. 65535, got ", o.port);
  const std::string where = text(o.host, ":", o.port);
  error_code error;
  asio::ip::tcp::resolver resolver(io);
  const auto found = resolver.resolve(o.host, text(o.port), asio::ip::tcp::resolver::passive, error);
  require(!error && !found.empty(), ErrorKind::kIo, where, ": cannot resolve the host: ", error.message());
  endpoint = found.begin()->endpoint();
  const auto step = [&](const char* what) {
    require(!error, ErrorKind::kIo, where, ": cannot ", what, ": ", error.message());
  };
  acceptor.open(endpoint.protocol(), error);
  step("open a socket");
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  acceptor.bind(endpoint, error);
  step("bind");
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  step("listen");
  acceptor.non_blocking(true, error);
  endpoint = acceptor.local_endpoint(error);
}

void Listener::Impl::accept() {
  if (!acceptor.is_open()) return;
  acceptor.async_accept(
      [this](const error_code& error, asio::ip::tcp::socket socket) { on_accept(error, std::move(socket)); });
}

void Listener::Impl::on_accept(const error_code& error, asio::ip::tcp::socket socket) {
  if (error == asio::error::operation_aborted) return;
  // Of a client that went away before it was accepted.
  if (error == asio::error::connection_aborted) return accept();
  if (error) return pause(error.message());
  ++shared.accepted;
  if (shared.connections >= shared.options.most_connections) {
    turn_away(std::move(socket));
  } else {
    ++shared.connections;
    auto connection = std::make_shared<Connection>(io, std::move(socket), shared);
    shared.open.insert(connection);
    connection->start();
  }
  accept();
}

void Listener::Impl::turn_away(asio::ip::tcp::socket socket) {
  ++shared.refused;
  static const std::string body =
      ApiError{.status = 503, .message = "too many connections", .type = "server_error", .code = "overloaded"}
          .json()
          .dump();
  const std::string response =
      text("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: ",
           body.size(), "\r\nConnection: close\r\n\r\n", body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(response), ignored);
  socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

// Out of file descriptors or memory: those that are open go on, and later there will be room again.
void Listener::Impl::pause(const std::string& why) {
  const auto now = Clock::now();
  if (now - logged >= std::chrono::seconds(1)) {
    logged = now;
    log("connections cannot be accepted: " + why);
  }
  retry.expires_after(std::chrono::milliseconds(100));
  retry.async_wait([this](const error_code& error) {
    if (!error) accept();
  });
}

Listener::Listener(const ListenerOptions& options, std::function<void(std::string)> log)
    : impl_(std::make_unique<Impl>(options, std::move(log))) {
  impl_->bind();
}

Listener::~Listener() { stop(); }

void Listener::start(Handler handler) {
  impl_->shared.handler = std::move(handler);
  // The thread inherits the mask: the process's signals are for others.
  sigset_t all, before;
  sigfillset(&all);
  for (const int own : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, own);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([this] {
    impl_->accept();
    impl_->io.run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Listener::stop_accepting() {
  asio::post(impl_->io, [this] {
    error_code ignored;
    impl_->shared.stopping = true;
    impl_->acceptor.close(ignored);
  });
}

void Listener::stop() {
  if (!impl_ || !impl_->thread.joinable()) return;
  asio::post(impl_->io, [this] {
    error_code ignored;
    impl_->acceptor.close(ignored);
    const auto open = impl_->shared.open;
    for (const auto& connection : open) connection->close();
    impl_->io.stop();
  });
  impl_->thread.join();
}

std::int64_t Listener::port() const { return impl_->endpoint.port(); }
std::string Listener::address() const {
  const auto address = impl_->endpoint.address();
  return address.is_v6() ? text("[", address.to_string(), "]:", port()) : text(address.to_string(), ":", port());
}
bool Listener::is_public() const { return !impl_->endpoint.address().is_loopback(); }

ListenerStats Listener::stats() const {
  const ListenerShared& s = impl_->shared;
  return {.connections = s.connections,
          .accepted = s.accepted,
          .refused = s.refused,
          .slow_readers = s.slow_readers,
          .bad_requests = s.bad_requests};
}

void Listener::post(std::function<void()> task) { asio::post(impl_->io, std::move(task)); }

void Listener::after(double seconds, std::function<void()> task) {
  asio::post(impl_->io, [this, seconds, task = std::move(task)]() mutable {
    auto timer = std::make_shared<asio::steady_timer>(impl_->io);
    timer->expires_after(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
    timer->async_wait([timer, task = std::move(task)](const error_code& error) {
      if (!error) task();
    });
  });
}

}  // namespace ttt::server
