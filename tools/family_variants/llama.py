"""Llama and what shares its layer."""
from family_variants import GgufFamily, permute_queries_and_keys, variant

VARIANTS = {
    # Biases everywhere; on four ranks two heads are too few.
    "bias_two_heads": variant("llama", gguf=True, num_attention_heads=2, num_key_value_heads=1, attention_bias=True, mlp_bias=True),
    "llama3": variant("llama", longest=3000, tie_word_embeddings=True, changes={"embed_tokens": 0.2}, num_hidden_layers=3,
                      rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                       "high_freq_factor": 4.0, "original_max_position_embeddings": 256}),
    "linear": variant("llama", longest=3000, hidden_size=48, num_attention_heads=6, num_key_value_heads=3, hidden_act="gelu",
                      rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
}

GGUF = {"llama": GgufFamily("LLAMA", tensors=permute_queries_and_keys)}
