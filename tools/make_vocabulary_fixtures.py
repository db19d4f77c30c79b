#!/usr/bin/env python3
"""Makes small tokenizers of files other than tokenizer.json and records what transformers makes of them.

Written below tests/golden/tokenizers, for each NAME:
    NAME/tokenizer.model, or vocab.json and merges.txt, or vocab.txt
    NAME/tokenizer_config.json
    NAME/digest.txt           as make_tokenizer_fixtures.py has it
SentencePiece models are trained by the package `sentencepiece`, the others come from fixtures of make_tokenizer_fixtures.py.

    make_vocabulary_fixtures.py [--output DIR] [--strings N] [--only NAME]
"""
import argparse
import io
import json
import pathlib
import tempfile

import sentencepiece
from transformers import BertTokenizer, GPT2Tokenizer, LlamaTokenizer, RobertaTokenizer, T5Tokenizer
from transformers.tokenization_utils_tokenizers import TokenizersBackend

from make_tokenizer_fixtures import STRINGS, corpus, digest, training_text

GOLDEN = pathlib.Path(__file__).parent.parent / "tests/golden/tokenizers"
CLASSES = {"BertTokenizer": BertTokenizer, "GPT2Tokenizer": GPT2Tokenizer, "LlamaTokenizer": LlamaTokenizer,
           "RobertaTokenizer": RobertaTokenizer, "T5Tokenizer": T5Tokenizer}


def reference(folder):
    """The tokenizers.Tokenizer that transformers makes."""
    config = json.loads((folder / "tokenizer_config.json").read_text())
    made = CLASSES.get(config.get("tokenizer_class"), TokenizersBackend).from_pretrained(str(folder))
    return made.backend_tokenizer


def rules():
    """A few rewriting rules, of the form that the trainer reads."""
    pairs = {"\t": " ", "\n": " ", "\u00a0": " ", "\u3000": " ", "\u00ad": "", "\ufb01": "fi", "\u2122": "TM",
             "e\u0301": "\u00e9", "\uff21": "A"}
    return "".join(f"{' '.join(f'{ord(c):x}' for c in a)}\t{' '.join(f'{ord(c):x}' for c in b)}\n"
                   for a, b in sorted(pairs.items()))


def sentencepiece_model(**options):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as tsv:
        tsv.write(rules())
        tsv.flush()
        if options.pop("own_rules", False):
            options["normalization_rule_tsv"] = tsv.name
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training_text()), model_writer=model,
                                                 minloglevel=2, hard_vocab_limit=False, **options)
    return model.getvalue()


def spm_llama():
    """As Llama 2: bytes, runs of spaces, no rewriting."""
    return {"tokenizer.model": sentencepiece_model(
        vocab_size=900, model_type="bpe", byte_fallback=True, character_coverage=0.98, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)}, {
            "tokenizer_class": "LlamaTokenizer", "legacy": False}


def spm_llama_legacy():
    return {"tokenizer.model": spm_llama()[0]["tokenizer.model"]}, {
        "tokenizer_class": "LlamaTokenizer", "legacy": True, "add_eos_token": True, "bos_token": "<s>",
        "eos_token": "</s>", "unk_token": "<unk>"}


def spm_bpe():
    """The model's own settings: rewriting, user-defined and control pieces, no bytes."""
    return {"tokenizer.model": sentencepiece_model(
        vocab_size=600, model_type="bpe", own_rules=True, user_defined_symbols=["<tool_call>", "word", "\u2581\u2581", "e."],
        control_symbols=["<|im_start|>", "[CLS]"])}, {}


def spm_unigram():
    return {"tokenizer.model": sentencepiece_model(vocab_size=700, own_rules=True, byte_fallback=True,
                                                   character_coverage=0.98, control_symbols=["<mask>"])}, {
        "add_bos_token": True, "add_eos_token": True}


def spm_plain():
    """No dummy prefix, and spaces as they are."""
    return {"tokenizer.model": sentencepiece_model(vocab_size=700, normalization_rule_name="identity",
                                                   add_dummy_prefix=False, remove_extra_whitespaces=False)}, {
        "legacy": False}


def spm_rules():
    return {"tokenizer.model": sentencepiece_model(vocab_size=700, own_rules=True)}, {}


def spm_t5():
    return {"tokenizer.model": sentencepiece_model(vocab_size=700, own_rules=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)}, {
        "tokenizer_class": "T5Tokenizer"}


def tokenizer_json(name):
    return json.loads((GOLDEN / name / "tokenizer.json").read_text())


def vocab_and_merges(name):
    model = tokenizer_json(name)["model"]
    merges = "".join(" ".join(m) + "\n" for m in model["merges"])
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False).encode(),
            "merges.txt": ("#version: 0.2\n" + merges).encode()}


def files_gpt2():
    return vocab_and_merges("gpt2"), {"tokenizer_class": "GPT2Tokenizer"}


def files_roberta():
    return vocab_and_merges("roberta"), {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True}


def files_bert():
    vocab = tokenizer_json("bert_uncased")["model"]["vocab"]
    return {"vocab.txt": "".join(t + "\n" for t in sorted(vocab, key=vocab.get)).encode()}, {
        "tokenizer_class": "BertTokenizer"}


def files_bert_cased():
    return {"vocab.txt": files_bert()[0]["vocab.txt"].replace(b"\n", b"\r\n")}, {
        "tokenizer_class": "BertTokenizer", "do_lower_case": False, "tokenize_chinese_chars": False, "strip_accents": True}


FIXTURES = {f.__name__: f for f in (spm_llama, spm_llama_legacy, spm_bpe, spm_unigram, spm_plain, spm_rules, spm_t5, files_gpt2,
                                    files_roberta, files_bert, files_bert_cased)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=str(GOLDEN))
    parser.add_argument("--strings", type=int, default=STRINGS)
    parser.add_argument("--only", choices=sorted(FIXTURES))
    args = parser.parse_args()
    strings = corpus(args.strings)
    for name, make in FIXTURES.items():
        if args.only not in (None, name):
            continue
        folder = pathlib.Path(args.output) / name
        folder.mkdir(exist_ok=True, parents=True)
        files, config = make()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
        (folder / "digest.txt").write_text(digest(reference(folder), strings))
        print(name, {file: len(content) for file, content in files.items()})


if __name__ == "__main__":
    main()
