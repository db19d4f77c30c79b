#!/usr/bin/env python3
"""Writes tests/golden/gemma3: what transformers computes for the Gemma 3 270M GGUF file.

    make_gemma3_golden.py MODEL.gguf [--output tests/golden/gemma3]

reference.json holds prompts, their token ids and the greedy continuation, and the perplexity of text_ids.u32, which are the
first ids of tests/golden/text/shakespeare.txt; N.digest the logits of the first N of them (make_llama_golden.py says how
they are written). Float32, eager attention, weights unpacked. Needs torch, transformers and gguf.
"""
import json
import pathlib

import numpy as np
import torch
import transformers

from golden_arguments import GOLDEN, golden_parser
from hf_directory_from_gguf import load_gguf, load_tokenizer
from make_llama_golden import write_digest
from make_smollm2_golden import greedy, perplexity

LENGTHS = [64, 600]  # the second is longer than the window
PERPLEXITY_TOKENS = 1400
NEW_TOKENS = 48
PROMPTS = ["The capital of France is", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
           "def factorial(n):\n    if n == 0:\n        return 1\n", "Die Hauptstadt von Deutschland ist",
           "  leading blanks,\ttabs\n\n\nlines, and 日本語 with émigré 🙂"]


def main():
    parser = golden_parser(__doc__, "gemma3")
    parser.add_argument("gguf", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(2)
    transformers.utils.logging.disable_progress_bar()
    args.output.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_gguf(args.gguf), load_tokenizer(args.gguf)
    reference = f"transformers {transformers.__version__}, float32, eager attention, weights unpacked"

    def logits(ids):
        with torch.no_grad():
            return model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()

    ids = tokenizer((GOLDEN / "text" / "shakespeare.txt").read_text()).input_ids[:PERPLEXITY_TOKENS]
    np.array(ids, "<u4").tofile(args.output / "text_ids.u32")
    for n in LENGTHS:
        write_digest(args.output / f"{n}.digest", logits(ids[:n]), ids[:n], full_rows=0, argmax=True,
                     about={"model": args.gguf.name, "reference": reference})
    report = {"reference": reference, "perplexity": perplexity(logits, ids, PERPLEXITY_TOKENS), "generation": []}
    for prompt in PROMPTS:
        prompt_ids = tokenizer(prompt).input_ids
        out, gaps = greedy(model, prompt_ids, NEW_TOKENS, model.config.eos_token_id)
        report["generation"].append({"prompt": prompt, "prompt_ids": prompt_ids, "ids": out,
                                     "text": tokenizer.decode(out, skip_special_tokens=True),
                                     "smallest_gap": round(min(gaps), 4)})
        print(report["generation"][-1], flush=True)
    print(report["perplexity"])
    (args.output / "reference.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
