#!/usr/bin/env python3
"""Writes tests/golden/embeddings: look-ups and position tables as PyTorch and Hugging Face transformers compute them.
Usage: make_embedding_golden.py <output folder>
"""

import json
import pathlib
import sys

import torch
from transformers import BertConfig, RobertaConfig
from transformers.models.bert.modeling_bert import BertEmbeddings
from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding
from transformers.models.opt.modeling_opt import OPTLearnedPositionalEmbedding
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings
from transformers.models.whisper.modeling_whisper import sinusoids

POSITIONS = [0, 1, 2, 3, 17, 100, 447, 1023, 1499, 4095]


def numbers(tensor):
    return [float(v) for v in tensor.detach().to(torch.float32).flatten()]


def sinusoidal_cases():
    """Rows of whole tables, by layout and width."""
    for dim in (2, 12, 64):
        table = torch.empty(max(POSITIONS) + 1, dim)
        create_sinusoidal_embeddings(len(table), dim, table)
        yield {"layout": "interleaved", "hidden_dim": dim, "positions": POSITIONS, "rows": numbers(table[POSITIONS])}
    for dim in (4, 12, 64):
        table = sinusoids(max(POSITIONS) + 1, dim)
        yield {"layout": "half_split", "hidden_dim": dim, "positions": POSITIONS, "rows": numbers(table[POSITIONS])}
    table = M2M100SinusoidalPositionalEmbedding.get_embedding(max(POSITIONS) + 3, 64, padding_idx=None)
    yield {"layout": "half_split", "hidden_dim": 64, "offset": 2, "positions": POSITIONS,
           "rows": numbers(table[[p + 2 for p in POSITIONS]])}


def learned_case():
    torch.manual_seed(1)
    module = OPTLearnedPositionalEmbedding(9, 6)
    found = module(torch.ones(1, 9, dtype=torch.long), 0)[0]
    return {"hidden_dim": 6, "offset": 2, "num_embeddings": len(module.weight), "positions": list(range(9)),
            "weight": numbers(module.weight), "rows": numbers(found)}


def sum_case(seed, module, ids, types, offset):
    """Words, types and learned positions, before the norm: what three blocks add up to."""
    torch.manual_seed(seed)
    for table in (module.word_embeddings, module.token_type_embeddings, module.position_embeddings):
        table.weight.data = torch.randn_like(table.weight)
    module.LayerNorm = torch.nn.Identity()
    rows = module.eval()(input_ids=torch.tensor([ids]), token_type_ids=types and torch.tensor([types]))[0]
    words, kinds, positions = (t.weight for t in (module.word_embeddings, module.token_type_embeddings,
                                                  module.position_embeddings))
    return {"ids": ids, "types": types or [], "offset": offset, "hidden_dim": words.shape[1], "words": numbers(words),
            "types_table": numbers(kinds), "positions_table": numbers(positions), "rows": numbers(rows),
            "padding_idx": module.word_embeddings.padding_idx}


def sum_cases():
    shape = {"vocab_size": 11, "hidden_size": 8, "max_position_embeddings": 12, "hidden_dropout_prob": 0.0}
    bert = BertEmbeddings(BertConfig(**shape, type_vocab_size=2, pad_token_id=0))
    # Id 0 is the one that fills up: its row is looked up as it is.
    yield sum_case(2, bert, [3, 10, 0, 7, 3, 0], [0, 0, 0, 1, 1, 1], 0)
    yield sum_case(3, bert, [1, 0, 5], None, 0)
    roberta = RobertaEmbeddings(RobertaConfig(**shape, type_vocab_size=1, pad_token_id=1))
    yield sum_case(4, roberta, [0, 9, 4, 2], None, 2)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    golden = {"sinusoidal": list(sinusoidal_cases()), "learned": learned_case(), "sums": list(sum_cases())}
    (folder / "embeddings.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
