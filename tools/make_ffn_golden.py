#!/usr/bin/env python3
"""Writes tests/golden/ffn and tests/golden/norm: small feed-forward layers, mixtures of experts and norms as PyTorch and
Hugging Face transformers compute them. Usage: make_ffn_golden.py <folder of golden files>

Every case has NAME.npy, all its arrays as f32 back to back, and an entry in cases.json that says their names and shapes
and the Spec that computes the output from them.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from transformers import (ApertusConfig, DeepseekV3Config, GptOssConfig, LongcatFlashConfig, MixtralConfig, OlmoeConfig,
                          Qwen2MoeConfig, Qwen3MoeConfig)
from transformers.activations import ACT2FN
from transformers.models.apertus.modeling_apertus import ApertusMLP
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP
from transformers.models.longcat_flash.modeling_longcat_flash import LongcatFlashMoE
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock, load_balancing_loss_func
from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock
from transformers.models.qwen2_moe.modeling_qwen2_moe import Qwen2MoeSparseMoeBlock
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

ROWS, HIDDEN, FFN, EXPERTS = 9, 24, 20, 8


def fill(module, seed):
    """Random values for all parameters and floating buffers, small enough that no activation saturates."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * (0.3 if tensor.dim() > 1 else 0.2))


def inputs(seed, rows=ROWS, width=HIDDEN, mean=0.0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * 1.5 + mean


class Writer:
    def __init__(self, folder):
        self.folder, self.cases = folder, []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name, spec, arrays, **more):
        flat = [(key, np.asarray(value.detach().to(torch.float32))) for key, value in arrays.items()]
        np.save(self.folder / f"{name}.npy", np.concatenate([a.ravel() for _, a in flat]).astype("<f4"))
        self.cases.append({"name": name, "spec": spec, "arrays": [{"name": k, "shape": list(a.shape)} for k, a in flat],
                           **more})

    def finish(self):
        (self.folder / "cases.json").write_text(json.dumps(self.cases, indent=1) + "\n")


def stacked(experts):
    """Expert tensors of the common form, as our names call them."""
    return {"gate_up": experts.gate_up_proj, "down": experts.down_proj}


def base_spec(k, **router):
    return {"hidden_dim": HIDDEN, "num_experts": EXPERTS, "router": {"top_k": k, **router}, "expert": {"ffn_dim": FFN}}


def moe_cases(out):
    common = {"hidden_size": HIDDEN, "hidden_act": "silu"}

    def add(name, module, seed, spec, arrays, call=None):
        fill(module, seed)
        x = inputs(seed + 50)
        with torch.no_grad():
            y = (call or (lambda m, v: m(v[None])[0]))(module, x)
        out.add(name, spec, {"x": x, "y": y, **arrays(module)})

    config = MixtralConfig(**common, intermediate_size=FFN, num_local_experts=EXPERTS, num_experts_per_tok=2)
    add("mixtral", MixtralSparseMoeBlock(config).eval(), 1, base_spec(2, renormalise=True),
        lambda m: {"router": m.gate.weight, **stacked(m.experts)})
    for name, normalise in (("qwen3_moe", True), ("qwen3_moe_plain", False)):
        config = Qwen3MoeConfig(**common, moe_intermediate_size=FFN, num_experts=EXPERTS, num_experts_per_tok=3,
                                norm_topk_prob=normalise)
        add(name, Qwen3MoeSparseMoeBlock(config).eval(), 2, base_spec(3, renormalise=normalise),
            lambda m: {"router": m.gate.weight, **stacked(m.experts)})
    config = OlmoeConfig(**common, intermediate_size=FFN, num_experts=EXPERTS, num_experts_per_tok=4,
                         norm_topk_prob=False)
    add("olmoe", OlmoeSparseMoeBlock(config).eval(), 3, base_spec(4),
        lambda m: {"router": m.gate.weight, **stacked(m.experts)})
    config = Qwen2MoeConfig(**common, moe_intermediate_size=FFN, shared_expert_intermediate_size=36,
                            num_experts=EXPERTS, num_experts_per_tok=2, norm_topk_prob=False)
    spec = {**base_spec(2), "shared": {"hidden_dim": HIDDEN, "ffn_dim": 36}, "shared_gate": True}
    add("qwen2_moe", Qwen2MoeSparseMoeBlock(config).eval(), 4, spec,
        lambda m: {"router": m.gate.weight, **stacked(m.experts), **shared(m.shared_expert),
                   "shared_gate": m.shared_expert_gate.weight})
    config = DeepseekV3Config(**common, moe_intermediate_size=FFN, n_routed_experts=EXPERTS, num_experts_per_tok=3,
                              n_group=4, topk_group=2, norm_topk_prob=True, routed_scaling_factor=2.5,
                              n_shared_experts=2)
    spec = {**base_spec(3, score="sigmoid", groups=4, groups_used=2, group_top=2, selection_bias=True,
                        renormalise=True, routed_scale=2.5),
            "shared": {"hidden_dim": HIDDEN, "ffn_dim": 2 * FFN}}
    add("deepseek_v3", DeepseekV3MoE(config).eval(), 5, spec,
        lambda m: {"router": m.gate.weight, "selection_bias": m.gate.e_score_correction_bias, **stacked(m.experts),
                   **shared(m.shared_experts)})
    config = GptOssConfig(hidden_size=HIDDEN, intermediate_size=FFN, num_local_experts=EXPERTS, num_experts_per_tok=3)
    spec = base_spec(3, score="logit", weight="softmax_of_selected", bias=True)
    spec["expert"].update(bias=True, clamp={"limit": 7.0, "alpha": 1.702, "up_offset": 1.0})
    add("gpt_oss", GptOssMLP(config).eval(), 6, spec,
        lambda m: {"router": m.router.weight, "router_bias": m.router.bias,
                   "gate_up_columns": m.experts.gate_up_proj, "gate_up_bias": m.experts.gate_up_proj_bias,
                   "down_columns": m.experts.down_proj, "down_bias": m.experts.down_proj_bias},
        # Inputs of a size that the clamp meets.
        lambda m, v: (v.mul_(6), m(v[None])[0][0])[1])
    config = LongcatFlashConfig(hidden_size=HIDDEN, expert_ffn_hidden_size=FFN, n_routed_experts=EXPERTS,
                                zero_expert_num=3, moe_topk=4, routed_scaling_factor=6.0, num_hidden_layers=1)
    spec = {**base_spec(4, selection_bias=True, routed_scale=6.0), "identity_experts": 3}
    add("longcat_flash", LongcatFlashMoE(config).eval(), 7, spec,
        lambda m: {"router": m.router.classifier.weight, "selection_bias": m.router.e_score_correction_bias,
                   "gate_up": m.experts.gate_up_proj[:EXPERTS], "down": m.experts.down_proj})


def shared(mlp):
    return {"shared_gate_proj": mlp.gate_proj.weight, "shared_up_proj": mlp.up_proj.weight,
            "shared_down_proj": mlp.down_proj.weight}


def mlp_cases(out):
    for index, act in enumerate(("relu", "relu2", "gelu", "gelu_pytorch_tanh", "quick_gelu", "silu")):
        up, down = torch.nn.Linear(HIDDEN, FFN), torch.nn.Linear(FFN, HIDDEN)
        fill(up, 20 + index)
        fill(down, 30 + index)
        x = inputs(40 + index)
        y = down(ACT2FN[act](up(x)))
        out.add(f"mlp_{act}", {"hidden_dim": HIDDEN, "ffn_dim": FFN, "bias": True},
                {"x": x, "y": y, "up": up.weight, "up_bias": up.bias, "down": down.weight, "down_bias": down.bias},
                activation=act)
    mlp = ApertusMLP(ApertusConfig(hidden_size=HIDDEN, intermediate_size=FFN, hidden_act="xielu")).float().eval()
    fill(mlp, 50)
    with torch.no_grad():
        mlp.act_fn.beta.fill_(0.5)
        mlp.act_fn.eps.fill_(-1e-6)
    x = inputs(51)
    out.add("mlp_xielu", {"hidden_dim": HIDDEN, "ffn_dim": FFN, "xielu": {"beta": 0.5, "eps": -1e-6}},
            {"x": x, "y": mlp(x), "up": mlp.up_proj.weight, "down": mlp.down_proj.weight,
             "alpha_p": mlp.act_fn.alpha_p, "alpha_n": mlp.act_fn.alpha_n})


def loss_case(out):
    generator = torch.Generator().manual_seed(60)
    layers = tuple(torch.randn(12, EXPERTS, generator=generator) * 2 for _ in range(3))
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]])
    losses = [float(load_balancing_loss_func(layers, EXPERTS, 2)),
              float(load_balancing_loss_func(layers, EXPERTS, 2, mask))]
    out.add("load_balancing", {}, {"logits": torch.cat(layers), "mask": mask.flatten()}, losses=losses)


def norm_cases(out):
    for name, weight, bias, mean in (("layer_norm", True, True, 0.0), ("layer_norm_no_bias", True, False, 1.0),
                                     ("layer_norm_plain", False, False, 0.0), ("layer_norm_far", True, True, 300.0)):
        norm = torch.nn.LayerNorm(70, eps=1e-5, elementwise_affine=weight, bias=bias)
        fill(norm, 70)
        x = inputs(71, width=70, mean=mean)
        arrays = {"x": x, "y": norm.double()(x.double())}  # what is exact, up to the rounding of the result
        if weight:
            arrays["weight"] = norm.weight
        if bias:
            arrays["bias"] = norm.bias
        out.add(name, {"dim": 70, "eps": 1e-5, "weight": weight, "bias": bias}, arrays)


def main(root):
    ffn = Writer(root / "ffn")
    with torch.no_grad():
        moe_cases(ffn)
        mlp_cases(ffn)
        loss_case(ffn)
        ffn.finish()
        norm = Writer(root / "norm")
        norm_cases(norm)
        norm.finish()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
