#include "server/api_error.h"

#include <cmath>
#include <new>

namespace ttt::server {

Json ApiError::json() const {
  Json error{Json::Object{}};
  error.set("message", message);
  error.set("type", type);
  error.set("param", param.empty() ? Json() : Json(param));
  error.set("code", code);
  return Json::Object{{"error", std::move(error)}};
}

HttpResponse ApiError::response() const {
  HttpResponse response{.status = status, .body = json().dump(), .close = close};
  if (retry_after > 0) {
    response.headers.emplace_back("Retry-After", text(static_cast<std::int64_t>(std::ceil(retry_after))));
  }
  if (!allow.empty()) response.headers.emplace_back("Allow", allow);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

void refuse(std::string param, std::string message, std::string code) {
  throw ApiException({.message = std::move(message), .param = std::move(param), .code = std::move(code)});
}

void refuse_unsupported(std::string param, std::string message) {
  refuse(std::move(param), std::move(message), "unsupported_parameter");
}

ApiError error_of(const Error& error) {
  ApiError e{.message = error.what()};
  switch (error.kind()) {
    case ErrorKind::kUsage:
    case ErrorKind::kBadData:
      break;
    case ErrorKind::kUnsupported:
      e.code = "unsupported";
      break;
    case ErrorKind::kResources:
      e.status = 429;
      e.type = "rate_limit_error";
      e.code = "overloaded";
      e.retry_after = 1;
      break;
    default:
      e.status = 500;
      e.type = "server_error";
      e.code = "internal_error";
  }
  return e;
}

ApiError current_error() {
  const auto server_error = [](const char* message, const char* code) {
    return ApiError{.status = 500, .message = message, .type = "server_error", .code = code};
  };
  try {
    throw;
  } catch (const ApiException& e) {
    return e.error();
  } catch (const Error& e) {
    return error_of(e);
  } catch (const std::bad_alloc&) {
    ApiError e = server_error("out of memory", "out_of_memory");
    e.status = 503;
    e.retry_after = 1;
    return e;
  } catch (const std::exception& e) {
    return server_error(e.what(), "internal_error");
  } catch (...) {
    return server_error("an unknown error", "internal_error");
  }
}

}  // namespace ttt::server
