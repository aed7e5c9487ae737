"""Small matrices beside frozen ones (LoRA: Hu et al. 2021, arXiv 2106.09685), through peft."""

from __future__ import annotations

import peft
import torch
from torch import nn


def add(model: nn.Module, rank: int, alpha: int) -> None:
    """Freeze a model and add matrices of a rank, scaled by alpha / rank, beside the queries' and values' projections.

    They are in float32 whatever the model is in, so that small changes are not lost. LLaRP's rank is 8 and its alpha
    32; it leaves the choice of projections to peft, as this does, and models that peft does not know get them in
    every linear layer.
    """
    known = peft.utils.constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    targets = None if getattr(model.config, "model_type", None) in known else "all-linear"
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets)
    peft.inject_adapter_in_model(config, model)
    for name, weights in model.named_parameters():
        weights.requires_grad_("lora_" in name)
        if "lora_" in name:
            weights.data = weights.data.to(torch.float32)
