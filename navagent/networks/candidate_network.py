"""A cross-modal policy on nav-graphs: an instruction's words against what is seen around and where one can go.

The design follows the follower of Speaker-Follower (Fried et al. 2018, arXiv 1806.02724) and EnvDrop (Tan et al. 2019,
arXiv 1904.04195): a bidirectional LSTM reads, an LSTM attends to the panorama, then to the words, and scores
candidates. Pictures are words here, so instruction and panorama share embeddings, and a word that is read and seen
alike counts as a match.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from navagent.candidate_features import GEOMETRY, MOVE
from navagent.networks.cores import pieces
from navagent.networks.map_reader import ILLEGAL, MapReader, Nodes
from navagent.networks.policy_network import Observations, PolicyNetwork
from navagent.perception.sectors import SECTORS
from navagent.topological_map import MAP
from navagent.vocabulary import PADDING, UNKNOWN

NEEDED = ("instruction", "candidates", "geometry", "sectors", "place", "around", "move")
"""Observations that the network reads (`envs.r2r.vector.GraphVectorEnv`); `rooms`, too, where there are, and the map's
if it has that memory."""

WORDS = ("place", "rooms", "map_words")
"""Those of them that are words of what is seen."""

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
        rooms: (B, 1 + K, R) tokens of room labels; (B, 0, 0) without.
        lies_in: (B, 1 + K, P - 2) their words; (B, 0, 0) without.
        map_words: (B, M, W) as of `Nodes.tokens`, and so are the next two; (B, 0, 0) without a map.
        features: (B, M, H).
        exist: (B, M).
    """

    sectors: Tensor
    place: Tensor
    move: Tensor
    rooms: Tensor
    lies_in: Tensor
    map_words: Tensor
    features: Tensor
    exist: Tensor


class Thought(NamedTuple):
    """What B agents make of what they see.

    Attributes:
        thought: (B, H).
        matched: (B, 9) how well each sector and all of them match the words that the agent attends to.
        fitting: (B, 1 + K) how well the rooms do; (B, 0) without.
        told: (B, M, H) the map's viewpoints with what was read of them; (B, 0, 0) without.
    """

    thought: Tensor
    matched: Tensor
    fitting: Tensor
    told: Tensor


class CandidatePolicy(PolicyNetwork):
    """Follows instructions on nav-graphs.

    Args:
        space: What is observed; the names are NEEDED, `rooms` if they are to be read, and those of a map.
        actions: Number of actions.
        hidden_size: H, of the memory.
        word_size: Of word embeddings.
        dropout: Share of features left out in training.
        word_dropout: Share of an instruction's words that training makes unknown.
        place_dropout: Share of the vocabulary that training leaves out of what an agent sees, in a whole stretch: the
            same word everywhere, as EnvDrop's environmental dropout leaves out the same feature in all views.
        memory: recurrent, or map: the topological map beside it (`navagent.networks.map_reader`).

    Raises:
        ValueError: Something needed is not observed, or there are other actions.
    """

    def __init__(
        self,
        space: spaces.Dict,
        actions: int,
        hidden_size: int = 128,
        word_size: int = 64,
        dropout: float = 0.3,
        word_dropout: float = 0.1,
        place_dropout: float = 0.2,
        memory: Literal["recurrent", "map"] = "recurrent",
    ) -> None:
        super().__init__()
        self.needed = _needed(space, actions, memory)
        words = space["instruction"]
        assert isinstance(words, spaces.Box)
        self.hidden_size, self.word_dropout, self.place_dropout = hidden_size, word_dropout, place_dropout
        self.embed = nn.Embedding(int(words.high.max()) + 1, word_size, padding_idx=PADDING)
        self.drop = nn.Dropout(dropout)
        self.reader = nn.LSTM(word_size, hidden_size // 2, bidirectional=True, batch_first=True)
        self.begin = nn.Linear(hidden_size, 2 * hidden_size)
        self.salience = nn.Linear(word_size, 1)
        seen = word_size + 2
        room = word_size if "rooms" in self.needed else 0
        self.map = MapReader(word_size, hidden_size, hidden_size + word_size) if memory == "map" else None
        self.look = nn.Linear(hidden_size, seen)
        self.core = nn.LSTMCell(seen + MOVE + room, hidden_size)
        self.ask = nn.Linear(hidden_size, hidden_size + word_size)
        self.match = nn.Parameter(torch.ones(1))
        recalled = 0 if self.map is None else hidden_size
        self.think = nn.Linear(2 * hidden_size + word_size + recalled, hidden_size)
        fit = room + 1 if room else 0
        self.way = nn.Sequential(nn.Linear(word_size + GEOMETRY + 2 + fit, hidden_size), nn.ReLU())
        self.stop = nn.Sequential(nn.Linear(word_size + 1 + fit, hidden_size), nn.ReLU())
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
        sight = self._see(observations, {name: observations[name].long() for name in self._words})
        state = torch.where(begins[:, None], reading.summary, state)
        thought, state = self._think(reading, sight, state)
        logits, values = self._decide(observations, sight, thought)
        return torch.log_softmax(logits, dim=-1), values, state

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
        known = self._without_words({name: observations[name].long() for name in self._words})
        seen = {name: observations[name].flatten(0, 1)[rows] for name in self.needed}
        sight = self._see(seen, {name: tokens.flatten(0, 1)[rows] for name, tokens in known.items()})
        reading = self._read(observations["instruction"][first, agent].long())
        memory = torch.where(begins[first, agent][:, None], reading.summary, state[agent])
        thoughts = []
        for size, *parts in zip(sizes, *(torch.split(values, sizes) for values in sight), strict=True):
            if size < len(memory):
                reading, memory = reading.beginning(size), memory[:size]
            thought, memory = self._think(reading, Sight(*parts), memory)
            thoughts.append(thought)
        thought = Thought(*(torch.cat(values) for values in zip(*thoughts, strict=True)))
        logits, values = self._decide(seen, sight, thought)
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
    @property
    def _words(self) -> list[str]:
        """Names of the observations that are words of what is seen."""
        return [name for name in WORDS if name in self.needed]

    def _without_words(self, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return tokens, each (T, N, ...), without those that this training stretch leaves out, agent by agent."""
        place = seen["place"]
        if not self.training or not self.place_dropout:
            return seen
        agents = torch.arange(place.shape[1], device=place.device)[None, :, None, None]
        left_out = torch.rand(place.shape[1], self.embed.num_embeddings, device=place.device) < self.place_dropout
        return {name: torch.where(left_out[agents, tokens], PADDING, tokens) for name, tokens in seen.items()}

    def _see(self, observations: Observations, tokens: dict[str, Tensor]) -> Sight:
        """Return (B,) panoramas: each sector's words, added up, and direction; and rooms and map, where there are."""
        words = self.drop(self._added_up(tokens["place"]))
        around = observations["around"].to(words.dtype)
        last = observations["move"].to(words.dtype) * _scales(MOVE, words)
        size = len(words)
        rooms, lies_in = tokens["place"].new_zeros(size, 0, 0), words.new_zeros(size, 0, 0)
        nodes = Nodes(rooms, lies_in, rooms.flatten(1).bool())
        if "rooms" in tokens:
            rooms, lies_in = tokens["rooms"], self.drop(self._added_up(tokens["rooms"]))
        if self.map is not None:
            exist = observations["map"].bool()
            most = int(exist.sum(dim=1).max())
            shown = tokens["map_words"][:, :most]
            seen = words.new_zeros(*shown.shape[:2], words.shape[-1])
            seen[exist[:, :most]] = self.drop(self._added_up(shown[exist[:, :most]][:, None])[:, 0])
            nodes = self.map.see(shown, seen, observations, most)
        return Sight(torch.cat([words, around], dim=-1), tokens["place"], last, rooms, lies_in, *nodes)

    def _added_up(self, tokens: Tensor) -> Tensor:
        """Return (B, X, word_size) of (B, X, W) words; independent at first, so this keeps their variance."""
        flat = tokens.flatten(0, 1)
        total = embedding_bag(flat, self.embed.weight, mode="sum", padding_idx=PADDING)
        total = total / (flat != PADDING).sum(dim=1, keepdim=True).clamp(min=1).sqrt()
        return total.view(*tokens.shape[:2], -1)

    # ----------------------------------------------------------------------------------------------- deciding
    def _think(self, reading: Reading, sight: Sight, state: Tensor) -> tuple[Thought, Tensor]:
        """Return thoughts and the next (B, 2 H) state."""
        hidden, cell = state.chunk(2, dim=-1)
        glance = torch.softmax((sight.sectors @ self.look(hidden)[:, :, None])[..., 0], dim=-1)
        panorama = (glance[:, None] @ sight.sectors)[:, 0]
        room = sight.lies_in[:, :1].flatten(1)
        hidden, cell = self.core(torch.cat([panorama, sight.move, room], dim=-1), (hidden, cell))
        dropped = self.drop(hidden)
        alike = _alike(sight.place, reading)
        rooms = _alike(sight.rooms, reading)
        seen = torch.cat([alike, rooms[:, :1]], dim=1).any(dim=1)
        there = torch.cat([alike, seen[:, None]], dim=1).to(hidden.dtype)
        scores = (reading.words @ self.ask(dropped)[:, :, None])[..., 0] * self.hidden_size**-0.5
        scores = scores + self.match * reading.weights * there[:, -1]
        padding = reading.tokens == PADDING
        attention = torch.softmax(scores.masked_fill(padding, ILLEGAL), dim=-1)
        read = (attention[:, None] @ reading.words)[:, 0]
        weighed = (attention * reading.weights)[:, :, None]
        matched, fitting = ((where.to(hidden.dtype) @ weighed)[..., 0] for where in (there, rooms))
        parts, told = [read, dropped], sight.features
        if self.map is not None:
            fits = (_alike(sight.map_words, reading).to(hidden.dtype) @ weighed)[..., 0]
            told = self.map.read(Nodes(*sight[-3:]), reading.words, padding, fits)
            parts.append(self.map.recall(told, sight.exist, dropped))
        thought = self.drop(torch.tanh(self.think(torch.cat(parts, dim=-1))))
        return Thought(thought, matched, fitting, told), torch.cat([hidden, cell], dim=-1)

    def _decide(self, observations: Observations, sight: Sight, thought: Thought) -> tuple[Tensor, Tensor]:
        """Return logits and values in the weights' precision, under autocast too: probabilities' ratios need it."""
        like = self.choose.weight
        with torch.autocast(like.device.type, enabled=False):
            sight = Sight(*(part.to(like.dtype) if part.is_floating_point() else part for part in sight))
            thought = Thought(*(part.to(like.dtype) for part in thought))
            return self._score(observations, sight, thought), self.judge(thought.thought)[:, 0]

    def _score(self, observations: Observations, sight: Sight, thought: Thought) -> Tensor:
        """Return (B, actions) logits: of STOP, the candidates and the map's viewpoints."""
        sectors, matched = observations["sectors"].long(), thought.matched
        # A product with ones and zeros: its gradient is one, too, and not a slow addition row by row.
        towards = nn.functional.one_hot(sectors, SECTORS).to(sight.sectors.dtype)
        words = towards @ sight.sectors[..., :-2]
        geometry = observations["geometry"].to(words.dtype) * _scales(GEOMETRY, words)
        fits = [(towards @ matched[:, :-1, None]), matched[:, None, -1:].expand(-1, sectors.shape[1], -1)]
        ways, here = [words, geometry, *fits], [sight.sectors[..., :-2].mean(dim=1), matched[:, -1:]]
        if "rooms" in self.needed:
            ways += [sight.lies_in[:, 1:], thought.fitting[:, 1:, None]]
            here += [sight.lies_in[:, 0], thought.fitting[:, :1]]
        options = torch.cat([self.stop(torch.cat(here, dim=-1))[:, None], self.way(torch.cat(ways, dim=-1))], dim=1)
        scores = (options @ self.choose(thought.thought)[:, :, None])[..., 0] * self.hidden_size**-0.5
        legal = [torch.ones_like(observations["candidates"][:, :1]), observations["candidates"]]
        if self.map is not None:
            scores = self.map.fuse(scores, thought.told, thought.thought, observations)
            legal.append(observations["map_frontier"])
        masked: Tensor = scores.masked_fill(~torch.cat(legal, dim=1).bool(), ILLEGAL)
        return masked


def _needed(space: spaces.Dict, actions: int, memory: str) -> tuple[str, ...]:
    """Return which observations the network reads, after a look at whether they are there."""
    if memory not in ("recurrent", "map"):
        raise ValueError(f"there is no memory '{memory}': choose recurrent or map")
    for name in (*NEEDED, *(MAP if memory == "map" else ())):
        if name not in space.spaces:
            options = " with map_nodes" if name in MAP else ""
            raise ValueError(f"this network needs the observation '{name}', as navagent/R2R-v0 gives it{options}")
    scored = ("candidates", "map") if memory == "map" else ("candidates",)
    known = 1 + sum((space[name].shape or (0,))[0] for name in scored)
    if actions != known:
        raise ValueError(f"a network with memory '{memory}' has {known} actions here, and there are {actions}")
    rooms = ("rooms",) if "rooms" in space.spaces else ()
    return (*NEEDED, *rooms, *(MAP if memory == "map" else ()))


def _alike(seen: Tensor, reading: Reading) -> Tensor:
    """Return (B, X, L), whether a word of the instruction is among (B, X, W) tokens of what is seen."""
    alike = (seen[:, :, :, None] == reading.tokens[:, None, None, :]).any(dim=2)
    return alike & (reading.tokens > UNKNOWN)[:, None]


def _scales(size: int, like: Tensor) -> Tensor:
    """Return what geometry's and moves' numbers are multiplied by; the fourth of either is a distance."""
    scales = torch.ones(size, dtype=like.dtype, device=like.device)
    scales[3] = _METRES
    return scales
