// What is wrong with the head of a request, before its body is read.
#include "server/connection.h"

namespace ttt::server {

namespace http = boost::beast::http;
using boost::system::error_code;

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

}  // namespace ttt::server
