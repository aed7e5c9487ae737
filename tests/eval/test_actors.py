from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

from envs.r2r.env import R2R
from eval.actors import STILLBORN, TRIES, Actors
from eval.crew import Parts
from eval.play import Scorer
from eval.records import EpisodeResult
from eval.rules import RULES
from eval.run_directory import RunDirectory
from eval.runner import Outcome, evaluate, evaluate_with
from navagent.errors import ConfigError, DataError, RunError
from navagent.ray_cluster import Share
from navagent.types import Action, Observation
from policies.baselines import Random
from tests.local_ray import local_ray

SHARE = Share(0.5)


class Troubled(Random):
    """Meets with an accident in one episode, after its first decision.

    Args:
        accident: What happens.
        episode_id: Where.
        log: A file that gets a byte each time.
        times: How often it happens.
    """

    def __init__(self, accident: str, episode_id: str, log: Path, times: int) -> None:
        super().__init__()
        self._accident = accident
        self._victim = episode_id
        self._log = log
        self._times = times

    def reset(self, episode: Any) -> None:
        super().reset(episode)
        self._in_danger = episode.episode_id == self._victim

    def act(self, observation: Observation) -> Action:
        if self._in_danger and observation.step >= 1 and len(self._log.read_bytes()) < self._times:
            with self._log.open("ab") as stream:
                stream.write(b"x")
            if self._accident == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._accident == "error":
                raise DataError("the texts are gone")
            time.sleep(1.0)
        return super().act(observation)


class Fatal(R2R):
    """Its simulator takes the process along wherever a certain episode begins."""

    victim = ""

    def reset(self, episode: Any) -> Observation:
        if episode.episode_id == self.victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset(episode)


@dataclass(frozen=True)
class Make:
    """Makes a player's parts in its process."""

    data: str
    policy: Any = None
    fatal: str = ""
    fault: str = ""

    def __call__(self) -> Parts:
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "refuse":
            raise ConfigError("there is no such split")
        env = R2R("val_unseen", self.data) if not self.fatal else Fatal("val_unseen", self.data)
        if isinstance(env, Fatal):
            env.victim = self.fatal
        fingerprints = {"texts": str(os.getpid())} if self.fault == "differ" else dict(env.fingerprints)
        policy = Random() if self.policy is None else self.policy
        return Parts(env, policy, Scorer(RULES[env.rules], {}), {"fingerprints": fingerprints})


@pytest.fixture(scope="module", autouse=True)
def _session() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture
def make(tiny_data: Path) -> Make:
    return Make(str(tiny_data))


@pytest.fixture
def env(tiny_data: Path) -> R2R:
    return R2R("val_unseen", str(tiny_data))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "accidents"
    file.touch()
    return file


def results_of(directory: RunDirectory) -> dict[str, EpisodeResult]:
    return {result.episode_id: replace(result, seconds=0.0) for result in directory.results()}


@pytest.fixture
def by_threads(env: R2R, tmp_path: Path) -> dict[str, EpisodeResult]:
    """What the same episodes give in threads."""
    directory = RunDirectory(tmp_path / "threads")
    assert evaluate(env, Random(), env.episodes, directory, workers=2).complete
    return results_of(directory)


def test_results_and_traces_are_those_of_threads(
    make: Make, by_threads: dict[str, EpisodeResult], tmp_path: Path
) -> None:
    crew, directory = Actors(make, 2, SHARE), RunDirectory(tmp_path / "actors")
    assert evaluate_with(crew, crew.episodes, directory) == Outcome(complete=True)
    assert results_of(directory) == by_threads
    for name in map(directory.trace_name, by_threads):
        assert (directory.path / name).read_text() == (tmp_path / "threads" / name).read_text()


def test_a_killed_worker_costs_nothing(
    make: Make, by_threads: dict[str, EpisodeResult], log: Path, tmp_path: Path
) -> None:
    victim = sorted(by_threads)[7]
    crew = Actors(replace(make, policy=Troubled("kill", victim, log, times=1)), 2, SHARE)
    directory = RunDirectory(tmp_path / "actors")
    assert evaluate_with(crew, crew.episodes, directory).complete
    assert log.read_bytes() == b"x"
    assert results_of(directory) == by_threads


def test_an_episode_that_always_kills_its_worker_is_a_failure(
    make: Make, by_threads: dict[str, EpisodeResult], log: Path, tmp_path: Path
) -> None:
    victim = sorted(by_threads)[7]
    deaths: list[str] = []
    crew = Actors(replace(make, policy=Troubled("kill", victim, log, times=100)), 2, SHARE, deaths.append)
    directory = RunDirectory(tmp_path / "actors")
    assert evaluate_with(crew, crew.episodes, directory).complete
    assert len(log.read_bytes()) == len(set(deaths)) == TRIES
    results = results_of(directory)
    broken = results.pop(victim)
    assert broken.error == "The worker died 3 times in this episode, the last time because its process ended."
    assert (broken.metrics["sr"], broken.metrics["tl"], len(broken.trajectory)) == (0.0, 0.0, 1)
    assert results == {name: result for name, result in by_threads.items() if name != victim}


@pytest.mark.slow
def test_an_episode_that_cannot_even_begin_stops_the_run(make: Make, env: R2R, tmp_path: Path) -> None:
    victim = env.episodes[1].episode_id
    crew = Actors(replace(make, fatal=victim), 1, SHARE)
    directory = RunDirectory(tmp_path / "actors")
    outcome = evaluate_with(crew, env.episodes[:2], directory)
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"Episode {victim} cannot be scored: the worker dies as soon as the environment")
    assert list(results_of(directory)) == [env.episodes[0].episode_id]


def test_an_error_of_the_whole_run_stops_it_and_keeps_what_is_finished(
    make: Make, env: R2R, log: Path, tmp_path: Path
) -> None:
    victim = env.episodes[10].episode_id
    crew = Actors(replace(make, policy=Troubled("error", victim, log, times=1)), 1, SHARE)
    directory = RunDirectory(tmp_path / "actors")
    assert evaluate_with(crew, env.episodes, directory) == Outcome(complete=False, reason="the texts are gone")
    assert list(results_of(directory)) == [episode.episode_id for episode in env.episodes[:10]]


def test_an_interrupted_run_goes_on(make: Make, by_threads: dict[str, EpisodeResult], tmp_path: Path) -> None:
    def interrupt(result: EpisodeResult) -> None:
        raise KeyboardInterrupt

    directory = RunDirectory(tmp_path / "actors")
    crew = Actors(make, 2, SHARE)
    assert evaluate_with(crew, crew.episodes, directory, on_result=interrupt).interrupted
    assert len(directory.results()) == 1
    new: list[EpisodeResult] = []
    assert evaluate_with(Actors(make, 2, SHARE), crew.episodes, directory, on_result=new.append).complete
    assert len(new) == len(by_threads) - 1
    assert results_of(directory) == by_threads


@pytest.mark.slow
def test_what_is_in_flight_ends_with_its_decision(make: Make, env: R2R, log: Path, tmp_path: Path) -> None:
    def interrupt(result: EpisodeResult) -> None:
        if log.read_bytes():
            raise KeyboardInterrupt

    victim = env.episodes[0].episode_id
    crew = Actors(replace(make, policy=Troubled("linger", victim, log, times=100)), 2, SHARE)
    directory = RunDirectory(tmp_path / "actors")
    assert evaluate_with(crew, env.episodes, directory, on_result=interrupt, grace_s=100.0).interrupted
    assert 1 <= len(log.read_bytes()) <= 2
    assert victim not in results_of(directory)


def test_parts_that_cannot_be_made_are_told(make: Make) -> None:
    with pytest.raises(ConfigError, match="there is no such split"):
        Actors(replace(make, fault="refuse"), 2, SHARE)


@pytest.mark.slow
def test_workers_that_die_before_they_are_ready_end_it(make: Make) -> None:
    with pytest.raises(RunError, match=f"{STILLBORN} workers in a row died before they were ready, the last because"):
        Actors(replace(make, fault="kill"), 1, SHARE)


@pytest.mark.slow
def test_a_worker_that_reads_other_data_is_refused(make: Make, env: R2R, log: Path, tmp_path: Path) -> None:
    policy = Troubled("kill", env.episodes[3].episode_id, log, times=1)
    crew = Actors(replace(make, policy=policy, fault="differ"), 1, SHARE)
    directory = RunDirectory(tmp_path / "actors")
    outcome = evaluate_with(crew, env.episodes, directory)
    assert outcome.reason == (
        "Two nodes of the Ray cluster read different data (texts): give all nodes the same files."
    )
    assert list(results_of(directory)) == [episode.episode_id for episode in env.episodes[:3]]
