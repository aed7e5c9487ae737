"""Walks across maps in R2R's vector environment, beside the environment for one, which knows single moves only."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.r2r.env import R2R
from envs.r2r.vector import STOP, GraphVectorEnv
from eval.rules import RULES
from navagent.types import MoveTo, Stop, Trajectory

Observed = dict[str, NDArray[Any]]


def make(data: Path, agents: int = 4, split: str = "val_unseen", **options: Any) -> GraphVectorEnv:
    chosen: dict[str, Any] = {"map_nodes": 9, "texts": "none", "trajectories": True} | options
    return GraphVectorEnv(agents, split, str(data), **chosen)


def legal(observations: Observed) -> NDArray[np.bool_]:
    """(N, actions) which actions there are."""
    stop = np.ones((len(observations["map"]), 1), np.bool_)
    return np.concatenate([stop, observations["candidates"], observations["map_frontier"]], axis=1)


def draw(observations: Observed, rng: np.random.Generator, stop: float = 0.15) -> NDArray[np.int64]:
    """Legal actions at random, as many across the map as to candidates."""
    chances = rng.random(legal(observations).shape) * legal(observations)
    chances[:, 0] *= rng.random(len(chances)) < stop
    chosen: NDArray[np.int64] = chances.argmax(axis=1)
    return chosen


def play(env: GraphVectorEnv, steps: int, walks: list[int] | None = None) -> list[tuple[Trajectory, dict[str, float]]]:
    """Walk at random; return the trajectories that ended with the metrics told, and note how long the walks were."""
    rng, found = np.random.default_rng(0), list[tuple[Trajectory, dict[str, float]]]()
    observations, _ = env.reset(seed=0)
    candidates = observations["candidates"].shape[1]
    for _ in range(steps):
        actions, over, before = draw(observations, rng), env.over, env.state()["walks"]["steps"]
        observations, _, _, _, infos = env.step(actions)
        across = (actions > candidates) & ~over
        if walks is not None:
            walks += (env.state()["walks"]["steps"] - before)[across].tolist()
        for agent in np.flatnonzero(infos.get("_success", ())):
            metrics = {name: float(infos[name][agent]) for name in ("success", "spl", "path_length")}
            found.append((infos["trajectory"][agent], metrics))
    return found


def assert_moves_count(data: Path, **options: Any) -> None:
    """Every trajectory is one of single moves that the environment for one allows and measures alike."""
    walks: list[int] = []
    found = play(make(data, 6, max_steps=8, **options), 80, walks)
    assert max(walks) > 1
    one = R2R("val_unseen", str(data), 8)
    episodes = {episode.episode_id: episode for episode in one.episodes}
    for trajectory, metrics in found:
        one.reset(episodes[trajectory.episode_id])
        assert trajectory.viewpoints is not None
        for _, there in pairwise(trajectory.viewpoints):
            observation = one.step(MoveTo(there))
        if trajectory.stopped:
            observation = one.step(Stop())
        assert observation.done
        score = RULES["r2r"].score(one.trajectory())
        assert one.trajectory().viewpoints == trajectory.viewpoints
        assert [metrics["success"], metrics["spl"], metrics["path_length"]] == pytest.approx(
            [score["sr"], score["spl"], score["tl"]]
        )


def test_every_move_of_a_walk_counts(tiny_data: Path) -> None:
    assert_moves_count(tiny_data)


def test_every_move_of_a_walk_counts_on_real_graphs(real_data: Path) -> None:
    assert_moves_count(real_data, map_nodes=48)


def test_the_oracle_walks_the_shortest_path_from_the_start(tiny_data: Path) -> None:
    env, scores = make(tiny_data), list[float]()
    env.reset(seed=0)
    while len(scores) < 30:
        *_, infos = env.step(np.maximum(env.oracle_actions(), STOP))
        scores += [float(infos["spl"][agent]) for agent in np.flatnonzero(infos.get("_spl", ()))]
    assert scores == pytest.approx([1] * len(scores))


@pytest.mark.parametrize("size", [5, 12])
def test_the_oracle_reaches_every_goal_from_everywhere(size: int, tiny_data: Path) -> None:
    """After detours, with goals that were passed among them, and with a map that holds hardly more than candidates."""
    env, rng = make(tiny_data, 10, map_nodes=size, max_steps=60), np.random.default_rng(1)
    ends, across, back = list[float](), 0, 0
    for _ in range(3):
        observations, _ = env.reset()
        for _ in range(7):
            observations, *_ = env.step(draw(observations, rng, 0.0))
        left = np.ones(10, np.bool_)
        while left.any():
            labels = env.oracle_actions()
            assert legal(observations)[left, labels[left]].all()
            across += int((labels[left] > 4).sum())
            chosen = observations["geometry"][np.arange(10), np.clip(labels - 1, 0, 3), 4]
            back += int((chosen[left & (labels > STOP) & (labels <= 4)] > 0).sum())
            observations, _, terminated, truncated, infos = env.step(np.maximum(labels, STOP))
            ended = left & (terminated | truncated)
            ends += [float(infos["distance_to_goal"][i]) for i in np.flatnonzero(ended)]
            left &= ~ended
    assert ends == pytest.approx([0] * 30)
    assert back > 0
    assert across > 0 or size == 5


def test_a_state_goes_on_to_the_same_steps(tiny_data: Path) -> None:
    env, twin = (make(tiny_data, 4, "train", texts="captions", words=5) for _ in range(2))
    rng = np.random.default_rng(2)
    observations, _ = env.reset(seed=7)
    for _ in range(11):
        observations, *_ = env.step(draw(observations, rng))
    again = twin.restore(env.state())
    for _ in range(20):
        assert env.observation_space.contains(observations)
        assert all((again[name] == values).all() for name, values in observations.items())
        assert (env.oracle_actions() == twin.oracle_actions()).all()
        actions = draw(observations, rng)
        observations, rewards, *_ = env.step(actions)
        again, others, *_ = twin.step(actions)
        assert (rewards == others).all()


def test_a_walk_that_there_is_not_is_refused_and_changes_nothing(tiny_data: Path) -> None:
    env = make(tiny_data, 2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="agent 1 cannot walk to 0 on its map: see `map_frontier`"):
        env.step(np.array([1, 5]))  # it is there
    with pytest.raises(ValueError, match="actions must be 2 integers from 0 to 13"):
        env.step(np.array([0, 14]))
    assert env.state()["walks"]["steps"].tolist() == [0, 0]
