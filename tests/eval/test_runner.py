from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from envs.r2r.env import R2R
from eval.records import EpisodeResult
from eval.run_directory import RunDirectory
from eval.runner import Outcome, evaluate
from eval.sampling import choose_episodes
from navagent.contracts import Policy
from navagent.errors import BudgetError, ChatError, ConfigError, DataError
from navagent.rollout import rollout
from navagent.types import Action, Call, Decision, Episode, Message, MoveTo, Observation, Reply, Trajectory
from navagent.types import Stop as StopAction
from policies.baselines import Random, Stop


@pytest.fixture
def env(tiny_data: Path) -> R2R:
    return R2R("val_unseen", str(tiny_data))


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def _trace(directory: RunDirectory, episode_id: str) -> list[dict[str, Any]]:
    lines = (directory.path / directory.trace_name(episode_id)).read_text().splitlines()
    return [json.loads(line) for line in lines]


class Breaking(Policy):
    """Breaks on chosen episodes, in its second decision."""

    def __init__(self, error: Exception, episode_ids: set[str]) -> None:
        self._error = error
        self._ids = episode_ids

    def reset(self, episode: Episode) -> None:
        self._id = episode.episode_id
        self._moved = False

    def act(self, observation: Observation) -> Action:
        if self._moved:
            if self._id in self._ids:
                raise self._error
            return StopAction()
        self._moved = True
        assert observation.candidates is not None
        return MoveTo(observation.candidates[0].id)


def test_results_are_those_of_playing_one_by_one(env: R2R, directory: RunDirectory) -> None:
    assert evaluate(env, Random(), env.episodes, directory, workers=4).complete
    alone = {episode.episode_id: rollout(env, Random(), episode).viewpoints for episode in env.episodes}
    played = {result.episode_id: tuple(pose[0] for pose in result.trajectory) for result in directory.results()}
    assert played == alone


def test_finished_episodes_are_not_played_again(env: R2R, directory: RunDirectory) -> None:
    evaluate(env, Random(), env.episodes[:10], directory)
    new: list[EpisodeResult] = []
    evaluate(env, Random(), env.episodes, directory, on_result=new.append)
    assert len(new) == len(env.episodes) - 10
    assert len(directory.results()) == len(env.episodes)


def test_a_broken_episode_is_a_failure_and_the_rest_goes_on(env: R2R, directory: RunDirectory) -> None:
    victim = env.episodes[4]
    outcome = evaluate(env, Breaking(KeyError("x"), {victim.episode_id}), env.episodes, directory, workers=3)
    assert outcome.complete
    results = {result.episode_id: result for result in directory.results()}
    assert len(results) == len(env.episodes)
    broken = results[victim.episode_id]
    assert broken.error is not None
    assert broken.error.startswith("KeyError: 'x' (test_runner.py, line ")
    env.reset(victim)
    stayed = env.trajectory().distances
    assert stayed is not None
    assert (broken.metrics["sr"], broken.metrics["tl"], broken.metrics["ne"]) == (0, 0, stayed.to_goal[0])
    assert sum(result.error is not None for result in results.values()) == 1


def test_a_traceback_is_kept_for_the_policys_author(env: R2R, directory: RunDirectory) -> None:
    victim = env.episodes[0].episode_id
    evaluate(env, Breaking(KeyError("x"), {victim}), env.episodes[:1], directory)
    head, first = _trace(directory, victim)
    assert "in act" in head["traceback"]
    assert first["action"]["type"] == "MoveTo"


def test_a_model_that_fails_breaks_its_episode_only(env: R2R, directory: RunDirectory) -> None:
    victim = env.episodes[0].episode_id
    assert evaluate(env, Breaking(ChatError("no reply"), {victim}), env.episodes, directory).complete
    assert [result.error for result in directory.results() if result.error] == ["no reply"]


@pytest.mark.parametrize("error", [BudgetError("budget used up"), DataError("text missing")])
def test_an_error_of_the_whole_run_stops_it_and_keeps_what_is_finished(
    env: R2R, directory: RunDirectory, error: Exception
) -> None:
    victim = env.episodes[10].episode_id
    outcome = evaluate(env, Breaking(error, {victim}), env.episodes, directory, workers=1)
    assert outcome == Outcome(complete=False, reason=str(error))
    assert [result.episode_id for result in directory.results()] == [e.episode_id for e in env.episodes[:10]]


def test_many_broken_episodes_in_a_row_stop_the_run(env: R2R, directory: RunDirectory) -> None:
    everyone = {episode.episode_id for episode in env.episodes}
    outcome = evaluate(env, Breaking(ValueError("bug"), everyone), env.episodes, directory, workers=1, max_errors=4)
    assert not outcome.complete
    assert outcome.reason is not None
    assert outcome.reason.startswith("4 episodes in a row broke, the last with: ValueError: bug")


def test_a_policy_that_needs_what_the_environment_lacks_is_refused(env: R2R, directory: RunDirectory) -> None:
    class Seeing(Stop):
        needs = frozenset({"rgb", "depth", "candidates"})

    with pytest.raises(ConfigError, match="Seeing needs depth, rgb, which R2R does not give"):
        evaluate(env, Seeing(), env.episodes, directory)
    assert directory.results() == []


class Waiting(Policy):
    """Takes a while for each decision, as a language model does, and counts how many decide at once."""

    lock = threading.Lock()
    now = most = 0

    def reset(self, episode: Episode) -> None:
        return

    def act(self, observation: Observation) -> Action:
        with Waiting.lock:
            Waiting.now += 1
            Waiting.most = max(Waiting.most, Waiting.now)
        time.sleep(0.02)
        with Waiting.lock:
            Waiting.now -= 1
        return StopAction()


def test_workers_decide_at_once(env: R2R, directory: RunDirectory) -> None:
    Waiting.most = 0
    evaluate(env, Waiting(), env.episodes, directory, workers=6)
    assert Waiting.most == 6


def test_an_interrupt_drops_what_is_in_flight_and_keeps_the_rest(env: R2R, directory: RunDirectory) -> None:
    def interrupt(result: EpisodeResult) -> None:
        raise KeyboardInterrupt

    outcome = evaluate(env, Waiting(), env.episodes, directory, workers=2, on_result=interrupt)
    assert outcome.interrupted
    assert len(directory.results()) == 1
    assert evaluate(env, Waiting(), env.episodes, directory).complete
    assert len(directory.results()) == len(env.episodes)


class Talking(Policy):
    """Reports calls, problems and a fallback with its decision."""

    def reset(self, episode: Episode) -> None:
        return

    def act(self, observation: Observation) -> Decision:
        reply = Reply(("stop",), (None,), "gpt-4o-2024-08-06", 100, 7, cost_usd=0.5)
        calls = (Call("decide", (Message("user", "where to?"),), reply),) * 2
        return Decision(StopAction(), "because", calls, ("no JSON",), fallback=True)


def test_thoughts_calls_and_costs_reach_the_run(env: R2R, directory: RunDirectory) -> None:
    evaluate(env, Talking(), env.episodes[:2], directory)
    result = directory.results()[0]
    assert (result.decisions, result.fallbacks, result.problems) == (1, 1, 1)
    assert (result.usage.calls, result.usage.input_tokens, result.usage.cost_usd) == (2, 200, 1.0)
    assert result.usage.models == ("gpt-4o-2024-08-06",)
    _, step = _trace(directory, result.episode_id)
    assert step["thought"] == "because"
    assert step["calls"][1]["messages"] == [{"role": "user", "content": "where to?"}]
    assert step["calls"][1]["reply"]["texts"] == ["stop"]


def test_metrics_of_the_users_own_are_added(env: R2R, directory: RunDirectory) -> None:
    def poses(trajectory: Trajectory) -> float:
        return float(len(trajectory.poses))

    evaluate(env, Stop(), env.episodes[:3], directory, extra_metrics={"poses": poses})
    assert [result.metrics["poses"] for result in directory.results()] == [1.0, 1.0, 1.0]


def test_metrics_of_the_users_own_see_a_broken_episode_at_its_start(env: R2R, directory: RunDirectory) -> None:
    def moves(trajectory: Trajectory) -> float:
        return len(trajectory.poses) - 1.0

    victim = env.episodes[0].episode_id
    breaking = Breaking(ValueError("bug"), {victim})
    evaluate(env, breaking, env.episodes[:2], directory, extra_metrics={"moves": moves})
    assert {result.episode_id: result.metrics["moves"] for result in directory.results()} == {
        victim: 0.0,
        env.episodes[1].episode_id: 1.0,
    }


class Stumbling(R2R):
    """Fails to begin one episode once, as a simulator does that crashed."""

    def reset(self, episode: Episode) -> Observation:
        if episode.episode_id == self.episodes[3].episode_id and not getattr(self, "_stumbled", False):
            self._stumbled = True
            raise OSError("the simulator is gone")
        return super().reset(episode)


def test_an_episode_that_could_not_begin_is_scored_at_its_own_start(tiny_data: Path, directory: RunDirectory) -> None:
    env = Stumbling("val_unseen", str(tiny_data))
    evaluate(env, Random(), env.episodes[:6], directory, workers=1)
    results = {result.episode_id: result for result in directory.results()}
    broken = results[env.episodes[3].episode_id]
    assert broken.error is not None
    assert "the simulator is gone" in broken.error
    assert [pose[0] for pose in broken.trajectory] == [env.episodes[3].start_viewpoint]


class Unlucky(Talking):
    """Pays for two calls; the third fails."""

    def act(self, observation: Observation) -> Decision:
        error = ChatError("no reply")
        error.calls = super().act(observation).calls
        raise error


def test_calls_of_a_decision_that_broke_are_not_lost(env: R2R, directory: RunDirectory) -> None:
    evaluate(env, Unlucky(), env.episodes[:1], directory)
    result = directory.results()[0]
    assert (result.decisions, result.usage.calls, result.usage.cost_usd) == (0, 2, 1.0)
    assert len(_trace(directory, result.episode_id)[0]["calls_without_decision"]) == 2


def test_a_split_without_goals_runs_without_scores(tiny_data: Path, directory: RunDirectory) -> None:
    env = R2R("test", str(tiny_data))
    assert evaluate(env, Random(), choose_episodes(env.episodes, None, 0), directory).complete
    assert all(result.metrics == {} for result in directory.results())
