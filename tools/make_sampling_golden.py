#!/usr/bin/env python3
"""Writes tests/golden/sampling/cases.json: scores after the logits processors of Hugging Face transformers.

The processors and their order are those that generate() itself builds from a GenerationConfig. Frequency and presence
penalties, which it lacks, are added as custom processors with vLLM's formulae (apply_penalties).

torch.sort leaves the order of equal values open (on CPU it changes with size and instruction set). Here it is stable,
which is the rule that ttt keeps for ties at the edge of top_p and typical_p.

usage: make_sampling_golden.py OUTPUT     (needs torch and transformers 5.24)
"""

import functools
import json
import sys

import numpy
import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.utils import GenerationMixin

torch.sort = functools.partial(torch.sort, stable=True)


class Silent(GenerationMixin):
    """As much of a model as building the processors takes."""

    class config:
        is_encoder_decoder = False


class CountPenalty(LogitsProcessor):
    def __init__(self, prompt, frequency, presence):
        self.prompt, self.frequency, self.presence = prompt, frequency, presence

    def __call__(self, input_ids, scores):
        counts = torch.zeros_like(scores)
        ids = input_ids[:, self.prompt :]
        counts.scatter_add_(1, ids, torch.ones_like(ids, dtype=scores.dtype))
        return scores - self.frequency * counts - self.presence * (counts > 0)


def processed(spec, prompt, generated, logits):
    config = GenerationConfig(do_sample=spec.get("temperature", 0) > 0, num_beams=1)
    config.temperature = float(spec.get("temperature", 0) or 1)
    for name, off in (("top_k", 0), ("top_p", 1.0), ("typical_p", 1.0), ("min_p", None), ("repetition_penalty", 1.0)):
        setattr(config, name, spec.get(name, off))
    if "logit_bias" in spec:
        config.sequence_bias = [[[b["id"]], float(b["bias"])] for b in spec["logit_bias"]]
    if "bad_words" in spec:
        config.bad_words_ids = spec["bad_words"]
    config._eos_token_tensor = None
    custom = LogitsProcessorList()
    if "frequency_penalty" in spec or "presence_penalty" in spec:
        custom.append(CountPenalty(len(prompt), spec.get("frequency_penalty", 0), spec.get("presence_penalty", 0)))
    chain = Silent()._get_logits_processor(config, input_ids_seq_length=len(prompt), logits_processor=custom)
    ids = torch.tensor([prompt + generated], dtype=torch.long)
    return chain(ids, torch.tensor(logits, dtype=torch.float32)[None])[0]


def rows():
    """Logits by name; multiples of 1/64, so that their text is short and exact."""
    random = numpy.random.default_rng(20240607)

    def rounded(x):
        return (numpy.round(x * 64) / 64).astype(numpy.float32).tolist()

    holes = rounded(random.normal(size=40) * 3)
    for i in (3, 4, 17, 39):
        holes[i] = -numpy.inf
    return {
        "normal": rounded(random.normal(size=48) * 2.5),
        "peaked": rounded(numpy.concatenate([random.normal(size=63), [12.0]])),
        "flat": rounded(random.normal(size=200) * 0.125),
        "steep": rounded(-numpy.arange(30) * 0.75 + 4),
        "ties": rounded(random.integers(-2, 3, size=50)),
        "equal": [0.25] * 10,
        "holes": holes,
        "large": rounded(random.normal(size=600) * 4),
    }


def settings():
    yield {}
    for t in (0.5, 0.7, 1.0, 1.7):
        yield {"temperature": t}
    for k in (1, 2, 7, 40, 1000):
        yield {"temperature": 1.0, "top_k": k}
    for p in (0.0, 0.1, 0.5, 0.9, 0.95, 0.999):
        yield {"temperature": 1.0, "top_p": p}
    for p in (0.0, 0.02, 0.1, 0.5, 1.0):
        yield {"temperature": 1.0, "min_p": p}
    for p in (0.05, 0.2, 0.5, 0.9, 0.99):
        yield {"temperature": 1.0, "typical_p": p}
    yield {"repetition_penalty": 1.3}
    yield {"repetition_penalty": 0.7}
    yield {"frequency_penalty": 0.4}
    yield {"presence_penalty": 1.5}
    yield {"frequency_penalty": -0.3, "presence_penalty": 0.9, "repetition_penalty": 1.1}
    yield {"logit_bias": [{"id": 2, "bias": 3.5}, {"id": 7, "bias": -100.0}]}
    yield {"logit_bias": [{"id": 0, "bias": -0.3}], "repetition_penalty": 1.2}
    yield {"bad_words": [[1], [5, 3], [3, 2, 6], [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 4]]}
    yield {"temperature": 0.8, "top_k": 20, "top_p": 0.9}
    yield {"temperature": 1.3, "top_k": 12, "top_p": 0.8, "min_p": 0.05}
    yield {"temperature": 0.6, "top_p": 0.95, "typical_p": 0.7}
    yield {"temperature": 0.9, "min_p": 0.03, "typical_p": 0.8}
    yield {
        "temperature": 0.75, "top_k": 25, "top_p": 0.97, "min_p": 0.01, "typical_p": 0.95, "repetition_penalty": 1.15,
        "frequency_penalty": 0.2, "presence_penalty": 0.3, "logit_bias": [{"id": 6, "bias": 1.25}],
        "bad_words": [[8], [3, 9]],
    }  # fmt: skip


def main():
    prompt, generated = [3, 5, 5, 8, 1], [2, 5, 2, 2, 9, 3]
    logits = rows()
    cases = []
    for spec in settings():
        for name, row in logits.items():
            scores = processed(spec, prompt, generated, row).numpy()
            kept = [i for i, s in enumerate(scores) if s > -numpy.inf]
            p = torch.softmax(torch.tensor(scores), 0)
            checked = kept[:: max(1, len(kept) // 6)]
            cases.append({
                "spec": spec, "logits": name, "kept": ranges(kept), "argmax": int(scores.argmax()),
                "scores": [[i, float(scores[i]), float(p[i])] for i in checked],
            })  # fmt: skip
    out = {"prompt": prompt, "generated": generated, "logits": logits}
    with open(sys.argv[1], "w") as f:
        f.write('{"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n],\n")
        f.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()) + "}\n")


def ranges(ids):
    """[first, last] of each run of neighbours, one list."""
    flat = []
    for i in ids:
        if flat and flat[-1] == i - 1:
            flat[-1] = i
        else:
            flat += [i, i]
    return flat


if __name__ == "__main__":
    main()
