"""One measurement of OpenVINO GenAI, for compare.py: MODEL PROMPT GENERATE BATCH THREADS; prints JSON.

MODEL is a .gguf file of an architecture that OpenVINO reads, or a directory of its own format. Prompts are random ids, since
it would otherwise reuse the state of a prompt that it knows.
"""
import json
import sys

import numpy
import openvino
import openvino_genai

model, prompt, generate, batch, threads = sys.argv[1], *map(int, sys.argv[2:6])
pipeline = openvino_genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=threads)
random = numpy.random.default_rng()


def measure(rows, new):
    ids = openvino.Tensor(random.integers(100, 30000, (batch, rows), dtype=numpy.int64))
    mask = openvino.Tensor(numpy.ones((batch, rows), dtype=numpy.int64))
    config = openvino_genai.GenerationConfig(max_new_tokens=new, ignore_eos=True, do_sample=False)
    return pipeline.generate(openvino_genai.TokenizedInputs(ids, mask), config).perf_metrics


measure(8, 2)  # compiles
metrics = measure(prompt, generate + 1)
# In milliseconds. Its time per token counts the tokens of all sequences or of one, by version; this does not.
first, whole = metrics.get_ttft().mean, metrics.get_generate_duration().mean
print(json.dumps({"prefill": batch * prompt / first * 1e3, "decode": batch * generate / (whole - first) * 1e3}))
