"""Writes tests/golden/gguf_blocks/FORMAT.bin: blocks of every GGUF format and the values that gguf.quants reads there.

Each file: u32 count of blocks, the blocks, then their values as f32. q8_0_from_f32.bin: u32 count, f32 values, and the
blocks that gguf.quants.quantize makes of them. Needs the Python packages gguf and numpy.
"""

import pathlib
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

# Format: where its f16 numbers stand in a block.
FORMATS = {
    "q4_0": (Type.Q4_0, 18, [0]),
    "q4_1": (Type.Q4_1, 20, [0, 2]),
    "q5_0": (Type.Q5_0, 22, [0]),
    "q5_1": (Type.Q5_1, 24, [0, 2]),
    "q8_0": (Type.Q8_0, 34, [0]),
    "q4_k": (Type.Q4_K, 144, [0, 2]),
    "q5_k": (Type.Q5_K, 176, [0, 2]),
    "q6_k": (Type.Q6_K, 210, [208]),
    "mxfp4": (Type.MXFP4, 17, []),
}
# Drawn apart, so that the files of the others stay as they are.
MORE_FORMATS = {
    "q2_k": (Type.Q2_K, 84, [80, 82]),
    "q3_k": (Type.Q3_K, 110, [108]),
    "iq4_nl": (Type.IQ4_NL, 18, [0]),
    "iq4_xs": (Type.IQ4_XS, 136, [0]),
    "tq1_0": (Type.TQ1_0, 54, [52]),
    "tq2_0": (Type.TQ2_0, 66, [64]),
}
EXTREMES = np.array([0.0, -0.0, 65504, -65504, 6.1e-5, 6e-8, -6e-8, 3.3e-5, 1, -1, 0.1], np.float16)


def blocks_of(size, halves, rng):
    count = 24 if size < 100 else 8
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    blocks[-1] = (np.arange(size) * 7 + 3) % 256  # every byte value, in large blocks
    blocks[-2] = 0
    blocks[-3] = 255
    for at in halves:
        scales = (rng.standard_normal(count) * 0.02).astype(np.float16)
        wanted = min(len(EXTREMES), count // 2)
        scales[:wanted] = rng.permutation(EXTREMES)[:wanted]
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def write_blocks(folder, formats, rng):
    for name, (kind, size, halves) in formats.items():
        blocks = blocks_of(size, halves, rng)
        values = quants.dequantize(blocks, kind).astype(np.float32)
        count = np.array([len(blocks)], np.uint32)
        (folder / f"{name}.bin").write_bytes(count.tobytes() + blocks.tobytes() + values.tobytes())


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/gguf_blocks")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    write_blocks(folder, FORMATS, rng)
    write_blocks(folder, MORE_FORMATS, np.random.default_rng(8))
    values = (rng.standard_normal((24, 32)) * 10.0 ** rng.integers(-4, 4, (24, 1))).astype(np.float32)
    values[3] = 0
    blocks = quants.quantize(values, Type.Q8_0)
    count = np.array([len(values)], np.uint32)
    (folder / "q8_0_from_f32.bin").write_bytes(count.tobytes() + values.tobytes() + blocks.tobytes())


if __name__ == "__main__":
    main()
