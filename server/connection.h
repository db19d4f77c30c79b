#pragma once

// Private to the listener: the only header with Boost in it.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <set>

#include "server/api_error.h"
#include "server/listener.h"

namespace ttt::server {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

class Connection;

// What connections share. Used by the listener's thread.
struct ListenerShared {
  ListenerOptions options;
  Handler handler = {};
  std::set<std::shared_ptr<Connection>> open = {};
  std::int64_t body_bytes = 0;  // that are read or waited for now, of all connections
  std::int64_t most_body_bytes = 0;
  std::atomic<std::int64_t> connections = 0, accepted = 0, refused = 0, slow_readers = 0, bad_requests = 0;
  bool stopping = false;
};

// One client. Reads a request, hands it over, writes the answer, and reads the next one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& io, asio::ip::tcp::socket socket, ListenerShared& shared);

  void start();
  void close();
  asio::io_context& io() { return io_; }

  // Of the exchange with this number; a later one is none of theirs.
  void respond(std::int64_t exchange, HttpResponse response, const std::string& id);
  void begin(std::int64_t exchange, const HttpResponse& head, const std::string& id);
  void write(std::int64_t exchange, std::string_view bytes);
  void end(std::int64_t exchange, bool close);
  void on_gone(std::int64_t exchange, std::function<void()> gone);

 private:
  enum class Phase { kHead, kBody, kAnswer, kLinger, kClosed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  struct Piece {
    std::string bytes;
    Clock::time_point deadline;
  };

  void next_request();
  void read_more();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void feed();
  void on_head();
  bool reserve_body(std::int64_t bytes);
  void release_body();
  void hand_over();
  void refuse(ApiError error);
  void refuse_parse(const boost::system::error_code& error);
  void gone();

  void queue(std::string bytes);
  void write_more();
  void on_written(const boost::system::error_code& error, std::size_t bytes);
  void after_answer();
  void linger();
  void read_deadline(Clock::time_point when);
  void write_deadline();
  std::string head_of(const HttpResponse& response, const std::string& id, std::optional<std::size_t> length) const;

  asio::io_context& io_;
  asio::ip::tcp::socket socket_;
  ListenerShared& shared_;
  asio::steady_timer read_timer_, write_timer_;
  std::optional<Parser> parser_;
  std::string in_;  // received and not yet consumed
  std::vector<char> read_buffer_;
  Phase phase_ = Phase::kHead;
  bool reading_ = false, writing_ = false;
  bool head_begun_ = false;  // a byte of the request has come
  bool first_ = true;
  bool keep_alive_ = true, chunked_ = false, head_only_ = false;
  bool close_after_ = false, answered_ = false, begun_ = false;
  std::int64_t exchange_ = 0;  // the number of the current one
  std::int64_t body_reserved_ = 0;
  Clock::time_point body_begin_ = {};
  std::size_t body_received_ = 0, lingered_ = 0;
  std::deque<Piece> out_;
  std::size_t out_offset_ = 0;  // of the first piece, written
  std::size_t out_bytes_ = 0;
  std::function<void()> gone_;
  bool is_gone_ = false;
  std::string peer_;
};

}  // namespace ttt::server
