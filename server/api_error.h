#pragma once

#include <exception>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "server/http.h"

namespace ttt::server {

// An error as the OpenAI API answers it: {"error": {"message", "type", "param", "code"}} with a status. Codes are
// words.
struct ApiError {
  int status = 400;
  std::string message = {};
  std::string type = "invalid_request_error";
  std::string param = {};  // the field of the request; empty: null
  std::string code = "invalid_value";
  double retry_after = 0;  // seconds, with 429 and 503
  std::string allow = {};  // methods, with 405
  bool close = false;      // the connection cannot be used further

  Json json() const;
  HttpResponse response() const;
};

// Thrown by what reads and handles requests.
class ApiException : public std::exception {
 public:
  explicit ApiException(ApiError error) : error_(std::move(error)) {}
  const ApiError& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  ApiError error_;
};

// A field of the request that has a value of the wrong kind or beyond its range.
[[noreturn]] void refuse(std::string param, std::string message, std::string code = "invalid_value");
// A field that the API knows and this server does not support.
[[noreturn]] void refuse_unsupported(std::string param, std::string message);

ApiError error_of(const Error& error);
// Of the exception that is being handled.
ApiError current_error();

}  // namespace ttt::server
