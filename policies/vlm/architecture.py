"""What a vision-language policy is made of, as options; PyTorch and transformers are imported when one is built."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from navagent.networks.architecture import Architecture

if TYPE_CHECKING:
    from gymnasium import spaces

    from navagent.networks.policy_network import PolicyNetwork


@dataclass(frozen=True)
class Tower:
    """A vision tower.

    Attributes:
        kind: cnn or vit, which learn from scratch and see colour and depth; or pretrained, which sees colour and stays
            as it is (Prismatic's frozen towers beat fine-tuned ones: Karamcheti et al. 2024, arXiv 2402.07865, section
            4.2). What depth shows goes with the other sensors then.
        checkpoints: Of pretrained: SigLIP, CLIP, DINOv2 or ViT-MAE by folder or by name on the Hugging Face hub, VC-1
            or MAE by the file that was published (vc1_vitb.pth); several are fused, patch by patch.
        features: patches, or picture: one vector for all of it (a class token; SigLIP's pooled vector).
        layer: Of pretrained: which hidden layer's patches; -2 is the last but one, as in Prismatic, -1 the last.
        views: Pictures side by side in what is observed, each of which is seen by itself.
        image_size: Pixels of the sides of the squares that pictures are resized to; 0 is what a checkpoint was trained
            with, and what is observed for cnn and vit.
        resize: naive squeezes pictures that are not square, letterbox adds borders.
        dtype: Of pretrained weights.
        width: Of cnn and vit: features.
        convolutions: Of cnn: simple or normed, as of `SensorNetwork`.
        patch: Of vit: pixels of a patch's sides.
        layers: Of vit.
        heads: Of vit's attention.
    """

    kind: Literal["cnn", "vit", "pretrained"] = "cnn"
    checkpoints: tuple[str, ...] = ()
    features: Literal["patches", "picture"] = "picture"
    layer: int = -2
    views: int = 1
    image_size: int = 0
    resize: Literal["naive", "letterbox"] = "naive"
    dtype: Literal["float32", "bfloat16"] = "float32"
    width: int = 128
    convolutions: Literal["simple", "normed"] = "simple"
    patch: int = 16
    layers: int = 4
    heads: int = 4


@dataclass(frozen=True)
class Connector:
    """What makes visual tokens of a tower's features.

    Attributes:
        kind: linear, mlp, fused_mlp, qformer or perceiver.
        tokens: Visual tokens of a picture; 0 is one for each patch (linear, mlp, fused_mlp).
        activation: Between linear layers: gelu (Prismatic) or relu (LLaRP).
        width: Of qformer and perceiver: features.
        layers: Of qformer and perceiver.
        heads: Of their attention.
    """

    kind: Literal["linear", "mlp", "fused_mlp", "qformer", "perceiver"] = "mlp"
    tokens: int = 1
    activation: Literal["gelu", "relu"] = "gelu"
    width: int = 256
    layers: int = 2
    heads: int = 4


@dataclass(frozen=True)
class History:
    """Temporal pooling.

    Attributes:
        kind: none: a step's tokens are of its own picture. mean or attention: they are of the newest `frames` pictures;
            with `context: 1` the language model sees nothing else of the past.
        frames: Pictures.
        tokens: Of attention: tokens of a step in place of the picture's own.
        heads: Of attention; they share the language model's features.
    """

    kind: Literal["none", "mean", "attention"] = "none"
    frames: int = 8
    tokens: int = 16
    heads: int = 4


@dataclass(frozen=True)
class Language:
    """A language model, of whatever kind transformers knows as a decoder with attention.

    Attributes:
        checkpoint: A folder, or a name on the Hugging Face hub.
        config: Instead of a checkpoint: transformers' configuration, `model_type` in it, of a model with random
            weights; its vocabulary is the environment's. By default, where there is no checkpoint, `SMALL`.
        tuning: frozen; lora, small matrices beside frozen ones (needs peft); or full. By default frozen with a
            checkpoint, as in LLaRP, and full without.
        lora_rank: Of the small matrices.
        lora_alpha: Their products are scaled by alpha / rank; 8 and 32 are LLaRP's.
        dtype: Of the weights; small matrices and all that is not the language model stay in float32.
        instruction_tokens: Tokens of an instruction that are read; what is longer is cut.
    """

    checkpoint: str | None = None
    config: dict[str, Any] | None = None
    tuning: Literal["frozen", "lora", "full"] | None = None
    lora_rank: int = 8
    lora_alpha: int = 32
    dtype: Literal["float32", "bfloat16"] = "float32"
    instruction_tokens: int = 128


@dataclass(frozen=True)
class Plan:
    """A plan that the language model writes when an episode begins, under which every frame is then read.

    EmbodiedGPT (Mu et al. 2023, arXiv 2305.15021, section 3.2); the Q-Former is its Embodied-Former.

    Attributes:
        tokens: Longest plan; 0 is none. Needs connector.kind qformer.
        prompt: Stands after instruction and first view and asks a checkpoint's model for the plan; one with random
            weights is not asked.
    """

    tokens: int = 0
    prompt: str = "Plan:"


SMALL: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
"""A language model that two processor cores can train from scratch."""


@dataclass(frozen=True)
class VLMNetwork(Architecture):
    """A language model that reads the instruction, then one slot of tokens per step, and acts (LLaRP).

    Attributes:
        tower: Sees.
        connector: Makes visual tokens of what is seen.
        history: Pools them over time.
        language: Reads them.
        plan: Is read with every frame.
        context: Steps of an episode that the newest one attends to, itself among them, besides the instruction.
        act_from: slot: actions are made of what comes out at a slot's last token. views: every visual token tells how
            good the waypoint actions are whose headings it shows, STOP and value are made at the last one, and the
            tokens of a slot attend to each other. With `tower.views`, and `connector.tokens: 0`.
        see_actions: Whether a slot tells the action before (LLaRP's do not).
        head_size: Features of the layers before action and value.
    """

    tower: Tower = field(default_factory=Tower)
    connector: Connector = field(default_factory=Connector)
    history: History = field(default_factory=History)
    language: Language = field(default_factory=Language)
    plan: Plan = field(default_factory=Plan)
    context: int = 32
    act_from: Literal["slot", "views"] = "slot"
    see_actions: bool = False
    head_size: int = 512

    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        """Return a `VLMPolicy`; a checkpoint that is absent or unfit raises ConfigError."""
        self._check()
        if importlib.util.find_spec("transformers") is None:
            raise ValueError("language models need transformers, and it Python 3.11: pip install 'navagent[vision]'")
        if self.language.tuning == "lora" and importlib.util.find_spec("peft") is None:
            raise ValueError("language.tuning lora needs peft: pip install peft")
        network: PolicyNetwork = importlib.import_module("policies.vlm.policy").VLMPolicy(self, space, actions)
        return network

    def _check(self) -> None:
        """Refuse options that make no network."""
        tower, connector, history, language = self.tower, self.connector, self.history, self.language
        counts = {
            "context": self.context,
            "head_size": self.head_size,
            **{f"tower.{name}": getattr(tower, name) for name in ("views", "width", "patch", "layers", "heads")},
            **{f"connector.{name}": getattr(connector, name) for name in ("width", "layers", "heads")},
            **{f"history.{name}": getattr(history, name) for name in ("frames", "tokens", "heads")},
            **{f"language.{name}": getattr(language, name) for name in ("lora_rank", "instruction_tokens")},
        }
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be at least 1, not {count}")
        if (tower.kind == "pretrained") != bool(tower.checkpoints):
            raise ValueError("tower.checkpoints and tower.kind pretrained belong together")
        resamples = connector.kind in ("qformer", "perceiver")
        if connector.tokens < (1 if resamples else 0) or tower.image_size < 0:
            raise ValueError(f"connector.tokens {connector.tokens} or tower.image_size {tower.image_size} is too small")
        if resamples and connector.width % connector.heads:
            raise ValueError(f"connector.width ({connector.width}) must be a multiple of connector.heads")
        if self.plan.tokens < 0 or (self.plan.tokens and connector.kind != "qformer"):
            raise ValueError("plan.tokens must be at least 0, and plans need connector.kind qformer")
        if language.checkpoint is not None and language.config is not None:
            raise ValueError("language.checkpoint and language.config exclude each other")
        if self.language_tuning == "full" and language.dtype != "float32":
            raise ValueError("language.tuning full needs language.dtype float32: bfloat16 loses small changes")

    @property
    def language_tuning(self) -> str:
        """What is trained of the language model: frozen, lora or full."""
        return self.language.tuning or ("full" if self.language.checkpoint is None else "frozen")
