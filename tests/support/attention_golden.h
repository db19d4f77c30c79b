#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/npy.h"

// Small layers as tools/make_attention_golden.py wrote them.
namespace ttt::support {

struct GoldenLayer {
  Json spec = {};
  std::map<std::string, std::vector<float>> tensors = {};
};

// The layers of tests/golden/attention/<file>.json by name.
inline std::map<std::string, GoldenLayer> golden_layers(const std::string& file) {
  const std::string folder = TTT_SOURCE_DIR "/tests/golden/attention/";
  std::map<std::string, GoldenLayer> all;
  const Json layers = Json::parse(read_text(folder + file + ".json"), file);
  for (const Json& layer : layers.as_array("layers")) {
    const std::string name = layer.at("name", "layer").as_string("name");
    GoldenLayer& g = all[name];
    g.spec = layer.at("spec", "layer");
    const std::vector<float> flat = read_npy(folder + name + ".npy");
    auto at = flat.begin();
    for (const Json& t : layer.at("tensors", "layer").as_array("tensors")) {
      std::int64_t n = 1;
      for (const Json& extent : t.at("shape", "tensor").as_array("shape")) n *= extent.as_integer("extent");
      g.tensors[t.at("name", "tensor").as_string("name")].assign(at, at + n);
      at += n;
    }
  }
  return all;
}

}  // namespace ttt::support
