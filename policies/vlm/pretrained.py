"""Pretrained vision towers, frozen, from transformers checkpoints and from VC-1's files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from gymnasium import spaces
from torch import Tensor, nn
from transformers.utils import constants

from navagent.checkpoints import find_checkpoint, load_config, load_model
from navagent.errors import ConfigError
from navagent.networks.policy_network import Observations
from policies.vlm.architecture import Tower
from policies.vlm.frozen import keep_out
from policies.vlm.mae_file import load_mae_file
from policies.vlm.pictures import resized, stacked
from policies.vlm.towers import VisionTower, picture_size


@dataclass(frozen=True)
class _Kind:
    """A kind of vision model.

    Attributes:
        model: Its class.
        mean: Of colours that its pictures are normalised with, where the checkpoint says nothing.
        deviation: Of colours.
        example: A checkpoint on the Hugging Face hub.
    """

    model: Any
    mean: list[float]
    deviation: list[float]
    example: str


_HALF = (constants.IMAGENET_STANDARD_MEAN, constants.IMAGENET_STANDARD_STD)
_IMAGENET = (constants.IMAGENET_DEFAULT_MEAN, constants.IMAGENET_DEFAULT_STD)
_OPENAI = (constants.OPENAI_CLIP_MEAN, constants.OPENAI_CLIP_STD)
_KINDS = {
    "siglip": _Kind(transformers.SiglipVisionModel, *_HALF, "google/siglip-base-patch16-224"),
    "clip": _Kind(transformers.CLIPVisionModel, *_OPENAI, "openai/clip-vit-large-patch14"),
    "dinov2": _Kind(transformers.Dinov2Model, *_IMAGENET, "facebook/dinov2-base"),
    "dinov2_with_registers": _Kind(
        transformers.Dinov2WithRegistersModel, *_IMAGENET, "facebook/dinov2-with-registers-base"
    ),
    "vit_mae": _Kind(transformers.ViTMAEModel, *_IMAGENET, "facebook/vit-mae-base"),
}


class PretrainedTower(VisionTower):
    """One or several pretrained towers, their features side by side (Prismatic's fused towers).

    Args:
        options: The towers.
        space: What one agent observes.

    Raises:
        ConfigError: A checkpoint is absent, damaged or of another kind.
        ValueError: There is no colour, or the towers cut pictures differently.
    """

    def __init__(self, options: Tower, space: spaces.Dict) -> None:
        super().__init__()
        if "rgb" not in space.spaces:
            raise ValueError("a pretrained tower needs rgb, which the environment does not show")
        self.names, self.resize = ("rgb",), options.resize
        picture_size(space, self.names)
        self.towers = nn.ModuleList(_FrozenModel(name, options) for name in options.checkpoints)
        grids = {name: tower.grid for name, tower in zip(options.checkpoints, self._all(), strict=True)}
        if len(set(grids.values())) > 1:
            raise ValueError(f"towers can be fused where they cut pictures alike, and these do not: {grids}")
        self.grid = next(iter(grids.values()))
        self.output_size = sum(tower.output_size for tower in self._all())

    def _all(self) -> list[_FrozenModel]:
        return [tower for tower in self.towers if isinstance(tower, _FrozenModel)]

    def forward(self, observations: Observations) -> Tensor:
        """Return features."""
        pictures = stacked(observations, self.names, torch.float32)
        return torch.cat([tower(resized(pictures, tower.side, self.resize, tower.mean)) for tower in self._all()], -1)

    def train(self, mode: bool = True) -> PretrainedTower:
        """Stay without dropout."""
        super().train(False)
        return self


class _FrozenModel(nn.Module):
    """A vision model of transformers.

    Args:
        checkpoint: Its folder, its name, or a file of MAE's or VC-1's.
        options: The tower that it is part of.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, checkpoint: str, options: Tower) -> None:
        super().__init__()
        place = _find(checkpoint)
        self.kind, model = _loaded(checkpoint, place, options)
        self.model = model.requires_grad_(False)
        config = self.model.config
        config.mask_ratio = 0.0  # ViT-MAE is made to hide patches
        self.layer, self.whole = options.layer, options.features == "picture"
        self.side = options.image_size or _side(config.image_size)
        if not self.whole and not -config.num_hidden_layers <= self.layer <= -1:
            raise ValueError(f"tower.layer must be from -{config.num_hidden_layers} to -1 for {checkpoint}")
        rows = self.side // _side(config.patch_size)
        self.patches, self.grid = rows * rows, (1, 1) if self.whole else (rows, rows)
        self.output_size = int(config.hidden_size)
        mean, deviation = _colours(place, _KINDS[self.kind])
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation), persistent=False)
        keep_out(self, place)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (B, patches, `output_size`) of squares (B, 3, `side`, `side`) with colours from 0 to 1."""
        normal = (pictures - self.mean[:, None, None]) / self.deviation[:, None, None]
        options: dict[str, Any] = {"output_hidden_states": self.layer != -1 and not self.whole}
        if self.kind == "vit_mae":  # which puts patches in a random order
            options["noise"] = torch.arange(self.patches, device=pictures.device).expand(len(pictures), -1)
        if not self.kind.startswith("dinov2"):  # which does so by itself
            options["interpolate_pos_encoding"] = self.side != _side(self.model.config.image_size)
        found = self.model(normal.to(self.model.dtype), **options)
        if self.whole:
            has_pooled = getattr(found, "pooler_output", None) is not None
            whole: Tensor = found.pooler_output if has_pooled else found.last_hidden_state[:, 0]
            return whole[:, None].float()
        hidden: Tensor = found.last_hidden_state if self.layer == -1 else found.hidden_states[self.layer]
        return hidden[:, hidden.shape[1] - self.patches :].float()


def _loaded(checkpoint: str, place: Path, options: Tower) -> tuple[str, Any]:
    """Return which of the kinds a checkpoint is, and its model."""
    if place.is_file():
        return "vit_mae", load_mae_file(place, options.dtype)
    kind = str(load_config(place).model_type).removesuffix("_vision_model")
    if kind not in _KINDS:
        raise ConfigError(f"{checkpoint} is of the wrong kind: a {kind} is none of {', '.join(_KINDS)}.")
    return kind, load_model(_KINDS[kind].model, place, torch.device("cpu"), options.dtype)


def _find(checkpoint: str) -> Path:
    file = Path(checkpoint).expanduser()
    if file.is_file():
        return file
    try:
        return find_checkpoint(checkpoint)
    except ConfigError as error:
        examples = ", ".join(kind.example for kind in _KINDS.values())
        raise ConfigError(
            f"{error} Vision towers to download are for instance {examples}: `hf download NAME --local-dir FOLDER`, "
            "then give the folder. VC-1 and MAE are files, which are given as they are. A weights file does not hold "
            f"its tower's: relative folders are looked for in {Path.cwd()}."
        ) from error


def _side(size: Any) -> int:
    """Return a square's side, which some configurations give twice."""
    return int(size if isinstance(size, int) else size[0])


def _colours(folder: Path, kind: _Kind) -> tuple[list[float], list[float]]:
    """Return mean and deviation that a checkpoint's pictures are normalised with."""
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return kind.mean, kind.deviation
    try:
        content = json.loads(file.read_text())
        return list(content.get("image_mean", kind.mean)), list(content.get("image_std", kind.deviation))
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"{file} is damaged ({error}): download the checkpoint again.") from error
