// A Hugging Face model directory: config.json, and model.safetensors or shards named by model.safetensors.index.json.

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include "base/error.h"
#include "checkpoint/checkpoint_builder.h"
#include "checkpoint/int4_tensors.h"
#include "checkpoint/mxfp4_tensors.h"
#include "checkpoint/printable.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/scaled_tensors.h"
#include "checkpoint/stored_formats.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingle = "model.safetensors", kIndex = "model.safetensors.index.json";
constexpr std::size_t kMaxNames = 10000;

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

// Also a link that leads nowhere: opening it says so, and the name is not taken for absent.
bool is_named(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

std::string joined(const std::vector<std::string>& names, std::size_t most) {
  std::string s;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) s += (i > 0 ? ", " : "") + names[i];
  if (names.size() > most) s += text(", and ", names.size() - most, " more");
  return s;
}

std::string what_is_there(const fs::path& directory) {
  std::vector<std::string> shown;
  for (const std::string& name : names_in(directory)) shown.push_back(printable(name));
  return shown.empty() ? "the directory is empty" : text("there is: ", joined(shown, 12));
}

// Names such as model.safetensors.incomplete; also the folders in which Hugging Face's client keeps unfinished files.
std::string unfinished(const fs::path& directory, std::string_view name) {
  constexpr std::array<std::string_view, 6> kEndings{".incomplete", ".part",  ".tmp",
                                                     ".crdownload", ".aria2", ".download"};
  for (const std::string_view ending : kEndings) {
    std::string candidate = text(name, ending);
    if (is_there(directory / candidate)) return candidate;
  }
  for (const fs::path& folder : {directory / ".cache/huggingface/download", directory / "../../blobs"}) {
    if (!is_there(folder)) continue;
    for (const std::string& file : names_in(folder)) {
      if (file.ends_with(".incomplete")) return (folder.lexically_relative(directory) / file).string();
    }
  }
  return {};
}

// On the name alone: in the Hugging Face cache every file is a link to another folder.
void check_shard_name(const std::string& name, const std::string& where) {
  constexpr std::string_view kWeightsEnding = ".safetensors";
  const bool plain = name.size() > kWeightsEnding.size() && name.size() <= 255 && name.ends_with(kWeightsEnding) &&
                     name.front() != '.' && name.find_first_of(std::string_view("/\\:\0", 4)) == std::string::npos;
  require(plain, ErrorKind::kBadData, where, ": shard name ", printable(name),
          " leaves the directory or is no name of a .safetensors file");
}

Json read_json(const fs::path& path, std::int64_t limit, std::string_view what) {
  return Json::parse(read_small_file(path, limit, what), path.string(), {.bytes = limit});
}

using WeightMap = std::map<std::string, std::vector<std::string_view>, std::less<>>;  // shard -> tensors

void refuse_missing_shards(const fs::path& directory, const WeightMap& shards) {
  std::vector<std::string> missing;
  std::string download;
  for (const auto& [shard, tensors] : shards) {
    if (is_there(directory / shard)) continue;
    missing.push_back(shard);
    if (download.empty()) download = unfinished(directory, shard);
  }
  require(missing.empty(), ErrorKind::kIo, directory.string(), ": ", shards.size() - missing.size(), " of ",
          shards.size(), " shards present, missing ", joined(missing, 8),
          download.empty() ? "" : text("; a download is unfinished: ", printable(download)));
}

}  // namespace

// Not by std::filesystem::directory_iterator: libstdc++ ends the process when memory ends inside it.
std::vector<std::string> names_in(const fs::path& directory) {
  const auto close = [](DIR* d) { closedir(d); };
  const std::unique_ptr<DIR, decltype(close)> open(opendir(directory.c_str()), close);
  std::vector<std::string> names;
  errno = open == nullptr ? errno : 0;
  while (open != nullptr && names.size() < kMaxNames) {
    const dirent* entry = readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  require(errno == 0, ErrorKind::kIo, directory.string(), ": cannot list: ", std::strerror(errno));
  std::sort(names.begin(), names.end());
  return names;
}

void CheckpointBuilder::refuse_without_weights() const {
  const fs::path& directory = result_->path_;
  for (const std::string_view name : {kSingle, kIndex}) {
    const std::string part = unfinished(directory, name);
    require(part.empty(), ErrorKind::kIo, directory.string(),
            ": no weights yet, a download is unfinished: ", printable(part));
  }
  for (const std::string& name : names_in(directory)) {
    const bool pickle = name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth") ||
                        name == "pytorch_model.bin.index.json";
    require(!pickle, ErrorKind::kUnsupported, directory.string(), ": only ", printable(name),
            " holds weights, and pickle is not loaded (it can run code); convert it: "
            "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(NEW_DIR) in Python writes safetensors");
  }
  fail(ErrorKind::kBadData,
       text(directory.string(), ": no weights: wanted ", kSingle, " or ", kIndex, "; ", what_is_there(directory)));
}

void CheckpointBuilder::read_file(const fs::path& path) {
  SafetensorsFile file = open_safetensors(path, access_);
  apply_stored_formats(file.tensors, file.metadata, path.string());
  result_->files_.push_back(file.file);
  std::move(file.tensors.begin(), file.tensors.end(), std::back_inserter(result_->tensors_));
}

void CheckpointBuilder::read_sharded(const fs::path& index) {
  const std::string where = index.string();
  const Json json = read_json(index, kIndexLimit, kIndex);
  WeightMap shards;
  const Json::Object& weight_map = json.at("weight_map", where).as_object(where + ": weight_map");
  for (const auto& [tensor, shard] : weight_map) {
    const std::string& name = shard.as_string(text(where, ": weight_map ", printable(tensor)));
    auto i = shards.find(name);
    if (i == shards.end()) {
      check_shard_name(name, where);
      i = shards.try_emplace(name).first;
    }
    i->second.push_back(tensor);
  }
  require(!shards.empty(), ErrorKind::kBadData, where, ": weight_map names no tensor");
  refuse_missing_shards(result_->path_, shards);
  std::int64_t unlisted = 0;
  for (const auto& [shard, tensors] : shards) {
    const std::size_t begin = result_->tensors_.size();
    read_file(result_->path_ / shard);
    const std::set<std::string_view> listed(tensors.begin(), tensors.end());
    std::vector<std::string_view> held;
    for (std::size_t i = begin; i < result_->tensors_.size(); ++i) {
      held.push_back(result_->tensors_[i].name);
      result_->tensors_[i].unlisted = !listed.contains(held.back());
    }
    std::sort(held.begin(), held.end());
    for (const std::string_view tensor : tensors) {
      require(std::binary_search(held.begin(), held.end(), tensor), ErrorKind::kBadData, where, ": tensor ",
              printable(tensor), " is said to be in ", printable(shard), ", which does not hold it");
    }
    unlisted += static_cast<std::int64_t>(held.size() - tensors.size());
  }
  if (unlisted > 0) result_->notes_.push_back(text(where, ": ", unlisted, " tensors of the shards are not listed"));
  const Json* metadata = json.find("metadata");
  const Json* total = metadata == nullptr ? nullptr : metadata->find("total_size");
  if (total != nullptr &&
      (!total->is_number() || total->as_number(where) != static_cast<double>(result_->total_bytes()))) {
    result_->notes_.push_back(text(where, ": total_size wanted ", result_->total_bytes(), ", got ", total->dump()));
  }
}

void CheckpointBuilder::read_configuration() {
  const fs::path& directory = result_->path_;
  const fs::path config = directory / "config.json", generation = directory / "generation_config.json";
  require(is_named(config), ErrorKind::kBadData, directory.string(), ": config.json is missing; ",
          what_is_there(directory));
  result_->config_ = read_json(config, kConfigLimit, "config.json");
  require(result_->config_.is_object(), ErrorKind::kBadData, config.string(), ": wanted an object, got ",
          result_->config_.type_name());
  if (result_->config_.find("auto_map") != nullptr) {
    result_->notes_.push_back(text(config.string(), ": auto_map names code in the checkpoint, which is not run"));
  }
  if (is_named(generation)) {
    result_->generation_config_ = read_json(generation, kGenerationConfigLimit, "generation_config.json");
    require(result_->generation_config_.is_object(), ErrorKind::kBadData, generation.string(),
            ": wanted an object, got ", result_->generation_config_.type_name());
  }
}

void CheckpointBuilder::join_scales() {
  const Json* quantisation = result_->config_.find("quantization_config");
  const Json* method = quantisation == nullptr ? nullptr : quantisation->find("quant_method");
  if (method == nullptr) return;
  if (*method == Json("mxfp4")) join_mxfp4(result_->tensors_);
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(names, [&](std::string_view name) { return *method == Json(name); });
  };
  const std::string where = (result_->path_ / "config.json").string();
  if (is({"gptq", "awq"})) {
    join_int4(result_->tensors_, *quantisation, where);
  } else if (is({"fp8", "fbgemm_fp8", "compressed-tensors"})) {
    join_scaled(result_->tensors_, *quantisation, where);
  } else if (!is({"ttt"})) {  // whose files themselves say which tensor has which format
    return;
  }
  drop_quantisation();
}

// Once it has been followed, it is not the model's concern.
void CheckpointBuilder::drop_quantisation() {
  Json::Object members = result_->config_.as_object("config");
  std::erase_if(members, [](const Json::Member& m) { return m.first == "quantization_config"; });
  result_->config_ = Json(std::move(members));
}

bool CheckpointBuilder::has_safetensors(const fs::path& directory) {
  return is_named(directory / kSingle) || is_named(directory / kIndex);
}

void CheckpointBuilder::read_directory(const fs::path& path) {
  result_->kind_ = CheckpointKind::kDirectory;
  result_->path_ = path;
  read_configuration();
  const fs::path single = path / kSingle, index = path / kIndex;
  if (is_named(single)) {
    read_file(single);
  } else if (is_named(index)) {
    read_sharded(index);
  } else {
    refuse_without_weights();
  }
  join_scales();
  if (const fs::path vocabulary = path / kTokenizerGguf; is_named(vocabulary)) {
    result_->gguf_ = GgufFile::open(vocabulary, access_);
  }
}

}  // namespace ttt
