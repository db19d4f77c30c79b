"""Gemma, the first generation: pre-norm layers of gain 1 + w, scaled embeddings."""
from family_variants import GgufFamily, variant

EMBEDDING = {"embed_tokens": 0.1}  # one tensor for embedding and head; a model that does not repeat its input

VARIANTS = {
    "plain": variant("gemma", gguf=True, tie_word_embeddings=True, changes=EMBEDDING),
    # One key head, biases, another tensor for the head.
    "bias": variant("gemma", num_key_value_heads=1, attention_bias=True, num_hidden_layers=3),
    # The older name of the activation means the tanh form; scaled rotations.
    "gelu": variant("gemma", longest=3000, hidden_act="gelu", head_dim=32, tie_word_embeddings=True, changes=EMBEDDING,
                    rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}),
}

GGUF = {"gemma": GgufFamily("GEMMA")}
