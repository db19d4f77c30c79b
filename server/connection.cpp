#include "server/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <ctime>

#include "server/connection_exchange.h"

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
