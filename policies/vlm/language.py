"""Language models as memories: tokens in, features out, with keys and values that the caller keeps."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from navagent.checkpoints import find_checkpoint, load_config, load_model
from navagent.errors import ConfigError, nearest
from policies.vlm.architecture import SMALL, Language
from policies.vlm.frozen import keep_out

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

EXAMPLE = "HuggingFaceTB/SmolLM2-135M"
"""A small decoder on the Hugging Face hub."""


class LanguageModel(nn.Module):
    """A decoder of transformers, without its output layer unless it is to write.

    Args:
        options: Which.
        tuning: frozen, lora or full.
        words: Size of the environment's vocabulary, for a model with random weights.
        writes: Whether it is to write.

    Attributes:
        folder: The checkpoint's; None of a model with random weights.
        layers: Layers that keep keys and values.
        heads: Of keys and values.
        head_size: Their features.
        input_size: Features of a token.
        output_size: Features that come out.

    Raises:
        ConfigError: The checkpoint is absent, damaged or of another kind, or the configuration means nothing.
    """

    ends: Tensor

    def __init__(self, options: Language, tuning: str, words: int, writes: bool = False) -> None:
        super().__init__()
        dtype = _DTYPES[options.dtype]
        kind: Any = transformers.AutoModelForCausalLM if writes else transformers.AutoModel
        self.folder = None if options.checkpoint is None else _find(options.checkpoint)
        if self.folder is None:
            config = _random_config(options.config or SMALL, words)
            found = kind.from_config(config, dtype=dtype)
        else:
            config = load_config(self.folder)
            found = load_model(kind, self.folder, torch.device("cpu"), options.dtype)
        self.model: Any = found.base_model
        self.output: Any = found.get_output_embeddings() if writes else None
        self.layers, self.heads, self.head_size, self.output_size = _shape(config)
        self.input_size = int(self.model.get_input_embeddings().embedding_dim)
        # Rotary positions have no end, while learned ones do: steps beyond it share the last.
        turning = getattr(config, "rope_parameters", None) is not None
        self.last_position = None if turning else int(getattr(config, "max_position_embeddings", 2**31)) - 1
        ends = getattr(config, "eos_token_id", None)
        self.register_buffer("ends", torch.tensor(ends if isinstance(ends, list) else [ends or 0]), persistent=False)
        if self.output is not None and self.output.weight is not self.model.get_input_embeddings().weight:
            self.output.requires_grad_(False)  # nothing is learned from what is written
        if tuning == "frozen":
            self.model.requires_grad_(False)
        elif tuning == "lora":
            importlib.import_module("policies.vlm.lora").add(self.model, options.lora_rank, options.lora_alpha)
        if self.folder is not None and tuning != "full":
            keep_out(self, self.folder)
        self.train()

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and of what is kept."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight.dtype

    def embed(self, tokens: Tensor) -> Tensor:
        """Return (..., `input_size`) of tokens."""
        found: Tensor = self.model.get_input_embeddings()(tokens)
        return found

    def freeze_words(self) -> None:
        """Keep the tokens' features as they are: who reads none would wait for their gradients."""
        self.model.get_input_embeddings().requires_grad_(False)

    def likeliest(self, hidden: Tensor) -> Tensor:
        """Return the (N,) likeliest next tokens of what came out, (N, `output_size`)."""
        scores: Tensor = self.output(hidden)
        return scores.argmax(dim=-1)

    def room(self, agents: int, tokens: int) -> Tensor:
        """Return (agents, layers, 2, heads, tokens, features) zeros for keys and values."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight.new_zeros(agents, self.layers, 2, self.heads, tokens, self.head_size)

    def forward(self, embedded: Tensor, position: Tensor, seen: Tensor, kept: Cache) -> Tensor:
        """Return (N, Q, `output_size`).

        Args:
            embedded: (N, Q, `input_size`).
            position: (N, Q) int64, where tokens stand in their texts.
            seen: (N, Q, K) bool, which of `kept`'s keys a token attends to; at least one.
            kept: Takes the tokens' keys and values and returns all there are.
        """
        if self.last_position is not None:
            position = position.clamp(max=self.last_position)
        mask = torch.zeros_like(seen, dtype=self.dtype).masked_fill_(~seen, float("-inf"))
        found = self.model(
            inputs_embeds=embedded.to(self.dtype),
            position_ids=position,
            attention_mask=mask[:, None],
            past_key_values=kept,
            use_cache=True,
        )
        hidden: Tensor = found.last_hidden_state
        return hidden

    def train(self, mode: bool = True) -> LanguageModel:
        """Stay without dropout: a rollout's probabilities are the learner's."""
        super().train(False)
        return self


class Beside(Cache):
    """Keys and values of the past, to which new ones are only joined: what a learner attends to.

    Args:
        past: (N, layers, 2, heads, K, features); None is no past.
    """

    def __init__(self, past: Tensor | None) -> None:
        super().__init__(layers=[])
        self._past = past

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Return keys and values, (N, heads, K + Q, features)."""
        if self._past is None:
            return key_states, value_states
        past = self._past[:, layer_idx]
        return torch.cat([past[:, 0], key_states], dim=2), torch.cat([past[:, 1], value_states], dim=2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return K."""
        return 0 if self._past is None else self._past.shape[4]


class Into(Cache):
    """Keys and values in a tensor that new ones are written to: what a rollout keeps.

    Args:
        kept: (N, layers, 2, heads, K, features), written over.
        agent: (M, 1) int64, whose they are: M of the N.
        slot: (M, Q) int64, where new ones go.
    """

    def __init__(self, kept: Tensor, agent: Tensor, slot: Tensor) -> None:
        super().__init__(layers=[])
        self._kept, self._agent, self._slot = kept, agent, slot

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Return keys and values, (M, heads, K, features)."""
        found = []
        for part, new in enumerate((key_states, value_states)):
            place = self._kept[:, layer_idx, part]  # (N, heads, K, features)
            place[self._agent, :, self._slot] = new.transpose(1, 2).to(place.dtype)
            found.append(place if len(self._agent) == len(place) else place[self._agent[:, 0]])
        return found[0], found[1]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return K."""
        return self._kept.shape[4]


def _find(checkpoint: str) -> Path:
    try:
        return find_checkpoint(checkpoint)
    except ConfigError as error:
        raise ConfigError(
            f"{error} It is the network's language.checkpoint, which its weights file does not hold: put the folder "
            f"there, as seen from {Path.cwd()}, or download one before a training (`hf download {EXAMPLE} --local-dir "
            "FOLDER`; any decoder of transformers)."
        ) from error


def _random_config(entries: dict[str, Any], words: int) -> Any:
    """Return the configuration of a model whose vocabulary is the environment's."""
    given = dict(entries)
    kind = given.pop("model_type", None)
    if kind not in CONFIG_MAPPING:
        raise ConfigError(
            f"language.config {entries} is no configuration of transformers: it needs a model_type such as llama, not "
            f"{kind}.{nearest(str(kind), CONFIG_MAPPING)}"
        )
    options = _options_of(CONFIG_MAPPING[kind])
    if unknown := [name for name in given if name not in options]:
        raise ConfigError(f"language.config: a {kind} has no option '{unknown[0]}'.{nearest(unknown[0], options)}")
    try:
        return transformers.AutoConfig.for_model(kind, **{"vocab_size": words, "pad_token_id": 0, **given})
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise ConfigError(f"language.config {entries} suits no {kind} ({' '.join(str(error).split())}).") from error


def _options_of(kind: type) -> set[str]:
    """Return the options of a configuration, by all their names; transformers itself takes any others in silence."""
    aliases = getattr(kind, "attribute_map", {})
    return {*inspect.signature(kind).parameters, *aliases, "rope_theta", "rope_scaling"}


def _shape(config: Any) -> tuple[int, int, int, int]:
    """Return layers, heads and features of keys and values, and of what comes out, as a model of no weight has them."""
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(config)
        seen = _Shapes()
        try:
            embedded = torch.zeros(1, 1, model.get_input_embeddings().embedding_dim)
            mask, position = torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, dtype=torch.int64)
            found = model(
                inputs_embeds=embedded, position_ids=position, attention_mask=mask, past_key_values=seen, use_cache=True
            )
        except Exception as error:  # whatever a model that is no plain decoder says
            raise ConfigError(
                f"A {config.model_type} cannot be used as a policy's language model ({error})."
            ) from error
    if not seen.shapes or len(set(seen.shapes.values())) > 1:
        raise ConfigError(
            f"A {config.model_type} cannot be used as a policy's language model: it does not keep keys and values of "
            "one shape in every layer."
        )
    heads, features = next(iter(seen.shapes.values()))
    return len(seen.shapes), heads, features, int(found.last_hidden_state.shape[-1])


class _Shapes(Cache):
    """Notes the shapes of keys."""

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.shapes: dict[int, tuple[int, int]] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        if key_states.shape != value_states.shape:
            self.shapes[-1] = (0, 0)
        self.shapes[layer_idx] = (key_states.shape[1], key_states.shape[3])
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0
