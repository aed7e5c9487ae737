"""Playing what `navagent train` has trained on R2R's nav-graph."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from navagent.contracts import Describer, Policy
from navagent.data import fingerprint
from navagent.errors import ConfigError
from navagent.networks.devices import find_device
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.perception.room_labels import RoomLabels
from navagent.types import Action, Decision, Episode, MoveTo, Observation, Stop
from navagent.vocabulary import Vocabulary
from policies.graph_senses import GraphSenses
from policies.trained import NetworkStep, SharedNetwork, choose, find_weights

ENVIRONMENT = "navagent/R2R-v0"
"""Where networks are trained that this policy plays."""


class TrainedOnGraph(Policy):
    """A network in a weights file, on any environment with viewpoints and candidates.

    Concurrent episodes are gathered into one forward pass. STOP and the candidates are what it chooses from, and with a
    map also the viewpoints that were seen but not visited, to which it then walks along known ways, one move after the
    other, without further thought. One that was trained with room labels is privileged, as they are ground truth.

    Args:
        weights: A file that `navagent train` wrote in navagent/R2R-v0.
        describer: Puts into words what is seen; by default NavGPT's texts as the training read them.
        data_dir: The data folder with those texts and the room labels; by default $NAVAGENT_DATA, else ./data.
        sample: Draw actions by their probabilities instead of taking the likeliest.
        seed: Of the drawing. An episode's draws depend on it and on the episode's id only.
        device: cpu, cuda, cuda:1 ...; auto is the first GPU if there is one.

    Raises:
        ConfigError: There is no such file or device, the network was trained elsewhere, or the describer needs to see.
        DataError: The file is damaged, or the texts or room labels are absent.
    """

    needs = frozenset({"pose", "viewpoint", "candidates"})

    def __init__(
        self,
        weights: str,
        describer: Describer | None = None,
        data_dir: str | None = None,
        sample: bool = False,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        if seed < 0:
            raise ConfigError(f"A seed must be at least 0, not {seed}.")
        self._network = SharedNetwork(find_weights(weights), find_device(device))
        card = self._network.card
        if card.env != ENVIRONMENT:
            raise ConfigError(f"{self._network.file} was trained in {card.env}, and this policy plays {ENVIRONMENT}.")
        texts = card.env_options.get("texts", "captions")
        if describer is None and texts != "none":
            describer = NavGPTTexts(data_dir, captions=texts == "captions")
        if describer is not None and describer.needs - self.needs:
            raise ConfigError(
                f"{type(describer).__name__} needs {', '.join(sorted(describer.needs - self.needs))}, and this policy "
                "has whole places described, not what is seen from one: give it a describer of stored texts."
            )
        self._labels = RoomLabels(data_dir) if "rooms" in card.space.spaces else None
        self.privileged = self._labels is not None or (describer is not None and describer.privileged)
        self._describer, self._sample, self._seed = describer, sample, seed
        self._most = (card.space["candidates"].shape or (0,))[0]
        self._senses = GraphSenses(card.space, Vocabulary(card.vocabulary), describer, self._labels)

    def reset(self, episode: Episode) -> None:
        """Forget everything."""
        self._network.players.add(self)
        self._random = np.random.default_rng([self._seed, zlib.crc32(episode.episode_id.encode())])
        self._state: Tensor | None = None
        self._last = 0
        self._latest: Observation | None = None
        self._route: list[str] = []
        self._senses.begin()

    def act(self, observation: Observation) -> Decision:
        """Decide; the thought is the actions' probabilities."""
        candidates = observation.candidates
        assert candidates is not None
        if self._route and self._route[0] in {way.id for way in candidates}:
            return self._go_on(observation)
        self._route = []
        probabilities = self._think(observation)
        names = self._actions(observation)
        shares = ", ".join(f"{name} {probabilities[code]:.2f}" for code, name in names.items())
        code = choose(probabilities, self._random if self._sample else None)
        if code > self._most:
            assert self._senses.map is not None
            self._route = self._senses.map.route(names[code])
        action = Stop() if code == 0 else MoveTo(self._route.pop(0) if self._route else names[code])
        self._take(observation, action)
        self._last = code + 1
        return Decision(action, shares)

    def overruled(self, observation: Observation, action: Action) -> None:
        """Remember what was seen and done instead."""
        self._route = []
        if observation is not self._latest:
            self._think(observation)
        self._take(observation, action)

    def fingerprints(self) -> Mapping[str, str]:
        """Return the sha256 of the weights and of the describer's data."""
        seen = {} if self._describer is None else self._describer.fingerprints()
        labels = {} if self._labels is None else self._labels.fingerprints()
        return {"weights": fingerprint([self._network.file]), **seen, **labels}

    def _go_on(self, observation: Observation) -> Decision:
        """Make the next move of a walk across the map; what is passed is drawn on the map, and not thought about."""
        self._senses.see(observation)
        target, action, last = self._route[-1], MoveTo(self._route.pop(0)), self._last
        self._take(observation, action)
        self._last = last
        return Decision(action, f"on the way to {target}")

    def _actions(self, observation: Observation) -> dict[int, str]:
        """Return the names of the actions that there are, by their codes."""
        names = dict(enumerate(("stop", *(way.id for way in observation.candidates or ()))))
        drawn = self._senses.map
        if drawn is not None:
            names |= {self._most + 1 + drawn.shown.index(name): name for name in drawn.frontier()}
        return names

    def _think(self, observation: Observation) -> NDArray[np.float64]:
        """Return the actions' probabilities, and remember the observation."""
        step = NetworkStep(self._senses.see(observation), self._last, self._state)
        ((probabilities, self._state),) = self._network.think([step])
        self._latest = observation
        return probabilities

    def _take(self, observation: Observation, action: Action) -> None:
        """Remember an action that was taken on the observation."""
        ways = {way.id: number for number, way in enumerate(observation.candidates or (), start=1)}
        if isinstance(action, MoveTo) and action.candidate_id in ways:
            self._last = ways[action.candidate_id] + 1
            self._senses.moved((observation.candidates or ())[self._last - 2])
        else:
            self._last = 1 if isinstance(action, Stop) else 0
