"""One measurement of PyTorch with transformers, for compare.py: MODEL PROMPT GENERATE BATCH THREADS [DTYPE]; prints JSON.

MODEL is a directory, or a .gguf file, which transformers unpacks to DTYPE (bfloat16).
"""
import json
import pathlib
import sys
import time

import torch
import transformers

path, prompt, generate, batch, threads = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:6])
dtype = getattr(torch, sys.argv[6] if len(sys.argv) > 6 else "bfloat16")
torch.set_num_threads(threads)
place = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
model = transformers.AutoModelForCausalLM.from_pretrained(place[0], dtype=dtype, **place[1]).eval()


def measure(rows, new):
    ids = torch.randint(100, model.config.vocab_size - 1, (batch, rows))
    began = time.perf_counter()
    out = model(ids, use_cache=True, logits_to_keep=1)
    filled = time.perf_counter()
    for _ in range(new):
        out = model(out.logits[:, -1:].argmax(-1), past_key_values=out.past_key_values, use_cache=True)
    return batch * rows / (filled - began), batch * new / (time.perf_counter() - filled)


with torch.inference_mode():
    measure(8, 2)
    prefill, decode = measure(prompt, generate)
print(json.dumps({"prefill": prefill, "decode": decode}))
