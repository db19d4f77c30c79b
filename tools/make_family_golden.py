#!/usr/bin/env python3
"""Writes tests/golden/families: tiny random checkpoints of every family of models and what transformers computes.

    make_family_golden.py [--output tests/golden/families] [--choices] [FAMILY[/VARIANT] ...]

For every variant of tools/family_variants/FAMILY.py, FAMILY/VARIANT/ gets
    config.json, model.safetensors   as save_pretrained writes them, weights in bf16
    model.gguf                       where the variant asks for it: the same weights (tools/gguf_from_hf_directory.py)
    ids.npy                          u8 [longest]: the prompts are its first 16, 700 and, where it is that long, 3,000
    logits.npy                       f32 [16 + prompts longer than 16, vocab]: of every row of the prompt of 16, and of the
                                     last row of each longer one
    experts.npy                      of models with mixtures of experts: u8 [mixtures, 16 + 127, chosen], the experts that the
                                     routers of all layers choose for the prompt of 16 and what follows it, in ascending order
    greedy.npy                       u8 [128]: what follows the prompt of 16 when the best logit is taken each time
computed from the rounded weights in float32, whole sequences at once, with eager attention and experts. Prompts are drawn
until no choice among the 128 is close. With --choices the folder stays, and only experts.npy is written. Needs torch, transformers and, for GGUF files, gguf.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import transformers

from safetensors.torch import load_file, save_file

from family_variants import VOCAB, modules
from golden_arguments import golden_parser
from make_composed_golden import randomise

SHORT, PROMPTS, GREEDY = 16, (700, 3000), 128
# The best logit leads by at least this part of the logits' range; tests allow errors of a fifth of it.
LEAST_LEAD = 5e-4
LEAST_DIFFERENT = 12  # tokens among the 128: a model that repeats itself proves little


def draw(variant, folder):
    """Config and weights as save_pretrained writes them; returns the model of the rounded weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    config = AutoConfig.for_model(variant.model_type, **variant.config)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model, torch)
    with torch.no_grad():
        for name, p in model.named_parameters():
            for part, factor in variant.changes.items():
                if part in name:
                    p.mul_(factor)
        if variant.prepare:
            variant.prepare(model)
    with tempfile.TemporaryDirectory() as temporary:
        model.to(torch.bfloat16).save_pretrained(temporary)
        shutil.copy(pathlib.Path(temporary) / "model.safetensors", folder / "model.safetensors")
        saved = json.loads((pathlib.Path(temporary) / "config.json").read_text())
        again = AutoModelForCausalLM.from_pretrained(temporary, dtype=torch.float32, attn_implementation="eager",
                                                     experts_implementation="eager").eval()
    if variant.store:
        saved, tensors = variant.store(saved, load_file(folder / "model.safetensors"))
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")
    return again


def logits_of(model, ids):
    import torch
    with torch.no_grad():
        return model(torch.tensor(np.asarray(ids)[None].astype(np.int64)), use_cache=False).logits[0].numpy()


class Choices:
    """Collects what the routers of a model choose while it runs: {router's name: [rows, chosen]}."""

    def __init__(self, model):
        self.found = {}
        for name, module in model.named_modules():
            if type(module).__name__.endswith("Router"):
                module.register_forward_hook(lambda module, given, result, name=name: self.take(name, module, result))

    def take(self, name, module, result):
        import torch
        listed = [t for t in result if not t.is_floating_point()]
        # Llama 4's gives scores, which are 0 but for the chosen.
        chosen = listed[0] if listed else torch.topk(result[0], module.top_k, dim=-1)[1]
        self.found[name] = np.sort(chosen.reshape(-1, chosen.shape[-1]).numpy(), axis=-1)


def save_choices(model, ids, follows, folder):
    """Whether there are routers; of the prompt and all tokens but the last, which no model sees."""
    choices = Choices(model)
    logits_of(model, [*ids[:SHORT], *follows[:-1]])
    if choices.found:
        np.save(folder / "experts.npy", np.stack(list(choices.found.values())).astype(np.uint8))
    return bool(choices.found)


def add_choices(family, name, variant, folder):
    """Of weights drawn anew, which must be those of the folder."""
    with tempfile.TemporaryDirectory() as temporary:
        model = draw(variant, pathlib.Path(temporary))
        drawn, there = (load_file(pathlib.Path(f) / "model.safetensors") for f in (temporary, folder))
        if drawn.keys() != there.keys() or not all(drawn[k].equal(there[k]) for k in drawn):
            return f"{family}/{name}: the folder has other weights than this script draws"
        if save_choices(model, np.load(folder / "ids.npy"), np.load(folder / "greedy.npy"), folder):
            print(f"{family}/{name}: experts.npy", flush=True)
    return None


def greedy(model, prompt):
    """The tokens, and by how much of the range the closest choice was decided."""
    ids, lead = list(prompt), 1.0
    for _ in range(GREEDY):
        row = logits_of(model, ids)[-1]
        second, first = np.sort(row)[-2:]
        lead = min(lead, (first - second) / np.ptp(row))
        if lead < LEAST_LEAD:
            return None, lead
        ids.append(int(row.argmax()))
    return ids[len(prompt):], lead


def write(family, name, variant, folder):
    """What went wrong, or None."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = draw(variant, folder)
    for seed in range(100):
        ids = np.random.default_rng(seed).integers(3, VOCAB, variant.longest).astype(np.uint8)
        follows, lead = greedy(model, ids[:SHORT])
        if follows and len(set(follows)) >= LEAST_DIFFERENT:
            break
    else:
        shutil.rmtree(folder)
        print(f"{family}/{name}: no prompt", flush=True)
        return f"{family}/{name}: every prompt has a choice that is close, or repeats itself"
    prompts = [n for n in PROMPTS if n <= variant.longest]
    logits = np.concatenate([logits_of(model, ids[:SHORT])] + [logits_of(model, ids[:n])[-1:] for n in prompts])
    save_choices(model, ids, follows, folder)
    exact = np.concatenate([logits_of(model.double(), ids[:SHORT])] + [logits_of(model, ids[:n])[-1:] for n in prompts])
    np.save(folder / "ids.npy", ids)
    np.save(folder / "logits.npy", logits.astype(np.float32))
    np.save(folder / "greedy.npy", np.array(follows, np.uint8))
    if variant.gguf:
        script = pathlib.Path(__file__).with_name("gguf_from_hf_directory.py")
        subprocess.run([sys.executable, script, folder, folder / "model.gguf"], check=True)
    print(f"{family + '/' + name:28} prompt {seed}, {len(set(follows)):3} different tokens, lead {lead:.4f}, logits "
          f"{logits.min():6.2f} .. {logits.max():5.2f}, float32 against float64 {np.abs(logits - exact).max() / np.ptp(logits):.1e}"
          f" of the range, {sum(f.stat().st_size for f in folder.iterdir()) // 1000} KB", flush=True)
    return None


def main():
    transformers.utils.logging.disable_progress_bar()
    parser = golden_parser(__doc__, "families")
    parser.add_argument("--choices", action="store_true")
    parser.add_argument("names", nargs="*", metavar="FAMILY[/VARIANT]")
    args = parser.parse_args()
    known = {f"{family}/{name}": (family, name, v) for family, m in modules().items() for name, v in m.VARIANTS.items()}
    wanted = [k for k in known if not args.names or k in args.names or k.split("/")[0] in args.names]
    if not wanted:
        raise SystemExit(f"none of {args.names}; known: {', '.join(known)}")
    make = add_choices if args.choices else write
    failed = [message for key in wanted if (message := make(*known[key], args.output / key))]
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
