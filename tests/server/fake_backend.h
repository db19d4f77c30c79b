#pragma once

// A server in this process whose answers are known: a backend that plays back events, and a client.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/load_tokenizer.h"
#include "server/service.h"

namespace ttt::server {

// Answers every request with the same events. An event without text or finish is a pause that never ends.
class FakeBackend final : public Backend {
 public:
  std::vector<EngineEvent> script;
  std::optional<Error> refusal;  // of submit
  std::vector<EngineRequest> requests;
  std::atomic<int> alive = 0;

  std::unique_ptr<BackendStream> submit(EngineRequest request, std::function<void()> wake) override {
    if (refusal) throw Error(*refusal);
    requests.push_back(std::move(request));
    auto stream = std::make_unique<Stream>(*this);
    wake();
    return stream;
  }
  EngineStats stats() const override { return {.running = alive.load(), .pages = 10}; }
  std::int64_t context() const override { return 4096; }

 private:
  class Stream final : public BackendStream {
   public:
    explicit Stream(FakeBackend& backend) : backend_(backend), left_(backend.script.begin(), backend.script.end()) {
      ++backend_.alive;
    }
    ~Stream() override { --backend_.alive; }
    std::optional<EngineEvent> poll() override {
      if (left_.empty()) return std::nullopt;
      const bool pause = left_.front().text.empty() && !left_.front().finish;
      if (pause) return std::nullopt;
      EngineEvent event = left_.front();
      left_.pop_front();
      return event;
    }
    bool done() const override { return left_.empty(); }
    EngineUsage usage() const override { return {.prompt = 3, .cached = 1, .generated = 2}; }

   private:
    FakeBackend& backend_;
    std::deque<EngineEvent> left_;
  };
};

class TestServer {
 public:
  explicit TestServer(const std::string& chat_template, ServiceOptions options = {})
      : log_([](const std::string&) {}),
        listener_({.port = 0}, [](const std::string&) {}),
        service_(std::move(options), listener_, log_),
        tokenizer_(load_tokenizer(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/tokenizers/llama3")) {
    model_.names = {"fake"};
    model_.tokenizer = &tokenizer_;
    model_.vocab = tokenizer_.vocab_size();
    model_.context = 4096;
    model_.backend = &backend;
    ServedTemplate t{.source = chat_template, .chat_template = ChatTemplate(chat_template, "test")};
    t.controls = t.chat_template.control_ids(tokenizer_);
    t.reasoning = find_reasoning_marks(chat_template);
    t.tools = find_tool_format(chat_template);
    model_.chat = std::move(t);
    service_.serve(model_);
    listener_.start(service_.handler());
  }
  ~TestServer() {
    listener_.stop();
    service_.stop();
  }

  int connect() const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(listener_.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, ErrorKind::kIo, "connect");
    return fd;
  }
  static std::string request(const std::string& path, const Json& body) {
    const std::string s = body.dump();
    return text("POST ", path, " HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ", s.size(), "\r\n\r\n",
                s);
  }
  // The whole answer, with its head.
  std::string post(const std::string& path, const Json& body) const {
    const int fd = connect();
    const std::string all = request(path, body);
    require(send(fd, all.data(), all.size(), MSG_NOSIGNAL) == std::ssize(all), ErrorKind::kIo, "send");
    std::string answer(1 << 20, '\0');
    std::size_t size = 0;
    for (ssize_t n = 0; (n = recv(fd, answer.data() + size, answer.size() - size, 0)) > 0;) {
      size += static_cast<std::size_t>(n);
    }
    close(fd);
    answer.resize(size);
    return answer;
  }
  Json json(const std::string& path, const Json& body) const {
    const std::string answer = post(path, body);
    return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4), "answer");
  }

  FakeBackend backend;
  Service& service() { return service_; }

 private:
  Log log_;
  Listener listener_;
  Service service_;
  Tokenizer tokenizer_;
  ServedModel model_;
};

}  // namespace ttt::server
