"""Mixtral: Mistral's layer with experts."""
from family_variants import GgufFamily, permute_queries_and_keys, variant

EXPERTS = dict(intermediate_size=32, num_local_experts=4, num_experts_per_tok=2)

VARIANTS = {
    "full": variant("mixtral", gguf=True, **EXPERTS, tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
    # One expert of five for each row, windows, heads of hidden / heads.
    "window_top1": variant("mixtral", longest=3000, intermediate_size=32, num_local_experts=5, num_experts_per_tok=1,
                           sliding_window=20, head_dim=None),
    # All experts, scaled rotations, one key head.
    "all_experts": variant("mixtral", longest=3000, intermediate_size=64, num_local_experts=3, num_experts_per_tok=3,
                           num_key_value_heads=1, rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6}),
}


def name_experts(found):
    """Experts stacked, as GGUF files name them: w1 is the gate, w3 the other factor, w2 leads back."""
    part = {"w1": "gate", "w2": "down", "w3": "up"}
    result = {}
    for name, tensor in found.items():
        head, _, rest = name.partition(".block_sparse_moe.experts.")
        result[name if not rest else f"blk.{head.split('.')[-1]}.ffn_{part[rest.split('.')[0]]}_exps.weight"] = tensor
    return result


def tensors(config, found):
    return name_experts(permute_queries_and_keys(config, found))


GGUF = {"mixtral": GgufFamily("LLAMA", tensors=tensors, own_tensors=True)}
