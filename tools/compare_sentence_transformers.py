#!/usr/bin/env python3
"""Compares `ttt embed` with the sentence-transformers package: the cosine of every pair of embeddings of one text.

    compare_sentence_transformers.py --ttt build/bin/ttt --base DIRECTORY [--limit 0.99999] [PATH...]

PATH is a directory of an embedding model. From the encoder with a tokenizer in DIRECTORY, models with every pooling and chain of
modules that `ttt embed` knows are made up, saved by sentence-transformers and compared too. Exits with 1 where a cosine is at or
below the limit. Needs sentence-transformers, torch and numpy.
"""
import argparse
import itertools
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Normalize, Pooling, Transformer

WORDS = "the a of and to in is was he for it with as his on be at by I this had not are but from or have an they which one you were".split()


def texts():
    draw = random.Random(5)
    short = ["A cat sits on the mat.", "", "Hello", "Straße in Köln, 日本語 and 🙂", "  spaces   and\\ttabs "]
    return [t.replace("\n", " ") for t in short if t] + [" ".join(draw.choices(WORDS, k=n)) for n in (3, 17, 40, 90, 200, 300)]


def made_up(base, folder):
    """{name: directory}"""
    made = {}
    for mode, dense, normal in itertools.product(("mean", "cls", "lasttoken"), (None, "tanh", "identity"), (False, True)):
        torch.manual_seed(7)
        words = Transformer(str(base))
        width = words.get_embedding_dimension()
        modules = [words, Pooling(width, pooling_mode=mode)]
        if dense:
            modules.append(Dense(width, 12, activation_function=torch.nn.Tanh() if dense == "tanh" else torch.nn.Identity()))
        if normal:
            modules.append(Normalize())
        name = "-".join(str(part) for part in (mode, dense or "plain", "normalized" if normal else "raw"))
        made[name] = folder / name
        SentenceTransformer(modules=modules, device="cpu").save(str(made[name]))
    return made


def embeddings(ttt, path, lines):
    with tempfile.NamedTemporaryFile(suffix=".npy") as out:
        command = [ttt, "embed", "-m", str(path), "--strategy", "accuracy", "--kv-format", "f32", "-o", out.name]
        subprocess.run(command, input="".join(line + "\n" for line in lines).encode(), check=True)
        return np.load(out.name)


def least_cosine(ttt, path):
    lines = texts()
    # Saved in bf16 some would be computed in bf16.
    reference = SentenceTransformer(str(path), device="cpu", model_kwargs={"dtype": torch.float32})
    wanted = reference.float().encode(lines, convert_to_numpy=True).astype(np.float64)
    got = embeddings(ttt, path, lines).astype(np.float64)
    if wanted.shape != got.shape:
        raise SystemExit(f"{path}: wanted shape {wanted.shape}, got {got.shape}")
    lengths = np.linalg.norm(wanted, axis=1), np.linalg.norm(got, axis=1)
    far = np.abs(lengths[0] / lengths[1] - 1).max()
    return ((wanted * got).sum(1) / (lengths[0] * lengths[1])).min(), far


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ttt", required=True)
    parser.add_argument("--base", type=pathlib.Path)
    parser.add_argument("--limit", type=float, default=0.99999)
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        models = {path.name: path for path in args.paths}
        if args.base:
            models |= made_up(args.base, pathlib.Path(temporary))
        for name, path in models.items():
            cosine, far = least_cosine(args.ttt, path)
            failed = failed or not cosine > args.limit or far > 1e-4
            print(f"{name:32} least cosine {cosine:.9f}, lengths within {far:.1e}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
