"""Where tokens stand: which episode, which step; and who may attend to whom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

INSTRUCTION = -1
"""The step of an instruction's tokens, which come before all steps."""

_NOWHERE = -2
"""The step of a slot that holds nothing: no token's own."""


@dataclass(frozen=True)
class Places:
    """Places of tokens, each (N, tokens).

    Attributes:
        episode: Number of the episode among those of a stretch, 0 being the one that goes on from before.
        step: Of the episode, from 0; `INSTRUCTION` for those of the instruction.
        index: In the instruction, or in the step's slot.
        there: Whether there is a token at all.
    """

    episode: Tensor
    step: Tensor
    index: Tensor
    there: Tensor

    def beside(self, others: Places) -> Places:
        """Return these places and others, one after the other."""
        parts = zip(vars(self).values(), vars(others).values(), strict=True)
        return Places(*(torch.cat([own, other], dim=1) for own, other in parts))


def seen(asking: Places, asked: Places, context: int, together: bool = False) -> Tensor:
    """Return (N, asking, asked) bool: who attends to whom.

    A token attends to those before it of its episode: all of the instruction, and of the steps the `context` newest.
    Each attends to its own place, so that attention is defined where there is no token; `together`, those of a step
    attend to all of that step.
    """
    (step, index), (other, others_index) = (
        (asking.step[:, :, None], asking.index[:, :, None]),
        (asked.step[:, None], asked.index[:, None]),
    )
    own = (other == step) & (others_index == index)
    within = (others_index < index) | (together & (step >= 0))
    before = (other < step) | ((other == step) & within)
    near = (other == INSTRUCTION) | (other > step - context)
    same = asking.episode[:, :, None] == asked.episode[:, None]
    return same & (own | (before & near & asked.there[:, None]))


def of_instructions(lengths: Tensor, longest: int) -> Places:
    """Return places, (N, episodes x longest), of instructions with (N, episodes) lengths."""
    agents, episodes = lengths.shape
    shape = (agents, episodes, longest)
    index = torch.arange(longest, device=lengths.device).expand(shape)
    episode = torch.arange(episodes, device=lengths.device)[:, None].expand(shape)
    there = index < lengths[..., None]
    parts = (episode, torch.full_like(index, INSTRUCTION), index, there)
    return Places(*(part.flatten(1) for part in parts))


def of_slots(episode: Tensor, step: Tensor, there: Tensor, tokens: int) -> Places:
    """Return places, (N, steps x tokens), of slots of so many tokens at (N, steps)."""
    index = torch.arange(tokens, device=step.device).expand(*step.shape, tokens)
    parts = (*(part[..., None].expand_as(index) for part in (episode, step)), index, there[..., None].expand_as(index))
    return Places(*(part.flatten(1) for part in parts))


def of_ring(newest: Tensor, episode: Tensor, slots: int, tokens: int) -> Places:
    """Return places, (N, slots x tokens), of a ring in which step p lies at p modulo `slots`.

    Args:
        newest: (N,), the newest step that it holds; -1 if it holds none.
        episode: (N,), whose it is.
        slots: Steps that it has room for.
        tokens: Of a step.
    """
    slot = torch.arange(slots, device=newest.device)
    step = newest[:, None] - (newest[:, None] - slot) % slots
    return of_slots(episode[:, None].expand_as(step), torch.where(step < 0, _NOWHERE, step), step >= 0, tokens)
