"""Houses as a `gymnasium.vector.VectorEnv`: many agents in a few houses at once, in this process, without a simulator.

gymnasium.make_vec("navagent/HousePointNav-v0", 64, vectorization_mode="vector_entry_point", size=64, threads=2)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.houses.around import check_views, draw_around, headings_around
from envs.houses.follower import GOAL_RADIUS
from envs.houses.house import SENSOR_HEIGHT
from envs.houses.in_view import KINDS, THIRDS, InView
from envs.houses.lockstep import METRICS, Agents, Terms, advise, new_agents, new_outcome, sense, step
from envs.houses.motion import RIGHT, STOP
from envs.houses.pool import Pool
from envs.houses.progress import current_words
from envs.houses.render import SENSORS
from envs.houses.splits import plan_split
from envs.houses.tasks import CATEGORIES, TASKS
from envs.houses.words import LONGEST, WORDS
from envs.recording import Walks
from navagent.errors import ConfigError, nearest
from navagent.instructions import InstructionSpace
from navagent.types import Pose

Arrays = dict[str, NDArray[Any]]

ACTIONS = RIGHT + 1
"""STOP 0, FORWARD 1 (0.25 m), LEFT 2, RIGHT 3 (15 degrees), as in R2R-CE."""

FARTHEST = 100.0
"""Metres; bound of the spaces of distances, far beyond what a house has."""


class HouseVectorEnv(VectorEnv[Arrays, NDArray[np.int64], NDArray[Any]]):
    """Agents in houses.

    Observations, per agent: `rgb` (H, W, 3) uint8; `depth` (H, W, 1) float32 metres along the optical axis, 0 where
    nothing is; `semantic` (H, W, 1) int32 instance ids. `gps` (2,) float32, metres ahead and to the right of the start
    in the frame of the first pose, and `compass` (1,) float32, radians turned to the left since the start (PointNav,
    ObjectNav). `pointgoal_with_gps_compass` (2,) float32, metres to the goal as the crow flies and its angle to the
    left (PointNav); `objectgoal` (1,) int64, index into `envs.houses.tasks.CATEGORIES` (ObjectNav); `instruction`
    (96,) int32 tokens of `envs.houses.words` (R2R). Names, shapes and signs are habitat-lab's; its depth is scaled to
    0-1, ours is in metres.

    An episode ends with STOP (terminated) or after `max_steps` actions (truncated). Autoreset is gymnasium's NEXT_STEP:
    the step after an episode's end ignores its action, gives no reward and returns the next episode's first
    observation. `infos` holds `collided`, with every episode's end `envs.houses.lockstep.METRICS`, and with every
    episode's begin its `text`, each with gymnasium's mask `_name`; if asked for, with its end its `trajectory`, a
    `navagent.types.Trajectory` that `eval.rules` scores (without a reference path).

    Args:
        task: pointnav, objectnav or r2r.
        num_envs: Agents.
        split: train, val_seen or val_unseen. Training draws episodes at random, for ever; the others are played in
            order: agent i plays episodes i, i + num_envs, ..., again and again.
        size: Height and width of the pictures, pixels, or (height, width).
        sensors: Which of rgb, depth, semantic; what is not asked for costs nothing.
        seed: Of the order of houses and episodes.
        houses: Houses of the split; by default 200 in train and 20 in the others.
        hfov: Horizontal angle of view of a picture, radians.
        views: Pictures side by side (`envs.houses.around`), which make the observed one so many times as wide; 4 of 90
            degrees show all around.
        max_steps: Actions after which an episode is cut.
        threads: Threads that render.
        residents: Houses in use at a time in training.
        house_steps: Steps of the whole batch after which one of them is exchanged.
        success_reward: For a success.
        spl_reward: For a success, times its SPL.
        distance_reward: Per metre that a step comes nearer to the goal.
        slack_reward: For every step. The four defaults are habitat-lab's (`success_reward`, `slack_reward`, the
            distance measure once).
        collision_reward: For a step that collides.
        oracle_radius: Metres from the goal within which `oracle_actions` says STOP. A policy that imitates STOPs at one
            place only rarely dares one, and R2R's goal is 3 m wide.
        copy: Return observations in arrays of their own; else in arrays that the next step writes to again.
        trajectories: Tell ended episodes' trajectories. They are no part of `state`.

    Attributes:
        rules: Name of the scoring rules in `eval.rules`.
        hfov: Horizontal angle of view, radians; None without pictures.

    Raises:
        ConfigError: An option is out of its range.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": ["rgb_array"]}  # noqa: RUF012 (as gymnasium declares it)

    _action_count = ACTIONS

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        split: str = "train",
        size: int | tuple[int, int] = 128,
        sensors: Sequence[str] = ("rgb", "depth"),
        seed: int = 0,
        houses: int | None = None,
        hfov: float = math.pi / 2,
        views: int = 1,
        max_steps: int = 500,
        threads: int = 1,
        residents: int = 8,
        house_steps: int = 10_000,
        success_reward: float = 2.5,
        spl_reward: float = 0.0,
        distance_reward: float = 1.0,
        slack_reward: float = -0.01,
        collision_reward: float = 0.0,
        oracle_radius: float = GOAL_RADIUS,
        copy: bool = True,
        trajectories: bool = False,
        render_mode: str | None = None,
    ) -> None:
        sides = (size, size) if isinstance(size, int) else tuple(size)
        _check(task, num_envs, sides, sensors, max_steps, threads, residents, oracle_radius)
        check_views(views, hfov)
        self.num_envs, self.render_mode, self._size = num_envs, render_mode, (sides[0], sides[1])
        self._task, self._sensors, self._hfov, self._threads = TASKS[task], tuple(sensors), hfov, threads
        self._views = views
        self.hfov: float | None = hfov if self._sensors else None
        self.rules = self._task.rules
        self._walks = Walks(num_envs) if trajectories else None
        self._terms = Terms(
            self._task.success_distance,
            max_steps,
            success_reward,
            spl_reward,
            distance_reward,
            slack_reward,
            collision_reward,
        )
        plan = plan_split(split, houses)
        self._shuffle = split == "train"
        if self._shuffle and residents == 1 < min(num_envs, len(plan.seeds)):
            raise ConfigError("residents must be at least 2, so that agents can leave a house that is exchanged.")
        self._pool = Pool(self._task, plan, residents if self._shuffle else max(len(plan.seeds), 1), house_steps)
        self._seed, self._copy, self._scenes, self._oracle_radius = seed, copy, len(plan.seeds), oracle_radius
        self._agents, self._outcome = new_agents(num_envs), new_outcome(num_envs)
        self._started = False
        space = self._space()
        self.single_observation_space = space
        self.single_action_space = spaces.Discrete(self._action_count)
        self.observation_space = batch_space(space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._arrays: Arrays = {
            name: np.zeros((num_envs, *(box.shape or ())), box.dtype) for name, box in space.items()
        }
        pose = {"gps": 2, "compass": 1, "pointgoal_with_gps_compass": 2}
        self._pose = [self._arrays.get(name, np.zeros((num_envs, n), np.float32)) for name, n in pose.items()]
        self._cameras = np.full((num_envs, 3), SENSOR_HEIGHT)

    # ------------------------------------------------------------------------------------- gymnasium's methods
    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, dict[str, Any]]:
        """Begin new episodes everywhere; with a seed, the ones that belong to it (one seed for the whole batch).

        Raises:
            ConfigError: `seed` is a list.
        """
        if isinstance(seed, list):
            raise ConfigError("The agents share one seed: give an int.")
        if seed is not None or not self._started:
            self._seed = self._seed if seed is None else seed
            self._pool.restart(self._seed)
            self._agents = new_agents(self.num_envs)
        self._agents.over[:] = True
        self._started = True
        self._advance(np.zeros(self.num_envs, np.int64))
        self._outcome.reward[:] = 0.0
        return self._observe(), self._infos(begun=np.ones(self.num_envs, np.bool_))

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Arrays, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Let every agent act once.

        Args:
            actions: (num_envs,) integers from 0 to 3.

        Raises:
            ValueError: An action is none of the four, or there was no `reset`.
        """
        codes, most = np.asarray(actions, np.int64), self._action_count
        if codes.shape != (self.num_envs,) or ((codes < STOP) | (codes >= most)).any():
            raise ValueError(f"actions must be {self.num_envs} integers from 0 to {most - 1}, not {actions!r}")
        if not self._started:
            raise ValueError("call reset before the first step")
        begun = self._agents.over.copy()
        self._advance(codes)
        observations, infos = self._observe(), self._infos(begun)
        self._pool.tick(self._agents)
        out = self._outcome
        return observations, out.reward.copy(), out.terminated.copy(), out.truncated.copy(), infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return what the agents see, one (H, W, 3) picture each, if `render_mode` is "rgb_array"."""
        return None if self.render_mode is None else tuple(self._draw(("rgb",), {})["rgb"])

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the making of houses."""
        self._pool.close()

    # ---------------------------------------------------------------------------------------------- beyond them
    @property
    def texts(self) -> tuple[str, ...]:
        """What each agent is to do, in words."""
        agents = self._agents
        pairs = zip(agents.house.tolist(), agents.episode.tolist(), strict=True)
        return tuple(self._pool.residents[house].episodes.texts[episode] for house, episode in pairs)

    def oracle_actions(self) -> NDArray[np.int64]:
        """Return the action of each agent that follows the shortest path to its goal, (num_envs,).

        It is -1 where an episode is over. `envs.houses.follower` is the oracle; it stops within `oracle_radius`.
        """
        actions = np.empty(self.num_envs, np.int64)
        advise(self._pool.stage, self._agents, self._oracle_radius, actions)
        return actions

    @property
    def labels_in_view(self) -> int:
        """What `in_view` tells of each agent: `THIRDS` x `KINDS` of every picture."""
        return self._views * THIRDS * len(KINDS)

    def in_view(self) -> NDArray[np.bool_]:
        """Return which kinds of objects and rooms each agent sees now (`envs.houses.in_view`), (num_envs, labels)."""
        self._cameras[:, :2] = self._agents.position
        houses = [resident.house for resident in self._pool.residents]
        looking, proportion = InView(houses, self._pool.renderer), self._size[0] / self._size[1]
        headings = (self._agents.heading + turn for turn in headings_around(self._views, self._hfov))
        shown = [looking.of(self._agents.house, self._cameras, facing, self._hfov, proportion) for facing in headings]
        return np.concatenate(shown, axis=1)

    def words_now(self) -> NDArray[np.bool_]:
        """Return which words of its instruction tell what each agent is to do now, (num_envs, words).

        None does where there are no sub-instructions (`envs.houses.progress`).
        """
        agents, found = self._agents, np.zeros((self.num_envs, LONGEST), np.bool_)
        for i, (house, episode) in enumerate(zip(agents.house.tolist(), agents.episode.tolist(), strict=True)):
            episodes = self._pool.residents[house].episodes
            if episodes.parts is not None and episodes.ends is not None:
                found[i] = current_words(episodes.parts[episode], episodes.ends[episode], float(agents.distance[i]))
        return found

    @property
    def episode_count(self) -> int:
        """How many episodes the houses in use have; outside training, how many the split has. None before `reset`."""
        return int(self._pool.stage.first[-1])

    @property
    def scene_count(self) -> int:
        """How many houses the split has."""
        return self._scenes

    @property
    def over(self) -> NDArray[np.bool_]:
        """Whether each agent's episode has ended, (num_envs,); True before the first `reset`."""
        return np.array(self._agents.over)

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs to go on from here, as plain arrays and numbers."""
        agents = {name: array.copy() for name, array in self._agents._asdict().items()}
        return {"seed": self._seed, "agents": agents, "pool": self._pool.state()}

    def restore(self, state: Mapping[str, Any]) -> Arrays:
        """Go on from a `state` of an environment with the same options, and return the observations there."""
        self._seed = state["seed"]
        self._pool.restart(self._seed)
        self._pool.restore(state["pool"])
        self._agents = Agents(**{name: array.copy() for name, array in state["agents"].items()})
        self._started = True
        self._tell(range(self.num_envs))
        return self._observe()

    # ------------------------------------------------------------------------------------------------- the rest
    def _advance(self, actions: NDArray[np.int64]) -> None:
        """Let every agent act, or begin its next episode."""
        step(*self._stepping(actions))

    def _note(self, walks: Walks, agent: int) -> None:
        """Add what an agent's step was to its walk, if it was no STOP."""
        if not self._outcome.terminated[agent]:
            x, y = self._agents.position[agent].tolist()
            walks.add(agent, Pose((x, y, 0.0), float(self._agents.heading[agent])), float(self._agents.distance[agent]))

    def _stepping(self, actions: NDArray[np.int64]) -> tuple[Any, ...]:
        return self._pool.stage, self._agents, actions, self._terms, self._seed, self._shuffle, self._outcome

    def _space(self) -> spaces.Dict:
        height, width = self._size[0], self._size[1] * self._views
        known: dict[str, spaces.Space[Any]] = {
            "rgb": spaces.Box(0, 255, (height, width, 3), np.uint8),
            "depth": spaces.Box(0, FARTHEST, (height, width, 1), np.float32),
            "semantic": spaces.Box(-1, np.iinfo(np.int32).max, (height, width, 1), np.int32),
            "gps": spaces.Box(-FARTHEST, FARTHEST, (2,), np.float32),
            "compass": spaces.Box(-math.pi, math.pi, (1,), np.float32),
            "pointgoal_with_gps_compass": spaces.Box(-FARTHEST, FARTHEST, (2,), np.float32),
            "objectgoal": spaces.Box(0, len(CATEGORIES) - 1, (1,), np.int64),
            "instruction": InstructionSpace(WORDS, LONGEST),
        }
        given = {
            "pointnav": ("gps", "compass", "pointgoal_with_gps_compass"),
            "objectnav": ("gps", "compass", "objectgoal"),
            "r2r": ("instruction",),
        }[self._task.name]
        return spaces.Dict({name: known[name] for name in (*self._sensors, *given)})

    def _observe(self) -> Arrays:
        sense(self._pool.stage, self._agents, *self._pose)
        self._tell(np.flatnonzero(self._agents.steps == 0).tolist())
        arrays = dict(self._arrays)
        if self._copy:
            # Pictures are drawn into new memory, which costs less than drawing and copying them.
            arrays = {name: np.empty_like(a) if name in SENSORS else a.copy() for name, a in arrays.items()}
        if self._sensors:
            flat = {name: arrays[name] if name == "rgb" else arrays[name][..., 0] for name in self._sensors}
            self._draw(self._sensors, flat)
        return arrays

    def _tell(self, told: Iterable[int]) -> None:
        """Write what agents are to do."""
        agents = self._agents
        for i in told:
            episodes, episode = self._pool.residents[agents.house[i]].episodes, agents.episode[i]
            if "instruction" in self._arrays:
                self._arrays["instruction"][i] = episodes.words[episode]
            if "objectgoal" in self._arrays:
                self._arrays["objectgoal"][i, 0] = episodes.category[episode]

    def _draw(self, sensors: tuple[str, ...], out: Arrays) -> Arrays:
        self._cameras[:, :2] = self._agents.position
        cameras = (self._agents.house, self._cameras, self._agents.heading)
        return draw_around(
            self._pool.renderer, cameras, self._size, self._hfov, self._views, sensors, out, self._threads
        )

    def _infos(self, begun: NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {
            "collided": self._agents.collided.copy(),
            "_collided": np.ones(self.num_envs, np.bool_),
        }
        if begun.any():
            infos["text"], infos["_text"] = np.array(self.texts, object), begun
            infos["text"][~begun] = None
        ended = self._outcome.terminated | self._outcome.truncated
        if ended.any():
            for name, column in zip(METRICS, self._outcome.metrics.T, strict=True):
                infos[name], infos[f"_{name}"] = np.where(ended, column, 0.0), ended.copy()
        if self._walks is not None:
            infos["trajectory"], infos["_trajectory"] = self._recorded(self._walks, ended), ended.copy()
        return infos

    def _recorded(self, walks: Walks, ended: NDArray[np.bool_]) -> NDArray[np.object_]:
        """Add the agents' step to their walks and return those that ended with it, (num_envs,)."""
        agents, told = self._agents, np.full(self.num_envs, None, object)
        for i in range(self.num_envs):
            if agents.steps[i] == 0:
                walks.begin(i)
            self._note(walks, i)
            if ended[i]:
                house_id = self._pool.residents[agents.house[i]].house.house_id
                stopped = bool(self._outcome.terminated[i])
                told[i] = walks.trajectory(i, f"{house_id}_{agents.episode[i]}", house_id, stopped)
        return told


def _check(
    task: str,
    num_envs: int,
    size: tuple[int, ...],
    sensors: Sequence[str],
    max_steps: int,
    threads: int,
    residents: int,
    oracle_radius: float,
) -> None:
    """Refuse options that make no environment, in one sentence."""
    if task not in TASKS:
        raise ConfigError(f"There is no task '{task}': choose {', '.join(TASKS)}.{nearest(task, TASKS)}")
    counts = {"num_envs": num_envs, "max_steps": max_steps, "threads": threads, "residents": residents}
    for name, count in counts.items():
        if count < 1:
            raise ConfigError(f"{name} must be at least 1, not {count}.")
    if len(size) != 2 or not all(1 <= side <= 8192 for side in size):
        raise ConfigError(f"size must be one or two numbers of pixels from 1 to 8192, not {size}.")
    if isinstance(sensors, str) or not set(sensors) <= set(SENSORS):
        raise ConfigError(f"sensors must be some of {', '.join(SENSORS)}, not {sensors!r}.")
    if not oracle_radius > 0:
        raise ConfigError(f"oracle_radius must be more than 0 metres, not {oracle_radius}.")
