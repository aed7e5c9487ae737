"""Reading a topological map: the coarse scale of DUET (Chen et al. 2022, arXiv 2202.11742).

Every viewpoint of the map asks the instruction, the memory asks the map, and all viewpoints are scored as places to go.
A share between 0 and 1 says how much the map's scores count against those of the panorama (DUET's dynamic fusion).

Departures: words stand for pictures; attention among viewpoints (DUET's graph-aware self-attention) is left out, and
each is told its distance along known ways instead; places visited stay candidates, as a way back may be right.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from navagent.candidate_features import GEOMETRY
from navagent.networks.policy_network import Observations
from navagent.topological_map import NODE

ILLEGAL = -1e9
"""Logit of an action that there is not: finite, so that entropies are numbers."""

_SCALES = (1.0, 1.0, 1.0, 0.1, 0.1, 1.0, 0.1)
"""Distances are given to layers in tens of metres, moves in tens, so that all inputs are about as large."""


class Nodes(NamedTuple):
    """Viewpoints of B maps, as many as the fullest shows.

    Attributes:
        tokens: (B, M, W) words.
        features: (B, M, H).
        exist: (B, M).
    """

    tokens: Tensor
    features: Tensor
    exist: Tensor


class MapReader(nn.Module):
    """The map's part of a `CandidatePolicy`.

    Args:
        word_size: Features of a word of the vocabulary.
        hidden_size: H, of the memory.
        read_size: C, features of a word that was read in its instruction.
    """

    def __init__(self, word_size: int, hidden_size: int, read_size: int) -> None:
        super().__init__()
        self.node = nn.Sequential(nn.Linear(word_size + NODE, hidden_size), nn.ReLU())
        self.ask = nn.Linear(hidden_size, read_size)
        self.told = nn.Sequential(nn.Linear(read_size + hidden_size + 1, hidden_size), nn.ReLU())
        self.look = nn.Linear(hidden_size, hidden_size)
        self.choose = nn.Linear(hidden_size, hidden_size)
        self.stop = nn.Linear(hidden_size, 1)
        self.trust = nn.Linear(hidden_size, 1)
        self.register_buffer("scales", torch.tensor(_SCALES), persistent=False)

    def see(self, tokens: Tensor, words: Tensor, observations: Observations, most: int) -> Nodes:
        """Return viewpoints.

        Args:
            tokens: (B, M, W) words, cut to `most` viewpoints.
            words: (B, M, word_size) their embeddings, added up.
            observations: Each (B, ...).
            most: The most viewpoints that any of the maps shows.
        """
        scales: Tensor = self.get_buffer("scales")
        geometry = observations["map_geometry"][:, :most].to(words.dtype) * scales
        return Nodes(tokens, self.node(torch.cat([words, geometry], dim=-1)), observations["map"][:, :most])

    def read(self, nodes: Nodes, words: Tensor, padding: Tensor, matched: Tensor) -> Tensor:
        """Return (B, M, H) viewpoints with what the instruction says of each.

        Args:
            nodes: The viewpoints.
            words: (B, L, C) of the instruction.
            padding: (B, L), where it has ended.
            matched: (B, M) how well the viewpoints' words match those that the memory attends to.
        """
        features = nodes.features
        scores = self.ask(features) @ words.transpose(1, 2) * features.shape[-1] ** -0.5
        attention = torch.softmax(scores.masked_fill(padding[:, None], ILLEGAL), dim=-1)
        told: Tensor = self.told(torch.cat([attention @ words, features, matched[..., None]], dim=-1))
        return told

    def recall(self, told: Tensor, exist: Tensor, hidden: Tensor) -> Tensor:
        """Return (B, H): what the memory finds on the map, which shows at least where the agent is."""
        scores = (told @ self.look(hidden)[:, :, None])[..., 0] * hidden.shape[-1] ** -0.5
        attention = torch.softmax(scores.masked_fill(~exist, ILLEGAL), dim=-1)
        return (attention[:, None] @ told)[:, 0]

    def fuse(self, scores: Tensor, told: Tensor, thought: Tensor, observations: Observations) -> Tensor:
        """Return (B, 1 + K + M) scores of all actions, legal or not.

        A viewpoint that is no candidate has, on the panorama's scale, the score of going back: the sum over the
        candidates that were visited (DUET, dynamic fusion), of their exponentials, as scores are logits.

        Args:
            scores: (B, 1 + K) on the panorama's scale.
            told: (B, up to M, H) from `read`.
            thought: (B, H).
            observations: Each (B, ...).
        """
        share = torch.sigmoid(self.trust(thought))
        on_map = (told @ self.choose(thought)[:, :, None])[..., 0] * thought.shape[-1] ** -0.5
        been = observations["candidates"].bool() & (observations["geometry"][..., GEOMETRY - 1] > 0)
        back = torch.logsumexp(scores[:, 1:].masked_fill(~been, ILLEGAL), dim=-1, keepdim=True)
        candidates = on_map.gather(1, observations["map_candidates"].long())
        coarse = torch.cat([self.stop(thought), candidates, on_map], dim=-1)
        fine = torch.cat([scores, back.expand_as(on_map)], dim=-1)
        fused = share * coarse + (1 - share) * fine
        missing = 1 + observations["candidates"].shape[1] + observations["map"].shape[1] - fused.shape[1]
        return nn.functional.pad(fused, (0, missing))
