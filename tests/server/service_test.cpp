#include "server/service.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/numerical_error.h"
#include "tests/server/fake_backend.h"

namespace ttt::server {
namespace {

constexpr const char* kHermes =
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{{ tools }}<tool_call><think></think>";

Json chat(Json more = Json::Object{}) {
  Json body{Json::Object{}};
  body.set("messages", Json::Array{Json(Json::Object{{"role", Json("user")}, {"content", Json("hi")}})});
  for (const auto& [name, value] : more.as_object("more")) body.set(name, value);
  return body;
}

Json tools() {
  return Json::parse(R"([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}])",
                     "tools");
}

EngineEvent said(std::string text) { return {.ids = {1}, .text = std::move(text)}; }
EngineEvent ends(FinishReason reason) { return {.finish = reason}; }

std::vector<Json> events_of(const std::string& answer) {
  std::vector<Json> events;
  for (std::size_t at = answer.find("data: "); at != std::string::npos; at = answer.find("data: ", at + 1)) {
    const std::string data = answer.substr(at + 6, answer.find('\n', at) - at - 6);
    if (data != "[DONE]") events.push_back(Json::parse(data, "event"));
  }
  return events;
}

bool done(const std::string& answer) { return answer.find("data: [DONE]\n\n") != std::string::npos; }

const Json& first_choice(const Json& answer) { return answer.at("choices", "answer").as_array("choices")[0]; }

TEST(Service, ToolCallsAndReasoning) {
  TestServer server(kHermes);
  server.backend.script = {said("<think>I "),
                           said("add.</think>"),
                           said("Sure. "),
                           said("<tool_call>{\"name\": \"add\", \"argu"),
                           said("ments\": {\"a\": 1}}</tool_call>"),
                           ends(FinishReason::kEnd)};
  const Json answer = server.json("/v1/chat/completions", chat(Json::Object{{"tools", tools()}}));
  const Json details = answer.at("usage", "").at("completion_tokens_details", "");
  EXPECT_EQ(details.at("reasoning_tokens", ""), Json(2));  // with the token of the closing mark
  const Json& choice = first_choice(answer);
  EXPECT_EQ(choice.at("finish_reason", ""), Json("tool_calls"));
  const Json& message = choice.at("message", "");
  EXPECT_EQ(message.at("content", ""), Json("Sure."));
  EXPECT_EQ(message.at("reasoning_content", ""), Json("I add."));
  const Json& call = message.at("tool_calls", "").as_array("")[0];
  EXPECT_EQ(call.at("function", "").at("name", ""), Json("add"));
  EXPECT_EQ(call.at("function", "").at("arguments", ""), Json("{\"a\": 1}"));
  EXPECT_TRUE(call.at("id", "").as_string("").starts_with("call_"));
  EXPECT_FALSE(server.backend.requests.back().skip_special);

  const std::string stream =
      server.post("/v1/chat/completions", chat(Json::Object{{"tools", tools()}, {"stream", Json(true)}}));
  EXPECT_TRUE(done(stream));
  std::string reasoning, content, name, arguments, finish;
  for (const Json& event : events_of(stream)) {
    const Json& delta = first_choice(event).at("delta", "");
    if (const Json* t = delta.find("reasoning_content")) reasoning += t->as_string("");
    if (const Json* t = delta.find("content")) content += t->as_string("");
    if (const Json* reason = first_choice(event).find("finish_reason"); !reason->is_null())
      finish = reason->as_string("");
    const Json* calls = delta.find("tool_calls");
    if (calls == nullptr) continue;
    const Json& one = calls->as_array("")[0];
    EXPECT_EQ(one.at("index", ""), Json(0));
    if (const Json* n = one.at("function", "").find("name")) name += n->as_string("");
    arguments += one.at("function", "").at("arguments", "").as_string("");
  }
  EXPECT_EQ(reasoning, "I add.");
  EXPECT_EQ(content, "Sure.");
  EXPECT_EQ(name, "add");
  EXPECT_EQ(arguments, "{\"a\": 1}");
  EXPECT_EQ(finish, "tool_calls");
}

TEST(Service, ToolChoiceNoneAndCallsThatAreNone) {
  TestServer server(kHermes);
  server.backend.script = {said("<tool_call>{\"name\": \"add\", \"arguments\": }</tool_call>"),
                           ends(FinishReason::kEnd)};
  const Json broken = first_choice(server.json("/v1/chat/completions", chat(Json::Object{{"tools", tools()}})));
  EXPECT_EQ(broken.at("finish_reason", ""), Json("stop"));
  EXPECT_EQ(broken.at("message", "").at("content", ""),
            Json("<tool_call>{\"name\": \"add\", \"arguments\": }</tool_call>"));
  server.backend.script = {said("<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call>"),
                           ends(FinishReason::kEnd)};
  const Json none = first_choice(
      server.json("/v1/chat/completions", chat(Json::Object{{"tools", tools()}, {"tool_choice", Json("none")}})));
  EXPECT_EQ(none.at("message", "").find("tool_calls"), nullptr);
  TestServer plain("{% for m in messages %}{{ m.content }}{% endfor %}");
  const Json error = plain.json("/v1/chat/completions", chat(Json::Object{{"tools", tools()}})).at("error", "");
  EXPECT_EQ(error.at("param", ""), Json("tools"));
}

TEST(Service, ErrorsBeforeAndAfterTheFirstToken) {
  TestServer server(kHermes);
  EngineEvent error = ends(FinishReason::kError);
  error.error =
      Error(ErrorKind::kBadData, ErrorParts{.where = std::string(kNumericalError), .problem = "logit 5 is NaN"});
  server.backend.script = {error};
  const std::string before = server.post("/v1/chat/completions", chat(Json::Object{{"stream", Json(true)}}));
  EXPECT_TRUE(before.starts_with("HTTP/1.1 500 ")) << before;
  EXPECT_NE(before.find("\"numerical_error\""), std::string::npos);
  server.backend.script = {said("a"), error};
  const std::string after = server.post("/v1/chat/completions", chat(Json::Object{{"stream", Json(true)}}));
  EXPECT_TRUE(after.starts_with("HTTP/1.1 200 ")) << after;
  EXPECT_NE(after.find("data: {\"error\": "), std::string::npos) << after;
  EXPECT_FALSE(done(after));
  server.backend.refusal = Error(ErrorKind::kResources, "the queue is full");
  const std::string full = server.post("/v1/completions", Json::Object{{"prompt", Json("a")}});
  EXPECT_TRUE(full.starts_with("HTTP/1.1 429 ")) << full;
  EXPECT_NE(full.find("Retry-After: 1"), std::string::npos);
  EXPECT_EQ(server.backend.alive, 0);
}

TEST(Service, AClientThatGoesFreesItsSequence) {
  TestServer server(kHermes);
  server.backend.script = {said("a"), EngineEvent{}};
  for (const bool stream : {true, false}) {
    const int fd = server.connect();
    const std::string request =
        TestServer::request("/v1/chat/completions", chat(Json::Object{{"stream", Json(stream)}}));
    ASSERT_EQ(send(fd, request.data(), request.size(), 0), std::ssize(request));
    const auto wait = [&](int alive) {
      for (int i = 0; i < 500 && server.backend.alive != alive; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      EXPECT_EQ(server.backend.alive, alive);
    };
    wait(1);
    close(fd);
    wait(0);
  }
}

TEST(Service, WhatTheEngineIsAskedFor) {
  TestServer server(kHermes);
  server.backend.script = {said("a"), ends(FinishReason::kEnd)};
  const Json body = Json::parse(
      R"({"prompt": [5, 6], "max_tokens": 7, "n": 1, "temperature": 0.5, "top_p": 0.25, "top_k": -1, "min_p": 0.125,
          "presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 1.5, "seed": 9, "stop": "x",
          "stop_token_ids": [3], "min_tokens": 2, "ignore_eos": true, "logit_bias": {"8": -100}, "logprobs": 3,
          "cache_salt": "s", "priority": -4})",
      "body");
  server.json("/v1/completions", body);
  const EngineRequest& r = server.backend.requests.back();
  EXPECT_EQ(r.prompt, (std::vector<std::int32_t>{5, 6}));
  EXPECT_EQ(r.max_new_tokens, 7);
  EXPECT_EQ(r.min_new_tokens, 2);
  EXPECT_EQ(r.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(r.stop_ids, std::vector<std::int32_t>{3});
  EXPECT_TRUE(r.ignore_end);
  EXPECT_EQ(r.cache_key, "s");
  EXPECT_EQ(r.priority, -4);
  const SamplingSpec wanted{.temperature = 0.5,
                            .top_k = 0,
                            .top_p = 0.25,
                            .min_p = 0.125,
                            .repetition_penalty = 1.5,
                            .presence_penalty = 1,
                            .frequency_penalty = -1,
                            .logit_bias = {{.id = 8, .bias = -100}},
                            .seed = 9,
                            .log_probs = 3};
  EXPECT_EQ(r.sampling, wanted);
}

}  // namespace
}  // namespace ttt::server
