#include "server/connection.h"

#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <ctime>

namespace ttt::server {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kMostPipelined = std::size_t{64} << 10;  // bytes of later requests that are read ahead
constexpr std::size_t kMostUnsent = std::size_t{8} << 20;      // of a stream; a response in one piece may be longer
constexpr int kSendBuffer = 128 << 10;  // of the system: more would hold memory for clients that do not read
constexpr std::size_t kMostLingered = std::size_t{4} << 20;

Clock::duration seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 64> s{};
  std::snprintf(s.data(), s.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                utc.tm_sec);
  return s.data();
}

bool usable_id(std::string_view id) {
  constexpr std::size_t kLongest = 128;
  return !id.empty() && id.size() <= kLongest && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

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

}  // namespace

Connection::Connection(asio::io_context& io, asio::ip::tcp::socket socket, ListenerShared& shared)
    : io_(io), socket_(std::move(socket)), shared_(shared), read_timer_(io), write_timer_(io) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(kSendBuffer), ignored);
  const auto peer = socket_.remote_endpoint(ignored);
  if (!ignored) peer_ = text(peer.address().to_string(), ":", peer.port());
  read_buffer_.resize(kReadBytes);
}

void Connection::start() { next_request(); }

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  error_code ignored;
  read_timer_.cancel();
  write_timer_.cancel();
  socket_.close(ignored);
  release_body();
  out_.clear();
  gone();
  if (shared_.open.erase(shared_from_this()) > 0) --shared_.connections;
}

// Tells the handler, once.
void Connection::gone() {
  if (is_gone_ || (answered_ && !begun_)) return;
  is_gone_ = true;
  if (gone_) std::exchange(gone_, {})();
}

void Connection::next_request() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(shared_.options.most_head_bytes));
  parser_->body_limit(static_cast<std::uint64_t>(shared_.options.most_body_bytes));
  phase_ = Phase::kHead;
  head_begun_ = false;
  read_deadline(Clock::now() + seconds(first_ ? shared_.options.head_seconds : shared_.options.idle_seconds));
  if (in_.empty()) {
    read_more();
  } else {
    feed();
  }
}

void Connection::read_deadline(Clock::time_point when) {
  read_timer_.expires_at(when);
  read_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->phase_ == Phase::kClosed || self->phase_ == Phase::kAnswer) return;
    if (self->read_timer_.expiry() > Clock::now()) return;
    const bool waiting = self->phase_ == Phase::kLinger || (self->phase_ == Phase::kHead && !self->head_begun_);
    if (waiting) return self->close();
    self->refuse({.status = 408,
                  .message = self->phase_ == Phase::kHead ? "the headers took too long" : "the body took too long",
                  .code = "request_timeout"});
  });
}

void Connection::read_more() {
  if (reading_ || phase_ == Phase::kClosed) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->reading_ = false;
                            self->on_read(error, bytes);
                          });
}

void Connection::on_read(const error_code& error, std::size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    // A client that has its answer may close its side before it has read all of it.
    if (phase_ == Phase::kAnswer && answered_ && error == asio::error::eof) {
      close_after_ = true;
      return;
    }
    return close();
  }
  if (phase_ == Phase::kLinger) {
    lingered_ += bytes;
    return lingered_ > kMostLingered ? close() : read_more();
  }
  in_.append(read_buffer_.data(), bytes);
  if (phase_ == Phase::kAnswer) {
    if (in_.size() < kMostPipelined) read_more();
    return;
  }
  feed();
}

void Connection::feed() {
  if (phase_ == Phase::kHead && !head_begun_) {
    in_.erase(0, std::min(in_.find_first_not_of("\r\n"), in_.size()));  // RFC 9112, 2.2
    if (!in_.empty()) {
      head_begun_ = true;
      read_deadline(Clock::now() + seconds(shared_.options.head_seconds));
    }
  }
  while (!in_.empty() && !parser_->is_done() && (phase_ == Phase::kHead || phase_ == Phase::kBody)) {
    error_code error;
    const std::size_t used = parser_->put(asio::buffer(in_), error);
    in_.erase(0, used);
    if (phase_ == Phase::kBody) body_received_ += used;
    if (error == http::error::need_more) break;
    if (error) return refuse_parse(error);
    if (phase_ == Phase::kHead && parser_->is_header_done()) {
      on_head();
      if (phase_ != Phase::kBody) return;
    }
    if (used == 0) break;
  }
  if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
    if (parser_->is_done()) return hand_over();
    if (phase_ == Phase::kBody) {
      const double earned = static_cast<double>(body_received_) / shared_.options.least_bytes_per_second;
      read_deadline(body_begin_ + seconds(shared_.options.head_seconds + earned));
    }
    read_more();
  }
}

void Connection::refuse_parse(const error_code& error) {
  // The line of the request is read when it is whole.
  const bool no_line = parser_->get().target().empty();
  if (error == http::error::header_limit && no_line) {
    return refuse({.status = 414,
                   .message = text("the request line wanted at most ", shared_.options.most_target_bytes, " bytes"),
                   .code = "uri_too_long"});
  }
  if (error == http::error::header_limit) {
    return refuse({.status = 431,
                   .message = text("the headers wanted at most ", shared_.options.most_head_bytes, " bytes"),
                   .code = "headers_too_large"});
  }
  if (error == http::error::body_limit) {
    return refuse({.status = 413,
                   .message = text("the body wanted at most ", shared_.options.most_body_bytes, " bytes"),
                   .code = "request_too_large"});
  }
  refuse({.message = text("not an HTTP request: ", error.message()), .code = "bad_request"});
}

// The headers are there: decides whether the body is read.
void Connection::on_head() {
  const auto& head = parser_->get();
  const ListenerOptions& limits = shared_.options;
  const auto count = std::distance(head.begin(), head.end());
  keep_alive_ = head.keep_alive();
  chunked_ = head.version() >= 11;
  head_only_ = head.method() == http::verb::head;
  if (std::ssize(head.target()) > limits.most_target_bytes) {
    return refuse(
        {.status = 414,
         .message = text("the URI wanted at most ", limits.most_target_bytes, " bytes, got ", head.target().size()),
         .code = "uri_too_long"});
  }
  if (count > limits.most_headers) {
    return refuse({.status = 431,
                   .message = text("the request wanted at most ", limits.most_headers, " headers, got ", count),
                   .code = "headers_too_large"});
  }
  if (head.version() >= 11 && head.count(http::field::host) != 1) {
    return refuse({.message = text("the request wanted one Host header, got ", head.count(http::field::host)),
                   .code = "bad_request"});
  }
  const auto encoding = head[http::field::content_encoding];
  if (!encoding.empty() && !same_ignoring_case({encoding.data(), encoding.size()}, "identity")) {
    return refuse({.status = 415, .message = "compressed bodies are not supported", .code = "unsupported_encoding"});
  }
  const auto transfer = head[http::field::transfer_encoding];
  if (!transfer.empty() && !same_ignoring_case({transfer.data(), transfer.size()}, "chunked")) {
    return refuse({.message = "Transfer-Encoding wanted chunked", .code = "bad_request"});
  }
  const auto length = head[http::field::content_length];
  if (head.count(http::field::content_length) > 1 || length.find(',') != length.npos) {
    return refuse({.message = "the request wanted one Content-Length", .code = "bad_request"});
  }
  const bool has_length = parser_->content_length().has_value();
  const bool wants_body = head.method() == http::verb::post || head.method() == http::verb::put;
  if (wants_body && !has_length && transfer.empty()) {
    return refuse({.message = "the request wanted a Content-Length", .code = "bad_request"});
  }
  const auto expect = head[http::field::expect];
  if (!expect.empty() && !same_ignoring_case({expect.data(), expect.size()}, "100-continue")) {
    return refuse({.status = 417, .message = "Expect wanted 100-continue", .code = "bad_request"});
  }
  if (!reserve_body(has_length         ? static_cast<std::int64_t>(*parser_->content_length())
                    : transfer.empty() ? 0
                                       : limits.most_body_bytes)) {
    return refuse({.status = 503,
                   .message = "too many large requests at the same time",
                   .type = "server_error",
                   .code = "overloaded",
                   .retry_after = 1});
  }
  phase_ = Phase::kBody;
  body_begin_ = Clock::now();
  body_received_ = 0;
  if (!expect.empty() && !parser_->is_done()) queue("HTTP/1.1 100 Continue\r\n\r\n");
  parser_->eager(true);
}

bool Connection::reserve_body(std::int64_t bytes) {
  constexpr std::int64_t kSmall = 64 << 10;
  if (bytes <= kSmall) return true;
  if (bytes > shared_.most_body_bytes - shared_.body_bytes) return false;
  body_reserved_ = bytes;
  shared_.body_bytes += bytes;
  return true;
}

void Connection::release_body() {
  shared_.body_bytes -= body_reserved_;
  body_reserved_ = 0;
}

void Connection::hand_over() {
  auto message = parser_->release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.peer = peer_;
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  phase_ = Phase::kAnswer;
  first_ = false;
  ++exchange_;
  answered_ = begun_ = is_gone_ = false;
  close_after_ = !keep_alive_ || shared_.stopping;
  gone_ = {};
  read_timer_.cancel();
  const std::string_view target = request.target;
  if (!target.starts_with('/') || !percent_decode(target.substr(0, target.find_first_of("?#")), request.path)) {
    return refuse({.message = "the request wanted a path that begins with /", .code = "bad_request"});
  }
  std::string id(request.header("X-Request-Id"));
  if (!usable_id(id)) id = make_request_id();
  auto exchange =
      std::make_shared<ConnectionExchange>(shared_from_this(), exchange_, std::move(request), std::move(id));
  read_more();  // sees when the client goes away
  shared_.handler(std::move(exchange));
}

// Answers what no handler gets, and ends the connection.
void Connection::refuse(ApiError error) {
  ++shared_.bad_requests;
  error.close = true;
  phase_ = Phase::kAnswer;
  ++exchange_;
  answered_ = begun_ = is_gone_ = false;
  read_timer_.cancel();
  respond(exchange_, error.response(), make_request_id());
}

std::string Connection::head_of(const HttpResponse& r, const std::string& id, std::optional<std::size_t> length) const {
  std::string head = text("HTTP/1.1 ", r.status, " ", reason_phrase(r.status), "\r\nDate: ", http_date(),
                          "\r\nServer: ttt\r\nX-Request-Id: ", id, "\r\n");
  if (!r.content_type.empty())
    head += text("Content-Type: ", r.content_type, "\r\nX-Content-Type-Options: nosniff\r\n");
  for (const auto& [name, value] : r.headers) head += text(name, ": ", value, "\r\n");
  if (length) {
    head += text("Content-Length: ", *length, "\r\n");
  } else if (chunked_) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  head += close_after_ ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
  return head;
}

void Connection::respond(std::int64_t exchange, HttpResponse response, const std::string& id) {
  if (exchange != exchange_ || phase_ != Phase::kAnswer || answered_) return;
  answered_ = true;
  close_after_ = close_after_ || response.close;
  release_body();
  queue(head_of(response, id, response.body.size()));
  if (!head_only_) queue(std::move(response.body));
  if (out_.empty()) after_answer();
}

void Connection::begin(std::int64_t exchange, const HttpResponse& head, const std::string& id) {
  if (exchange != exchange_ || phase_ != Phase::kAnswer || answered_ || begun_) return;
  begun_ = true;
  close_after_ = close_after_ || !chunked_;
  release_body();
  queue(head_of(head, id, std::nullopt));
}

void Connection::write(std::int64_t exchange, std::string_view bytes) {
  if (exchange != exchange_ || phase_ != Phase::kAnswer || !begun_ || answered_ || bytes.empty()) return;
  if (out_bytes_ > kMostUnsent) {
    ++shared_.slow_readers;
    return close();
  }
  if (!chunked_) return queue(std::string(bytes));
  std::array<char, 24> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  std::string chunk = size.data();
  chunk.append(bytes).append("\r\n");
  queue(std::move(chunk));
}

void Connection::end(std::int64_t exchange, bool close) {
  if (exchange != exchange_ || phase_ != Phase::kAnswer || !begun_ || answered_) return;
  answered_ = true;
  close_after_ = close_after_ || close;
  begun_ = false;
  gone_ = {};
  if (chunked_) queue("0\r\n\r\n");
  if (out_.empty()) after_answer();
}

void Connection::on_gone(std::int64_t exchange, std::function<void()> gone) {
  if (exchange != exchange_ || phase_ == Phase::kClosed || is_gone_) return asio::post(io_, std::move(gone));
  if (!answered_) gone_ = std::move(gone);
}

void Connection::queue(std::string bytes) {
  if (bytes.empty() || phase_ == Phase::kClosed) return;
  const double allowed =
      shared_.options.write_seconds + static_cast<double>(bytes.size()) / shared_.options.least_bytes_per_second;
  out_bytes_ += bytes.size();
  out_.push_back({.bytes = std::move(bytes), .deadline = Clock::now() + seconds(allowed)});
  if (!writing_) write_more();
}

void Connection::write_deadline() {
  write_timer_.expires_at(out_.front().deadline);
  write_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || self->phase_ == Phase::kClosed || self->out_.empty()) return;
    if (self->out_.front().deadline > Clock::now()) return self->write_deadline();
    ++self->shared_.slow_readers;
    self->close();
  });
}

void Connection::write_more() {
  constexpr std::size_t kMostPieces = 16;
  std::vector<asio::const_buffer> buffers;
  for (std::size_t i = 0; i < std::min(out_.size(), kMostPieces); ++i) {
    const std::size_t skip = i == 0 ? out_offset_ : 0;
    buffers.emplace_back(out_[i].bytes.data() + skip, out_[i].bytes.size() - skip);
  }
  writing_ = true;
  write_deadline();
  socket_.async_write_some(buffers, [self = shared_from_this()](const error_code& error, std::size_t bytes) {
    self->writing_ = false;
    self->on_written(error, bytes);
  });
}

void Connection::on_written(const error_code& error, std::size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) return close();
  out_bytes_ -= bytes;
  bytes += out_offset_;
  while (!out_.empty() && bytes >= out_.front().bytes.size()) {
    bytes -= out_.front().bytes.size();
    out_.pop_front();
  }
  out_offset_ = bytes;
  if (!out_.empty()) return write_more();
  write_timer_.cancel();
  if (phase_ == Phase::kAnswer && answered_) after_answer();
}

void Connection::after_answer() {
  gone_ = {};
  if (close_after_ || shared_.stopping) return linger();
  next_request();
}

// A client that is still sending would not see the answer if the connection were reset at once.
void Connection::linger() {
  phase_ = Phase::kLinger;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  constexpr double kLingerSeconds = 2;
  read_deadline(Clock::now() + seconds(kLingerSeconds));
  lingered_ = 0;
  read_more();
}

}  // namespace ttt::server
