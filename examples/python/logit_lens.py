"""What a model would say after each of its layers: the logit lens.

    python examples/python/logit_lens.py MODEL [PROMPT]

The residual stream after a layer is what the next layers add to. Reading it as if it were the last one, through the
final norm and the head, shows when a prediction forms (nostalgebraist, "interpreting GPT: the logit lens", 2020).
"""

import sys

import numpy as np

import ttt

path = sys.argv[1]
prompt = sys.argv[2] if len(sys.argv) > 2 else "The capital of France is"

# %% The model, and the places where it writes the residual stream
model = ttt.Model(path)
tokenizer = model.tokenizer
ids = tokenizer.encode(prompt)
layers = [b.path for b in model.blocks("model.layers.*.mlp")]
print(f"{model}: {len(layers)} layers, {len(ids)} tokens: {tokenizer.token(ids)}")

# %% The stream after each layer, in one run. A block that adds to the stream writes the stream.
with model.capture(*layers) as streams:
    logits = model.logits(ids, last=1)[0]

# %% Put the stream of every layer in the place of the last one: the model itself does the rest.
def lens(stream):
    with model.tap({layers[-1]: lambda _: stream}):
        return model.logits(ids, last=1)[0]


def probabilities(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum()


answer = int(logits.argmax())
print(f"answer: {tokenizer.token(answer)!r}\n\nlayer  rank of the answer  likeliest after that layer")
ranks = []
for number, layer in enumerate(layers):
    p = probabilities(lens(streams[layer]))
    ranks.append(int((p > p[answer]).sum()))
    best = np.argsort(-p)[:3]
    shown = ", ".join(f"{tokenizer.token(int(i))!r} {p[i]:.2f}" for i in best)
    print(f"{number:5}  {ranks[-1]:18}  {shown}")

# %% After the last layer the lens is the model.
assert ranks[-1] == 0
print(f"\nthe answer is the likeliest from layer {max((i + 1 for i, r in enumerate(ranks) if r), default=0)} on")
