"""Losing a machine: Ray's own logical nodes on this one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

from ray.cluster_utils import Cluster

from envs.r2r.env import R2R
from eval.actors import Actors
from eval.records import EpisodeResult
from eval.run_directory import RunDirectory
from eval.runner import evaluate, evaluate_with
from navagent.ray_cluster import connected, share
from navagent.types import Action, Observation
from policies.baselines import Random
from tests.eval.test_actors import Make, results_of
from tests.local_ray import forgotten_processes


class Slow(Random):
    """Takes its time, so that there is something in flight."""

    def act(self, observation: Observation) -> Action:
        time.sleep(0.1)
        return super().act(observation)


def play_and_lose_a_node(data: Path, env: R2R, directory: RunDirectory) -> list[str]:
    """Play all episodes on two nodes of which one goes, and return those that ended, in order."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    lost = cluster.add_node(num_cpus=2)
    played: list[str] = []

    def lose_a_node(result: EpisodeResult) -> None:
        played.append(result.episode_id)
        if len(played) == 6:
            cluster.remove_node(lost, allow_graceful=False)

    try:
        with connected(cluster.address):
            cluster.wait_for_nodes()
            crew = Actors(Make(str(data), policy=Slow()), 3, share(3, None, 0.0))
            assert evaluate_with(crew, env.episodes, directory, on_result=lose_a_node).complete
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    return played


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lost_node_costs_only_its_episodes_in_flight(tiny_data: Path, tmp_path: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    threads, directory = RunDirectory(tmp_path / "threads"), RunDirectory(tmp_path / "actors")
    evaluate(env, Random(), env.episodes, threads)
    with forgotten_processes():
        played = play_and_lose_a_node(tiny_data, env, directory)
    assert sorted(played) == sorted(episode.episode_id for episode in env.episodes)
    assert results_of(directory) == results_of(threads)
