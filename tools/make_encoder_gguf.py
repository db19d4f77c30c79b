#!/usr/bin/env python3
"""Writes GGUF files of encoders and encoder-decoders, and compares them with the directories that they are made of.

    make_encoder_gguf.py write [--golden tests/golden/encoders]   model.gguf beside the config.json of GOLDEN
    make_encoder_gguf.py tokenizers --ttt TTT [--strings N]       ids of `ttt tokenize` on GGUF files of WordPiece and
                                                                  Unigram vocabularies, and of the tokenizers package
    make_encoder_gguf.py embed --ttt TTT DIRECTORY                embeddings of a directory of BERT and of its GGUF file

Keys, names of tensors and what becomes of values are those of the converter of ggml-org/llama.cpp: bert has no rows of
positions that stand for none, WordPiece marks beginnings of words in place of continuations. Needs torch, safetensors,
tokenizers and gguf.
"""
import argparse
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from safetensors.torch import load_file

from gguf_from_hf_directory import add_tensor

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ["bert", "roberta", "roberta_class", "distilbert", "t5", "t5_encoder"]
CONTROL, UNKNOWN, NORMAL, USER = 3, 2, 1, 4


def of_bert(config):
    """The sizes under BERT's names, and how many rows of positions stand for none."""
    if config["model_type"] == "distilbert":
        config = dict(config, hidden_size=config["dim"], num_hidden_layers=config["n_layers"],
                      num_attention_heads=config["n_heads"], intermediate_size=config["hidden_dim"], layer_norm_eps=1e-12)
    return config, 0 if config["model_type"] in ("bert", "distilbert") else config["pad_token_id"] + 1


def add_bert(writer, config, skipped, pooling):
    writer.add_context_length(config["max_position_embeddings"] - skipped)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_token_type_count(config.get("type_vocab_size", 1))
    if pooling is not None:
        writer.add_pooling_type(pooling)


def add_t5(writer, config):
    writer.add_context_length(config.get("n_positions", 512))
    writer.add_embedding_length(config["d_model"])
    writer.add_feed_forward_length(config["d_ff"])
    writer.add_block_count(config["num_layers"])
    if not config["architectures"][0].endswith("EncoderModel"):
        writer.add_decoder_block_count(config["num_decoder_layers"])
        writer.add_decoder_start_token_id(config["decoder_start_token_id"])
    writer.add_head_count(config["num_heads"])
    writer.add_key_length(config["d_kv"])
    writer.add_value_length(config["d_kv"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_relative_attn_buckets_count(config["relative_attention_num_buckets"])
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])


def write_model(directory, file, pooling=None, tokenizer=None):
    config = json.loads((directory / "config.json").read_text())
    t5 = config["model_type"] == "t5"
    skipped = 0
    if t5:
        encoder = config["architectures"][0].endswith("EncoderModel")
        architecture, layers = gguf.MODEL_ARCH.T5ENCODER if encoder else gguf.MODEL_ARCH.T5, config["num_layers"]
        prefix = None
    else:
        config, skipped = of_bert(config)
        architecture, layers = gguf.MODEL_ARCH.BERT, config["num_hidden_layers"]
        prefix = {"bert": "bert.", "distilbert": "distilbert."}.get(config["model_type"], "roberta.")
    names = gguf.get_tensor_name_map(architecture, layers)
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[architecture])
    if t5:
        add_t5(writer, config)
    else:
        add_bert(writer, config, skipped, pooling)
    if tokenizer:
        tokenizer(writer)
    for name, tensor in sorted(load_file(directory / "model.safetensors").items()):
        if prefix and name.startswith(prefix):
            name = name[len(prefix):]
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        if name == "embeddings.position_embeddings.weight":
            tensor = tensor[skipped:]
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if there is None:
            raise SystemExit(f"{name} has no name in {gguf.MODEL_ARCH_NAMES[architecture]}")
        if tensor.numel() == 1:
            writer.add_tensor(there, tensor.float().reshape(1).numpy())
        else:
            add_tensor(writer, there, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def word_piece(description):
    """Tokens and types of a tokenizer.json of BERT."""
    special = {t["id"]: t["special"] for t in description["added_tokens"]}
    tokens, types = [], []
    for token, i in sorted(description["model"]["vocab"].items(), key=lambda item: item[1]):
        assert i == len(tokens)
        control = special.get(i, False)
        types.append(CONTROL if control else NORMAL)
        tokens.append(token if control else token[2:] if token.startswith("##") else "\u2581" + token)
    return tokens, types


def add_word_piece(description):
    def add(writer):
        tokens, types = word_piece(description)
        writer.add_tokenizer_model("bert")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        named = {t["content"]: t["id"] for t in description["added_tokens"]}
        for content, how in (("[CLS]", writer.add_bos_token_id), ("[SEP]", writer.add_eos_token_id), ("[UNK]", writer.add_unk_token_id),
                             ("[SEP]", writer.add_sep_token_id), ("[PAD]", writer.add_pad_token_id), ("[MASK]", writer.add_mask_token_id)):
            if content in named:
                how(named[content])
    return add


def charsmap(normalizer):
    if normalizer is None:
        return None
    if normalizer["type"] == "Precompiled":
        return base64.b64decode(normalizer["precompiled_charsmap"])
    return next(filter(None, map(charsmap, normalizer.get("normalizers", []))), None)


def add_unigram(description, bos, eos, unk, pad):
    def add(writer):
        model, added = description["model"], {t["id"]: t for t in description["added_tokens"]}
        tokens = [t for t, _ in model["vocab"]]
        types = [UNKNOWN if i == model["unk_id"] else CONTROL if added.get(i, {}).get("special") else USER if i in added else NORMAL
                 for i in range(len(tokens))]
        writer.add_tokenizer_model("t5")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores([s for _, s in model["vocab"]])
        writer.add_token_types(types)
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)
        rules = charsmap(description["normalizer"])
        if rules:
            writer.add_precompiled_charsmap(rules)
        ids = {t: i for i, t in enumerate(tokens)}
        for token, how in ((bos, writer.add_bos_token_id), (eos, writer.add_eos_token_id), (unk, writer.add_unk_token_id),
                           (pad, writer.add_pad_token_id)):
            if token:
                how(ids[token])
        writer.add_add_bos_token(bos is not None)
        writer.add_add_eos_token(True)
    return add


def vocabulary_only(file, architecture, add):
    writer = gguf.GGUFWriter(file, architecture)
    add(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def compare_tokenizers(args):
    from tokenizers import Tokenizer

    from compare_tokenizers import run, strings_of
    strings, failed = strings_of(args.strings, args.seed), False
    shapes = {"bert_uncased": ("bert", add_word_piece, ()), "t5": ("t5", add_unigram, (None, "</s>", "<unk>", "<pad>")),
              "xlm_roberta": ("bert", add_unigram, ("<s>", "</s>", "<unk>", "<pad>"))}
    with tempfile.TemporaryDirectory() as temporary:
        for name, (architecture, add, more) in shapes.items():
            directory = ROOT / "tests/golden/tokenizers" / name
            description = json.loads((directory / "tokenizer.json").read_text())
            file = pathlib.Path(temporary) / f"{name}.gguf"
            vocabulary_only(file, architecture, add(description, *more))
            reference = Tokenizer.from_file(str(directory / "tokenizer.json"))
            compared = different = 0
            for flags, special in ((), True), (("--no-special-tokens",), False):
                got = run(args.ttt, file, strings, *flags)
                for text, g in zip(strings, got):
                    wanted = reference.encode(text, add_special_tokens=special).ids
                    compared += 1
                    if g == wanted:
                        continue
                    different += 1
                    if different <= args.show:
                        print(f"  {json.dumps(text)}\n    wanted {wanted}\n    got    {g}")
            failed = failed or different > 0
            print(f"{name}: {len(strings)} strings, {compared} comparisons, {different} differ", flush=True)
    return failed


def compare_embeddings(args):
    description = json.loads((args.directory / "tokenizer.json").read_text())
    lines = ["The boat crosses the lake.", "it", "Wer hat die alte Br\u00fccke gemalt?", "What a fine song, and how badly they sang it! " * 20]
    with tempfile.TemporaryDirectory() as temporary:
        file = pathlib.Path(temporary) / "model.gguf"
        write_model(args.directory, file, gguf.PoolingType.MEAN, add_word_piece(description))
        rows = []
        for model in (args.directory, file):
            done = subprocess.run([args.ttt, "embed", "-m", model, "--strategy", "accuracy"], check=True, stdout=subprocess.PIPE,
                                  input="".join(line + "\n" for line in lines).encode())
            rows.append(np.array([json.loads(line) for line in done.stdout.decode().splitlines()]))
    a, b = (r / np.linalg.norm(r, axis=1, keepdims=True) for r in rows)
    cosines = (a * b).sum(axis=1)
    print(f"{args.directory.name}: cosines {cosines}")
    return cosines.min() < 0.99999


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write")
    write.add_argument("--golden", type=pathlib.Path, default=ROOT / "tests/golden/encoders")
    tokenizers = commands.add_parser("tokenizers")
    tokenizers.add_argument("--strings", type=int, default=5000)
    tokenizers.add_argument("--seed", type=int, default=7)
    tokenizers.add_argument("--show", type=int, default=5)
    embed = commands.add_parser("embed")
    embed.add_argument("directory", type=pathlib.Path)
    for command in (tokenizers, embed):
        command.add_argument("--ttt", required=True)
    args = parser.parse_args()
    if args.command == "write":
        for name in GOLDEN:
            write_model(args.golden / name, args.golden / name / "model.gguf")
    elif (compare_tokenizers if args.command == "tokenizers" else compare_embeddings)(args):
        sys.exit(1)


if __name__ == "__main__":
    main()
