#!/usr/bin/env python3
"""Writes the well-formed seeds (valid_*) of the fuzz targets into tests/fuzz/seeds. Others are what fuzzers found.

Standard library only; the same bytes each time.
"""

import base64
import json
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent / "seeds"
TRACE = pathlib.Path(__file__).parents[1] / "golden" / "trace"

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
SCALARS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}


def write(target, name, data):
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"valid_{name}").write_bytes(data.encode() if isinstance(data, str) else data)


def numbers(count, start=0):
    """Small values of both signs, exact in every float format."""
    return [((i * 7 + start) % 17 - 8) / 16 for i in range(count)]


def bf16(values):
    return b"".join(struct.pack("<f", v)[2:] for v in values)


def f32(values):
    return struct.pack(f"<{len(values)}f", *values)


def product(shape):
    n = 1
    for extent in shape:
        n *= extent
    return n


def safetensors(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def gguf_string(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def gguf_value(kind, value):
    return gguf_string(value) if kind == STRING else struct.pack("<" + SCALARS[kind], value)


def gguf(keys, tensors):
    """keys: name -> (type, value), or (ARRAY, type, values). tensors: name -> (type id, extents innermost first, bytes)."""
    meta, infos, data = b"", b"", b""
    for name, (kind, *rest) in keys.items():
        meta += gguf_string(name) + struct.pack("<I", kind)
        if kind == ARRAY:
            meta += struct.pack("<IQ", rest[0], len(rest[1])) + b"".join(gguf_value(rest[0], v) for v in rest[1])
        else:
            meta += gguf_value(kind, rest[0])
    for name, (kind, extents, content) in tensors.items():
        data += b"\0" * (-len(data) % 32)
        infos += gguf_string(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *extents)
        infos += struct.pack("<IQ", kind, len(data))
        data += content
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + meta + infos
    return head + b"\0" * (-len(head) % 32) + data


def llama(hidden=8, heads=2, kv=1, ffn=8, vocab=8, layers=1):
    """Names of Hugging Face and of GGUF -> shape."""
    width = hidden // heads
    names = {("model.embed_tokens.weight", "token_embd.weight"): [vocab, hidden],
             ("model.norm.weight", "output_norm.weight"): [hidden]}
    for i in range(layers):
        a, b = f"model.layers.{i}.", f"blk.{i}."
        names[a + "input_layernorm.weight", b + "attn_norm.weight"] = [hidden]
        names[a + "self_attn.q_proj.weight", b + "attn_q.weight"] = [heads * width, hidden]
        names[a + "self_attn.k_proj.weight", b + "attn_k.weight"] = [kv * width, hidden]
        names[a + "self_attn.v_proj.weight", b + "attn_v.weight"] = [kv * width, hidden]
        names[a + "self_attn.o_proj.weight", b + "attn_output.weight"] = [hidden, heads * width]
        names[a + "post_attention_layernorm.weight", b + "ffn_norm.weight"] = [hidden]
        names[a + "mlp.gate_proj.weight", b + "ffn_gate.weight"] = [ffn, hidden]
        names[a + "mlp.up_proj.weight", b + "ffn_up.weight"] = [ffn, hidden]
        names[a + "mlp.down_proj.weight", b + "ffn_down.weight"] = [hidden, ffn]
    return names


def llama_config(**more):
    return {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True, "max_position_embeddings": 32, **more}


def model(config, tensors):
    text = json.dumps(config, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + safetensors(tensors)


def json_seeds():
    write("json", "values", '{"a":[1,-2,3.5e-3,true,false,null,NaN,-Infinity],"\\u00e9\\ud83d\\ude00":"\\n\\t\\"x"}')
    write("json", "nested", "[[[[[[[[{}]]]]]]],{\"b\":{\"c\":[]}}]")
    write("json", "numbers", "[0,-0,1e400,123456789012345678901234567890,9223372036854775807,-9223372036854775808]")


def safetensors_seeds():
    write("safetensors", "three", safetensors({
        "a": ("F32", [2, 3], f32(numbers(6))), "b": ("BF16", [4], bf16(numbers(4))), "c": ("I64", [], bytes(8))},
        {"format": "pt"}))
    write("safetensors", "empty", safetensors({}))
    # Legal: a tensor without elements may have any other extents.
    write("safetensors", "no_rows", safetensors({"x": ("F32", [0, 1 << 60], b"")}))
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}
    write("safetensors_index", "two_shards", json.dumps(index))
    ids = struct.pack("<3i", 1, 2, 3)
    trace = {"input_ids": ("I32", [1, 3], ids), "model.norm:in": ("F32", [1, 3, 2], f32(numbers(6))),
             "model.norm:out": ("BF16", [1, 3, 2], bf16(numbers(6)))}
    write("trace", "one_module", safetensors(trace, {"format": "ttt-trace"}))
    write("trace", "no_rows", safetensors({"input_ids": ("I32", [1], ids[:4]), "m:out": ("F32", [0, 1 << 60], b"")},
                                          {"format": "ttt-trace"}))


def llama_gguf(kind=0, pack=f32, **more):
    keys = {"general.architecture": (STRING, "llama"), "llama.block_count": (U32, 1),
            "llama.context_length": (U32, 32), "llama.embedding_length": (U32, 8),
            "llama.feed_forward_length": (U32, 8), "llama.attention.head_count": (U32, 2),
            "llama.attention.head_count_kv": (U32, 1), "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
            "llama.rope.dimension_count": (U32, 4), **more}
    tensors = {name: (kind if len(shape) > 1 else 0, shape[::-1], (pack if len(shape) > 1 else f32)(
        numbers(product(shape), len(name)))) for (_, name), shape in llama().items()}
    return gguf(keys, tensors)


def moe_gguf():
    """Stacked experts, which are unrolled by their first extent."""
    keys = {"general.architecture": (STRING, "qwen3moe"), "qwen3moe.block_count": (U32, 1),
            "qwen3moe.embedding_length": (U32, 8), "qwen3moe.expert_count": (U32, 2),
            "qwen3moe.attention.layer_norm_rms_epsilon": (F32, 1e-5)}
    return gguf(keys, {"blk.0.ffn_gate_exps.weight": (0, [8, 4, 2], f32(numbers(64)))})


def gguf_seeds():
    every = {f"k.{i}": (kind, 1) for i, kind in enumerate(SCALARS)}
    every |= {f"a.{i}": (ARRAY, kind, [0, 1]) for i, kind in enumerate(SCALARS)}
    every |= {"k.s": (STRING, "text"), "a.s": (ARRAY, STRING, ["", "x", "yz"]), "general.alignment": (U32, 32)}
    write("gguf", "llama", llama_gguf())
    write("gguf", "llama_bf16", llama_gguf(30, bf16))
    write("gguf", "experts", moe_gguf())
    blocks = {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 20: 18, 39: 17}
    write("gguf", "formats", gguf(every | {"general.architecture": (STRING, "llama"), "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5)}, {
        f"t{kind}": (kind, [32, 1], bytes(size)) for kind, size in blocks.items()}))


def vocabulary(model, tokens, **more):
    return gguf({"general.architecture": (STRING, "llama"), "tokenizer.ggml.model": (STRING, model),
                 "tokenizer.ggml.tokens": (ARRAY, STRING, tokens), **more}, {})


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 128:
        out += bytes([128 | n % 128])
        n //= 128
    return out + bytes([n])


def field(number, value):
    """A field of a protocol buffers message: an integer, a float or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def charsmap():
    """The one rule that 'a' becomes "bc", as Darts-clone lays it out."""
    units = [0] * 1024
    node = 0x80 ^ ord("a")
    units[0], units[node], units[0x200] = 0x80 << 10, ord("a") | 1 << 8 | (node ^ 0x200) << 10, 1 << 31
    return struct.pack("<I", 4096) + struct.pack("<1024I", *units) + b"bc\0"


def sentencepiece_seeds():
    mark = "\u2581"
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), (mark, -1.0, 1), ("H", -2.0, 1), ("e", -3.0, 1),
              ("l", -4.0, 1), ("o", -5.0, 1), ("He", -1.5, 1), (mark + "He", -1.2, 1), ("ll", -1.6, 1), ("bc", -9.0, 1)]
    for kind, name in ((1, "unigram"), (2, "bpe")):
        some = pieces + [("ab", 0.0, 4)] * (kind == 2) + [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)] * (kind == 1)
        data = b"".join(field(1, field(1, t) + field(2, s) + field(3, n)) for t, s, n in some)
        data += field(2, field(3, kind) + field(35, int(kind == 1)) + field(40, 0) + field(43, -1) + field(45, "<unk>"))
        data += field(3, field(1, "own") + field(2, charsmap()) + field(3, 1) + field(4, 1) + field(5, 1))
        write("tokenizer_model", name, data)


def tokenizer_seeds():
    bytes_to_text = [chr(c) if 33 <= c <= 126 or 161 <= c <= 172 or c >= 174 else None for c in range(256)]
    free = iter(range(256, 512))
    bytes_to_text = [t if t else chr(next(free)) for t in bytes_to_text]
    some = [bytes_to_text[b] for b in b"Held wor123\n<s>ab"]
    tokens = list(dict.fromkeys(some + ["He", "ll", "He" + "ll", "<s>"]))
    merges = ["H e", "l l", "He ll"]
    write("tokenizer_gguf", "gpt2", vocabulary("gpt2", tokens, **{
        "tokenizer.ggml.pre": (STRING, "llama-bpe"), "tokenizer.ggml.merges": (ARRAY, STRING, merges),
        "tokenizer.ggml.token_type": (ARRAY, I32, [3 if t == "<s>" else 1 for t in tokens]),
        "tokenizer.ggml.bos_token_id": (U32, len(tokens) - 1)}))
    mark = "\u2581"
    scored = ["<unk>", "<s>", "<0x0A>", "\u2581", "H", "e", "l", "o", "He", "\u2581a", "b"]
    write("tokenizer_gguf", "llama", vocabulary("llama", scored, **{
        "tokenizer.ggml.scores": (ARRAY, F32, [-float(i) for i in range(len(scored))]),
        "tokenizer.ggml.token_type": (ARRAY, I32, [2, 3, 6] + [1] * (len(scored) - 3)),
        "tokenizer.ggml.bos_token_id": (U32, 1), "tokenizer.ggml.unknown_token_id": (U32, 0)}))
    added = [{"id": len(tokens) - 1, "content": "<s>", "single_word": False, "lstrip": True, "rstrip": False,
              "normalized": False, "special": True}]
    bpe = {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges}
    gpt2 = {"version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            "post_processor": {"type": "ByteLevel", "trim_offsets": False}, "decoder": {"type": "ByteLevel"},
            "model": bpe, "tokenizer_config": {"bos_token": "<s>", "add_bos_token": True}}
    write("tokenizer_json", "gpt2", json.dumps(gpt2, separators=(",", ":")))
    plain = {t: i for i, t in enumerate(scored)}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                         {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    llama2 = {"version": "1.0", "added_tokens": [dict(added[0], id=1)],
              "normalizer": {"type": "Sequence", "normalizers": [
                  {"type": "Prepend", "prepend": "\u2581"},
                  {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
              "pre_tokenizer": None, "post_processor": template,
              "decoder": {"type": "Sequence", "decoders": [
                  {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
                  {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
              "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": False,
                        "vocab": plain, "merges": [["H", "e"]]}}
    write("tokenizer_json", "llama2", json.dumps(llama2, separators=(",", ":")))
    pair = {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 0]}
    bert = {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": pair,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(
                          ["[CLS]", "[SEP]", "[UNK]", "he", "##llo", "a", "##b", "1", "##2"])}}}
    write("tokenizer_json", "bert", json.dumps(bert, separators=(",", ":")))
    unigram = {"normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "Nmt"}, {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()},
                   {"type": "Replace", "pattern": {"Regex": " {2,}|\\A +"}, "content": " "}]},
               "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                   {"type": "UnicodeScripts"}, {"type": "FixedLength", "length": 7},
                   {"type": "Metaspace", "replacement": mark, "prepend_scheme": "first", "split": True}]},
               "decoder": {"type": "Sequence", "decoders": [{"type": "CTC"}, {"type": "BPEDecoder"}, {"type": "Fuse"},
                                                            {"type": "Metaspace", "replacement": mark}]},
               "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True,
                         "vocab": [[t, -float(i)] for i, t in enumerate(scored)]}}
    write("tokenizer_json", "unigram", json.dumps(unigram, separators=(",", ":")))


def snapshot_seeds():
    # After the layout: rows, rows of the source, pages of each group, then the bytes of the pages (tests/fuzz/snapshot.cpp).
    write("snapshot", "empty", b"\1" + struct.pack("<5q", 0, 0, 0, 0, 0))
    write("snapshot", "three_rows", b"\1" + struct.pack("<9q", 3, 0, 2, 0, 1, 2, 0, 1, 0) + bytes(64))


def npy_seeds():
    for version, kind, dtype in ((1, "<2i", "<i4"), (2, "<2q", "<i8")):
        header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (2,), }}".encode()
        before = 8 + (2 if version == 1 else 4)
        header += b" " * (-(before + len(header) + 1) % 64) + b"\n"
        head = b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(header))
        write("npy", dtype[1:], head + header + struct.pack(kind, 5, 7))


def model_seeds():
    tensors = {name: ("BF16", shape, bf16(numbers(product(shape), len(name)))) for (name, _), shape in llama().items()}
    write("model", "llama", model(llama_config(), tensors))
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}
    write("model", "llama_yarn", model(llama_config(rope_scaling=yarn, rope_theta=10000.0), tensors))
    bias = dict(tensors)
    for part, width in (("q", 8), ("k", 4), ("v", 4), ("o", 8)):
        bias[f"model.layers.0.self_attn.{part}_proj.bias"] = ("F32", [width], f32(numbers(width)))
    write("model", "llama_bias", model(llama_config(attention_bias=True), bias))
    write("model", "llama_gguf", llama_gguf())
    moe = {name: value for name, value in tensors.items() if ".mlp." not in name}
    for part in ("q", "k"):
        moe[f"model.layers.0.self_attn.{part}_norm.weight"] = ("F32", [4], f32(numbers(4)))
    moe["model.layers.0.mlp.gate.weight"] = ("F32", [2, 8], f32(numbers(16)))
    for e in range(2):
        for part, shape in (("gate", [4, 8]), ("up", [4, 8]), ("down", [8, 4])):
            moe[f"model.layers.0.mlp.experts.{e}.{part}_proj.weight"] = ("BF16", shape, bf16(numbers(32, e)))
    config = llama_config(model_type="qwen3_moe", head_dim=4, num_experts=2, num_experts_per_tok=1,
                          moe_intermediate_size=4, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[])
    write("model", "qwen3_moe", model(config, moe))


def grammar_seeds():
    # The kind, the grammar, a zero, then choices among the allowed tokens (tests/fuzz/grammar.cpp).
    choices = "\0" + "".join(chr(c * 37 % 127) for c in range(40))
    write("grammar", "gbnf", 'groot ::= "(" item ("," item)* ")" # list\nitem ::= [a-c\\x41] | root | "\\u00e9"{1,2}' + choices)
    write("grammar", "ambiguous", 'groot ::= x | y\nx ::= "a" x "b" | "a" y "c" | ""\ny ::= "a" y "b" | "a" x "c" | ""' + choices)
    write("grammar", "regex", r"r^(?:[a-c]{2,4}|\d+(?:\.\d*)?|[^\n]\w)*$" + choices)
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": -3, "maximum": 12}, "b": {"$ref": "#/$defs/l"},
              "c": {"type": "string", "pattern": "b+", "maxLength": 5}}, "required": ["b"], "additionalProperties": {"enum": [1, "é"]},
              "$defs": {"l": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/l"}, {"format": "date"}]}, "maxItems": 2}}}
    write("grammar", "schema", "s" + json.dumps(schema) + choices)
    write("grammar", "schema_any", 'S{"allOf":[{"type":"object"},{"properties":{"x":true}}]}' + choices)
    write("grammar", "tools", 't{"properties":{"q":{"type":"number","exclusiveMinimum":0.5}}}' + choices)


def main():
    grammar_seeds()
    json_seeds()
    safetensors_seeds()
    gguf_seeds()
    tokenizer_seeds()
    sentencepiece_seeds()
    snapshot_seeds()
    npy_seeds()
    model_seeds()


if __name__ == "__main__":
    main()
