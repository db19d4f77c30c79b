"""SmolLM3: Llama's layer, every fourth without rotation."""
from family_variants import GgufFamily, permute_queries_and_keys, variant

VARIANTS = {
    # The published pattern; one tensor for embedding and head.
    "interval": variant("smollm3", gguf=True, num_hidden_layers=4, without=("head_dim",), intermediate_size=32,
                        tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
    # Listed layers, windows in those without rotation, biases.
    "window_bias": variant("smollm3", longest=3000, num_hidden_layers=3, no_rope_layers=[0, 1, 0], use_sliding_window=True,
                           sliding_window=10, attention_bias=True, mlp_bias=True),
    # Windows that the configuration lists; another interval; scaled rotations.
    "layer_types": variant("smollm3", longest=3000, num_hidden_layers=3, no_rope_layer_interval=2, use_sliding_window=True,
                           sliding_window=7, layer_types=["sliding_attention", "sliding_attention", "full_attention"],
                           num_key_value_heads=4,
                           rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0,
                                            "original_max_position_embeddings": 512}),
}

GGUF = {"smollm3": GgufFamily("SMOLLM3", tensors=permute_queries_and_keys)}
