"""Mistral and Ministral: Llama's layer with windows."""
from family_variants import GgufFamily, permute_queries_and_keys, variant

VARIANTS = {
    # No windows, as the files from 0.2 on.
    "full": variant("mistral", sliding_window=None, gguf=True, rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
    # Every layer has a window; one key head; heads of hidden / heads; one tensor for embedding and head.
    "window": variant("mistral", longest=3000, sliding_window=100, num_key_value_heads=1, head_dim=None, hidden_size=64,
                      tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
    # Scaled rotations.
    "yarn": variant("mistral", longest=3000, sliding_window=8, num_attention_heads=6, num_key_value_heads=3,
                    rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0,
                                     "original_max_position_embeddings": 512}),
    # The class's own rotary parameters; queries that are scaled from the 16384th position on, which no prompt reaches.
    "ministral3": variant("ministral3", num_key_value_heads=1),
    # Queries that are scaled by position, a window, heads of hidden / heads.
    "ministral3_window": variant("ministral3", longest=3000, sliding_window=100, num_key_value_heads=4, tie_word_embeddings=True,
                                 changes={"embed_tokens": 0.2, "q_proj": 0.5},
                                 rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "beta_fast": 32.0,
                                                  "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 0.0,
                                                  "original_max_position_embeddings": 256, "llama_4_scaling_beta": 0.3}),
    # Windows in the layers that the configuration lists.
    "ministral": variant("ministral", longest=3000, num_hidden_layers=4, sliding_window=9,
                         layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]),
}

GGUF = {"mistral": GgufFamily("LLAMA", tensors=permute_queries_and_keys)}
