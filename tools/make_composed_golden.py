#!/usr/bin/env python3
"""Writes tests/golden/composed: tiny checkpoints of many architectures and the logits that transformers computes.

    make_composed_golden.py [--output tests/golden/composed] [--only NAME ...]

For every architecture: NAME/config.json, NAME/model.safetensors (bf16, as save_pretrained names the tensors),
NAME/ids.npy (int32 [tokens]) and NAME/logits.npy (float32 [tokens, vocab]), computed in float32 with eager attention from
the rounded weights. Needs torch and transformers.
"""
import json
import pathlib
import shutil
import tempfile

import numpy as np

from golden_arguments import write_each

TOKENS, VOCAB = 40, 96
SHAPE = dict(vocab_size=VOCAB, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             intermediate_size=80, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)

# Every option that a library of blocks has to compose, in the layers that published models put it in.
ARCHITECTURES = {
    # Learned positions, fused and transposed q, k and v, LayerNorm, tied head.
    "gpt2": dict(model_type="gpt2", vocab_size=VOCAB, n_embd=48, n_layer=2, n_head=4, n_positions=64, bos_token_id=1,
                 eos_token_id=2),
    # Two norms in parallel, part of each head turned, q, k and v of each head side by side.
    "gpt_neox": dict(SHAPE, model_type="gpt_neox", num_attention_heads=6, rotary_pct=0.5, use_parallel_residual=True,
                     tie_word_embeddings=False),
    # Norms before and after, gain 1 + w, scaled embeddings, two soft caps, every other layer a window.
    "gemma2": dict(SHAPE, model_type="gemma2", head_dim=16, query_pre_attn_scalar=24, sliding_window=8,
                   attn_logit_softcapping=3.0, final_logit_softcapping=20.0,
                   layer_types=["sliding_attention", "full_attention"]),
    # Normed queries and keys, a base for the windows of their own, one full layer in three; linear scaling of its base.
    "gemma3_text": dict(SHAPE, model_type="gemma3_text", num_hidden_layers=4, head_dim=16, num_key_value_heads=1,
                        query_pre_attn_scalar=24, sliding_window=8,
                        layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
                        rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                                         "full_attention": {"rope_type": "linear", "factor": 8.0,
                                                            "rope_theta": 1000000.0}}),
    # Norms after, norms over all of q and k.
    "olmo2": dict(SHAPE, model_type="olmo2", num_attention_heads=6, num_key_value_heads=3, tie_word_embeddings=False),
    # One norm for attention and feed-forward, neighbouring pairs turned, scaled logits, full layers without positions.
    "cohere2": dict(SHAPE, model_type="cohere2", sliding_window=8, logit_scale=0.25, num_hidden_layers=2,
                    layer_types=["sliding_attention", "full_attention"], use_qk_norm=False),
    # As cohere2 without windows; every head of q and k has a LayerNorm of its own.
    "cohere": dict(SHAPE, model_type="cohere", num_attention_heads=6, num_key_value_heads=3, logit_scale=0.25,
                   use_qk_norm=True),
    # Biased q, k and v, tied head, windows in the last layers.
    "qwen2": dict(SHAPE, model_type="qwen2", num_hidden_layers=3, use_sliding_window=True, sliding_window=8,
                  max_window_layers=1, tie_word_embeddings=True),
    # Heads normed one by one, of another width than hidden / heads; YaRN.
    "qwen3": dict(SHAPE, model_type="qwen3", num_attention_heads=6, num_key_value_heads=2, head_dim=16,
                  tie_word_embeddings=False,
                  rope_parameters={"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0,
                                   "original_max_position_embeddings": 16}),
    # A shared expert behind a gate, weights of the chosen not renormalised, a dense layer between.
    "qwen2_moe": dict(SHAPE, model_type="qwen2_moe", num_experts=6, num_experts_per_tok=3, moe_intermediate_size=20,
                      shared_expert_intermediate_size=36, norm_topk_prob=False, decoder_sparse_step=1,
                      mlp_only_layers=[1], tie_word_embeddings=False),
    # As qwen2_moe, but with experts in every layer, as the files of llama.cpp have them.
    "qwen2_moe_all": dict(SHAPE, model_type="qwen2_moe", num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24,
                          shared_expert_intermediate_size=40, tie_word_embeddings=True),
    # Many experts, weights of the chosen renormalised, normed heads, one key head.
    "qwen3_moe": dict(SHAPE, model_type="qwen3_moe", num_attention_heads=6, num_key_value_heads=1, head_dim=16,
                      num_experts=16, num_experts_per_tok=4, moe_intermediate_size=20, norm_topk_prob=True,
                      tie_word_embeddings=False),
    # Every other layer sparse, windows everywhere, biases.
    "qwen3_moe_window": dict(SHAPE, model_type="qwen3_moe", num_hidden_layers=4, head_dim=16, num_experts=4,
                             num_experts_per_tok=2, moe_intermediate_size=20, norm_topk_prob=False,
                             decoder_sparse_step=2, attention_bias=True, use_sliding_window=True, sliding_window=8,
                             tie_word_embeddings=True),
    # Latent attention, experts chosen by groups with a correction bias.
    "deepseek_v3": dict(SHAPE, model_type="deepseek_v3", num_key_value_heads=4, q_lora_rank=24, kv_lora_rank=16,
                        qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8, n_group=4,
                        topk_group=2, num_experts_per_tok=3, n_shared_experts=1, moe_intermediate_size=20,
                        first_k_dense_replace=1, routed_scaling_factor=2.5, norm_topk_prob=True,
                        tie_word_embeddings=False),
    # Queries without a latent, experts chosen by groups from softmax scores, biases, YaRN with both magnitudes.
    "deepseek_v2": dict(SHAPE, model_type="deepseek_v2", num_key_value_heads=4, q_lora_rank=None, kv_lora_rank=16,
                        qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8, n_group=4,
                        topk_group=2, topk_method="group_limited_greedy", num_experts_per_tok=3, n_shared_experts=2,
                        moe_intermediate_size=20, first_k_dense_replace=1, routed_scaling_factor=1.5,
                        attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
                        rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "mscale": 0.7,
                                         "mscale_all_dim": 1.1, "original_max_position_embeddings": 16}),
    # Partly turned, normed heads with biases; the router of DeepSeek V3.
    "glm4_moe": dict(SHAPE, model_type="glm4_moe", head_dim=16, use_qk_norm=True, attention_bias=True,
                     n_routed_experts=6, num_experts_per_tok=4, n_shared_experts=2, moe_intermediate_size=20,
                     first_k_dense_replace=1, tie_word_embeddings=False),
    # Sinks, windows, biased and clamped experts, YaRN.
    "gpt_oss": dict(SHAPE, model_type="gpt_oss", head_dim=16, intermediate_size=32, num_local_experts=4,
                    num_experts_per_tok=2, sliding_window=8, tie_word_embeddings=False,
                    layer_types=["sliding_attention", "full_attention"],
                    rope_parameters={"rope_type": "yarn", "rope_theta": 150000.0, "factor": 4.0, "beta_fast": 32.0,
                                     "beta_slow": 1.0, "truncate": False, "original_max_position_embeddings": 16}),
    # Chunks, layers without positions whose queries grow with the position, an L2 norm of q and k.
    "llama4_text": dict(SHAPE, model_type="llama4_text", num_hidden_layers=4, head_dim=16, intermediate_size=24,
                        intermediate_size_mlp=40, num_local_experts=4, num_experts_per_tok=1, interleave_moe_layer_step=2,
                        no_rope_layers=[1, 1, 1, 0], attention_chunk_size=16, attn_temperature_tuning=True,
                        floor_scale=8, attn_scale=0.3, use_qk_norm=True, tie_word_embeddings=False),
}


def randomise(model, torch):
    """Weights of a size that makes every part of the model count: products that keep their input's scale."""
    generator = torch.Generator().manual_seed(1234)
    with torch.no_grad():
        for name, p in model.named_parameters():
            values = torch.randn(p.shape, generator=generator)
            if p.dim() == 1:
                p.copy_(0.3 * values if "bias" in name or "sinks" in name else p + 0.2 * values)
            elif "embed" in name or "wte" in name or "wpe" in name:
                p.copy_(values)
            else:
                p.copy_(values * (1.3 / p.shape[-1] ** 0.5))
        for name, b in model.named_buffers():
            if "correction_bias" in name:
                b.copy_(0.2 * torch.randn(b.shape, generator=generator))


def write(name, folder):
    import torch
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = dict(ARCHITECTURES[name])
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model, torch)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        model.to(torch.bfloat16).save_pretrained(temporary)
        shutil.copy(pathlib.Path(temporary) / "model.safetensors", folder / "model.safetensors")
        saved = json.loads((pathlib.Path(temporary) / "config.json").read_text())
        again = AutoModelForCausalLM.from_pretrained(
            temporary, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
    (folder / "config.json").write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")
    ids = np.random.default_rng(7).integers(3, VOCAB, TOKENS).astype(np.int32)
    with torch.no_grad():
        logits = again(torch.tensor(ids[None].astype(np.int64)), use_cache=False).logits[0].float().numpy()
        exact = again.double()(torch.tensor(ids[None].astype(np.int64)), use_cache=False).logits[0].numpy()
    np.save(folder / "ids.npy", ids)
    np.save(folder / "logits.npy", logits)
    print(f"{name:12} {transformers.__version__} logits {logits.min():7.3f} .. {logits.max():6.3f}, float32 against "
          f"float64 {np.abs(logits - exact).max() / np.ptp(logits):.1e} of the range, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")


if __name__ == "__main__":
    write_each(__doc__, "composed", ARCHITECTURES, write)
