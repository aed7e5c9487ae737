"""A cross-modal policy on nav-graphs: an instruction's words against what is seen around and where one can go.

The design follows the follower of Speaker-Follower (Fried et al. 2018, arXiv 1806.02724) and EnvDrop (Tan et al. 2019,
arXiv 1904.04195): a bidirectional LSTM reads, an LSTM attends to the panorama, then to the words, and scores
candidates. Pictures are words here, so instruction and panorama share embeddings, and a word that is read and seen
alike counts as a match.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from navagent.candidate_features import GEOMETRY, MOVE
from navagent.networks.cores import pieces
from navagent.networks.policy_network import Observations, PolicyNetwork
from navagent.perception.sectors import SECTORS
from navagent.vocabulary import PADDING, UNKNOWN

ILLEGAL = -1e9
"""Logit of an action that there is not: finite, so that entropies are numbers."""

NEEDED = ("instruction", "candidates", "geometry", "sectors", "place", "around", "move")
"""Observations that the network reads (`envs.r2r.vector.GraphVectorEnv`)."""

_METRES = 0.1
"""Distances are given to layers in tens of metres, so that all inputs are about as large."""


class Reading(NamedTuple):
    """M instructions, read.

    Attributes:
        tokens: (M, L), cut to the longest.
        words: (M, L, C) what every word means where it stands, and by itself.
        weights: (M, L) how much a match of the word counts.
        summary: (M, 2 H) the memory that an episode begins with.
    """

    tokens: Tensor
    words: Tensor
    weights: Tensor
    summary: Tensor

    def beginning(self, size: int) -> Reading:
        """Return the first of them."""
        return Reading(*(part[:size] for part in self))


class Sight(NamedTuple):
    """B panoramas.

    Attributes:
        sectors: (B, 8, P) words and direction of each sector.
        place: (B, 8, W) tokens.
        move: (B, MOVE) the last move.
    """

    sectors: Tensor
    place: Tensor
    move: Tensor


class CandidatePolicy(PolicyNetwork):
    """Follows instructions on nav-graphs.

    Args:
        space: What is observed; the names are NEEDED.
        hidden_size: H, of the memory.
        word_size: Of word embeddings.
        dropout: Share of features left out in training.
        word_dropout: Share of an instruction's words that training makes unknown.
        place_dropout: Share of the vocabulary that training leaves out of what an agent sees, in a whole stretch: the
            same word everywhere, as EnvDrop's environmental dropout leaves out the same feature in all views.

    Raises:
        ValueError: Something needed is not observed.
    """

    def __init__(
        self,
        space: spaces.Dict,
        hidden_size: int = 128,
        word_size: int = 64,
        dropout: float = 0.3,
        word_dropout: float = 0.1,
        place_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        missing = [name for name in NEEDED if name not in space.spaces]
        if missing:
            raise ValueError(f"this network needs the observation '{missing[0]}', as navagent/R2R-v0 gives it")
        words = space["instruction"]
        assert isinstance(words, spaces.Box)
        self.hidden_size, self.word_dropout, self.place_dropout = hidden_size, word_dropout, place_dropout
        self.embed = nn.Embedding(int(words.high.max()) + 1, word_size, padding_idx=PADDING)
        self.drop = nn.Dropout(dropout)
        self.reader = nn.LSTM(word_size, hidden_size // 2, bidirectional=True, batch_first=True)
        self.begin = nn.Linear(hidden_size, 2 * hidden_size)
        self.salience = nn.Linear(word_size, 1)
        seen = word_size + 2
        self.look = nn.Linear(hidden_size, seen)
        self.core = nn.LSTMCell(seen + MOVE, hidden_size)
        self.ask = nn.Linear(hidden_size, hidden_size + word_size)
        self.match = nn.Parameter(torch.ones(1))
        self.think = nn.Linear(2 * hidden_size + word_size, hidden_size)
        self.way = nn.Sequential(nn.Linear(word_size + GEOMETRY + 2, hidden_size), nn.ReLU())
        self.stop = nn.Sequential(nn.Linear(word_size + 1, hidden_size), nn.ReLU())
        self.choose = nn.Linear(hidden_size, hidden_size)
        self.judge = nn.Sequential(nn.Linear(hidden_size, hidden_size // 2), nn.ReLU(), nn.Linear(hidden_size // 2, 1))
        self._read_before: tuple[object, Tensor, Reading] | None = None

    # ---------------------------------------------------------------------------------------- PolicyNetwork's
    def new_state(self, agents: int) -> Tensor:
        """Return zeros."""
        weight = self.choose.weight
        return torch.zeros(agents, 2 * self.hidden_size, dtype=weight.dtype, device=weight.device)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, values and the next state. The last action is in the observation `move`."""
        reading = self._read_again(observations["instruction"].long())
        sight = self._see(observations, observations["place"].long())
        state = torch.where(begins[:, None], reading.summary, state)
        thought, state, matched = self._think(reading, sight, state)
        logits = self._score(observations, sight, thought, matched)
        return torch.log_softmax(logits, dim=-1), self.judge(thought)[:, 0], state

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run all episodes' pieces side by side, the longest first; each reads its instruction once."""
        length, agents = begins.shape
        first, agent, count = pieces(begins)
        order = torch.argsort(count, descending=True, stable=True)
        first, agent, count = first[order], agent[order], count[order]
        sizes = [int((count > k).sum()) for k in range(int(count[0]))]
        # Rows in the order in which they are thought about, so that every step's are a stretch of memory.
        rows = torch.cat([(first[:size] + k) * agents + agent[:size] for k, size in enumerate(sizes)])
        place = self._without_words(observations["place"].long()).flatten(0, 1)[rows]
        seen = {name: observations[name].flatten(0, 1)[rows] for name in NEEDED}
        sight = self._see(seen, place)
        reading = self._read(observations["instruction"][first, agent].long())
        memory = torch.where(begins[first, agent][:, None], reading.summary, state[agent])
        thoughts, matches = [], []
        for size, *parts in zip(sizes, *(torch.split(values, sizes) for values in sight), strict=True):
            if size < len(memory):
                reading, memory = reading.beginning(size), memory[:size]
            thought, memory, matched = self._think(reading, Sight(*parts), memory)
            thoughts.append(thought)
            matches.append(matched)
        thought = torch.cat(thoughts)
        logits, values = self._score(seen, sight, thought, torch.cat(matches)), self.judge(thought)
        back = torch.argsort(rows)
        return logits[back].view(length, agents, -1), values[back].view(length, agents)

    # ------------------------------------------------------------------------------------------------ reading
    def _read(self, tokens: Tensor) -> Reading:
        """Read (M, L) instructions."""
        lengths = (tokens != PADDING).sum(dim=1).clamp(min=1)
        tokens = tokens[:, : int(lengths.max())]
        read = tokens
        if self.training and self.word_dropout:
            forgotten = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            read = torch.where(forgotten & (tokens != PADDING), UNKNOWN, tokens)
        embedded = self.drop(self.embed(read))
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, (last, _) = self.reader(packed)
        context, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        summary = torch.tanh(self.begin(torch.cat([last[0], last[1]], dim=-1)))
        weights = torch.sigmoid(self.salience(embedded))[..., 0] * (read > UNKNOWN)
        return Reading(read, torch.cat([context, embedded], dim=-1), weights, summary)

    def _read_again(self, tokens: Tensor) -> Reading:
        """Read (N, L) instructions, those anew that are others than the last time, as long as nothing is learned."""
        if torch.is_grad_enabled() or self.training:
            return self._read(tokens)
        weights = (*self.embed.parameters(), *self.reader.parameters(), *self.begin.parameters())
        version = tuple((weight.data_ptr(), weight._version) for weight in (*weights, *self.salience.parameters()))
        before = self._read_before
        if before is None or before[0] != version or before[1].shape != tokens.shape:
            found = self._padded(self._read(tokens), tokens)
        else:
            found, changed = before[2], (tokens != before[1]).any(dim=1)
            if bool(changed.any()):
                news = self._padded(self._read(tokens[changed]), tokens[changed])
                found = Reading(
                    *(part.index_copy(0, changed.nonzero()[:, 0], new) for part, new in zip(found, news, strict=True))
                )
        self._read_before = (version, tokens.clone(), found)
        longest = int((tokens != PADDING).sum(dim=1).clamp(min=1).max())
        return found._replace(
            tokens=found.tokens[:, :longest], words=found.words[:, :longest], weights=found.weights[:, :longest]
        )

    @staticmethod
    def _padded(reading: Reading, tokens: Tensor) -> Reading:
        """Return a reading of the tokens' full length."""
        more = tokens.shape[1] - reading.tokens.shape[1]
        words = nn.functional.pad(reading.words, (0, 0, 0, more))
        weights = nn.functional.pad(reading.weights, (0, more))
        return Reading(tokens, words, weights, reading.summary)

    # ------------------------------------------------------------------------------------------------- seeing
    def _without_words(self, place: Tensor) -> Tensor:
        """Return (T, N, 8, W) tokens without those that this training stretch leaves out, agent by agent."""
        if not self.training or not self.place_dropout:
            return place
        agents = torch.arange(place.shape[1], device=place.device)[None, :, None, None]
        left_out = torch.rand(place.shape[1], self.embed.num_embeddings, device=place.device) < self.place_dropout
        return torch.where(left_out[agents, place], PADDING, place)

    def _see(self, observations: Observations, place: Tensor) -> Sight:
        """Return (B,) panoramas: each sector's words, added up, and direction."""
        flat = place.flatten(0, 1)
        total = embedding_bag(flat, self.embed.weight, mode="sum", padding_idx=PADDING)
        # Words are independent at first, so this keeps their variance, however many there are.
        total = total / (flat != PADDING).sum(dim=1, keepdim=True).clamp(min=1).sqrt()
        words = total.view(*place.shape[:2], -1)
        around = observations["around"].to(words.dtype)
        last = observations["move"].to(words.dtype) * _scales(MOVE, words)
        return Sight(torch.cat([self.drop(words), around], dim=-1), place, last)

    # ----------------------------------------------------------------------------------------------- deciding
    def _think(self, reading: Reading, sight: Sight, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (B, H) thoughts, the next (B, 2 H) state, and (B, 9) how well each sector and all of them match."""
        hidden, cell = state.chunk(2, dim=-1)
        glance = torch.softmax((sight.sectors @ self.look(hidden)[:, :, None])[..., 0], dim=-1)
        panorama = (glance[:, None] @ sight.sectors)[:, 0]
        hidden, cell = self.core(torch.cat([panorama, sight.move], dim=-1), (hidden, cell))
        dropped = self.drop(hidden)
        # (B, 8, L): whether a word of the instruction is seen in a sector
        alike = (sight.place[:, :, :, None] == reading.tokens[:, None, None, :]).any(dim=2)
        alike = alike & (reading.tokens > UNKNOWN)[:, None]
        there = torch.cat([alike, alike.any(dim=1, keepdim=True)], dim=1).to(hidden.dtype)
        scores = (reading.words @ self.ask(dropped)[:, :, None])[..., 0] * self.hidden_size**-0.5
        scores = scores + self.match * reading.weights * there[:, -1]
        attention = torch.softmax(scores.masked_fill(reading.tokens == PADDING, ILLEGAL), dim=-1)
        read = (attention[:, None] @ reading.words)[:, 0]
        matched = (there @ (attention * reading.weights)[:, :, None])[..., 0]
        thought = torch.tanh(self.think(torch.cat([read, dropped], dim=-1)))
        return self.drop(thought), torch.cat([hidden, cell], dim=-1), matched

    def _score(self, observations: Observations, sight: Sight, thought: Tensor, matched: Tensor) -> Tensor:
        """Return (B, 1 + K) logits of STOP and the candidates."""
        sectors = observations["sectors"].long()
        # A product with ones and zeros: its gradient is one, too, and not a slow addition row by row.
        towards = nn.functional.one_hot(sectors, SECTORS).to(sight.sectors.dtype)
        words = towards @ sight.sectors[..., :-2]
        geometry = observations["geometry"].to(words.dtype) * _scales(GEOMETRY, words)
        fits = torch.stack(
            [(towards @ matched[:, :-1, None])[..., 0], matched[:, -1:].expand(-1, sectors.shape[1])], dim=-1
        )
        ways = self.way(torch.cat([words, geometry, fits], dim=-1))
        here = self.stop(torch.cat([sight.sectors[..., :-2].mean(dim=1), matched[:, -1:]], dim=-1))
        options = torch.cat([here[:, None], ways], dim=1)
        scores = (options @ self.choose(thought)[:, :, None])[..., 0] * self.hidden_size**-0.5
        legal = torch.cat([torch.ones_like(observations["candidates"][:, :1]), observations["candidates"]], dim=1)
        masked: Tensor = scores.masked_fill(~legal.bool(), ILLEGAL)
        return masked


def _scales(size: int, like: Tensor) -> Tensor:
    """Return what geometry's and moves' numbers are multiplied by; the fourth of either is a distance."""
    scales = torch.ones(size, dtype=like.dtype, device=like.device)
    scales[3] = _METRES
    return scales
