"""Habitat as a `gymnasium.vector.VectorEnv`: worker processes that step together, told from houses by nothing.

gymnasium.make_vec("navagent/HabitatPointNav-v0", 8, vectorization_mode="vector_entry_point", python="/path/to/python")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.continuous import ContinuousData, Version, read_r2r_ce
from envs.habitat.agent import METRICS, NO_ADVICE, ORACLE_RADII, SUCCESS_DISTANCES, Agent, Terms
from envs.habitat.env import ACTIONS, HFOV, entry_of
from envs.habitat.link import CALL_S, SIMULATOR, SimulatorError, Worker
from envs.habitat.memory import Frames, anonymous_file
from envs.habitat.observations import SENSORS, observation_space, readings
from envs.habitat.order import Order
from envs.habitat.place import default_gpu, find_scenes, find_simulator
from envs.recording import Walks
from navagent.errors import ConfigError, nearest

Arrays = dict[str, NDArray[Any]]


class HabitatVectorEnv(VectorEnv[Arrays, NDArray[np.int64], NDArray[Any]]):
    """Agents in Matterport3D's buildings, each in a worker process of its own.

    Observations, rewards, `infos`, autoreset (NEXT_STEP) and actions are those of `envs.houses.vector.HouseVectorEnv`,
    names, shapes and signs included, on R2R-CE's episodes: `pointnav` goes to an episode's goal by its coordinates,
    `r2r` by its instruction (`instruction` (200,) int32, R2R-CE's tokens, 0 where it has ended). Depth reaches 10 m.

    Pictures are copied once, by the workers, and handed out where they lie: an observation that is kept stays as it
    is. If a worker crashes or hangs, its episode is cut (truncated, with the reason in `infos["error"]`) and the
    agent's next one has a new worker.

    Args:
        task: pointnav or r2r.
        num_envs: Agents.
        split: train, val_seen or val_unseen. Training draws at random, for ever; the others are played in order: agent
            i plays episodes i, i + num_envs, ..., building by building, again and again.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        version: Release of the episodes; only the preprocessed one has train here and there.
        scenes_dir: The folder that holds mp3d/; by default `scene_datasets` in the data folder.
        python: A Python that has habitat-sim and habitat-lab; by default this one.
        gpu: Device to draw with, -1 for any that EGL has; by default the first NVIDIA GPU, else -1.
        size: Height and width of the pictures, pixels.
        sensors: Which of rgb, depth.
        seed: Of the order of episodes.
        max_steps: Actions after which an episode is cut.
        stay: Episodes that an agent plays in one building before it draws another, in training.
        success_reward: For a success.
        spl_reward: For a success, times its SPL.
        distance_reward: Per metre that a step comes nearer to the goal.
        slack_reward: For every step.
        collision_reward: For a step that collides.
        oracle_radius: Metres from the goal within which `oracle_actions` says STOP; by default 0.5 in r2r and 0.1875 in
            pointnav (`envs.habitat.agent.ORACLE_RADII`).
        timeout_s: Seconds in which a simulator must answer.
        trajectories: Tell ended episodes' trajectories; those that a simulator broke have none.

    Attributes:
        rules: Name of the scoring rules in `eval.rules`.
        hfov: Horizontal angle of view, radians; None without pictures.

    Raises:
        ConfigError: An option is out of its range, or a simulator does not start.
        DataError: Episodes or buildings are missing.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["rgb_array"]}  # noqa: RUF012 (as gymnasium declares it)
    simulator: ClassVar[tuple[Path, str]] = (SIMULATOR, "R2RCESimulator")
    restores_in_flight: ClassVar[bool] = False
    """`restore` begins episodes again that were under way: trainers forget what their agents remembered of them."""

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        split: str = "train",
        data_dir: str | None = None,
        version: Version = "v1-3_preprocessed",
        scenes_dir: str | None = None,
        python: str | None = None,
        gpu: int | None = None,
        size: int = 128,
        sensors: Sequence[str] = SENSORS,
        seed: int = 0,
        max_steps: int = 500,
        stay: int = 20,
        success_reward: float = 2.5,
        spl_reward: float = 0.0,
        distance_reward: float = 1.0,
        slack_reward: float = -0.01,
        collision_reward: float = 0.0,
        oracle_radius: float | None = None,
        timeout_s: float = CALL_S,
        trajectories: bool = False,
        render_mode: str | None = None,
    ) -> None:
        radius = ORACLE_RADII.get(task, 1.0) if oracle_radius is None else oracle_radius
        _check(task, num_envs, size, sensors, max_steps, stay, radius)
        self.num_envs, self.render_mode = num_envs, render_mode
        self._task, self._sensors = task, tuple(sensors)
        self._terms = Terms(
            SUCCESS_DISTANCES[task],
            max_steps,
            success_reward,
            spl_reward,
            distance_reward,
            slack_reward,
            collision_reward,
        )
        self._oracle_radius, self._advised = radius, False
        self.hfov: float | None = HFOV if self._sensors else None
        self.rules = "r2r_ce" if task == "r2r" else task
        self._walks = Walks(num_envs) if trajectories else None
        self._data: ContinuousData = read_r2r_ce(split, data_dir, version)
        if not self._data.has_goals:
            raise ConfigError(f"Split {split} has no goals, so there is no reward: choose another one.")
        if task == "r2r" and not self._data.tokens:
            raise ConfigError(f"Split {split} has no tokens of its instructions, so there is nothing to read.")
        folder = find_scenes(scenes_dir, data_dir, self._data.scene_files.values())
        sides = {name: size if name in sensors else 1 for name in SENSORS}  # a picture nobody asks for is one pixel
        device = default_gpu() if gpu is None else gpu
        settings = {"scenes_dir": str(folder), "max_steps": max_steps, "gpu": device, "seed": seed, **sides}
        simulator = find_simulator(*self.simulator, settings, python or sys.executable, timeout_s)
        self.versions: Mapping[str, str] = simulator.versions()
        self._order = Order(self._data.episodes, num_envs, split == "train", seed, stay)
        self._memory = anonymous_file()
        self._agents = [Agent(Worker(simulator, self._memory)) for _ in range(num_envs)]
        self._frames: Frames | None = None
        self.single_observation_space = observation_space(task, self._sensors, size, self._data.vocabulary)
        self.single_action_space = spaces.Discrete(len(ACTIONS))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._latest: Arrays = {}

    # ------------------------------------------------------------------------------------- gymnasium's methods
    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, dict[str, Any]]:
        """Begin new episodes everywhere; with a seed, the first of those that belong to it.

        Raises:
            ConfigError: `seed` is a list, or a simulator does not start.
            SimulatorError: A simulator breaks at once.
        """
        if isinstance(seed, list):
            raise ConfigError("The agents share one seed: give an int.")
        if seed is not None:
            self._order.restore({"seed": seed, "begun": [0] * self.num_envs})
        for agent in self._agents:
            agent.over = True
        observations, _, _, _, infos = self._advance(np.zeros(self.num_envs, np.int64))
        if "error" in infos:
            raise SimulatorError(next(text for text in infos["error"] if text is not None))
        return observations, infos

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Arrays, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Let every agent act once; all simulators work at the same time.

        Args:
            actions: (num_envs,) integers from 0 to 3.

        Raises:
            ValueError: An action is none of the four, or there was no `reset`.
        """
        codes = np.asarray(actions, np.int64)
        if codes.shape != (self.num_envs,) or ((codes < 0) | (codes >= len(ACTIONS))).any():
            raise ValueError(f"actions must be {self.num_envs} integers from 0 to {len(ACTIONS) - 1}, not {actions!r}")
        if not self._latest:
            raise ValueError("call reset before the first step")
        return self._advance(codes)

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return what the agents see, one (H, W, 3) picture each, if `render_mode` is "rgb_array"."""
        return tuple(self._latest["rgb"]) if self.render_mode is not None and "rgb" in self._latest else None

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers."""
        for agent in self._agents:
            agent.link.close()
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    # --------------------------------------------------------------------------------------------- beyond them
    @property
    def texts(self) -> tuple[str, ...]:
        """What each agent is to do, in words."""
        return tuple(agent.episode.instruction if agent.episode else "" for agent in self._agents)

    def oracle_actions(self) -> NDArray[np.int64]:
        """Return the action of each agent that follows the shortest path to its goal, (num_envs,).

        It is -1 where an episode is over. habitat-sim's greedy follower is the oracle; it stops within
        `oracle_radius`. The first call asks the simulators, and from then on every step's answer brings its action.
        """
        self._advised = True
        asked = [agent for agent in self._agents if not agent.over and agent.advice is None]
        for agent in asked:
            agent.consult(self._oracle_radius)
        for agent in asked:
            agent.hear()
        return np.array([NO_ADVICE if agent.over else agent.advice for agent in self._agents], np.int64)

    @property
    def episode_count(self) -> int:
        """How many episodes the split has."""
        return len(self._data.episodes)

    @property
    def scene_count(self) -> int:
        """How many buildings the split has."""
        return len({episode.scene for episode in self._data.episodes})

    @property
    def over(self) -> NDArray[np.bool_]:
        """Whether each agent's episode has ended, (num_envs,); True before the first `reset`."""
        return np.array([agent.over for agent in self._agents])

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs: a simulator has no state to keep, so episodes in flight begin again."""
        return {"order": self._order.state()}

    def restore(self, state: Mapping[str, Any]) -> Arrays:
        """Go on from a `state`: begin the episodes that were under way there, and return the observations."""
        self._order.restore(dict(state["order"]))
        return self.reset()[0]

    # ------------------------------------------------------------------------------------------------- the rest
    def _start_workers(self) -> Frames:
        """Start the workers that do not run, all at once, and return the memory that they share."""
        idle = [i for i, agent in enumerate(self._agents) if not agent.link.alive]
        if idle:
            with ThreadPoolExecutor(len(idle)) as pool:
                shapes = list(pool.map(lambda i: self._agents[i].link.start(), idle))
            if self._frames is None:
                self._frames = Frames(self._memory, shapes[0], self.num_envs)
            for i in idle:
                self._agents[i].link.place(self._frames, i)
        assert self._frames is not None
        return self._frames

    def _advance(
        self, codes: NDArray[np.int64]
    ) -> tuple[Arrays, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        frames = self._start_workers()
        slot = frames.free_slot()
        begun = np.array([agent.over for agent in self._agents])
        broken: dict[int, str] = {}
        for i in range(self.num_envs):
            try:
                self._ask(i, bool(begun[i]), int(codes[i]), slot)
            except SimulatorError as error:
                broken[i] = str(error)
        reward, terminated, truncated = np.zeros(self.num_envs), *np.zeros((2, self.num_envs), np.bool_)
        metrics = np.zeros((self.num_envs, len(METRICS)))
        for i, agent in enumerate(self._agents):
            if i not in broken:
                try:
                    state, _ = agent.link.answer("reset" if begun[i] else "step")
                    if begun[i]:
                        agent.begin(state)
                    else:
                        reward[i] = agent.move(int(codes[i]), state, self._terms, metrics[i])
                        terminated[i], truncated[i] = agent.over and codes[i] == 0, agent.over and codes[i] != 0
                except SimulatorError as error:
                    broken[i] = str(error)
            if i in broken:
                truncated[i] = agent.over = True
        observations = self._observe(frames, slot, broken)
        ended = terminated | truncated
        infos = self._infos(begun, ended & ~np.isin(np.arange(self.num_envs), list(broken)), metrics, broken)
        if self._walks is not None:
            infos["trajectory"], infos["_trajectory"] = self._recorded(begun, terminated, ended, broken), ended
        return observations, reward, terminated, truncated, infos

    def _ask(self, i: int, begins: bool, code: int, slot: int) -> None:
        """Ask an agent's simulator for an episode or a step and, if somebody wants it, for the oracle's action there.

        Raises:
            SimulatorError: It broke, now or when the oracle was asked.
        """
        agent = self._agents[i]
        if begins:
            agent.episode, agent.fault = self._order.next(i), ""
        if agent.fault:
            raise SimulatorError(agent.fault)
        oracle = {"oracle": agent.question(self._oracle_radius)} if self._advised and (begins or code != 0) else {}
        if begins:
            assert agent.episode is not None
            agent.link.ask("reset", slot, episode=entry_of(agent.episode, self._data), **oracle)
        else:
            agent.link.ask("step", slot, action=code, **oracle)

    def _recorded(
        self, begun: NDArray[np.bool_], stopped: NDArray[np.bool_], ended: NDArray[np.bool_], broken: Mapping[int, str]
    ) -> NDArray[np.object_]:
        """Add the agents' step to their walks and return those that ended with it, (num_envs,)."""
        walks, told = self._walks, np.full(self.num_envs, None, object)
        assert walks is not None
        for i, agent in enumerate(self._agents):
            episode = agent.episode
            assert episode is not None
            assert episode.goal is not None
            if begun[i] or i in broken:
                walks.begin(i)
            if i in broken:  # scored as the runner scores it: as if the agent had stayed at its start
                walks.add(i, episode.start, self._data.geodesics[episode.episode_id])
            elif agent.pose is not None and not stopped[i]:
                walks.add(i, agent.pose, agent.distance)
            if ended[i]:
                path = episode.goal.reference_positions
                told[i] = walks.trajectory(i, episode.episode_id, episode.scene, bool(stopped[i]), path)
        return told

    def _observe(self, frames: Frames, slot: int, broken: Mapping[int, str]) -> Arrays:
        pictures = frames.read(slot, list(self._sensors))
        for i in broken:
            for picture in pictures.values():
                picture[i] = 0
        if "depth" in pictures:
            pictures["depth"] = pictures["depth"][..., None]
        rows = [readings(self._task, self._data, agent) for agent in self._agents]
        told = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        self._latest = {**pictures, **told}
        return dict(self._latest)

    def _infos(
        self,
        begun: NDArray[np.bool_],
        ended: NDArray[np.bool_],
        metrics: NDArray[np.float64],
        broken: Mapping[int, str],
    ) -> dict[str, Any]:
        collided = np.array([agent.collided for agent in self._agents])
        infos: dict[str, Any] = {"collided": collided, "_collided": np.ones(self.num_envs, np.bool_)}
        if begun.any():
            infos["text"], infos["_text"] = np.array(self.texts, object), begun
            infos["text"][~begun] = None
        if ended.any():
            for name, column in zip(METRICS, metrics.T, strict=True):
                infos[name], infos[f"_{name}"] = np.where(ended, column, 0.0), ended.copy()
        if broken:
            texts = [broken.get(i) for i in range(self.num_envs)]
            infos["error"], infos["_error"] = np.array(texts, object), np.array([text is not None for text in texts])
        return infos


def _check(
    task: str, num_envs: int, size: int, sensors: Sequence[str], max_steps: int, stay: int, oracle_radius: float
) -> None:
    """Refuse options that make no environment, in one sentence."""
    if task not in SUCCESS_DISTANCES:
        choices = ", ".join(SUCCESS_DISTANCES)
        raise ConfigError(f"There is no task '{task}': choose {choices}.{nearest(task, SUCCESS_DISTANCES)}")
    for name, count in {"num_envs": num_envs, "size": size, "max_steps": max_steps, "stay": stay}.items():
        if count < 1:
            raise ConfigError(f"{name} must be at least 1, not {count}.")
    if isinstance(sensors, str) or not set(sensors) <= set(SENSORS):
        raise ConfigError(f"sensors must be some of {', '.join(SENSORS)}, not {sensors!r}.")
    if not oracle_radius > 0:
        raise ConfigError(f"oracle_radius must be more than 0 metres, not {oracle_radius}.")
