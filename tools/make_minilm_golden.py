#!/usr/bin/env python3
"""Writes tests/golden/minilm: texts, and their embeddings by all-MiniLM-L6-v2 as transformers and torch compute them.

    make_minilm_golden.py DIRECTORY [--output tests/golden/minilm]

DIRECTORY: what tools/fetch_model.sh minilm prints. lines.txt holds a text a line; embeddings.npy [lines, 384] the mean
of the last states, of length 1, in float32 with eager attention, of texts that are cut to 256 tokens.
"""
import pathlib

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from golden_arguments import golden_parser

LINES = ["This is an example sentence", "Each sentence is converted", "a",
         "Caf\u00e9 na\u00efve \u65e5\u672c\u8a9e \u2014 \U0001f600 test!", "What is the capital of France?",
         "The capital of France is Paris.", "  spaces,   tabs\tand UPPER case  ",
         "The quick brown fox jumps over the lazy dog. " * 40]


def main():
    parser = golden_parser(__doc__, "minilm")
    parser.add_argument("model", type=pathlib.Path)
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModel.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for line in LINES:
        inputs = tokenizer(line, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            rows.append(torch.nn.functional.normalize(model(**inputs).last_hidden_state[0].mean(0), dim=0).numpy())
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "lines.txt").write_text("".join(line + "\n" for line in LINES))
    np.save(args.output / "embeddings.npy", np.stack(rows).astype(np.float32))


if __name__ == "__main__":
    main()
