"""Qwen 2 and 3, dense and with experts."""
from family_variants import variant

EXPERTS = dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=32)

VARIANTS = {
    # Biased q, k and v, windows in the last layers, one tensor for embedding and head.
    "qwen2": variant("qwen2", longest=3000, without=("head_dim",), num_hidden_layers=3, use_sliding_window=True,
                     sliding_window=20, max_window_layers=1, tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
    # Heads normed one by one, scaled rotations.
    "qwen3": variant("qwen3", longest=3000, gguf=True,
                     rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0,
                                      "original_max_position_embeddings": 512}),
    # A shared expert behind a gate, a dense layer between.
    "qwen2_moe": variant("qwen2_moe", without=("head_dim",), shared_expert_intermediate_size=32, mlp_only_layers=[1], **EXPERTS),
    # Weights of the chosen renormalised, every other layer sparse, windows everywhere.
    "qwen3_moe": variant("qwen3_moe", longest=3000, decoder_sparse_step=2, norm_topk_prob=True, use_sliding_window=True,
                         sliding_window=9, **EXPERTS),
}
