#include <filesystem>
#include <optional>

#include "apps/ttt/commands.h"
#include "apps/ttt/options.h"
#include "apps/ttt/prompt.h"
#include "apps/ttt/standard_files.h"
#include "base/error.h"
#include "runtime/load_tokenizer.h"

namespace ttt::app {
namespace {

struct TokenizeFlags {
  ModelOptions model;
  std::optional<std::string> prompt = {};
  std::string file = "-";
  bool decode = false, no_special = false, plain = false, skip_special = false, types = false, jsonl = false;
};

Json ids_json(std::span<const std::int32_t> ids) {
  Json::Array list;
  for (const std::int32_t id : ids) list.emplace_back(std::int64_t{id});
  return Json(std::move(list));
}

std::vector<std::int32_t> ids_of(const Json& json, const std::string& where) {
  std::vector<std::int32_t> ids;
  for (const Json& v : json.as_array(where)) {
    const std::int64_t id = v.as_integer(where);
    require(id >= 0 && id <= INT32_MAX, ErrorKind::kBadData, where, ": token id out of range: ", id);
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

// Of one text, or of two that belong together.
Encoding encode_line(const Tokenizer& tokenizer, const Json& in, const TokenizeFlags& f, const std::string& where) {
  const EncodeOptions options{.add_special = !f.no_special, .parse_special = !f.plain};
  if (!in.is_array()) return tokenizer.encode_with_types(in.as_string(where), options);
  const auto& texts = in.as_array(where);
  require(texts.size() == 2, ErrorKind::kBadData, where, ": wanted a text or two, got ", texts.size());
  return tokenizer.encode_pair(texts[0].as_string(where), texts[1].as_string(where), options);
}

Json encoding_json(const Encoding& encoding, const TokenizeFlags& f) {
  if (!f.types) return ids_json(encoding.ids);
  Json both{Json::Object{}};
  both.set("ids", ids_json(encoding.ids));
  both.set("type_ids", ids_json(encoding.types));
  return both;
}

// One JSON string, list of two strings, or list of ids a line in, one list of ids or string a line out.
void convert_lines(const Tokenizer& tokenizer, const TokenizeFlags& f) {
  std::string line;
  for (std::int64_t number = 1; read_stdin_line(line); ++number) {
    const std::string where = text("line ", number);
    const Json in = Json::parse(line, where);
    const Json out = f.decode ? Json(tokenizer.decode(ids_of(in, where), {.skip_special = f.skip_special}))
                              : encoding_json(encode_line(tokenizer, in, f, where), f);
    write_stdout(out.dump() + '\n');
  }
}

// No model is needed, so neither configuration nor weights have to be there, or be of a kind that can be run.
Tokenizer tokenizer_of(const ModelOptions& model) {
  const std::filesystem::path path = model.model;
  std::error_code unknown;
  const bool direct = std::filesystem::is_directory(path, unknown) ? has_tokenizer(path) : path.extension() == ".gguf";
  return direct ? load_tokenizer(path) : load_tokenizer(*open_model(model, true));
}

int tokenize(const TokenizeFlags& f) {
  require(!f.jsonl || (!f.prompt && f.file == "-"), ErrorKind::kUsage,
          "--jsonl reads standard input and excludes -p and -f");
  require(f.jsonl || (!f.types && !f.plain), ErrorKind::kUsage, "--types and --plain want --jsonl");
  require(!f.prompt || f.file == "-", ErrorKind::kUsage, "-p and -f exclude each other");
  const Tokenizer tokenizer = tokenizer_of(f.model);
  say_remarks(tokenizer, f.model.verbose);
  if (f.jsonl) {
    convert_lines(tokenizer, f);
    return 0;
  }
  const std::string input = f.prompt ? *f.prompt : read_input(f.file, kMostText, "the text");
  if (f.decode) {
    const Json ids = Json::parse(input.find('[') == std::string::npos ? "[" + input + "]" : input, "ids");
    write_stdout(tokenizer.decode(ids_of(ids, "ids"), {.skip_special = f.skip_special}) + '\n');
    return 0;
  }
  for (const std::int32_t id : encode_text(tokenizer, input, !f.no_special)) {
    write_stdout(text(id, '\t', Json(tokenizer.token_text(id)).dump(), '\n'));
  }
  return 0;
}

}  // namespace

void add_tokenize(Arguments& arguments, std::span<const Family> families) {
  auto f = std::make_shared<TokenizeFlags>();
  Command c = arguments.command("tokenize", "Turns text into token ids, or back",
                                "Example: ttt tokenize -m model.gguf -p \"Hello world\"\n"
                                "         echo '\"Hello world\"' | ttt tokenize -m model.gguf --jsonl",
                                [f] { return tokenize(*f); });
  add_model_options(c, f->model, families);
  c.option("-p,--prompt", f->prompt, "text (with --decode: ids between commas); default: standard input");
  c.option("-f,--file", f->file, "file with the text, a pipe, or - for standard input", Option::kShowsDefault);
  c.flag("--no-special-tokens", f->no_special, "do not add begin or end tokens");
  c.flag("--decode", f->decode, "ids to text");
  c.flag("--skip-special-tokens", f->skip_special, "leave special tokens out of the text");
  c.flag("--plain", f->plain, "with --jsonl, the text of a special token is text like any other");
  c.flag("--types", f->types, "with --jsonl, an object of ids and type_ids a line out");
  c.flag(
      "--jsonl", f->jsonl,
      "one JSON string (list of two texts; with --decode: list of ids) a line in, one list of ids (string) a line out");
}

}  // namespace ttt::app
