// What an engine takes and refuses, in which order it runs it, and what it does when something goes wrong.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <limits>
#include <thread>

#include "checkpoint/safetensors.h"
#include "engine/engine_world.h"

namespace ttt::engine_tests {
namespace {

constexpr std::int64_t kVocab = 320, kRequestContext = 256;

class EngineRequests : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new support::TemporaryDirectory;
    support::write_random_checkpoint(directory_->path(), support::golden_config("gqa"), {});
  }
  static void TearDownTestSuite() { delete directory_; }
  EngineRequests() : world_(directory_->path(), {.strategy = Strategy::kInvariant}, kRequestContext) {}

  static Ids ids(std::int64_t count, std::int32_t salt = 0) {
    Ids all = support::random_tokens(kVocab, count);
    for (std::int32_t& id : all) id = static_cast<std::int32_t>((id + salt) % kVocab);
    return all;
  }
  static support::TemporaryDirectory* directory_;
  World world_;
};
support::TemporaryDirectory* EngineRequests::directory_ = nullptr;

// Holds an engine at the first event of a request, so that what is submitted meanwhile arrives at the same time.
class Gate {
 public:
  std::function<void()> holds() {
    return [opened = opened_.get_future().share()] { opened.wait(); };
  }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
};

std::string message_of(ErrorKind kind, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "no error";
}

TEST_F(EngineRequests, RefusesWhatCannotBe) {
  const auto engine = world_.engine({.sequences = 2, .page_rows = 16, .state_bytes = 0});
  const auto refused = [&](EngineRequest r) {
    return message_of(ErrorKind::kUsage, [&] { engine->submit(std::move(r)); });
  };
  EXPECT_EQ(refused({}), "the prompt wanted at least one token, got none");
  EXPECT_EQ(refused({.prompt = ids(kRequestContext + 1)}),
            "the prompt wanted at most 256 tokens (the context), got 257");
  EXPECT_EQ(refused({.prompt = {1, kVocab}}), "the prompt wanted token ids of 0 to 319, got 320");
  EXPECT_EQ(refused({.prompt = {-1}}), "the prompt wanted token ids of 0 to 319, got -1");
  EXPECT_EQ(refused({.prompt = {1}, .n = 0}), "n wanted at least 1 continuation, got 0");
  EXPECT_EQ(refused({.prompt = {1}, .n = 1000}), "n wanted at most 128 continuations, got 1000");
  EXPECT_EQ(refused({.prompt = {1}, .max_new_tokens = -1}), "max_new_tokens wanted at least 0, got -1");
  EXPECT_EQ(refused({.prompt = {1}, .max_new_tokens = 3, .min_new_tokens = 4}),
            "min_new_tokens wanted 0 to max_new_tokens, 3, got 4");
  EXPECT_EQ(refused({.prompt = {1}, .end_ids = {400}}), "end_ids wanted token ids of 0 to 319, got 400");
  EXPECT_EQ(refused({.prompt = {1}, .stop_ids = {-2}}), "stop_ids wanted token ids of 0 to 319, got -2");
  EXPECT_EQ(refused({.prompt = {1}, .stop = {""}}), "stop wanted texts of at least one character, got an empty one");
  EXPECT_EQ(refused({.prompt = {1}, .prompt_log_probs = true}),
            "prompt_log_probs wanted sampling.log_probs to say how many, got none");
  EXPECT_NE(refused({.prompt = {1}, .sampling = {.temperature = -1}}).find("temperature"), std::string::npos);
  EXPECT_NE(refused({.prompt = {1}, .sampling = {.logit_bias = {{.id = 5000}}}}).find("logit_bias"), std::string::npos);
  EXPECT_EQ(engine->stats().steps, 0);
  for (const EngineOptions& o : {EngineOptions{.sequences = 0}, EngineOptions{.step_rows = 0},
                                 EngineOptions{.page_rows = 65}, EngineOptions{.context = kRequestContext + 1}}) {
    EXPECT_NE(message_of(ErrorKind::kUsage, [&] { world_.engine(o); }), "no error");
  }
  EXPECT_NE(message_of(ErrorKind::kResources, [&] { world_.engine({.state_bytes = 10}); }), "no error");
}

// A state that is smaller than the context is the context.
TEST_F(EngineRequests, TheMemoryBoundsTheContext) {
  const std::int64_t bytes = StatePool::bytes(
      world_.model().loaded().tree().states, {.sequences = 4, .context = kRequestContext, .page_rows = 16, .pages = 5});
  const auto engine = world_.engine({.sequences = 4, .page_rows = 16, .state_bytes = bytes});
  EXPECT_EQ(engine->stats().pages, 5);
  EXPECT_EQ(engine->context(), 80);
  EXPECT_EQ(message_of(ErrorKind::kUsage, [&] { engine->submit({.prompt = ids(81)}); }),
            "the prompt wanted at most 80 tokens (the context), got 81");
  std::vector<EngineStream> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(engine->submit({.prompt = ids(60, i), .max_new_tokens = 200}));
  for (EngineStream& s : streams) {
    const Outcome o = collect(s).front();
    EXPECT_EQ(o.ids.size(), 21u);
    EXPECT_EQ(o.finish, FinishReason::kContext);
  }
}

// Pages run out: the last ones wait and are computed again, and nobody's result changes.
TEST_F(EngineRequests, PreemptsWhenPagesRunOut) {
  for (const bool cache : {true, false}) {
    const std::int64_t bytes =
        StatePool::bytes(world_.model().loaded().tree().states,
                         {.sequences = 6, .context = kRequestContext, .page_rows = 8, .pages = 16});
    std::vector<EngineRequest> requests;
    std::vector<std::vector<Generated>> alone;
    for (std::int32_t i = 0; i < 6; ++i) {
      requests.push_back({.prompt = ids(10 + 3 * i, i),
                          .n = 1 + i % 2,
                          .sampling = {.temperature = 0.9, .seed = i},
                          .max_new_tokens = 60 + i});
      alone.push_back(world_.alone(requests.back()));
    }
    const auto engine =
        world_.engine({.sequences = 6, .step_rows = 32, .page_rows = 8, .state_bytes = bytes, .prefix_cache = cache});
    ASSERT_EQ(engine->stats().pages, 16);
    std::vector<EngineStream> streams;
    for (const EngineRequest& r : requests) streams.push_back(engine->submit(r));
    for (std::size_t i = 0; i < streams.size(); ++i) {
      expect_same(alone[i], collect(streams[i], requests[i].n), text("request ", i));
    }
    engine->drain();
    EXPECT_GT(engine->stats().preemptions, 0);
    EXPECT_EQ(engine->stats().used_pages, engine->stats().cached_pages);
  }
}

TEST_F(EngineRequests, SharesTheRowsOfEqualBeginnings) {
  const auto engine = world_.engine({.sequences = 4, .page_rows = 8});
  const Ids system = ids(50);
  const auto ask = [&](std::int32_t question, const std::string& key) {
    EngineRequest r{.prompt = system, .max_new_tokens = 5, .cache_key = key};
    r.prompt.push_back(question);
    r.prompt.push_back(question + 1);
    EngineStream stream = engine->submit(r);
    const Outcome o = collect(stream).front();
    return std::pair(o.ids, stream.usage().cached);
  };
  const auto first = ask(7, "a");
  EXPECT_EQ(first.second, 0);
  EXPECT_EQ(ask(7, "a"), std::pair(first.first, std::int64_t{48})) << "whole pages of 8 rows";
  EXPECT_EQ(ask(9, "a").second, 48);
  EXPECT_EQ(ask(7, "b"), first) << "another key shares nothing";
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.prefix_queries, 4 * 52);
  EXPECT_EQ(stats.prefix_hits, 2 * 48);
  EXPECT_EQ(stats.prompt_tokens, 4 * 52 - 2 * 48);
}

// Work that was generated is found too, as by the next turn of a conversation.
TEST_F(EngineRequests, SharesTheRowsOfAnswers) {
  const auto engine = world_.engine({.sequences = 4, .page_rows = 8});
  EngineRequest r{.prompt = ids(20), .max_new_tokens = 30};
  EngineStream stream = engine->submit(r);
  const Ids answer = collect(stream).front().ids;
  r.prompt.insert(r.prompt.end(), answer.begin(), answer.end());
  EngineStream next = engine->submit(r);
  collect(next);
  EXPECT_EQ(next.usage().cached, 48) << "of 49 rows";
}

TEST_F(EngineRequests, CancelFreesAtOnce) {
  const auto engine = world_.engine({.sequences = 4, .page_rows = 8, .prefix_cache = false});
  Gate gate;
  EngineStream stream = engine->submit({.prompt = ids(10), .n = 3, .max_new_tokens = 240}, gate.holds());
  ASSERT_TRUE(stream.next());
  stream.cancel();
  gate.open();
  for (const Outcome& o : collect(stream, 3)) {
    EXPECT_EQ(o.finish, FinishReason::kCancelled);
    EXPECT_LE(o.ids.size(), 1u) << "within the step";
  }
  EXPECT_TRUE(stream.done());
  EXPECT_FALSE(stream.next());
  {
    EngineStream dropped = engine->submit({.prompt = ids(10), .max_new_tokens = 240});
    ASSERT_TRUE(dropped.next());
  }
  engine->drain();
  EXPECT_EQ(engine->stats().used_pages, 0);
}

TEST_F(EngineRequests, TheEndOfAnEngineCancels) {
  auto engine = world_.engine({.sequences = 1, .page_rows = 8});
  Gate gate;
  EngineStream runs = engine->submit({.prompt = ids(10), .max_new_tokens = 240}, gate.holds());
  ASSERT_TRUE(runs.next());
  EngineStream waits = engine->submit({.prompt = ids(10), .max_new_tokens = 240});
  std::thread end([&] { engine.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  gate.open();
  end.join();
  EXPECT_EQ(collect(runs).front().finish, FinishReason::kCancelled);
  EXPECT_EQ(collect(waits).front().finish, FinishReason::kCancelled);
  runs.cancel();
  EXPECT_TRUE(runs.done());
}

TEST_F(EngineRequests, TheQueueHasAnEndAndDrains) {
  const auto engine = world_.engine({.sequences = 1, .page_rows = 8, .waiting = 2});
  Gate gate;
  std::vector<EngineStream> streams;
  streams.push_back(engine->submit({.prompt = ids(10), .max_new_tokens = 20}, gate.holds()));
  ASSERT_TRUE(streams[0].next());  // it runs
  for (int i = 0; i < 2; ++i) streams.push_back(engine->submit({.prompt = ids(5), .max_new_tokens = 4}));
  EXPECT_EQ(engine->stats().waiting, 2);
  EXPECT_EQ(message_of(ErrorKind::kResources, [&] { engine->submit({.prompt = ids(5)}); }),
            "the queue wanted at most 2 requests that wait, got one more");
  gate.open();
  engine->drain();
  EXPECT_EQ(message_of(ErrorKind::kResources, [&] { engine->submit({.prompt = ids(5)}); }),
            "the engine takes no further requests");
  for (EngineStream& s : streams) EXPECT_EQ(collect(s).front().finish, FinishReason::kLength);
}

TEST_F(EngineRequests, WakesForTheFirstEventOfSeveral) {
  const auto engine = world_.engine({.sequences = 2, .page_rows = 8});
  std::atomic<int> woken = 0;
  EngineStream stream = engine->submit({.prompt = ids(10), .max_new_tokens = 50}, [&] { ++woken; });
  engine->drain();
  EXPECT_EQ(woken, 1) << "nothing was taken between";
  const std::optional<EngineEvent> all = stream.poll();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->ids.size(), 50u) << "events that wait are joined";
  EXPECT_EQ(all->finish, FinishReason::kLength);
  EXPECT_FALSE(stream.poll());
}

// A long prompt takes a part of each step: others go on beside it, and a short prompt is not behind it.
TEST_F(EngineRequests, ALongPromptDelaysNobody) {
  const auto engine =
      world_.engine({.sequences = 4, .step_rows = 16, .prompt_rows = 4, .page_rows = 8, .prefix_cache = false});
  Gate gate;
  EngineStream first = engine->submit({.prompt = ids(4, 1), .max_new_tokens = 200}, gate.holds());
  ASSERT_TRUE(first.next());
  std::vector<std::string> order;  // by the engine's thread
  EngineStream long_one =
      engine->submit({.prompt = ids(240, 2), .max_new_tokens = 1}, [&] { order.push_back("long"); });
  EngineStream short_one =
      engine->submit({.prompt = ids(8, 3), .max_new_tokens = 1}, [&] { order.push_back("short"); });
  gate.open();
  engine->drain();
  EXPECT_EQ(order, (std::vector<std::string>{"short", "long"})) << "although it came later";
  EXPECT_LE(engine->stats().steps, 202) << "the first has a token of every step";
}

TEST_F(EngineRequests, PrioritiesComeFirstAndNobodyStarves) {
  const auto engine = world_.engine({.sequences = 1, .page_rows = 8, .prefix_cache = false});
  Gate gate;
  EngineStream runs = engine->submit({.prompt = ids(4), .max_new_tokens = 10}, gate.holds());
  ASSERT_TRUE(runs.next());
  std::vector<int> order;  // by the engine's thread
  std::vector<EngineStream> streams;
  const auto add = [&](std::int64_t priority, int name) {
    streams.push_back(engine->submit({.prompt = ids(3, name), .max_new_tokens = 1, .priority = priority},
                                     [&order, name] { order.push_back(name); }));
  };
  add(5, 0);
  add(0, 1);
  for (int i = 2; i < 100; ++i) add(-1, i);
  gate.open();
  engine->drain();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_EQ(order.front(), 2);
  const auto place = [&](int name) { return std::ranges::find(order, name) - order.begin(); };
  EXPECT_EQ(place(0), 64) << "after 64 that came later";
  EXPECT_EQ(place(1), 65);
  EXPECT_TRUE(std::is_sorted(order.begin() + 66, order.end()));
}

TEST_F(EngineRequests, ManyThreadsSubmit) {
  std::vector<EngineRequest> requests;
  std::vector<std::vector<Generated>> alone;
  for (std::int32_t i = 0; i < 4; ++i) {
    requests.push_back({.prompt = ids(12 + i, i), .max_new_tokens = 12});
    alone.push_back(world_.alone(requests.back()));
  }
  const auto engine = world_.engine({.sequences = 5, .page_rows = 8});
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    clients.emplace_back([&, i] {
      for (int round = 0; round < 6; ++round) {
        EngineStream stream = engine->submit(requests[i]);
        if (round % 3 == 2) continue;  // dropped
        expect_same(alone[i], collect(stream), text("request ", i));
        engine->stats();
      }
    });
  }
  for (std::thread& c : clients) c.join();
  engine->drain();
  EXPECT_EQ(engine->stats().used_pages, engine->stats().cached_pages);
}

// A sequence whose logits are no numbers ends alone.
TEST_F(EngineRequests, NaNEndsTheSequenceThatHasIt) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), support::golden_config("gqa"));
  const auto file = directory.path() / "model.safetensors";
  std::string bytes = support::read_file(file);
  const SafetensorsFile tensors = open_safetensors(file, FileAccess::kCopy);
  const auto table = std::ranges::find(tensors.tensors, "model.embed_tokens.weight", &StoredTensor::name);
  const std::int64_t row = table->bytes / table->shape[0];
  const float bad = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + table->offset + 5 * row, &bad, sizeof bad);
  support::write_file(file, bytes);
  World world(directory.path(), {.strategy = Strategy::kInvariant}, kRequestContext);
  Ids good = ids(20);
  std::ranges::replace(good, 5, 6);
  const SamplingSpec sampling{.logit_bias = {{.id = 5, .bias = -1e9}}};
  const EngineRequest wanted{.prompt = good, .sampling = sampling, .max_new_tokens = 20};
  const std::vector<Generated> alone = world.alone(wanted);
  const auto engine = world.engine({.sequences = 4, .page_rows = 8});
  EngineStream stream = engine->submit(wanted);
  for (int round = 0; round < 2; ++round) {
    EngineStream broken = engine->submit({.prompt = {4, 5, 6}, .n = 2, .sampling = sampling, .max_new_tokens = 20});
    for (const Outcome& o : collect(broken, 2)) {
      EXPECT_EQ(o.finish, FinishReason::kError);
      ASSERT_TRUE(o.error);
      EXPECT_EQ(o.error->kind(), ErrorKind::kBadData);
      EXPECT_NE(std::string(o.error->what()).find("numerical error"), std::string::npos) << o.error->what();
    }
  }
  expect_same(alone, collect(stream), "beside it");
  engine->drain();
}

}  // namespace
}  // namespace ttt::engine_tests
