"""A transformer memory: every step attends to the steps of its episode, the `context` newest of them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from navagent.networks.cores import Core

_BASE = 10_000.0
"""Rotary positions' longest wave is this many times the shortest (Su et al. 2021, arXiv 2104.09864, section 3.2.2)."""


class Transformer(Core):
    """A causal transformer decoder over the steps of an episode, with pre-norm layers and rotary positions.

    Rollouts keep every layer's keys and values (a KV-cache), so that a step costs one query over at most `context`
    keys. The cache is a ring: the state holds (layers, 2, heads, context, hidden_size / heads) numbers, keys before
    values, in which step p of an episode lies at p modulo `context`, and at its end how many steps the episode has had.
    `step` writes into the state that it is given and returns it.

    A learner's stretch attends to the cache of the state before its first step. Those keys and values are numbers that
    the rollout's weights made: no gradient flows through them, as in Transformer-XL (Dai et al. 2019, arXiv 1901.02860,
    section 3.2) and GTrXL (Parisotto et al. 2020, arXiv 1910.06764, section 2.2). Within the stretch, gradients flow
    through all of an episode's steps. Who wants them to flow through whole episodes, as LLaRP does (Szot et al. 2023,
    arXiv 2310.17722), gives stretches that hold whole episodes (`Learning.past_steps`).

    A window slides in every layer, so that what a step knows may come from up to layers x `context` steps before.

    Args:
        input_size: F.
        hidden_size: Features per step and layer.
        layers: Layers.
        heads: Of attention; they share `hidden_size`, an even number of features each.
        context: Steps that a step attends to, itself among them.
    """

    def __init__(
        self, input_size: int, hidden_size: int = 512, layers: int = 1, heads: int = 4, context: int = 128
    ) -> None:
        super().__init__()
        self.heads, self.context, self.output_size = heads, context, hidden_size
        self.state_size = layers * 2 * context * hidden_size + 1
        self.input = nn.Linear(input_size, hidden_size)
        self.layers = nn.ModuleList([_Layer(hidden_size, heads, layers) for _ in range(layers)])
        self.norm = nn.LayerNorm(hidden_size)
        self._waves: Tensor
        waves = _BASE ** (-torch.arange(0, hidden_size // heads, 2) / (hidden_size // heads))
        self.register_buffer("_waves", waves, persistent=False)

    def step(self, features: Tensor, state: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
        """Return output and state after one step; the state is the one given, written over."""
        state = state.detach()
        cache, count = self._parts(state)
        position = torch.where(begins, 0, count)
        turn = self._turn(position[:, None])
        agents, slot = torch.arange(len(state), device=state.device), position % self.context
        # Slots after the newest hold steps of an earlier episode until the ring is full.
        hidden = torch.arange(self.context, device=state.device) > position[:, None]
        mask = _mask(hidden[:, None, None], features.dtype)
        found = self.input(features)[:, None]
        for layer, kept in zip(self._stack(), cache, strict=True):
            query, key, value = layer.heads_of(found, turn)
            kept[0][agents, :, slot] = key[:, :, 0].to(state.dtype)
            kept[1][agents, :, slot] = value[:, :, 0].to(state.dtype)
            found = layer.joined(found, scaled_dot_product_attention(query, kept[0], kept[1], mask))
        state[:, -1] = (position + 1).to(state.dtype)
        return self.norm(found[:, 0]), state

    def stretch(self, features: Tensor, state: Tensor, begins: Tensor) -> Tensor:
        """Run all steps at once; each attends to those of its episode, in the stretch and in the state."""
        cache, count = self._parts(state.detach())
        if bool(begins[0].all()):
            cache, count = [kept[:, :, :, :0] for kept in cache], torch.zeros_like(count)
        position, hidden = self._order(begins.T, count, cache[0].shape[3])
        turn, mask = self._turn(position), _mask(hidden[:, None], features.dtype)
        found = self.input(features.transpose(0, 1))
        for layer, kept in zip(self._stack(), cache, strict=True):
            query, key, value = layer.heads_of(found, turn)
            keys, values = torch.cat([kept[0].to(key.dtype), key], 2), torch.cat([kept[1].to(key.dtype), value], 2)
            found = layer.joined(found, scaled_dot_product_attention(query, keys, values, mask))
        result: Tensor = self.norm(found).transpose(0, 1)
        return result

    def _stack(self) -> Iterator[_Layer]:
        for layer in self.layers:
            assert isinstance(layer, _Layer)
            yield layer

    def _parts(self, state: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return views of each layer's (2, N, heads, context, features) and the (N,) steps that episodes have had."""
        cache = state[:, :-1].view(len(state), len(self.layers), 2, self.heads, self.context, -1)
        return list(cache.transpose(0, 1).transpose(1, 2)), state[:, -1].long()

    def _order(self, begins: Tensor, count: Tensor, slots: int) -> tuple[Tensor, Tensor]:
        """Return a stretch's (N, T) positions in episodes and which (N, T, slots + T) keys a step must not see."""
        step, slot = (torch.arange(n, device=begins.device) for n in (begins.shape[1], slots))
        begun = torch.where(begins, step, -count[:, None]).cummax(dim=1).values  # when the step's episode began
        age = step[:, None] - step
        new = (begun[:, :, None] != begun[:, None]) | (age < 0) | (age >= self.context)
        last = count[:, None] - 1
        kept = last - (last - slot) % self.context  # the position of the step that a slot holds
        position = step - begun
        others = begins.cumsum(dim=1).bool()  # steps of episodes that the state knows nothing of
        old = others[..., None] | (kept < 0)[:, None] | (position[..., None] - kept[:, None] >= self.context)
        return position, torch.cat([old, new], dim=2)

    def _turn(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine, (N, 1, T, features / 2), of the angles that (N, T) positions turn features by."""
        angles = position[:, None, :, None].to(self._waves.dtype) * self._waves
        return torch.cos(angles), torch.sin(angles)


class _Layer(nn.Module):
    """Attention, then two linear layers, each after a normalisation and added to what was there.

    Args:
        size: Features.
        heads: Of attention.
        layers: How many such layers there are: the more, the less each adds at first (GPT-2: Radford et al. 2019,
            section 2.3).
    """

    def __init__(self, size: int, heads: int, layers: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.split, self.join = nn.LayerNorm(size), nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.feed = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        for last in (self.join, self.feed[-1]):
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.bias)
            with torch.no_grad():
                last.weight.mul_((2 * layers) ** -0.5)

    def heads_of(self, found: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, (N, heads, T, features), of (N, T, size)."""
        parts = self.split(self.norm(found)).view(*found.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        return _turned(query, turn), _turned(key, turn), value

    def joined(self, found: Tensor, seen: Tensor) -> Tensor:
        """Return the layer's (N, T, size), given what attention saw."""
        found = found + self.join(seen.transpose(1, 2).flatten(2))
        result: Tensor = found + self.feed(found)
        return result


def _turned(features: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of features, one of the first half and one of the second, by its angle."""
    (one, other), (cosine, sine) = features.chunk(2, dim=-1), turn
    return torch.cat([one * cosine - other * sine, one * sine + other * cosine], dim=-1)


def _mask(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to attention's scores; all layers share it, so it is not left to each call to make."""
    return torch.zeros_like(hidden, dtype=dtype).masked_fill_(hidden, float("-inf"))
