#!/usr/bin/env python3
"""Writes tests/golden/encoder_texts: tiny encoders and encoder-decoders with tokenizers of their own, and what
transformers and torch answer to texts.

    make_encoder_text_golden.py [--output tests/golden/encoder_texts]

Each folder holds config.json, model.safetensors (bf16; results are in float32 from the rounded weights),
tokenizer.json, tokenizer_config.json and answers.json, with the texts and for
  labels      BERT with three classes. "cases": fields put into config.json and tokenizer_config.json, and the scores
              [texts][label] of the text-classification pipeline with truncation
  tokens      BERT with three classes of tokens. "tokens": for every text what the token-classification pipeline says
              without an aggregation, no label being ignored
  bart_labels BART with three classes, as labels
  pairs       BERT with one class. "query" and "scores": the logits of every pair (query, text), cut to the longest
              that the model and the tokenizer allow; "cases" as above; limits.json: ids of texts that are cut
  pairs_plain DistilBERT with one class, whose tokenizer.json knows types that the model does not; the same, and
              "means": the means of the last states
  embedding   BERT as sentence-transformers saves it, with a dense layer. "embeddings" by activation function, of
              length 1, and "plain", without the module that normalises
  t5, bart    "answers": the greedy texts that follow
A tokenizer.json that is there is kept: training one does not give the same vocabulary twice.
Needs torch, transformers, tokenizers and safetensors.
"""
import json
import pathlib

import numpy as np
import torch
import transformers
from golden_arguments import golden_parser
from make_encoder_golden import randomise, rounded
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TRAINING = [
    "the boat crosses the lake before the storm comes", "a small boat waits at the far shore of the lake",
    "who painted the old bridge over the river?", "the bridge was painted by her brother in spring",
    "it rained all night, and the river rose", "bread, cheese and apples are on the table",
    "he reads the letter twice and says nothing", "what a fine song, and how badly they sang it!",
    "the train leaves at seven and arrives at nine", "nobody knows where the keys are",
] * 3
LINES = [
    "What a fine song!", "The bridge was painted by her brother.", "nobody sang", "bread and apples, apples and cheese",
    "it", "The train leaves before the storm and arrives at the far shore of the river, where a small boat waits "
    "all night and nobody knows who painted the bridge or where the keys are", "he reads the letter",
]
QUERY = "who painted the old bridge?"
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ACTIVATIONS = {"Identity": torch.nn.Identity, "Tanh": torch.nn.Tanh, "ReLU": torch.nn.ReLU, "GELU": torch.nn.GELU,
               "SiLU": torch.nn.SiLU, "Sigmoid": torch.nn.Sigmoid}


def word_piece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece(prefix="##")
    t.train_from_iterator(TRAINING, trainers.WordPieceTrainer(vocab_size=120, special_tokens=SPECIAL,
                                                             show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    named = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
    return t, named


def unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    t.train_from_iterator(TRAINING, trainers.UnigramTrainer(
        vocab_size=110, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                     special_tokens=[("</s>", 1)])
    return t, dict(unk_token="<unk>", eos_token="</s>", pad_token="<pad>")


def byte_bpe():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return t, dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", cls_token="<s>",
                   sep_token="</s>")


def write(folder, made, kind, fields, most=None, inputs=("input_ids", "token_type_ids", "attention_mask")):
    """A model with random weights and its tokenizer, as they are read again from `folder`."""
    tokenizer, named = made
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cls = getattr(transformers, kind)
    config = cls.config_class(vocab_size=tokenizer.get_vocab_size(), **fields)
    model = cls._from_config(config, attn_implementation="eager").float().eval()
    randomise(model, torch)
    model = rounded(model, torch, folder)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = dict(named, tokenizer_class="PreTrainedTokenizerFast", model_input_names=list(inputs))
    if most:
        settings["model_max_length"] = most
    save_json(folder / "tokenizer_config.json", settings)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def classified(model, folder, config=None, tokenizer=None):
    """The scores of every text by label, in the order of the labels."""
    config, settings = config or {}, tokenizer or {}
    before = {k: getattr(model.config, k) for k in config}
    for key, value in config.items():
        setattr(model.config, key, value)
    own = transformers.AutoTokenizer.from_pretrained(folder, **settings)
    pipeline = transformers.pipeline("text-classification", model=model, tokenizer=own, top_k=None, truncation=True)
    answers = [{a["label"]: a["score"] for a in pipeline([line])[0]} for line in LINES]
    for key, value in before.items():
        setattr(model.config, key, value)
    scores = [[a[label] for label in model.config.id2label.values()] for a in answers]
    return dict(config=config, tokenizer=settings, scores=scores)


def pair_logits(model, tokenizer):
    most = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    rows = [tokenizer(QUERY, line, truncation="longest_first", max_length=most, return_tensors="pt") for line in LINES]
    return [model(**row).logits[0, 0].item() for row in rows], [row["input_ids"].shape[1] for row in rows]


def write_labels(folder):
    model, _ = write(folder, word_piece(), "BertForSequenceClassification",
                     dict(SMALL, max_position_embeddings=40, id2label={0: "sad", 1: "glad", 2: "neither"},
                          label2id={"sad": 0, "glad": 1, "neither": 2}), most=24)
    types = [None, "single_label_classification", "multi_label_classification", "regression"]
    cases = [classified(model, folder, dict(problem_type=t)) for t in types]
    cases.append(classified(model, folder, tokenizer=dict(truncation_side="left")))
    save_json(folder / "answers.json", dict(texts=LINES, labels=["sad", "glad", "neither"], cases=cases))


def write_tokens(folder):
    model, tokenizer = write(folder, word_piece(), "BertForTokenClassification",
                             dict(SMALL, max_position_embeddings=160, id2label={0: "O", 1: "B-THING", 2: "I-THING"},
                                  label2id={"O": 0, "B-THING": 1, "I-THING": 2}))
    pipeline = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer, ignore_labels=[])
    tokens = []
    for line in LINES:
        spelled = tokenizer.convert_ids_to_tokens(tokenizer(line)["input_ids"])  # unknown words too
        tokens.append([dict(index=t["index"], token=spelled[t["index"]], label=t["entity"], score=float(t["score"]))
                       for t in pipeline(line)])
    save_json(folder / "answers.json", dict(texts=LINES, tokens=tokens))


def write_bart_labels(folder):
    fields = dict(d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
                  encoder_ffn_dim=36, decoder_ffn_dim=32, max_position_embeddings=160, decoder_start_token_id=2,
                  eos_token_id=2, forced_eos_token_id=None, id2label={0: "no", 1: "maybe", 2: "yes"},
                  label2id={"no": 0, "maybe": 1, "yes": 2})
    model, _ = write(folder, byte_bpe(), "BartForSequenceClassification", fields, inputs=("input_ids", "attention_mask"))
    save_json(folder / "answers.json", dict(texts=LINES, labels=["no", "maybe", "yes"], cases=[classified(model, folder)]))


def write_pairs(folder):
    model, tokenizer = write(folder, word_piece(), "BertForSequenceClassification",
                             dict(SMALL, max_position_embeddings=29, num_labels=1))
    scores, rows = pair_logits(model, tokenizer)
    assert max(rows) == 29 and min(rows) < 29
    tokenizer.model_max_length = 29  # the pipeline knows this limit only
    cases = [classified(model, folder, dict(problem_type=t), dict(model_max_length=29))
             for t in (None, "single_label_classification", "regression")]
    save_json(folder / "answers.json", dict(texts=LINES, query=QUERY, scores=scores, labels=["LABEL_0"], cases=cases))


def write_limits(folder):
    """What the tokenizers package makes of texts that are too long."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = [["he reads", "nobody knows where the keys are"], ["nobody knows where the keys are", "he reads"],
             ["what a fine song", "what a fine lake"], ["bread, cheese and apples"], ["", "the lake"]]
    cases = []
    for keeps_end in (False, True):
        for own in texts:
            for most in range(4, 22):
                tokenizer.enable_truncation(most, strategy="longest_first", direction="left" if keeps_end else "right")
                made = tokenizer.encode(*own)
                cases.append(dict(texts=own, most=most, keeps_end=keeps_end, ids=made.ids, types=made.type_ids))
    (folder / "limits.json").write_text("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]\n")


def write_pairs_plain(folder):
    model, tokenizer = write(folder, word_piece(), "DistilBertForSequenceClassification",
                             dict(dim=32, n_layers=2, n_heads=4, hidden_dim=40, max_position_embeddings=64, num_labels=1),
                             most=12, inputs=("input_ids", "attention_mask"))
    scores, rows = pair_logits(model, tokenizer)
    assert max(rows) == 12
    means = [model.distilbert(**tokenizer(line, truncation=True, return_tensors="pt")).last_hidden_state[0].mean(0).tolist()
             for line in LINES]
    save_json(folder / "answers.json", dict(texts=LINES, query=QUERY, scores=scores, labels=["LABEL_0"], means=means,
                                            cases=[classified(model, folder)]))


def write_embedding(folder):
    prompt, most, width = "who: ", 20, 12
    model, tokenizer = write(folder, word_piece(), "BertModel", dict(SMALL, max_position_embeddings=40))
    library = "sentence_transformers.models."
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize")]
    save_json(folder / "modules.json", [dict(idx=i, name=str(i), path=path, type=library + kind)
                                        for i, (path, kind) in enumerate(modules)])
    save_json(folder / "1_Pooling/config.json", dict(word_embedding_dimension=32, pooling_mode_cls_token=False,
                                                     pooling_mode_mean_tokens=True, pooling_mode_max_tokens=False))
    save_json(folder / "2_Dense/config.json", dict(in_features=32, out_features=width, bias=True,
                                                   activation_function="torch.nn.modules.activation.Tanh"))
    save_json(folder / "sentence_bert_config.json", dict(max_seq_length=most, do_lower_case=False))
    save_json(folder / "config_sentence_transformers.json", dict(prompts=dict(query=prompt), default_prompt_name="query"))
    generator = torch.Generator().manual_seed(5)
    dense = torch.nn.Linear(32, width)
    dense.weight.data = torch.randn(width, 32, generator=generator) * 0.3
    dense.bias.data = torch.randn(width, generator=generator)
    save_file({"linear." + k: v.contiguous() for k, v in dense.state_dict().items()}, folder / "2_Dense/model.safetensors")
    means = []
    for line in LINES:
        row = tokenizer(prompt + line, truncation=True, max_length=most, return_tensors="pt")
        means.append(model(**row).last_hidden_state[0].mean(0))
    lines = dense(torch.stack(means))
    embeddings = {name: torch.nn.functional.normalize(function()(lines)).tolist()
                  for name, function in ACTIVATIONS.items()}
    save_json(folder / "answers.json", dict(texts=LINES, embeddings=embeddings, plain=torch.tanh(lines).tolist()))


def write_translator(folder, made, kind, fields):
    model, tokenizer = write(folder, made, kind, fields, inputs=("input_ids", "attention_mask"))
    answers, counts = [], []
    for line in LINES:
        row = tokenizer(line, return_tensors="pt")
        ids = model.generate(**row, max_new_tokens=20, do_sample=False, num_beams=1)[0]
        counts.append(len(ids) - 1)
        answers.append(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    print(folder.name, counts, answers)
    save_json(folder / "answers.json", dict(texts=LINES, count=20, answers=answers))


def main():
    parser = golden_parser(__doc__, "encoder_texts")
    args = parser.parse_args()
    with torch.no_grad():
        write_labels(args.output / "labels")
        write_tokens(args.output / "tokens")
        write_bart_labels(args.output / "bart_labels")
        write_pairs(args.output / "pairs")
        write_limits(args.output / "pairs")
        write_pairs_plain(args.output / "pairs_plain")
        write_embedding(args.output / "embedding")
        write_translator(args.output / "t5", unigram(), "T5ForConditionalGeneration",
                         dict(d_model=24, d_kv=8, d_ff=40, num_layers=2, num_decoder_layers=2, num_heads=3,
                              decoder_start_token_id=0, eos_token_id=1, pad_token_id=0))
        write_translator(args.output / "bart", byte_bpe(), "BartForConditionalGeneration",
                         dict(d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                              decoder_attention_heads=4, encoder_ffn_dim=36, decoder_ffn_dim=32,
                              max_position_embeddings=128, decoder_start_token_id=2, forced_eos_token_id=None))


if __name__ == "__main__":
    main()
