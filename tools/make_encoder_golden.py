#!/usr/bin/env python3
"""Writes tests/golden/encoders: tiny checkpoints of encoders, encoder-decoders and image models, and what transformers
computes with them.

    make_encoder_golden.py [--output tests/golden/encoders] [--only NAME ...]

For every one NAME/config.json and NAME/model.safetensors (bf16, as save_pretrained names the tensors), all results in
float32 from the rounded weights with eager attention:
  encoders           ids_16.npy and ids_300.npy (int32 [tokens]), types_16.npy and types_300.npy where there are token
                     types, and output_16.npy and output_300.npy (float32 [tokens, width], or [1, classes]; the two logits of
                     answers are columns);
                     of the 300 rows every fourth
  encoder-decoders   source_16.npy, source_300.npy, target_16.npy, target_300.npy (int32), output_16.npy, output_300.npy
                     (float32 [targets, vocab]) and greedy_16.npy, greedy_300.npy (int32 [32]), what follows the start
  image models       pixels.npy (float32 [channels, height, width]) and output.npy
Needs torch and transformers.
"""
import json
import pathlib
import shutil
import tempfile

import numpy as np

from golden_arguments import write_each

VOCAB, LEAST_VOCAB = 96, 89
TARGETS = 24
STEP = {16: 1, 300: 4}  # of every so many rows the output is kept
BERT = dict(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=56,
            max_position_embeddings=304)
DISTIL = dict(vocab_size=VOCAB, dim=32, n_layers=2, n_heads=4, hidden_dim=56, max_position_embeddings=304)
MODERN = dict(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=24,
              max_position_embeddings=304, local_attention=16, bos_token_id=1, eos_token_id=2, cls_token_id=1,
              sep_token_id=2, pad_token_id=0)
IMAGE = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=20, patch_size=4, num_channels=3)
T5 = dict(vocab_size=VOCAB, d_model=24, d_kv=10, d_ff=32, num_layers=2, num_decoder_layers=2, num_heads=4,
          decoder_start_token_id=0)

BART = dict(vocab_size=VOCAB, d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=40, decoder_ffn_dim=32, max_position_embeddings=304,
            decoder_start_token_id=2)

# NAME: (class of transformers, fields of its configuration)
MODELS = {
    "bert": ("BertModel", dict(BERT)),
    "bert_mlm": ("BertForMaskedLM", dict(BERT, vocab_size=90, hidden_act="gelu_new", type_vocab_size=3, num_attention_heads=2)),
    "bert_class": ("BertForSequenceClassification", dict(BERT, hidden_act="relu", num_labels=3, layer_norm_eps=1e-5)),
    "roberta": ("RobertaModel", dict(BERT, type_vocab_size=1, pad_token_id=1)),
    "roberta_class": ("RobertaForSequenceClassification", dict(BERT, type_vocab_size=1, pad_token_id=1, num_labels=1)),
    "xlm_roberta_mlm": ("XLMRobertaForMaskedLM", dict(BERT, vocab_size=89, max_position_embeddings=310, type_vocab_size=1,
                                                      pad_token_id=3, hidden_act="quick_gelu")),
    "distilbert": ("DistilBertModel", dict(DISTIL, sinusoidal_pos_embds=True)),
    "distilbert_mlm": ("DistilBertForMaskedLM", dict(DISTIL, vocab_size=90, activation="relu")),
    "distilbert_class": ("DistilBertForSequenceClassification", dict(DISTIL, num_labels=4)),
    "mpnet": ("MPNetModel", dict(BERT)),
    "mpnet_mlm": ("MPNetForMaskedLM", dict(BERT, vocab_size=90, num_attention_heads=2)),
    "mpnet_class": ("MPNetForSequenceClassification", dict(BERT, num_labels=2)),
    "modernbert": ("ModernBertModel", dict(MODERN)),
    "modernbert_mlm": ("ModernBertForMaskedLM", dict(MODERN, norm_bias=True, attention_bias=True, mlp_bias=True,
                                                     classifier_bias=True, classifier_activation="silu",
                                                     layer_types=["sliding_attention", "full_attention"],
                                                     num_hidden_layers=2, vocab_size=89)),
    "modernbert_class": ("ModernBertForSequenceClassification", dict(MODERN, classifier_pooling="mean", num_labels=3,
                                                                     num_hidden_layers=2)),
    "bert_tokens": ("BertForTokenClassification", dict(BERT, num_labels=5)),
    "roberta_tokens": ("RobertaForTokenClassification", dict(BERT, type_vocab_size=1, pad_token_id=1, num_labels=3)),
    "xlm_roberta_tokens": ("XLMRobertaForTokenClassification", dict(BERT, type_vocab_size=1, pad_token_id=1, num_labels=4)),
    "distilbert_tokens": ("DistilBertForTokenClassification", dict(DISTIL, num_labels=3)),
    "distilbert_answer": ("DistilBertForQuestionAnswering", dict(DISTIL, num_labels=2)),
    "mpnet_tokens": ("MPNetForTokenClassification", dict(BERT, num_labels=2)),
    "modernbert_tokens": ("ModernBertForTokenClassification", dict(MODERN, num_labels=3, num_hidden_layers=2)),
    "vit": ("ViTModel", dict(IMAGE, intermediate_size=48)),
    "vit_class": ("ViTForImageClassification", dict(IMAGE, intermediate_size=48, image_size=[12, 20], num_labels=5,
                                                    qkv_bias=False)),
    "dinov2": ("Dinov2Model", dict(IMAGE, mlp_ratio=2)),
    "dinov2_class": ("Dinov2ForImageClassification", dict(IMAGE, mlp_ratio=2, num_labels=5)),
    "dinov2_gated": ("Dinov2Model", dict(IMAGE, mlp_ratio=2, use_swiglu_ffn=True)),
    "t5": ("T5ForConditionalGeneration", dict(T5)),
    "t5_gated": ("T5ForConditionalGeneration", dict(T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                                                    num_heads=3, relative_attention_num_buckets=20,
                                                    relative_attention_max_distance=50)),
    "t5_encoder": ("T5EncoderModel", dict(T5)),
    "bart": ("BartForConditionalGeneration", dict(BART)),
    "bart_class": ("BartForSequenceClassification", dict(BART, num_labels=3, eos_token_id=2)),
    "bart_scaled": ("BartForConditionalGeneration", dict(BART, scale_embedding=True, activation_function="relu",
                                                         decoder_attention_heads=2, decoder_layers=1)),
}


def randomise(model, torch):
    """Weights of a size that makes every part of the model count: products that keep their input's scale."""
    generator = torch.Generator().manual_seed(1234)
    # Where the head is the table of ids, blocks that count for more than the last id's row keep a greedy run going.
    writes = model.config.is_encoder_decoder
    with torch.no_grad():
        for name, p in model.named_parameters():
            values = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                p.copy_(0.3 * values if "bias" in name else p + 0.2 * values)
            elif "embed" in name or "shared" in name or "relative_attention_bias" in name or "token" in name:
                p.copy_(values * (0.3 if writes and "shared" in name else 1.0))
            else:
                gain = 3.0 if writes and any(k in name for k in ("o.weight", "out_proj", "fc", "wi")) else 1.3
                p.copy_(values * (gain / p[0].numel() ** 0.5))
        for name, b in model.named_buffers():
            if "final_logits_bias" in name:
                b.copy_(0.3 * torch.randn(b.shape, generator=generator))


def rounded(model, torch, folder):
    """The model again, from the bf16 checkpoint that is written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        model.to(torch.bfloat16).save_pretrained(temporary)
        shutil.copy(pathlib.Path(temporary) / "model.safetensors", folder / "model.safetensors")
        saved = json.loads((pathlib.Path(temporary) / "config.json").read_text())
        again = type(model).from_pretrained(temporary, dtype=torch.float32, attn_implementation="eager").eval()
    (folder / "config.json").write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")
    return again


def ids_of(seed, count):
    return np.random.default_rng(seed).integers(4, LEAST_VOCAB, count).astype(np.int32)


def tensor(torch, ids):
    return torch.tensor(ids[None].astype(np.int64))


def result(output):
    import torch

    if hasattr(output, "start_logits"):
        found = torch.stack([output.start_logits, output.end_logits], -1)
    else:
        found = output.logits if hasattr(output, "logits") else output.last_hidden_state
    return found.float().numpy().reshape(-1, found.shape[-1])


def write_encoder(model, torch, folder):
    for count in (16, 300):
        ids = ids_of(count, count)
        if model.config.is_encoder_decoder:
            ids[-1] = model.config.eos_token_id  # what its head reads
        inputs = {"input_ids": tensor(torch, ids), "attention_mask": torch.ones(1, count, dtype=torch.int64)}
        types = getattr(model.config, "type_vocab_size", 1)
        if types > 1:
            kinds = np.random.default_rng(5).integers(0, types, count).astype(np.int32)
            np.save(folder / f"types_{count}.npy", kinds)
            inputs["token_type_ids"] = tensor(torch, kinds)
        np.save(folder / f"ids_{count}.npy", ids)
        np.save(folder / f"output_{count}.npy", result(model(**inputs))[::STEP[count]])


def write_translator(model, torch, folder):
    start = model.config.decoder_start_token_id
    for count in (16, 300):
        source, target = ids_of(count, count), np.concatenate([[start], ids_of(count + 1, TARGETS - 1)]).astype(np.int32)
        np.save(folder / f"source_{count}.npy", source)
        np.save(folder / f"target_{count}.npy", target)
        output = model(input_ids=tensor(torch, source), decoder_input_ids=tensor(torch, target), use_cache=False)
        np.save(folder / f"output_{count}.npy", result(output))
        chosen = [start]
        for _ in range(32):
            logits = model(input_ids=tensor(torch, source), decoder_input_ids=torch.tensor([chosen]), use_cache=False)
            chosen.append(int(logits.logits[0, -1].argmax()))
        np.save(folder / f"greedy_{count}.npy", np.array(chosen[1:], np.int32))


def write_image(model, torch, folder):
    side = model.config.image_size
    shape = (model.config.num_channels, side, side) if isinstance(side, int) else (model.config.num_channels, *side)
    pixels = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    np.save(folder / "pixels.npy", pixels)
    np.save(folder / "output.npy", result(model(pixel_values=torch.tensor(pixels[None]))))


def write(name, folder):
    import torch
    import transformers

    kind, fields = MODELS[name]
    cls = getattr(transformers, kind)
    config = cls.config_class(**fields)
    config._attn_implementation = "eager"
    model = cls._from_config(config, attn_implementation="eager").float().eval()
    randomise(model, torch)
    model = rounded(model, torch, folder)
    with torch.no_grad():
        if getattr(model.config, "image_size", None):
            write_image(model, torch, folder)
        elif model.config.is_encoder_decoder and kind != "BartForSequenceClassification":
            write_translator(model, torch, folder)
        else:
            write_encoder(model, torch, folder)
    print(f"{name:20} {transformers.__version__} {sum(f.stat().st_size for f in folder.iterdir())} bytes")


if __name__ == "__main__":
    write_each(__doc__, "encoders", MODELS, write)
