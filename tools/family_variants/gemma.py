"""Gemma 2 and 3 (text): norms before and after, windows in most layers."""
from family_variants import variant

TIED = dict(tie_word_embeddings=True, changes={"embed_tokens": 0.1})

VARIANTS = {
    # Two soft caps, every other layer a window.
    "gemma2": variant("gemma2", longest=3000, sliding_window=9, query_pre_attn_scalar=24, attn_logit_softcapping=3.0,
                      final_logit_softcapping=20.0, layer_types=["sliding_attention", "full_attention"], **TIED),
    # No caps, listed windows, biases.
    "gemma2_no_caps": variant("gemma2", longest=3000, sliding_window=30, query_pre_attn_scalar=16, attn_logit_softcapping=None,
                              final_logit_softcapping=None, attention_bias=True, num_key_value_heads=1,
                              layer_types=["full_attention", "sliding_attention"]),
    # Normed queries and keys; windows turn by a base of their own, the other layers by a scaled one.
    "gemma3": variant("gemma3_text", longest=3000, num_hidden_layers=3, sliding_window=12, query_pre_attn_scalar=24,
                      layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                      rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                                       "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0}}),
}
