#!/usr/bin/env python3
"""Writes tests/golden/smollm2: what transformers and llama.cpp compute for the SmolLM2-135M-Instruct GGUF file.

    make_smollm2_golden.py MODEL.gguf [--output tests/golden/smollm2] [--parts facts digests ...]

Needs torch, transformers, gguf, and llama-cpp-python for the peer. The README.md in that folder says what each file
holds and defines perplexity.
"""
import collections
import hashlib
import json
import pathlib

import gguf
import numpy as np
import torch
import transformers

from golden_arguments import GOLDEN, golden_parser
from hf_directory_from_gguf import load_gguf, load_tokenizer
from make_llama_golden import ids_checksum, write_digest

LENGTHS = [64, 600, 2500]
PERPLEXITY_TOKENS = 10_000
CONTEXTS = [2048, 512]
NEW_TOKENS = 96

# Chosen among some forty for the wide gap between the two likeliest tokens all along the way.
PROMPTS = [
    {"name": "english", "prompt": "Four score and seven years ago our fathers brought forth"},
    {"name": "code", "prompt": "def factorial(n):\n    if n == 0:\n        return 1\n"},
    {"name": "numbers", "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"},
    {"name": "chat", "messages": [{"role": "user", "content": "Name the days of the week."}]},
    {"name": "other", "prompt": "Die Hauptstadt von Deutschland ist"},
    # These end by themselves.
    {"name": "chat_list", "messages": [{"role": "user", "content": "List the first ten numbers."}]},
    {"name": "chat_sentence", "messages": [
        {"role": "user", "content": "What is the capital of France? Answer in one sentence."}]},
]


def greedy(model, ids, count, end):
    """The likeliest tokens, `end` included if it comes, and the gap between the two largest logits of each."""
    done = model.generate(torch.tensor([ids]), max_new_tokens=count, do_sample=False, eos_token_id=end,
                          return_dict_in_generate=True, output_logits=True)
    best = [step[0].topk(2).values for step in done.logits]
    return done.sequences[0, len(ids):].tolist(), [float(pair[0] - pair[1]) for pair in best]


def perplexity(logits_of, ids, ctx):
    """As the README defines it: windows side by side, each from scratch, all but its first token predicted."""
    total, count = 0.0, 0
    for begin in range(0, len(ids), ctx):
        window = ids[begin:begin + ctx]
        if len(window) < 2:
            break
        logits = logits_of(window)
        for i in range(0, len(window) - 1, 128):
            wanted = window[i + 1:i + 129]
            rows = logits[i:i + len(wanted)].astype(np.float64)
            peak = rows.max(axis=1)
            log_sum = np.log(np.exp(rows - peak[:, None]).sum(axis=1)) + peak
            total += float((log_sum - rows[np.arange(len(wanted)), wanted]).sum())
        count += len(window) - 1
    return {"perplexity": float(np.exp(total / count)), "mean_nll": total / count, "predicted": count}


def distance(got, want):
    """How far logits are from the reference's."""
    spread = float(want.max() - want.min())
    p, q = (torch.log_softmax(torch.from_numpy(x).double(), -1) for x in (want, got))
    kl = (p.exp() * (p - q)).sum(-1)
    return {"max_error_of_range": float(np.abs(got - want).max()) / spread,
            "pcc": float(np.corrcoef(got.ravel(), want.ravel())[0, 1]),
            "top1_agreement": float((got.argmax(1) == want.argmax(1)).mean()), "mean_kl": float(kl.mean())}


class LlamaCpp:
    def __init__(self, path, context):
        import llama_cpp
        self.version = llama_cpp.__version__
        # Weights as the file has them: with repacked ones, version 0.3.36 faults where the processor has AMX.
        defaults = llama_cpp.llama_cpp.llama_model_default_params

        def without_repacking():
            params = defaults()
            params.use_extra_bufts = False
            return params

        llama_cpp.llama_cpp.llama_model_default_params = without_repacking
        self.model = llama_cpp.Llama(str(path), n_ctx=context, n_batch=512, n_threads=1, n_threads_batch=1,
                                     logits_all=True, verbose=False)

    def logits(self, ids):
        self.model.reset()
        self.model.eval(list(ids))
        return np.array(self.model.scores[:len(ids)], np.float32)

    def greedy(self, ids, count, end):
        self.model.reset()
        self.model.eval(list(ids))
        out = []
        while len(out) < count and (not out or out[-1] != end):
            out.append(int(self.model.scores[self.model.n_tokens - 1].argmax()))
            self.model.eval(out[-1:])
        return out


def file_facts(path):
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    kept = {k: v for k, v in fields.items() if not isinstance(v, list) and (not isinstance(v, str) or len(v) < 100)}
    kinds = collections.Counter(t.tensor_type.name for t in reader.tensors)
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size,
            "tensors": dict(sorted(kinds.items())), "metadata": kept}


def text_of(tokenizer, entry):
    if "messages" not in entry:
        return entry["prompt"]
    return tokenizer.apply_chat_template(entry["messages"], add_generation_prompt=True, tokenize=False)


class Maker:
    """Each method makes one part of `report` and may read the parts before it."""

    def __init__(self, gguf_path, text_path, output):
        self.path, self.output = gguf_path, output
        self.model, self.tokenizer = load_gguf(gguf_path), load_tokenizer(gguf_path)
        self.ids = self.tokenizer(text_path.read_text()).input_ids
        self.text_path = text_path
        self.peer_model = None

    def logits(self, ids):
        with torch.no_grad():
            return self.model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()

    def peer(self):
        self.peer_model = self.peer_model or LlamaCpp(self.path, max(CONTEXTS))
        return self.peer_model

    def facts(self, report):
        report["reference"] = f"transformers {transformers.__version__}, float32, eager attention, weights unpacked"
        report["file"] = file_facts(self.path)
        report["config"] = {k: getattr(self.model.config, k) for k in (
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_parameters",
            "tie_word_embeddings", "attention_bias", "mlp_bias", "bos_token_id", "eos_token_id")}
        report["text"] = {"file": f"../text/{self.text_path.name}", "bytes": self.text_path.stat().st_size,
                          "tokens": len(self.ids), "ids_fnv1a": f"{ids_checksum(self.ids):016x}"}
        np.array(self.ids, "<u2").tofile(self.output / "text_ids.u16")

    def digests(self, report):
        for n in LENGTHS:
            logits = self.logits(self.ids[:n])
            write_digest(self.output / f"{n}.digest", logits, self.ids[:n], full_rows=0, argmax=True,
                         about={"model": self.path.name, "reference": report["reference"]})
            print(f"{n} tokens: logits {logits.min():.3f} .. {logits.max():.3f}", flush=True)

    def generation(self, report):
        end = self.model.config.eos_token_id
        report["generation"] = []
        for entry in PROMPTS:
            text = text_of(self.tokenizer, entry)
            prompt_ids = self.tokenizer(text, add_special_tokens="messages" not in entry).input_ids
            out, gaps = greedy(self.model, prompt_ids, NEW_TOKENS, end)
            ended = out[-1] == end
            out = out[:-1] if ended else out
            report["generation"].append({
                **entry, "prompt": text, "prompt_ids": prompt_ids, "ids": out, "text": self.tokenizer.decode(out),
                "ended": ended, "smallest_gap": round(min(gaps), 4), "smallest_gap_at": int(np.argmin(gaps))})
            print(f"{entry['name']}: {len(out)} tokens, smallest gap {min(gaps):.4f}", flush=True)

    def perplexity(self, report):
        kept = self.ids[:PERPLEXITY_TOKENS]
        report["perplexity"] = {"tokens": len(kept), "windows": []}
        for ctx in CONTEXTS:
            report["perplexity"]["windows"].append({"ctx": ctx, "transformers": perplexity(self.logits, kept, ctx)})
            print(report["perplexity"]["windows"][-1], flush=True)
        report["perplexity"]["first_600_tokens"] = {"transformers": perplexity(self.logits, kept[:600], 2048)}

    def llama_cpp_perplexity(self, report):
        kept = self.ids[:PERPLEXITY_TOKENS]
        for window in report["perplexity"]["windows"]:
            window["llama_cpp"] = perplexity(self.peer().logits, kept, window["ctx"])
            print(window, flush=True)
        report["perplexity"]["first_600_tokens"]["llama_cpp"] = perplexity(self.peer().logits, kept[:600], 2048)

    def llama_cpp_generation(self, report):
        end = self.model.config.eos_token_id
        for row in report["generation"]:
            out = [i for i in self.peer().greedy(row["prompt_ids"], NEW_TOKENS, end) if i != end]
            same = [a == b for a, b in zip(out, row["ids"])] + [False]
            row["llama_cpp_agrees_for"] = same.index(False)
            print(f"{row['name']}: llama.cpp agrees for {same.index(False)} of {len(row['ids'])}", flush=True)

    def distances(self, report):
        """How far other arithmetic is from the reference, on the first 600 tokens."""
        ids = self.ids[:600]
        want = self.logits(ids)
        exact = load_gguf(self.path).double()
        with torch.no_grad():
            report["distances_600"] = {"float64": distance(exact(torch.tensor([ids])).logits[0].numpy(), want)}
        del exact
        report["distances_600"]["llama_cpp"] = distance(self.peer().logits(ids), want)
        report["distances_600"]["llama_cpp_version"] = \
            f"llama-cpp-python {self.peer().version}, keys and values in f16, weights not repacked"
        print(report["distances_600"], flush=True)


PARTS = ["facts", "digests", "generation", "perplexity", "llama_cpp_perplexity", "llama_cpp_generation", "distances"]


def main():
    parser = golden_parser(__doc__, "smollm2")
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, default=GOLDEN / "text" / "shakespeare.txt")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="make these anew, keep the others")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "reference.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    maker = Maker(args.gguf, args.text, args.output)
    for part in PARTS:
        if part in args.parts:
            getattr(maker, part)(report)
            path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
