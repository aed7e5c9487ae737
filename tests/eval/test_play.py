"""What policies and metrics may do wrong without taking a run down."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.r2r.env import R2R
from eval.play import Scorer, play
from eval.rules import RULES
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from navagent.contracts import Policy
from navagent.errors import RunError
from navagent.types import Call, Decision, Episode, Message, MoveTo, Observation, Reply, Trajectory
from navagent.types import Stop as StopAction
from policies.baselines import Random, Stop


class Doing(Policy):
    """Does what it is told on the first episode, and stops on the others."""

    def __init__(self, victim: str, what: Callable[[], Any]) -> None:
        self._victim, self._what = victim, what

    def reset(self, episode: Episode) -> None:
        self._now = episode.episode_id == self._victim

    def act(self, observation: Observation) -> Any:
        return self._what() if self._now else StopAction()


def _numpy_reply() -> Decision:
    reply = Reply(("x",), (None,), "m", np.int64(3), np.int64(4), np.float32(0.5))
    return Decision(StopAction(), np.float32(1), (Call("decide", (Message("user", "?"),), reply),))


BREAKING: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "stop",
    "the class": lambda: StopAction,
    "a decision on nothing": lambda: Decision(None),  # type: ignore[arg-type]
    "an exit": lambda: sys.exit(7),
    "an illegal move": lambda: MoveTo("nowhere"),
    "markup": lambda: (_ for _ in ()).throw(ValueError("x [/red] \ud800")),
}


@pytest.mark.parametrize("what", BREAKING)
def test_a_defect_breaks_its_own_episode_only(what: str, tiny_data: Path, tmp_path: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    directory = RunDirectory(tmp_path / "run")
    policy = Doing(env.episodes[2].episode_id, BREAKING[what])
    assert evaluate(env, policy, env.episodes, directory, workers=2).complete
    broken = [result for result in directory.results() if result.error is not None]
    assert [result.episode_id for result in broken] == [env.episodes[2].episode_id]
    if what in ("None", "text", "the class"):
        assert "Doing.act returned" in str(broken[0].error)


@pytest.mark.parametrize(
    "decision",
    [_numpy_reply, lambda: Decision(StopAction(), "half an emoji \ud83d"), lambda: Decision(StopAction(), {1, 2})],  # type: ignore[arg-type]
    ids=["numpy numbers", "surrogate", "set"],
)
def test_odd_thoughts_reach_the_trace_all_the_same(
    decision: Callable[[], Decision], tiny_data: Path, tmp_path: Path
) -> None:
    env = R2R("val_unseen", str(tiny_data))
    directory = RunDirectory(tmp_path / "run")
    assert evaluate(env, Doing(env.episodes[0].episode_id, decision), env.episodes[:2], directory).complete
    assert [result.error for result in directory.results()] == [None, None]


def _nan(trajectory: Trajectory) -> float:
    return float("nan")


def _none(trajectory: Trajectory) -> float:
    return None  # type: ignore[return-value]


def _exit(trajectory: Trajectory) -> float:
    sys.exit(3)


@pytest.mark.parametrize(("metric", "said"), [(_nan, "_nan returned nan"), (_none, "_none broke"), (_exit, "broke")])
def test_a_metric_that_cannot_be_used_stops_the_run_and_is_named(
    metric: Callable[[Trajectory], float], said: str, tiny_data: Path, tmp_path: Path
) -> None:
    env = R2R("val_unseen", str(tiny_data))
    directory = RunDirectory(tmp_path / "run")
    outcome = evaluate(env, Stop(), env.episodes, directory, extra_metrics={metric.__name__: metric})
    assert not outcome.complete
    assert said in str(outcome.reason)


def test_a_list_of_episodes_that_is_deleted_during_the_run_stops_it(tiny_data: Path, tmp_path: Path) -> None:
    env = R2R("val_unseen", str(tiny_data))
    directory = RunDirectory(tmp_path / "run")

    def delete(result: object) -> None:
        (directory.path / "episodes.jsonl").unlink()

    outcome = evaluate(env, Stop(), env.episodes, directory, on_result=delete)
    assert "was deleted while the run was writing to it" in str(outcome.reason)
    assert evaluate(env, Stop(), env.episodes, directory).complete
    assert len(directory.results()) == len(env.episodes)


@pytest.mark.parametrize("content", ['{"episode_id": "1"}\n', '{"metrics": null}\n', "[]\n", "\xff\n"])
def test_odd_lines_of_a_run_are_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "episodes.jsonl").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunError, match=r"episodes\.jsonl.* is damaged"):
        RunDirectory(tmp_path).results()


def test_pictures_are_not_kept_for_the_trace(tiny_data: Path) -> None:
    """Else an episode of R2R-CE would hold 200 MB until its end."""
    pictures: list[weakref.ref[Any]] = []
    alive: list[int] = []

    class WithPictures(R2R):
        def _observe(self) -> Observation:
            alive.append(sum(picture() is not None for picture in pictures))
            rgb = np.zeros((4, 4, 3), np.uint8)
            pictures.append(weakref.ref(rgb))
            return replace(super()._observe(), rgb=rgb)

    env = WithPictures("val_unseen", str(tiny_data), max_steps=12)
    played = play(env, Random(), env.episodes[0], Scorer(RULES["r2r"], {}), threading.Event())
    assert len(played.trace.splitlines()) > 5
    assert max(alive) <= 2
