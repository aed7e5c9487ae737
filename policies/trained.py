"""Playing what `navagent train` has trained."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from navagent.batching import Batcher
from navagent.contracts import Policy, Shared
from navagent.data import fingerprint
from navagent.errors import ConfigError, nearest
from navagent.instructions import other_words
from navagent.networks.devices import find_device
from navagent.networks.weights import load
from navagent.types import Action, Decision, Episode, Forward, Observation, Stop, TurnLeft, TurnRight
from navagent.waypoint_actions import HEADINGS, STEPS, turns

SHIPPED = Path(__file__).with_name("weights")
"""Where the weights lie that come with this package."""

ACTIONS: tuple[Action, ...] = (Stop(), Forward(), TurnLeft(), TurnRight())
"""By the codes of vector environments (R2R-CE's)."""


@dataclass(frozen=True)
class Choice:
    """What a network can choose.

    Attributes:
        name: For thoughts.
        actions: What it stands for.
    """

    name: str
    actions: tuple[Action, ...]


def _waypoint(code: int) -> Choice:
    turning = turns(code)
    side = "right" if turning > 0 else "left"
    turned: tuple[Action, ...] = (TurnRight() if turning > 0 else TurnLeft(),) * abs(turning)
    return Choice(f"{side} {15 * abs(turning)}" if turning else "ahead", turned + (Forward(),) * STEPS)


_STOP = Choice("stop", (Stop(),))
PRIMITIVE = (_STOP, Choice("forward", (Forward(),)), Choice("left", (TurnLeft(),)), Choice("right", (TurnRight(),)))
WAYPOINTS = (_STOP, *(_waypoint(code) for code in range(1, 1 + HEADINGS)))
"""Waypoint actions: a name is a side and degrees."""

_CHOICES = {len(choices): choices for choices in (PRIMITIVE, WAYPOINTS)}

_CODES = {type(action): code for code, action in enumerate(ACTIONS)}

MOST = 64
"""Episodes whose next steps are computed at once."""

GATHER_S = 0.002
"""Seconds that a step waits for those of other episodes: about as long as one takes."""

HFOV_SLACK = 1e-3
"""Radians by which angles of view may differ."""


class Trained(Policy):
    """A network in a weights file; it plays wherever the environment gives what it was trained on.

    One of waypoint actions (`navagent.waypoint_actions`) is asked when the one before is done: its primitive actions
    are taken one after the other, whatever is seen meanwhile.

    Concurrent episodes are gathered into one forward pass. How many there are changes rounding (float32, around 1e-6),
    which two actions would have to be that near to each other to show.

    Args:
        weights: A file that `navagent train` wrote, or the name of one that is shipped.
        sample: Draw actions by their probabilities instead of taking the likeliest.
        seed: Of the drawing. An episode's draws depend on it and on the episode's id only.
        device: cpu, cuda, cuda:1 ...; auto is the first GPU if there is one.

    Raises:
        ConfigError: There is no such file or device, or the network has other actions.
        DataError: The file is damaged, or of another version of its architecture.
    """

    def __init__(self, weights: str, sample: bool = False, seed: int = 0, device: str = "auto") -> None:
        if seed < 0:
            raise ConfigError(f"A seed must be at least 0, not {seed}.")
        self._network = SharedNetwork(find_weights(weights), find_device(device))
        card = self._network.card
        if card.actions not in _CHOICES:
            raise ConfigError(
                f"{self._network.file} has {card.actions} actions, and this policy knows {len(PRIMITIVE)} (stop, "
                f"forward, left, right) and {len(WAYPOINTS)} (waypoint actions). What was trained on R2R's nav-graph "
                "plays as --policy TrainedOnGraph."
            )
        self._choices = _CHOICES[card.actions]
        self._sample, self._seed = sample, seed
        self.needs = frozenset(card.space)

    def reset(self, episode: Episode) -> None:
        """Forget everything."""
        self._network.players.add(self)
        self._random = np.random.default_rng([self._seed, zlib.crc32(episode.episode_id.encode())])
        self._state: Tensor | None = None
        self._last = 0
        self._latest: Observation | None = None
        self._rest: list[Action] = []

    def act(self, observation: Observation) -> Decision:
        """Decide, or go on with a waypoint action; the thought is the actions' probabilities, those above 1 %.

        An episode's first thought begins with the plan, if the network wrote one.
        """
        if self._rest:
            return Decision(self._rest.pop(0), "on the way")
        begins = self._state is None
        probabilities = self._think(observation)
        plan = self._network.written(self._state) if begins and self._state is not None else ""
        code = choose(probabilities, self._random if self._sample else None)
        self._last = code + 1
        first, *self._rest = self._choices[code].actions
        likely = zip(self._choices, probabilities.tolist(), strict=True)
        told = (f"{choice.name} {share:.2f}" for choice, share in likely if share > 0.01 or choice in PRIMITIVE)
        return Decision(first, f"plan: {plan}; {', '.join(told)}" if plan else ", ".join(told))

    def overruled(self, observation: Observation, action: Action) -> None:
        """Remember what was seen and done instead."""
        if observation is not self._latest:
            self._think(observation)
        code = _CODES.get(type(action)) if self._choices is PRIMITIVE else None
        self._last = 0 if code is None else code + 1
        self._rest = []

    def fingerprints(self) -> Mapping[str, str]:
        """Return the file's sha256."""
        return {"weights": fingerprint([self._network.file])}

    def _think(self, observation: Observation) -> NDArray[np.float64]:
        """Return the actions' probabilities, and remember the observation."""
        if observation.candidates is not None:
            raise ConfigError(
                f"{self._network.file} walks by primitive actions, and this environment moves agents to candidates: "
                "give it one like HouseEnv or HabitatR2RCE, without Waypoints around it."
            )
        step = NetworkStep(self._network.seen(observation), self._last, self._state)
        ((probabilities, self._state),) = self._network.think([step])
        self._latest = observation
        return probabilities


@dataclass(frozen=True)
class NetworkStep:
    """A step of one episode.

    Attributes:
        seen: Arrays by the sensors' names.
        last: The action before, counted from 1; 0 at the beginning.
        state: (S,), None at the beginning.
    """

    seen: Mapping[str, NDArray[Any]]
    last: int
    state: Tensor | None


class SharedNetwork(Shared):
    """A network that all workers share.

    Args:
        file: The weights.
        device: Where it runs.

    Attributes:
        players: Policies that play with it; each adds itself when an episode begins.
    """

    def __init__(self, file: Path, device: torch.device) -> None:
        self.file, self._device = file, device
        self._network, self.card = load(file, device)
        self.players: WeakSet[Policy] = WeakSet()
        self.think: Batcher[NetworkStep, tuple[NDArray[np.float64], Tensor]] = Batcher(
            self._run, MOST, GATHER_S, lambda: len(self.players)
        )

    def seen(self, observation: Observation) -> dict[str, NDArray[Any]]:
        """Return what the network takes of an observation.

        Raises:
            ConfigError: It is not what the network was trained on.
        """
        known: dict[str, NDArray[Any]] = dict(observation.readings or {})
        if observation.rgb is not None:
            known["rgb"] = observation.rgb
        if observation.depth is not None:
            known["depth"] = observation.depth[..., None]
        space, hfov = self.card.space, self.card.hfov
        for name, box in space.items():
            if name not in known:
                raise ConfigError(f"{self.file} needs {name}, which the environment does not give.")
            shape, dtype = known[name].shape, known[name].dtype
            if shape != box.shape or dtype != box.dtype:
                raise ConfigError(
                    f"{self.file} was trained on {name} of {box.shape} {box.dtype}, and the environment gives {shape} "
                    f"{dtype}: give it the options of the training (--env.size and the like)."
                )
        if "instruction" in space.spaces and not self._reads(known["instruction"], observation.words):
            raise ConfigError(
                f"{self.file} was trained on instructions with another vocabulary: give the environment the release of "
                "the training (--env.version; R2R-CE's two number words differently)."
            )
        pictures = {"rgb", "depth"} & set(space)
        if pictures and hfov and observation.hfov and abs(hfov - observation.hfov) > HFOV_SLACK:
            raise ConfigError(
                f"{self.file} was trained on pictures of {hfov:.4f} radians, and the environment gives "
                f"{observation.hfov:.4f}: give it that angle of view (--env.hfov)."
            )
        return {name: known[name] for name in space}

    def _reads(self, tokens: NDArray[Any], words: tuple[str, ...] | None) -> bool:
        """Return whether an instruction's tokens stand for the training's words, as far as both are known."""
        box = self.card.space["instruction"]
        assert isinstance(box, spaces.Box)
        return bool(tokens.max() <= box.high.max()) and not other_words(box, words)

    def written(self, state: Tensor) -> str:
        """Return what the network wrote for itself, of an (S,) state."""
        return self._network.written(state)

    @torch.inference_mode()
    def _run(self, steps: Sequence[NetworkStep]) -> list[tuple[NDArray[np.float64], Tensor]]:
        """Return each step's probabilities and next state."""
        device = self._device
        seen = {
            name: torch.as_tensor(np.stack([step.seen[name] for step in steps]), device=device)
            for name in self.card.space
        }
        fresh = self._network.new_state(len(steps))
        state = torch.stack([row if step.state is None else step.state for step, row in zip(steps, fresh, strict=True)])
        last = torch.tensor([step.last for step in steps], device=device)
        begins = torch.tensor([step.state is None for step in steps], device=device)
        logs, _, state = self._network.step(seen, last, state, begins)
        return list(zip(logs.double().exp().cpu().numpy(), state, strict=True))


def choose(probabilities: NDArray[np.float64], random: np.random.Generator | None) -> int:
    """Return the likeliest action's code, or one drawn by its probability."""
    if random is None:
        return int(probabilities.argmax())
    sums = np.cumsum(probabilities)
    return int(np.searchsorted(sums, random.random() * sums[-1], side="right"))


def find_weights(name: str) -> Path:
    """Return a weights file by its path, or by its name without suffix if it is one that is shipped.

    Raises:
        ConfigError: There is neither; those that are shipped are named.
    """
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.safetensors"))}
    file = Path(name).expanduser()
    if name in shipped and not file.is_file():
        return shipped[name]
    if not file.is_file():
        raise ConfigError(
            f"There is no weights file {name}, nor is one of that name shipped (shipped are: "
            f"{', '.join(shipped) or 'none'}).{nearest(name, shipped)}"
        )
    return file
