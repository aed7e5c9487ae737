"""Vision transformers in PyTorch files of MAE's naming, VC-1 among them, as transformers' ViT-MAE.

MAE (He et al. 2022, facebookresearch/mae, `models_mae.py` and `models_vit.py`) and VC-1 (Majumdar et al. 2023,
arXiv 2303.18240, facebookresearch/eai-vc, `vc_models/src/vc_models/models/vit/vit.py`, `load_mae_encoder`) publish
`{"model": weights}` under timm's names, the decoder, which nobody needs for features, in some of them. VC-1's own
preparation of pictures (bicubic to 256 pixels, the middle 224 of them; `vc_models/transforms`) is not ours, which
makes the whole picture a square.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor

from navagent.errors import ConfigError

_HEADS = {384: 6, 768: 12, 1024: 16, 1280: 16}
"""Attention heads by features, which no weight's shape tells: ViT-S, ViT-B, ViT-L and ViT-H (eai-vc, `vit.py`)."""

_EPSILON = 1e-6
"""Of the norms (both repositories, `norm_layer=partial(nn.LayerNorm, eps=1e-6)`)."""

_SINGLE = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
"""timm's names outside of the blocks, and those of the hub's ViT-MAE checkpoints."""

_IN_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}

_ATTENTION = tuple(f"attention.attention.{name}" for name in ("query", "key", "value"))
"""timm has one matrix for the three, in this order."""

_FIRST = "blocks.0.mlp.fc1.weight"

_UNUSED = re.compile(r"decoder|mask_token|^head\.")
"""What makes no features (`load_mae_encoder` drops the first two)."""


def load_mae_file(file: Path, dtype: Literal["float32", "bfloat16"]) -> Any:
    """Return a file's encoder as a `transformers.ViTMAEModel`, ready to run.

    Args:
        file: As published: a dictionary whose `model` holds the weights.
        dtype: What the weights become.

    Raises:
        ConfigError: The file is damaged, or holds something else.
    """
    weights = _read(file)
    config = _config(file, weights)
    _check(file, weights, config)
    named = {theirs: weights[ours] for ours, theirs in _SINGLE.items()}
    for block in range(config.num_hidden_layers):
        named |= _block(weights, f"blocks.{block}.", f"encoder.layer.{block}.")
    transformers.logging.disable_progress_bar()
    model = transformers.ViTMAEModel.from_pretrained(None, config=config, state_dict=named, dtype=dtype)
    return model.eval()


def _read(file: Path) -> dict[str, Tensor]:
    """Return the weights that make features. Nothing in the file is run."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # MAE's trainings leave their options there
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip files and torch have exceptions of their own for damaged files
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ConfigError(f"{file} is no PyTorch file that holds weights and nothing to run ({reason}).") from error
    weights = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping) or not all(isinstance(part, Tensor) for part in weights.values()):
        raise _refused(file, "it has no weights under 'model'")
    return {str(name): part for name, part in weights.items() if not _UNUSED.search(str(name))}


def _config(file: Path, weights: Mapping[str, Tensor]) -> Any:
    """Return what the weights' shapes say of the encoder."""
    for name in (*_SINGLE, _FIRST):
        if name not in weights:
            raise _refused(file, f"it lacks {name}")
    patches, positions = weights["patch_embed.proj.weight"], weights["pos_embed"]
    if patches.ndim != 4 or positions.ndim != 3:
        raise _refused(file, "its patches or positions have other dimensions")
    width, patch, count = patches.shape[0], patches.shape[2], positions.shape[1] - 1
    if width not in _HEADS:
        raise _refused(file, f"no ViT of {width} features is known, only of {', '.join(map(str, _HEADS))}")
    if math.isqrt(max(count, 0)) ** 2 != count:
        raise _refused(file, f"its {count} patches make no square")
    return transformers.ViTMAEConfig(
        hidden_size=width,
        num_hidden_layers=len({name.split(".")[1] for name in weights if name.startswith("blocks.")}),
        num_attention_heads=_HEADS[width],
        intermediate_size=weights[_FIRST].shape[0],
        layer_norm_eps=_EPSILON,
        image_size=math.isqrt(count) * patch,
        patch_size=patch,
    )


def _check(file: Path, weights: Mapping[str, Tensor], config: Any) -> None:
    """Refuse a file whose weights are not just those of the encoder."""
    shapes = _shapes(config)
    for name in shapes:
        if name not in weights:
            raise _refused(file, f"it lacks {name}")
    for name, part in weights.items():
        if name not in shapes:
            raise _refused(file, f"it has {name}, which is none of theirs")
        if tuple(part.shape) != shapes[name]:
            raise _refused(file, f"its {name} is {tuple(part.shape)}, not {shapes[name]}")


def _shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of an encoder's weights, as timm has them."""
    width, inner, patch = config.hidden_size, config.intermediate_size, config.patch_size
    layers: dict[str, tuple[int, ...]] = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
    layers |= {"mlp.fc1": (inner, width), "mlp.fc2": (width, inner), "norm1": (width,), "norm2": (width,)}
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, (config.image_size // patch) ** 2 + 1, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for block in range(config.num_hidden_layers):
        for name, shape in layers.items():
            shapes[f"blocks.{block}.{name}.weight"] = shape
            shapes[f"blocks.{block}.{name}.bias"] = shape[:1]
    return shapes


def _block(weights: Mapping[str, Tensor], ours: str, theirs: str) -> dict[str, Tensor]:
    """Return a block's weights under the hub's names."""
    named: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        named |= {f"{theirs}{new}.{kind}": weights[f"{ours}{old}.{kind}"] for old, new in _IN_BLOCK.items()}
        thirds = weights[f"{ours}attn.qkv.{kind}"].chunk(3)
        named |= {f"{theirs}{new}.{kind}": third for new, third in zip(_ATTENTION, thirds, strict=True)}
    return named


def _refused(file: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{file} is no encoder that MAE or VC-1 published ({reason}): download it again, for instance "
        "https://dl.fbaipublicfiles.com/eai-vc/vc1_vitb.pth."
    )
