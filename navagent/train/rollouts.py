"""Collecting experience: agents act, and every step is kept for the learner."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor

from navagent.errors import ConfigError
from navagent.networks.policy_network import PolicyNetwork
from navagent.train.past import Past

METRICS = ("success", "spl", "distance_to_goal", "path_length")
"""What environments tell at an episode's end, as far as they do."""


@dataclass
class Rollout:
    """T steps of N agents.

    Steps that are not `valid` were ignored by the environment, which began an episode instead, or are the `past`: steps
    of earlier rollouts in front, given for what they let the memory know, without action, value and reward.

    Attributes:
        observations: Each (T, N, ...).
        last_actions: (T, N) int64, the action before, counted from 1; 0 at an episode's beginning.
        begins: (T, N) bool, whether an episode begins with the observation.
        valid: (T, N) bool.
        actions: (T, N) int64.
        log_probabilities: (T, N), of the actions.
        values: (T, N).
        rewards: (T, N).
        ended: (T, N) bool, whether an episode ended with the step.
        state: (N, S), the memory before the first step.
        last_values: (N,), after the last step.
        episodes: Metrics of the episodes that ended, `return` and `length` (steps) among them.
        simulation_seconds: Time spent in the environment.
        inference_seconds: Time spent in the network.
        past: How many of the T steps are of earlier rollouts.
        labels: (T, N) int64, what an oracle would have done, -1 where it does not say; None without one.
        guided: (T, N) bool, whether the agent did what the oracle said; None without one.
        targets: (T, N, actions), how good an oracle finds each action, as shares; None where nobody asks.
        words_now: (T, N, words) bool, which words of its instruction an agent is to follow now; None where nobody asks.
        in_view: (T, N, labels) bool, which kinds of things are in view; None where nobody asks.
    """

    observations: dict[str, Tensor]
    last_actions: Tensor
    begins: Tensor
    valid: Tensor
    actions: Tensor
    log_probabilities: Tensor
    values: Tensor
    rewards: Tensor
    ended: Tensor
    state: Tensor
    last_values: Tensor
    episodes: list[dict[str, float]]
    simulation_seconds: float
    inference_seconds: float
    past: int = 0
    labels: Tensor | None = None
    guided: Tensor | None = None
    targets: Tensor | None = None
    words_now: Tensor | None = None
    in_view: Tensor | None = None

    @property
    def steps(self) -> int:
        """Steps of all agents together, the past not counted."""
        return (len(self.actions) - self.past) * self.actions.shape[1]


class Adviser(Protocol):
    """Has a say in what agents do."""

    def advise(self, chosen: Tensor, begins: Tensor) -> dict[str, Tensor]:
        """Return what agents do instead of `chosen` (`actions`), and what else of a `Rollout` it knows, each (N,)."""

    def state(self) -> Any:
        """Return what `restore` needs."""

    def restore(self, state: Any, device: torch.device) -> None:
        """Go on from a state."""


class Collector:
    """Plays an environment with a network, for ever.

    Args:
        env: The environment; NEXT_STEP autoreset.
        network: Decides.
        device: Where the network is.
        seed: Of the environment; actions are drawn from torch's generator.
        past_steps: The most steps of running episodes that rollouts begin with (`Learning.past_steps`).
        adviser: Has a say in what agents do; None leaves it to the network.

    Raises:
        ConfigError: The environment resets in another way.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        network: PolicyNetwork,
        device: torch.device,
        seed: int,
        past_steps: int = 0,
        adviser: Adviser | None = None,
    ) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.NEXT_STEP:
            raise ConfigError(f"The environment's autoreset mode is {mode}; training needs NEXT_STEP.")
        self._env, self._network, self._device, self._adviser = env, network, device, adviser
        observations, _ = env.reset(seed=seed)
        self._now = self._tensors(observations)
        self._past = Past(past_steps)
        self._forget()

    def _forget(self) -> None:
        """Let every agent's episode begin."""
        agents, device = self._env.num_envs, self._device
        self._state = self._network.new_state(agents)
        self._last_actions = torch.zeros(agents, dtype=torch.int64, device=device)
        self._begins = torch.ones(agents, dtype=torch.bool, device=device)
        self._over = np.zeros(agents, np.bool_)
        self._past = Past(self._past.steps)
        self._returns, self._lengths = np.zeros(agents), np.zeros(agents, np.int64)

    @torch.no_grad()
    def collect(self, steps: int, enough: Callable[[int], bool] = lambda done: False) -> Rollout:
        """Return a rollout of `steps` steps, or of fewer if `enough`, asked with the number done, says so."""
        rows: list[dict[str, Tensor]] = []
        seen: list[dict[str, Tensor]] = []
        remembering = time.perf_counter()
        self._state = self._past.state(self._network, self._state)
        state, episodes = self._state.clone(), []
        simulation, inference = 0.0, time.perf_counter() - remembering
        for done in range(steps):
            started = time.perf_counter()
            row = {"last_actions": self._last_actions, "begins": self._begins, "valid": self._flags(~self._over)}
            distribution, row["values"], self._state = self._network.step(
                self._now, self._last_actions, self._state, self._begins
            )
            row["actions"] = torch.multinomial(distribution.exp(), 1)[:, 0]
            if self._adviser is not None:
                row |= self._adviser.advise(row["actions"], self._begins)
            row["log_probabilities"] = distribution.gather(1, row["actions"][:, None])[:, 0]
            actions = row["actions"].cpu().numpy()
            decided = time.perf_counter()
            observations, rewards, terminated, truncated, infos = self._env.step(actions)
            simulated = time.perf_counter()
            seen.append(self._now)
            ended = terminated | truncated
            row["rewards"] = torch.as_tensor(rewards, dtype=row["values"].dtype, device=self._device)
            row["ended"] = self._flags(ended)
            rows.append(row)
            episodes += self._count(rewards, ended, infos)
            self._begins, self._over = self._flags(self._over), ended
            self._last_actions = torch.where(self._begins, 0, row["actions"] + 1)
            self._now = self._tensors(observations)
            simulation, inference = simulation + simulated - decided, inference + decided - started
            if enough(done + 1):
                break
        last_values = self._network.step(self._now, self._last_actions, self._state.clone(), self._begins)[1]
        columns: dict[str, Any] = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        rollout = Rollout(
            observations={name: torch.stack([part[name] for part in seen]) for name in self._now},
            state=state,
            last_values=last_values,
            episodes=episodes,
            simulation_seconds=simulation,
            inference_seconds=inference,
            **columns,
        )
        return self._after_past(rollout) if self._past.steps else rollout

    def _after_past(self, rollout: Rollout) -> Rollout:
        """Return a rollout with the past in front and keep what will be the next one's."""
        before = len(self._past)
        whole = self._past.then(rollout.observations, rollout.last_actions, rollout.begins)
        self._past = whole.newest()
        own = ("valid", "actions", "log_probabilities", "values", "rewards", "ended")
        names = (*own, "labels", "guided", "targets", "words_now", "in_view")
        rows = {name: getattr(rollout, name) for name in names if getattr(rollout, name) is not None}
        columns: dict[str, Any] = {
            name: torch.cat([row.new_zeros(before, *row.shape[1:]), row]) for name, row in rows.items()
        }
        return replace(
            rollout,
            observations=whole.observations,
            last_actions=whole.last_actions,
            begins=whole.begins,
            past=before,
            **columns,
        )

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs to go on from here; the environment must have `state` too."""
        return {
            "env": self._env.state(),  # type: ignore[attr-defined]
            "memory": self._state.cpu().clone(),  # a step writes over it
            "past": self._past,
            "last_actions": self._last_actions.cpu(),
            "begins": self._begins.cpu(),
            "over": self._over.copy(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "adviser": None if self._adviser is None else self._adviser.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; an environment that cannot (`restores_in_flight`) begins the episodes again."""
        self._now = self._tensors(self._env.restore(state["env"]))  # type: ignore[attr-defined]
        if not getattr(self._env, "restores_in_flight", True):
            self._forget()
            return
        self._state = state["memory"].to(self._device, copy=True)
        self._last_actions, self._begins = state["last_actions"].to(self._device), state["begins"].to(self._device)
        self._past = state.get("past", self._past)
        self._over, self._returns, self._lengths = state["over"], state["returns"], state["lengths"]
        if self._adviser is not None:
            self._adviser.restore(state["adviser"], self._device)

    def _tensors(self, observations: Mapping[str, Any]) -> dict[str, Tensor]:
        # A copy, as environments may write into the same arrays at the next step (`copy=False`).
        return {name: torch.tensor(values, device=self._device) for name, values in observations.items()}

    def _flags(self, values: np.ndarray[Any, Any]) -> Tensor:
        return torch.as_tensor(values, device=self._device)

    def _count(self, rewards: Any, ended: Any, infos: Mapping[str, Any]) -> list[dict[str, float]]:
        """Add a step to every agent's return and return the episodes that ended."""
        self._returns[self._over], self._lengths[self._over] = 0, 0
        self._returns += rewards
        self._lengths += ~self._over
        return [
            {"return": float(self._returns[i]), "length": float(self._lengths[i])}
            | {name: float(infos[name][i]) for name in METRICS if name in infos}
            for i in np.flatnonzero(ended)
        ]
