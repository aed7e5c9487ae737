"""R2R's nav-graph as a `gymnasium.vector.VectorEnv`: many agents at once, without pictures.

gymnasium.make_vec("navagent/R2R-v0", 64, vectorization_mode="vector_entry_point", split="train")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.r2r.arrays import GraphArrays, graph_arrays
from envs.r2r.dataset import R2RData, load_r2r
from envs.r2r.env import measure
from envs.r2r.maps import Maps, map_space
from envs.r2r.tokens import ROOM_WORDS, Texts, graphs_of, read_tokens
from envs.r2r.walks import Goals, Walks, read_goals
from navagent.candidate_features import GEOMETRY, MOVE, around, geometry, sectors
from navagent.errors import ConfigError
from navagent.instructions import InstructionSpace
from navagent.perception.sectors import SECTORS
from navagent.types import Pose, Trajectory

Arrays = dict[str, NDArray[Any]]

STOP = 0
"""The action that ends an episode; k is a move to candidate k, counted from 1."""

FARTHEST = 100.0
"""Metres; bound of the spaces of distances, far beyond a nav-graph's edges."""

_TURN = 2 * math.pi


class GraphVectorEnv(VectorEnv[Arrays, NDArray[np.int64], NDArray[Any]]):
    """Agents on R2R's nav-graphs, by the rules of `envs.r2r.env.R2R`.

    Actions: 0 is STOP, k a move to candidate k (counted from 1) of at most K, the largest number of neighbours in the
    split's scans; which there are, `candidates` says. With a map of M viewpoints, K + 1 + m walks along known ways to
    the m-th of them; which there are, `map_frontier` says. Observations, per agent:

    - `instruction` (L,) int32: tokens (`navagent.vocabulary`) of the instruction, the vocabulary the training split's.
    - `candidates` (K,) bool: which moves are legal.
    - `geometry` (K, 5) float32: of each candidate, as `navagent.candidate_features.GEOMETRY` has it.
    - `sectors` (K,) int32: which of NavGPT's eight world sectors each candidate lies in.
    - `place` (8, W) int32: the words that are seen from here, by sector.
    - `around` (8, 2) float32: sine and cosine of the sectors' centres relative to where the agent faces.
    - `move` (4,) float32: the last move, as `navagent.candidate_features.MOVE` has it.
    - `heading` (1,) float32: radians clockwise from +y, in [0, 2 pi).
    - `steps` (1,) float32: moves made.
    - With `rooms`, `rooms` (1 + K, 4) int32: the words of the room labels of here and of the candidates' viewpoints.
    - With `map_nodes`, the map of `navagent.topological_map.TopologicalMap.observe`.

    An episode ends with STOP (terminated) or after `max_steps` moves (truncated). Autoreset is gymnasium's NEXT_STEP:
    the step after an episode's end ignores its action, gives no reward and returns the next episode's first
    observation. `infos` holds, with every episode's end, `envs.r2r.walks.METRICS` (R2R's official rules) and, if
    asked for, its `trajectory`, each with gymnasium's mask `_name`.

    Args:
        num_envs: Agents.
        split: train, val_seen or val_unseen. Training draws episodes in a new random order again and again; the others
            are played in order: agent i plays episodes i, i + num_envs, ..., again and again.
        data_dir: The data folder; by default $NAVAGENT_DATA, else ./data.
        seed: Of the order of episodes.
        texts: What is seen: NavGPT's captions, their summaries, or none.
        instruction_length: L.
        words: W.
        rooms: Show room labels. They are ground truth: a policy that sees them is privileged.
        map_nodes: M, the viewpoints that an agent's topological map shows, more than K; 0 is no map. All moves of a
            walk across the map count as if they were decided one by one.
        max_steps: Moves after which an episode is cut, in the midst of a walk, too.
        success_reward: For an end closer than 3 m to the goal.
        failure_reward: For any other end (EnvDrop gives 2 and -2; Tan et al. 2019, r2r_src/agent.py).
        spl_reward: For a success, times its SPL.
        distance_reward: Per metre that a move comes nearer to the goal, along the graph.
        fidelity_reward: For what a move adds to nDTW (Jain et al. 2019, arXiv 1905.12255, reward fidelity likewise).
        slack_reward: For every step.
        trajectories: Tell every episode's `navagent.types.Trajectory` at its end.
        render_mode: None; there are no pictures.

    Raises:
        ConfigError: An option is out of its range.
        DataError: Data are absent or damaged.
    """

    rules = "r2r"
    """Name of the scoring rules in `eval.rules` that its trajectories obey."""

    single_observation_space: spaces.Dict
    single_action_space: spaces.Discrete
    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012 (as gymnasium declares it)

    def __init__(
        self,
        num_envs: int = 1,
        split: str = "train",
        data_dir: str | None = None,
        seed: int = 0,
        texts: Texts = "captions",
        instruction_length: int = 80,
        words: int = 16,
        rooms: bool = False,
        map_nodes: int = 0,
        max_steps: int = 35,
        success_reward: float = 2.0,
        failure_reward: float = 0.0,
        spl_reward: float = 0.0,
        distance_reward: float = 1.0,
        fidelity_reward: float = 0.0,
        slack_reward: float = 0.0,
        trajectories: bool = False,
        render_mode: str | None = None,
    ) -> None:
        counts = {"num_envs": num_envs, "instruction_length": instruction_length, "words": words}
        _check({**counts, "max_steps": max_steps}, texts)
        data: R2RData = load_r2r(split, data_dir)
        if not data.has_goals:
            raise ConfigError(f"Split {split} has no goals, so nothing can be learned or measured on it.")
        self.num_envs, self.render_mode, self._tells = num_envs, render_mode, trajectories
        self._shuffle, self._max_steps, self._seed = split == "train", max_steps, seed
        self._rewards = {
            "success": success_reward - failure_reward,
            "spl": spl_reward,
            "distance": distance_reward,
            "fidelity": fidelity_reward,
        }
        self._failure_reward, self._slack_reward = failure_reward, slack_reward
        self._graph: GraphArrays = graph_arrays(graphs_of(data))
        self._goals: Goals = read_goals(data, self._graph)
        self._tokens = read_tokens(data, texts, data_dir, instruction_length, words, rooms)
        self._sectors = sectors(self._graph.headings)
        self._maps = self._new_maps(data, map_nodes) if map_nodes else None
        self.episodes, self._graphs = data.episodes, data.graphs
        self._walks = Walks(num_envs, self._graph, self._goals, max_steps)
        self._drawn, self._started = 0, False
        space = self._space(instruction_length, words, map_nodes)
        self.single_observation_space = space
        self.single_action_space = spaces.Discrete(1 + self._graph.neighbours.shape[1] + map_nodes)
        self.observation_space = batch_space(space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

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
            self._drawn = 0
            self._walks = Walks(self.num_envs, self._graph, self._goals, self._max_steps)
        self._started = True
        everybody = np.ones(self.num_envs, np.bool_)
        self._walks.begin(everybody, self._draw(everybody))
        if self._maps is not None:
            self._maps.restore(self._walks)
        return self._observe(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Arrays, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Let every agent act once.

        Args:
            actions: (num_envs,) integers: 0, a candidate's number, or K + 1 + m for the m-th viewpoint of the map.

        Raises:
            ValueError: An action is none that the agent has, or there was no `reset`.
        """
        if not self._started:
            raise ValueError("call reset before the first step")
        walks = self._walks
        codes, acts, begins = np.asarray(actions, np.int64), ~walks.over, walks.over.copy()
        moves = self._legal_moves(codes, acts)
        distance, fidelity = walks.to_goal.copy(), walks.fidelity
        if self._maps is None:
            walks.go(moves, np.maximum(codes - 1, 0))
        else:
            self._maps.walk(walks, codes, moves, self._max_steps)
        terminated = acts & (codes == STOP)
        truncated = acts & ~terminated & (walks.steps >= self._max_steps)
        walks.over |= terminated | truncated
        metrics = walks.metrics()
        rewards = self._reward(acts, terminated | truncated, distance - walks.to_goal, fidelity, metrics)
        infos: dict[str, Any] = {}
        if (ended := terminated | truncated).any():
            for name, values in metrics.items():
                infos[name], infos[f"_{name}"] = np.where(ended, values, 0.0), ended.copy()
            if self._tells:
                infos["trajectory"], infos["_trajectory"] = self._trajectories(ended, terminated), ended.copy()
        if begins.any():
            walks.begin(begins, self._draw(begins))
            if self._maps is not None:
                self._maps.begin(walks, begins)
        return self._observe(), rewards, terminated, truncated, infos

    # ---------------------------------------------------------------------------------------------- beyond them
    @property
    def episode_count(self) -> int:
        """How many episodes the split has."""
        return len(self.episodes)

    @property
    def over(self) -> NDArray[np.bool_]:
        """Whether each agent's episode has ended, (num_envs,)."""
        return np.array(self._walks.over)

    @property
    def texts(self) -> tuple[str, ...]:
        """What each agent is to do, in words."""
        return tuple(self.episodes[episode].instruction for episode in self._walks.episode.tolist())

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words that tokens stand for, from token 2 on."""
        return self._tokens.vocabulary.words

    def oracle_actions(self) -> NDArray[np.int64]:
        """Return each agent's action on the shortest path to its goal, STOP there; -1 where its episode is over.

        With maps, `envs.r2r.maps.Maps.oracle` says which.
        """
        walks, goal = self._walks, self._goals.goal[self._walks.episode]
        if self._maps is not None:
            agents = zip(walks.over.tolist(), walks.here.tolist(), goal.tolist(), strict=True)
            oracle = self._maps.oracle
            return np.array([-1 if over else oracle(i, *ends) for i, (over, *ends) in enumerate(agents)], np.int64)
        following = self._graph.successor(walks.here, goal)
        found = (self._graph.neighbours[walks.here] == following[:, None]) & (following[:, None] >= 0)
        return np.where(walks.over, -1, np.where(found.any(axis=1), found.argmax(axis=1) + 1, STOP))

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs to go on from here, as plain arrays and numbers."""
        return {"seed": self._seed, "drawn": self._drawn, "walks": self._walks.state()}

    def restore(self, state: Mapping[str, Any]) -> Arrays:
        """Go on from a `state` of an environment with the same options, and return the observations there."""
        self._seed, self._drawn, self._started = state["seed"], state["drawn"], True
        self._walks.restore(state["walks"])
        if self._maps is not None:
            self._maps.restore(self._walks)
        return self._observe()

    # ------------------------------------------------------------------------------------------------- the rest
    def _draw(self, begins: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the next episode of each agent that begins one."""
        count, agents = self.episode_count, np.flatnonzero(begins)
        if not self._shuffle:
            last = self._walks.episode[agents]
            # Agents play i, i + N, ..., and from i on again once the split is through.
            following = np.where(last < 0, agents, last + self.num_envs)
            return np.where(following < count, following, agents % count)
        numbers = self._drawn + np.arange(len(agents))
        self._drawn += len(agents)
        orders = {n: _order(self._seed, n, count) for n in set((numbers // count).tolist())}
        return np.array([orders[number // count][number % count] for number in numbers.tolist()], np.int64)

    def _legal_moves(self, codes: NDArray[np.int64], acts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which agents move, after a look at whether they can."""
        most, last = self._graph.neighbours.shape[1], int(self.single_action_space.n) - 1
        if codes.shape != (self.num_envs,) or ((codes < STOP) | (codes > last)).any():
            raise ValueError(f"actions must be {self.num_envs} integers from 0 to {last}, not {codes!r}")
        moves = acts & (codes > STOP)
        targets = self._graph.neighbours[self._walks.here, np.clip(codes - 1, 0, most - 1)]
        wrong = np.flatnonzero(moves & (codes <= most) & (targets < 0))
        if len(wrong):
            legal = int((self._graph.neighbours[self._walks.here[wrong[0]]] >= 0).sum())
            raise ValueError(f"agent {wrong[0]} has actions 0 to {legal} here, not {codes[wrong[0]]}: see `candidates`")
        for agent in np.flatnonzero(moves & (codes > most)).tolist():
            if self._maps is not None and not self._maps.legal(agent, int(codes[agent])):
                raise ValueError(
                    f"agent {agent} cannot walk to {codes[agent] - most - 1} on its map: see `map_frontier`"
                )
        return moves

    def _new_maps(self, data: R2RData, size: int) -> Maps:
        most = self._graph.neighbours.shape[1]
        if size <= most:
            raise ConfigError(f"map_nodes must be 0 or more than {most}, the most neighbours here, not {size}.")
        positions = np.array([data.graphs[scan].positions[viewpoint] for scan, viewpoint in self._graph.names])
        return Maps(size, self._graph, positions, self._tokens.places, self._sectors)

    def _trajectories(self, ended: NDArray[np.bool_], stopped: NDArray[np.bool_]) -> NDArray[Any]:
        """Return (num_envs,) trajectories of the episodes that ended, as `envs.r2r.env.R2R` tells them."""
        walks, found = self._walks, np.full(self.num_envs, None, object)
        for agent in np.flatnonzero(ended).tolist():
            episode, length = self.episodes[walks.episode[agent]], walks.steps[agent] + 1
            graph = self._graphs[episode.scene]
            viewpoints = tuple(self._graph.names[number][1] for number in walks.path[agent, :length])
            headings = walks.facing[agent, :length].tolist()
            poses = tuple(Pose(graph.positions[v], h) for v, h in zip(viewpoints, headings, strict=True))
            distances = measure(graph, viewpoints, episode.goal)
            found[agent] = Trajectory(
                episode.episode_id, episode.scene, poses, viewpoints, bool(stopped[agent]), distances
            )
        return found

    def _reward(
        self,
        acts: NDArray[np.bool_],
        ended: NDArray[np.bool_],
        nearer: NDArray[np.float64],
        fidelity: NDArray[np.float64],
        metrics: Mapping[str, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return what the step was worth to each agent."""
        rates = self._rewards
        step = self._slack_reward + rates["distance"] * nearer + rates["fidelity"] * (metrics["ndtw"] - fidelity)
        end = self._failure_reward + rates["success"] * metrics["success"] + rates["spl"] * metrics["spl"]
        return np.where(acts, step + np.where(ended, end, 0.0), 0.0)

    def _space(self, length: int, words: int, size: int) -> spaces.Dict:
        most, last = self._graph.neighbours.shape[1], len(self._tokens.vocabulary) - 1
        room = {"rooms": spaces.Box(0, last, (1 + most, ROOM_WORDS), np.int32)}
        return spaces.Dict(
            {
                "instruction": InstructionSpace(self._tokens.vocabulary.all_words, length),
                "candidates": spaces.Box(0, 1, (most,), np.bool_),
                "geometry": spaces.Box(-FARTHEST, FARTHEST, (most, GEOMETRY), np.float32),
                "sectors": spaces.Box(0, SECTORS - 1, (most,), np.int32),
                "place": spaces.Box(0, last, (SECTORS, words), np.int32),
                "around": spaces.Box(-1, 1, (SECTORS, 2), np.float32),
                "move": spaces.Box(-FARTHEST, FARTHEST, (MOVE,), np.float32),
                "heading": spaces.Box(0, np.float32(_TURN), (1,), np.float32),
                "steps": spaces.Box(0, np.float32(self._max_steps), (1,), np.float32),
                **(room if self._tokens.rooms is not None else {}),
                **(map_space(size, words, most, last).spaces if size else {}),
            }
        )

    def _observe(self) -> Arrays:
        walks, graph = self._walks, self._graph
        here, heading = walks.here, walks.heading
        neighbours = graph.neighbours[here]
        legal = neighbours >= 0
        seen = geometry(
            graph.headings[here] - heading[:, None], graph.elevations[here], graph.lengths[here], walks.seen(neighbours)
        )
        more = {} if self._maps is None else self._maps.observe(heading)
        if self._tokens.rooms is not None:
            rooms = self._tokens.rooms[neighbours] * legal[..., None]
            more["rooms"] = np.concatenate([self._tokens.rooms[here][:, None], rooms], axis=1)
        return {
            "instruction": self._tokens.instructions[walks.episode],
            "candidates": legal,
            "geometry": seen * legal[..., None],
            "sectors": np.where(legal, self._sectors[here], 0).astype(np.int32),
            "place": self._tokens.places[here],
            "around": around(heading),
            "move": walks.last_move * (walks.steps > 0)[:, None],
            "heading": heading[:, None].astype(np.float32),
            "steps": walks.steps[:, None].astype(np.float32),
            **more,
        }


@lru_cache(maxsize=2)
def _order(seed: int, time: int, count: int) -> NDArray[np.int64]:
    """Return the order in which a training goes through its episodes for the `time`-th time."""
    return np.random.default_rng([seed, time]).permutation(count)


def _check(counts: Mapping[str, int], texts: str) -> None:
    """Refuse options that make no environment, in one sentence."""
    for name, count in counts.items():
        if count < 1:
            raise ConfigError(f"{name} must be at least 1, not {count}.")
    if texts not in ("captions", "summaries", "none"):
        raise ConfigError(f"texts must be captions, summaries or none, not '{texts}'.")
