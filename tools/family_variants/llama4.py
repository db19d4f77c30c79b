"""The text model of Llama 4: chunks, layers without positions, mixtures of experts between dense layers."""
from family_variants import GgufFamily, variant

SIZES = dict(intermediate_size_mlp=80, num_local_experts=4, num_experts_per_tok=1)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 256}



def as_part(config, tensors):
    """The text model as a part of one that also sees images."""
    images = {"model_type": "llama4_vision_model", "hidden_size": 16}
    return ({"model_type": "llama4", "architectures": ["Llama4ForConditionalGeneration"], "text_config": config,
             "vision_config": images, "image_token_index": 100, "tie_word_embeddings": False},
            {f"language_model.{name}": t for name, t in tensors.items()})


VARIANTS = {
    # As Scout: experts in every layer, norms of queries and keys; the last of four layers sees everything.
    "scout": variant("llama4_text", longest=3000, num_hidden_layers=4, **SIZES, attention_chunk_size=100, floor_scale=64,
                     rope_parameters=LLAMA3),
    # As the published files have it.
    "part": variant("llama4_text", num_hidden_layers=2, **SIZES, interleave_moe_layer_step=2, attention_chunk_size=100,
                    no_rope_layer_interval=2, store=as_part),
    # What GGUF files can say.
    "plain": variant("llama4_text", gguf=True, num_hidden_layers=4, **SIZES, interleave_moe_layer_step=2),
    # As Maverick: experts in every other layer, no norms.
    "maverick": variant("llama4_text", longest=3000, num_hidden_layers=4, **SIZES, interleave_moe_layer_step=2,
                        use_qk_norm=False, attention_chunk_size=128, floor_scale=200, attn_scale=0.3),
    # No chunks, no temperature, listed layers, two experts for each row, biases, one tensor for embedding and head.
    "listed": variant("llama4_text", num_hidden_layers=3, **{**SIZES, "num_experts_per_tok": 2}, attention_chunk_size=None,
                      attn_temperature_tuning=False, no_rope_layers=[1, 0, 1], moe_layers=[1], attention_bias=True,
                      num_attention_heads=6, num_key_value_heads=3, tie_word_embeddings=True, changes={"embed_tokens": 0.2}),
}


def keys(writer, config):
    writer.add_interleave_moe_layer_step(config["interleave_moe_layer_step"])
    writer.add_expert_feed_forward_length(config["intermediate_size"])


def tensors(config, tensors):
    """Rows of gate and up apart, as [out, in]."""
    result = {}
    for name, t in tensors.items():
        if name.endswith("experts.gate_up_proj"):
            for part, rows in zip(("gate_proj", "up_proj"), t.transpose(-1, -2).chunk(2, dim=-2)):
                result[name.replace("gate_up_proj", part) + ".weight"] = rows.contiguous()
        elif name.endswith("experts.down_proj"):
            result[name + ".weight"] = t.transpose(-1, -2).contiguous()
        else:
            result[name] = t
    return result


GGUF = {"llama4_text": GgufFamily("LLAMA4", sizes=lambda config: dict(config, intermediate_size=config["intermediate_size_mlp"]), keys=keys, tensors=tensors)}
