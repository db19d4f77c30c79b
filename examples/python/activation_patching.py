"""Where a model keeps what decides an answer: activation patching.

    python examples/python/activation_patching.py MODEL

Two prompts differ in one word. The residual stream of one is put into a run of the other, at one layer and one token at a
time; how far that moves the answer shows where the difference is carried (Meng et al., "Locating and Editing Factual
Associations in GPT", 2022).
"""

import sys

import ttt

# %% Two prompts of the same length, and what each of them should be followed by
model = ttt.Model(sys.argv[1])
tokenizer = model.tokenizer
clean_text, other_text = "The capital of France is", "The capital of Italy is"
clean, other = tokenizer.encode(clean_text), tokenizer.encode(other_text)
paris, rome = (tokenizer.encode(word, add_special=False)[0] for word in (" Paris", " Rome"))
assert len(clean) == len(other)


def difference(logits):
    """How much likelier " Paris" is than " Rome", in logits."""
    return float(logits[-1, paris] - logits[-1, rome])


# %% The runs that are not patched
layers = [b.path for b in model.blocks("model.layers.*.mlp")]
with model.capture(*layers) as streams:
    of_other = difference(model.logits(other, last=1))
of_clean = difference(model.logits(clean, last=1))
print(f"{clean_text!r}: {of_clean:+.2f}   {other_text!r}: {of_other:+.2f}\n")


# %% Patch every layer and token. 0: as the clean run; 1: the answer of the other prompt.
def patched(layer, token):
    def patch(stream):
        stream[token] = streams[layer][token]
        return stream

    with model.tap({layer: patch}):
        return (of_clean - difference(model.logits(clean, last=1))) / (of_clean - of_other)


print("layer  " + "".join(f"{t:>10}" for t in tokenizer.token(clean)))
step = max(1, len(layers) // 10)
table = {}
for number in range(0, len(layers), step):
    table[number] = [patched(layers[number], token) for token in range(len(clean))]
    print(f"{number:5}  " + "".join(f"{effect:10.2f}" for effect in table[number]))

# %% The country's token carries the difference in the first layers, the last token in the last ones.
country = next(i for i, (a, b) in enumerate(zip(clean, other)) if a != b)
first, last = table[0], table[max(table)]
print(f"\nfirst layer: {first[country]:.2f} at {tokenizer.token(clean[country])!r};"
      f" layer {max(table)}: {last[-1]:.2f} at {tokenizer.token(clean[-1])!r}")
