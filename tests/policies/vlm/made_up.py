"""Observations and small networks for the tests of vision-language policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from navagent.instructions import InstructionSpace
from navagent.networks.policy_network import Observations, PolicyNetwork
from policies.vlm.architecture import Connector, History, Language, Tower, VLMNetwork

SIDE, WORDS, ACTIONS = 40, ("<pad>", "<unk>", "<s>", "walk", "to", "the", "kitchen", "."), 4

SPACE = spaces.Dict(
    {
        "rgb": spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8),
        "depth": spaces.Box(0, 100, (SIDE, SIDE, 1), np.float32),
        "compass": spaces.Box(-4, 4, (1,), np.float32),
        "instruction": InstructionSpace(WORDS, 7),
    }
)

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}

GPT2: dict[str, Any] = {
    "model_type": "gpt2",
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "bos_token_id": 0,
    "eos_token_id": 0,
}

TINY = VLMNetwork(
    tower=Tower(width=8),
    connector=Connector(width=8, layers=1, heads=2),
    history=History(frames=3, tokens=2, heads=2),
    language=Language(config=LLAMA),
    context=3,
    head_size=16,
)


def build(space: spaces.Dict = SPACE, actions: int = ACTIONS, **changes: Any) -> PolicyNetwork:
    """Return a tiny network whose actions differ: real ones are nearly alike at first.

    Options of a part are changed by `part__option`.
    """
    options = TINY
    for name, value in changes.items():
        part, _, option = name.partition("__")
        options = replace(options, **{part: replace(getattr(options, part), **{option: value}) if option else value})
    torch.manual_seed(0)
    network = options.build(space, actions)
    for layer in (network.policy, network.ways):
        if layer is not None:
            torch.nn.init.normal_(layer.weight)  # type: ignore[arg-type, union-attr]
    return network


def observed(begins: Tensor, space: spaces.Dict = SPACE, seed: int = 0) -> dict[str, Tensor]:
    """Return what agents might see in (T, N) steps; an episode's instruction stays."""
    generator = torch.Generator().manual_seed(seed)
    length, agents = begins.shape

    def whole(end: int, *shape: int) -> Tensor:
        return torch.randint(0, end, (length, agents, *shape), generator=generator)

    words = whole(len(WORDS), 7)
    words = torch.where(torch.arange(7) < whole(8, 1), words.clamp(min=1), 0)
    for step in range(1, length):
        words[step] = torch.where(begins[step, :, None], words[step], words[step - 1])
    made = {
        "rgb": whole(256, SIDE, SIDE, 3).to(torch.uint8),
        "depth": torch.rand(length, agents, SIDE, SIDE, 1, generator=generator) * 9,
        "compass": torch.rand(length, agents, 1, generator=generator),
        "instruction": words.to(torch.int32),
    }
    return {name: made[name] for name in space.spaces}


def by_steps(
    network: PolicyNetwork, seen: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return log-probabilities and values of a stretch, step by step, and the states before each step and after."""
    found, states = [], [state]
    for step in range(len(begins)):
        now = {name: values[step] for name, values in seen.items()}
        probabilities, values, state = network.step(now, last_actions[step], state.clone(), begins[step])
        found.append((probabilities, values))
        states.append(state)
    return torch.stack([pair[0] for pair in found]), torch.stack([pair[1] for pair in found]), states
