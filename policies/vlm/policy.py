"""The vision-language policy: instruction tokens first, then one slot of tokens per step (LLaRP)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from gymnasium import spaces
from torch import Tensor, nn

from navagent.errors import ConfigError
from navagent.instructions import InstructionSpace
from navagent.networks.encoders import Encoder
from navagent.networks.policy_network import Observations, PolicyNetwork
from policies.vlm.architecture import Tower, VLMNetwork
from policies.vlm.connectors import QFormer, connector
from policies.vlm.history import TemporalPooling
from policies.vlm.language import Beside, Into, LanguageModel
from policies.vlm.places import Places, of_instructions, of_ring, of_slots, seen
from policies.vlm.plan import NOTHING, PlanWriter, packed, unpacked
from policies.vlm.towers import ConvolutionTower, TransformerTower, Views, VisionTower
from policies.vlm.words import OwnWords, Pieces

_BASE = 256
"""Numbers up to here are exact in bfloat16, so an episode's steps are counted in two digits to this base."""


class VLMPolicy(PolicyNetwork):
    """LLaRP (Szot et al. 2023, arXiv 2310.17722), with the choices of Prismatic VLMs and BLIP-3-Video.

    The language model reads the instruction, then for each step a slot: its visual tokens and, where there are other
    sensors, one token for them. Action and value are made of what comes out at a slot's last token. A step attends to
    the instruction and to the `context` newest slots of its episode; an episode's instruction does not change.

    The state of an agent holds the keys and values of the instruction and of a ring of `context` slots, a ring of
    visual tokens if there is temporal pooling, the plan if there is one, and how many steps its episode has had, in
    the language model's precision. A learner's stretch reads instructions anew, writes the plans of episodes that begin
    in it anew, and attends to the slots of the state before its first step; through those, which are numbers that the
    rollout's weights made, no gradient flows. Where that matters, let a stretch be as long as an episode, as LLaRP
    does.

    Args:
        options: What it is made of.
        space: What one agent observes.
        actions: Number of actions.

    Raises:
        ConfigError: A checkpoint is absent, damaged or of another kind.
        ValueError: The parts do not fit each other or the observations.
    """

    def __init__(self, options: VLMNetwork, space: spaces.Dict, actions: int) -> None:
        super().__init__()
        self.context, self.see_actions = options.context, options.see_actions
        self.from_views = options.act_from == "views"
        asked = space.spaces.get("instruction")
        words = int(asked.high.max()) + 1 if isinstance(asked, spaces.Box) else 1
        writes = options.plan.tokens > 0
        self.language = LanguageModel(options.language, options.language_tuning, words, writes)
        vocabulary = asked.words if isinstance(asked, InstructionSpace) else ()
        self.plan = PlanWriter(options.plan, self.language, vocabulary) if writes else None
        width = self.language.input_size
        self.tower = _tower(options.tower, space)
        self.picture_size = 0 if options.tower.kind == "pretrained" else self.tower.output_size
        self.picture_views, self.thought_size = self.tower.views, self.language.output_size
        self.connector = connector(options.connector, self.tower.grid, self.tower.output_size, width, writes)
        visual = self.connector.tokens
        self.history: TemporalPooling | None = None
        if options.history.kind != "none":
            if width % options.history.heads:
                raise ValueError(f"history.heads ({options.history.heads}) must share {width} features")
            self.history = TemporalPooling(options.history, visual, width)
            visual = self.history.tokens
        self.words = self._words(options.language.instruction_tokens, asked)
        self.longest = 0 if self.words is None else self.words.longest
        if self.words is None:
            self.language.freeze_words()
        self.sensors = _sensors(space, self.tower.names, actions, self.see_actions)
        self.sensor_token = None if self.sensors is None else nn.Linear(self.sensors.output_size, width)
        self.visual, self.tokens = visual, visual + (self.sensors is not None)
        self.head = _head(self.language.output_size, options.head_size)
        ways = _ways(actions, visual) if self.from_views else 0
        self.policy = nn.Linear(options.head_size, actions - ways * visual)
        self.ways = nn.Linear(options.head_size, ways) if ways else None
        self.value = nn.Linear(options.head_size, 1)
        for layer in (self.policy, self.ways):
            if layer is not None:
                nn.init.orthogonal_(layer.weight, 0.01)  # apple/ml-llarp, `action_decoders.py`
                nn.init.zeros_(layer.bias)

    def _words(self, longest: int, asked: spaces.Space[Any] | None) -> Pieces | OwnWords | None:
        if asked is None or asked.shape is None:
            return None
        if self.language.folder is None:
            return OwnWords(min(longest, asked.shape[0]))
        if not isinstance(asked, InstructionSpace):
            raise ConfigError(
                "The environment gives instructions as numbers without the words that they stand for "
                "(navagent.instructions.InstructionSpace): a pretrained language model cannot read them."
            )
        return Pieces(asked.words, self.language.folder, longest)

    # --------------------------------------------------------------------------------------------- the promises
    def new_state(self, agents: int) -> Tensor:
        """Return zeros."""
        size = self._cache_size + self._ring_size + self._plan_size + 2
        return torch.zeros(agents, size, dtype=self.language.dtype, device=self.policy.weight.device)

    @torch.no_grad()
    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-probabilities, values and the next state, without gradients; the state is the one given."""
        cache, ring, count = self._parts(state)
        position = torch.where(begins, 0, count)
        agent = torch.arange(len(state), device=state.device)
        features = self._features(observations)
        tokens = self._visual_tokens(features, self._planned(observations, features, state, begins))
        if self.history is not None:
            pooled = self.history(tokens[None], ring, position[None])[0]
            ring[agent, position % self.history.frames] = tokens.to(ring.dtype)
            tokens = pooled
        lengths = self._read(observations, begins, cache)
        slot = self._slots(tokens, observations, last_actions)
        here = of_slots(torch.zeros_like(position)[:, None], position[:, None], position[:, None] >= 0, self.tokens)
        index = torch.arange(self.tokens, device=state.device)
        kept = Into(cache, agent[:, None], self.longest + (position % self.context * self.tokens)[:, None] + index)
        visible = seen(here, self._kept(lengths, position), self.context, self.from_views)
        hidden = self.language(slot, (lengths + position * self.tokens)[:, None] + index, visible, kept)
        logits, values = self._heads(hidden)
        state[:, -2], state[:, -1] = (position + 1) // _BASE, (position + 1) % _BASE
        return torch.log_softmax(logits, dim=-1), values, state

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits and values of a stretch, which the language model reads in one pass."""
        logits, values, _ = self.with_thoughts(observations, last_actions, state, begins)
        return logits, values

    def with_thoughts(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, values and what comes out at the slots' tokens."""
        length, agents = begins.shape
        cache, ring, count = self._parts(state.detach())
        position, episode = _order(begins, count)
        flat = {name: values.flatten(0, 1) for name, values in observations.items()}
        lengths, embedded = self._instructions(observations, episode)
        features = self._features(flat)
        tokens = self._visual_tokens(features, self._plans(features, lengths, embedded, state, begins, episode))
        if self.history is not None:
            tokens = self.history(tokens.unflatten(0, (length, agents)), ring, position).flatten(0, 1)
        slots = self._slots(tokens, flat, last_actions.flatten()).unflatten(0, (length, agents))
        read = embedded.shape[1] // lengths.shape[1]
        own = lengths.gather(1, episode.T)[..., None] + position.T[..., None] * self.tokens
        index = torch.arange(self.tokens, device=begins.device)
        places = of_instructions(lengths, read)
        stood = torch.cat([places.index, (own + index).flatten(1)], dim=1)
        places = places.beside(of_slots(episode.T, position.T, position.T >= 0, self.tokens))
        past, keys = None, places
        if not bool(begins[0].all()):
            past = cache[:, :, :, :, self.longest :]
            newest = torch.where(begins[0], -1, count - 1)
            keys = of_ring(newest, torch.zeros_like(newest), self.context, self.tokens).beside(places)
        both = torch.cat([embedded.to(slots.dtype), slots.transpose(0, 1).flatten(1, 2)], dim=1)
        hidden = self.language(both, stood, seen(places, keys, self.context, self.from_views), Beside(past))
        out = hidden[:, lengths.shape[1] * read :].unflatten(1, (length, self.tokens)).transpose(0, 1)
        return *self._heads(out), out

    def picture_features(self, observations: Observations) -> Tensor:
        """Return the mean over each view's patches of what the tower finds."""
        rows, columns = self.tower.grid
        found = self._features(observations).unflatten(1, (rows, self.tower.views, columns // self.tower.views))
        means: Tensor = found.mean(dim=(1, 3))
        return means

    def written(self, state: Tensor) -> str:
        """Return the plan."""
        return "" if self.plan is None else self.plan.text(state[-2 - self._plan_size : -2])

    # ------------------------------------------------------------------------------------------------ the state
    @property
    def _shape(self) -> tuple[int, int, int, int, int]:
        language = self.language
        return language.layers, 2, language.heads, self.longest + self.context * self.tokens, language.head_size

    @property
    def _cache_size(self) -> int:
        return int(torch.Size(self._shape).numel())

    @property
    def _ring_size(self) -> int:
        return 0 if self.history is None else int(torch.Size(self.history.shape).numel())

    @property
    def _plan_size(self) -> int:
        return 0 if self.plan is None else self.plan.state_size

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return keys and values (N, layers, 2, heads, K, features), visual tokens, and (N,) steps so far."""
        cache = state[:, : self._cache_size].unflatten(1, self._shape)
        ring = state[:, self._cache_size : self._cache_size + self._ring_size]
        if self.history is not None:
            ring = ring.unflatten(1, self.history.shape)
        return cache, ring, (state[:, -2].long() * _BASE) + state[:, -1].long()

    def _kept(self, lengths: Tensor, newest: Tensor) -> Places:
        """Return the places of the keys in a state."""
        ring = of_ring(newest, torch.zeros_like(newest), self.context, self.tokens)
        return of_instructions(lengths[:, None], self.longest).beside(ring)

    # ----------------------------------------------------------------------------------------------- the tokens
    def _features(self, observations: Observations) -> Tensor:
        """Return (B, patches, V) of pictures."""
        features: Tensor = self.tower(observations)
        return features.to(self.policy.weight.dtype)

    def _visual_tokens(self, features: Tensor, plans: Tensor | None) -> Tensor:
        """Return (B, tokens, D) of pictures' features, read under (B, L) plans where there are any."""
        if plans is not None and isinstance(self.connector, QFormer):
            return self.connector.under(features, self.language.embed(plans.clamp(min=0)), plans != NOTHING)
        tokens: Tensor = self.connector(features)
        return tokens

    @torch.no_grad()
    def _write(self, features: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return plans, (M, L), from first views' features and (M, L, D) instructions."""
        assert self.plan is not None
        plans: Tensor = self.plan(self.language, tokens, lengths, self.connector(features))
        return plans

    def _planned(self, observations: Observations, features: Tensor, state: Tensor, begins: Tensor) -> Tensor | None:
        """Write the plans of episodes that begin into the (N, S) state and return all agents' (N, L) plans."""
        if self.plan is None:
            return None
        kept = state[:, -2 - self._plan_size : -2]
        (agent,) = torch.nonzero(begins, as_tuple=True)
        if len(agent):
            first = {name: values[agent][None] for name, values in observations.items() if name == "instruction"}
            lengths, embedded = self._instructions(first, torch.zeros_like(agent)[None])
            plans = self._write(features[agent], embedded, lengths[:, 0])
            kept[agent] = packed(plans).to(kept.dtype)
        return unpacked(kept)

    def _plans(
        self, features: Tensor, lengths: Tensor, embedded: Tensor, state: Tensor, begins: Tensor, episode: Tensor
    ) -> Tensor | None:
        """Return a stretch's (T N, L) plans: those of the state, and new ones where episodes begin."""
        if self.plan is None:
            return None
        agents, count = lengths.shape
        plans = torch.full((agents, count, self.plan.tokens), NOTHING, device=state.device)
        plans[:, 0] = unpacked(state[:, -2 - self._plan_size : -2])
        step, agent = torch.nonzero(begins, as_tuple=True)
        if len(step):
            number = episode[step, agent]
            told = embedded.view(agents, count, embedded.shape[1] // count, embedded.shape[2])[agent, number]
            plans[agent, number] = self._write(
                features.unflatten(0, begins.shape)[step, agent], told, lengths[agent, number]
            )
        return plans[torch.arange(agents, device=state.device), episode].flatten(0, 1)

    def _slots(self, tokens: Tensor, observations: Observations, last_actions: Tensor) -> Tensor:
        """Return (B, slot's tokens, D): the visual ones and that of the other sensors."""
        if self.sensors is None or self.sensor_token is None:
            return tokens
        told = last_actions if self.see_actions else torch.zeros_like(last_actions)
        return torch.cat([tokens, self.sensor_token(self.sensors(observations, told))[:, None]], dim=1)

    def _read(self, observations: Observations, begins: Tensor, cache: Tensor) -> Tensor:
        """Read the instructions of episodes that begin and return all agents' (N,) numbers of tokens."""
        if self.words is None:
            return torch.zeros_like(begins, dtype=torch.int64)
        tokens, lengths = self.words(observations["instruction"])
        (agent,) = torch.nonzero(begins, as_tuple=True)
        read = int(lengths[agent].max()) if len(agent) else 0
        if read:
            places = of_instructions(lengths[agent][:, None], read)
            visible = seen(places, self._kept(lengths[agent], torch.full_like(agent, -1)), self.context)
            embedded = self.language.embed(tokens[agent, :read])
            self.language(embedded, places.index, visible, Into(cache, agent[:, None], places.index))
        return cast(Tensor, lengths)

    def _instructions(self, observations: Observations, episode: Tensor) -> tuple[Tensor, Tensor]:
        """Return a stretch's instructions: (N, episodes) lengths and (N, episodes x longest, D) tokens.

        Args:
            observations: Each (T, N, ...).
            episode: (T, N), which of the stretch's episodes a step belongs to.
        """
        length, agents = episode.shape
        count = int(episode[-1].max()) + 1
        if self.words is None:
            none = torch.zeros(agents, count, dtype=torch.int64, device=episode.device)
            return none, torch.zeros(agents, 0, self.language.input_size, device=episode.device)
        number = torch.arange(count, device=episode.device)
        first = (episode.T[:, None] < number[:, None]).sum(dim=2)  # (N, episodes), `length` of one that is not there
        agent = torch.arange(agents, device=episode.device)[:, None]
        texts = observations["instruction"][first.clamp(max=length - 1), agent]
        tokens, lengths = self.words(texts.flatten(0, 1))
        lengths = lengths.view(agents, count) * (first < length)
        read = int(lengths.max())
        return lengths, self.language.embed(tokens[:, :read].reshape(agents, count * read))

    def _heads(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and values of slots' (..., tokens, D).

        They are in the heads' precision, under autocast too: probabilities' ratios need it.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            found = self.head((hidden if self.from_views else hidden[..., -1:, :]).to(self.policy.weight.dtype))
            logits = self.policy(found[..., -1, :])
            if self.ways is not None:
                logits = torch.cat([logits, self.ways(found[..., : self.visual, :]).flatten(-2)], dim=-1)
            return logits, self.value(found[..., -1, :])[..., 0]


def _order(begins: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return a stretch's (T, N) steps in their episodes and which episodes they belong to, 0 being the first step's."""
    step = torch.arange(len(begins), device=begins.device)[:, None]
    begun = torch.where(begins, step, -count).cummax(dim=0).values
    return step - begun, begins.cumsum(dim=0) - begins[:1].long()


def _ways(actions: int, tokens: int) -> int:
    """Return how many waypoint actions each of a slot's visual tokens shows the headings of."""
    ways, rest = divmod(actions - 1, tokens)
    if rest or not ways:
        raise ValueError(
            f"act_from views shares {actions - 1} headings among the {tokens} visual tokens of a slot, which does not "
            "go: set tower.views to the environment's views and connector.tokens to 0, and train in an environment of "
            "waypoint actions"
        )
    return ways


def _tower(options: Tower, space: spaces.Dict) -> VisionTower:
    if options.views > 1:
        return Views(options.views, lambda one: _tower(replace(options, views=1), one), space)
    if options.kind == "pretrained":
        tower: VisionTower = importlib.import_module("policies.vlm.pretrained").PretrainedTower(options, space)
        return tower
    return (ConvolutionTower if options.kind == "cnn" else TransformerTower)(options, space)


def _sensors(space: spaces.Dict, seen_by_tower: tuple[str, ...], actions: int, see_actions: bool) -> Encoder | None:
    """Return an encoder of what tower and language model do not read; None if there is nothing."""
    taken = {*seen_by_tower, "instruction", "semantic"}
    others: Mapping[str, spaces.Space[Any]] = {name: part for name, part in space.spaces.items() if name not in taken}
    return Encoder(spaces.Dict(dict(others)), actions) if others or see_actions else None


def _head(size: int, hidden: int) -> nn.Sequential:
    """Return (Linear, LayerNorm, ReLU) x 2 (apple/ml-llarp, `action_decoders.py`)."""
    layers: list[nn.Module] = []
    for before in (size, hidden):
        layers += [nn.Linear(before, hidden), nn.LayerNorm(hidden), nn.ReLU()]
    return nn.Sequential(*layers)
