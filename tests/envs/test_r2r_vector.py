from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

import envs  # noqa: F401 (registers the ids)
from envs.r2r.env import R2R
from envs.r2r.vector import STOP, GraphVectorEnv
from eval.rules import RULES
from navagent.errors import ConfigError, DataError
from navagent.geometry import sector, wrap
from navagent.instructions import InstructionSpace
from navagent.types import Action, Episode, MoveTo, Observation, Stop, Trajectory
from tests.tiny import scramble_rooms

NAMES = {
    "success": "sr",
    "spl": "spl",
    "oracle_success": "osr",
    "distance_to_goal": "ne",
    "path_length": "tl",
    "ndtw": "ndtw",
}
"""The environment's metrics and `eval.rules`' names of them."""

Observed = dict[str, NDArray[Any]]


def make(data: Path, agents: int = 4, split: str = "val_unseen", **options: Any) -> GraphVectorEnv:
    return GraphVectorEnv(agents, split, str(data), **options)


def draw(observations: Observed, rng: np.random.Generator, stop: float = 0.1) -> NDArray[np.int64]:
    """Legal actions at random."""
    counts = observations["candidates"].sum(axis=1)
    moves = 1 + np.floor(rng.random(len(counts)) * counts).astype(np.int64)
    return np.where(rng.random(len(counts)) < stop, STOP, moves)


class Shadow:
    """The environment for one agent, stepped beside an agent of the vector environment."""

    def __init__(self, env: R2R, episode: Episode) -> None:
        self.env, self.seen = env, [env.reset(episode)]

    @property
    def now(self) -> Observation:
        return self.seen[-1]

    def act(self, code: int) -> None:
        candidates = self.now.candidates
        assert candidates is not None
        action: Action = Stop() if code == STOP else MoveTo(candidates[code - 1].id)
        self.seen.append(self.env.step(action))

    def assert_same(self, observations: Observed, agent: int) -> None:
        """Compare what the agent sees with what it would see here."""
        pose, candidates = self.now.pose, self.now.candidates
        assert pose is not None
        assert candidates is not None
        seen = {name: values[agent] for name, values in observations.items()}
        assert seen["candidates"].tolist() == [k < len(candidates) for k in range(len(seen["candidates"]))]
        assert abs(wrap(float(seen["heading"][0]) - pose.heading)) < 1e-6
        assert seen["steps"][0] == self.now.step
        visited = {observation.viewpoint for observation in self.seen}
        for k, candidate in enumerate(candidates):
            sine, cosine, elevation, distance, been = seen["geometry"][k].tolist()
            assert abs(wrap(math.atan2(sine, cosine) - candidate.heading)) < 1e-5
            assert elevation == pytest.approx(candidate.elevation, abs=1e-6)
            assert distance == pytest.approx(candidate.distance, abs=1e-5)
            assert been == (candidate.id in visited)
            assert seen["sectors"][k] == sector(wrap(candidate.heading + pose.heading), 8)
        assert not seen["geometry"][len(candidates) :].any()
        for k, (sine, cosine) in enumerate(seen["around"].tolist()):
            assert abs(wrap(math.atan2(sine, cosine) - (k * math.pi / 4 - pose.heading))) < 1e-5

    def assert_same_move(self, move: list[float]) -> None:
        """Compare the last move with the candidate that it was."""
        moves = [(a, b) for a, b in pairwise(self.seen) if a.viewpoint != b.viewpoint]
        if not moves:
            assert move == [0, 0, 0, 0]
            return
        before, after = moves[-1]
        chosen = next(c for c in before.candidates or () if c.id == after.viewpoint)
        assert abs(wrap(math.atan2(move[0], move[1]) - chosen.heading)) < 1e-5
        assert move[2:] == pytest.approx([chosen.elevation, chosen.distance], abs=1e-5)


def assert_same_trajectory(one: Trajectory, other: Trajectory) -> None:
    """Everything but the last digits of headings, which add up in another order."""
    assert replace(one, poses=()) == replace(other, poses=())
    for mine, theirs in zip(one.poses, other.poses, strict=True):
        assert mine.position == theirs.position
        assert abs(wrap(mine.heading - theirs.heading)) < 1e-9


def compare(vector: GraphVectorEnv, env: R2R, steps: int) -> int:
    """Walk at random in both; return how many episodes have ended."""
    rng = np.random.default_rng(0)
    observations, _ = vector.reset(seed=0)
    assert vector.observation_space.contains(observations)
    episodes, ended = [int(i) for i in vector.state()["walks"]["episode"]], 0
    copies = [copy.deepcopy(env) for _ in range(vector.num_envs)]
    shadows = [Shadow(other, other.episodes[i]) for other, i in zip(copies, episodes, strict=True)]
    for _ in range(steps):
        for agent, shadow in enumerate(shadows):
            shadow.assert_same(observations, agent)
            shadow.assert_same_move(observations["move"][agent].tolist())
            assert vector.texts[agent] == shadow.now.instruction
        actions, over = draw(observations, rng), vector.over
        observations, _, terminated, truncated, infos = vector.step(actions)
        episodes = [int(i) for i in vector.state()["walks"]["episode"]]
        for agent, shadow in enumerate(shadows):
            if over[agent]:
                shadows[agent] = Shadow(copies[agent], copies[agent].episodes[episodes[agent]])
                continue
            shadow.act(int(actions[agent]))
            assert shadow.now.done == (terminated[agent] or truncated[agent])
            assert terminated[agent] == (actions[agent] == STOP)
            if shadow.now.done:
                trajectory = copies[agent].trajectory()
                assert_same_trajectory(infos["trajectory"][agent], trajectory)
                score = RULES["r2r"].score(trajectory)
                for name, rule in NAMES.items():
                    assert infos[f"_{name}"][agent]
                    assert infos[name][agent] == pytest.approx(score[rule], abs=1e-9), name
                ended += 1
                observations["steps"][agent] = shadow.now.step  # R2R counts Stop as a step, too
    return ended


def test_it_does_what_the_environment_for_one_does(tiny_data: Path) -> None:
    assert compare(make(tiny_data, 5, max_steps=12, trajectories=True), R2R("val_unseen", str(tiny_data), 12), 120) > 20


def test_it_does_on_real_graphs_what_the_environment_for_one_does(real_data: Path) -> None:
    assert compare(make(real_data, 16, texts="none", trajectories=True), R2R("val_unseen", str(real_data)), 60) > 40


def finished(env: GraphVectorEnv, count: int) -> list[dict[str, float]]:
    """Follow the oracle until so many episodes have ended."""
    env.reset(seed=0)
    found: list[dict[str, float]] = []
    while len(found) < count:
        *_, infos = env.step(np.maximum(env.oracle_actions(), STOP))
        for agent in np.flatnonzero(infos.get("_success", ())):
            found.append({name: float(infos[name][agent]) for name in NAMES})
    return found


def test_the_oracle_walks_the_shortest_path(tiny_data: Path) -> None:
    for score in finished(make(tiny_data), 30):
        assert [score["success"], score["spl"], score["distance_to_goal"]] == pytest.approx([1, 1, 0])


def test_the_oracle_scores_on_val_unseen_as_published(real_data: Path) -> None:
    """Shortest path: TL 9.48, NE 0, SR 100, SPL 100."""
    scores = finished(make(real_data, 87, texts="none"), 2349)[:2349]  # 87 x 27, so each episode once
    means = {name: sum(score[name] for score in scores) / len(scores) for name in NAMES}
    assert [means["success"], means["spl"], means["distance_to_goal"]] == pytest.approx([1, 1, 0])
    assert means["path_length"] == pytest.approx(9.48, abs=0.005)


def test_its_oracle_is_the_one_for_one(tiny_data: Path) -> None:
    vector, env = make(tiny_data, 8), R2R("val_unseen", str(tiny_data))
    vector.reset(seed=0)
    for agent, code in enumerate(vector.oracle_actions().tolist()):
        observation = env.reset(env.episodes[agent])
        assert observation.candidates is not None
        action = env.oracle_action()
        assert action == (Stop() if code == STOP else MoveTo(observation.candidates[code - 1].id))
    vector.step(np.zeros(8, np.int64))
    assert (vector.oracle_actions() == -1).all()


def test_training_draws_every_episode_once_before_any_twice(tiny_data: Path) -> None:
    env = make(tiny_data, 4, "train")
    env.reset(seed=3)
    drawn = env.state()["walks"]["episode"].tolist()
    while len(drawn) < 2 * env.episode_count:
        env.step(np.zeros(4, np.int64))  # STOP
        env.step(np.zeros(4, np.int64))  # ignored: the next episodes begin
        drawn += env.state()["walks"]["episode"].tolist()
    first, second = drawn[: env.episode_count], drawn[env.episode_count : 2 * env.episode_count]
    assert sorted(first) == sorted(second) == list(range(env.episode_count))
    assert first != second


def test_validation_is_played_in_order(tiny_data: Path) -> None:
    env = make(tiny_data, 7)
    env.reset(seed=0)
    drawn = [env.state()["walks"]["episode"].tolist()]
    for _ in range(5):
        env.step(np.zeros(7, np.int64))
        env.step(np.zeros(7, np.int64))
        drawn.append(env.state()["walks"]["episode"].tolist())
    assert drawn[1] == list(range(7, 14))
    assert drawn[4] == [28, 29, 2, 3, 4, 5, 6]  # 30 episodes: agents 2 to 6 are through after four
    assert drawn[5] == [0, 1, 9, 10, 11, 12, 13]


def test_a_step_after_the_end_begins_the_next_episode(tiny_data: Path) -> None:
    env = make(tiny_data, 2)
    env.reset(seed=0)
    before, _, terminated, _, infos = env.step(np.array([STOP, 1]))
    assert terminated.tolist() == [True, False]
    assert infos["_spl"].tolist() == [True, False]
    after, rewards, terminated, truncated, _ = env.step(np.array([4, 1]))  # the first agent's action is ignored
    assert not (terminated | truncated).any()
    assert rewards[0] == 0
    assert after["steps"][0] == 0
    assert (after["instruction"][0] != before["instruction"][0]).any()


def test_rewards_add_up_to_what_was_gained(tiny_data: Path) -> None:
    rates: dict[str, Any] = {"success_reward": 3.0, "failure_reward": -1.0, "spl_reward": 0.5, "distance_reward": 0.25}
    env = make(tiny_data, 1, fidelity_reward=2.0, slack_reward=-0.125, max_steps=9, **rates)
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(25):
        observations, _ = env.reset()
        walks, total, steps = env._walks, 0.0, 0
        shortest, fidelity = float(walks.to_goal[0]), float(walks.fidelity[0])
        ended = False
        while not ended:
            observations, rewards, terminated, truncated, infos = env.step(draw(observations, rng, 0.3))
            ended, total, steps = bool(terminated[0] or truncated[0]), total + float(rewards[0]), steps + 1
        success = infos["success"][0]
        expected = 0.25 * (shortest - infos["distance_to_goal"][0]) + 2.0 * (infos["ndtw"][0] - fidelity)
        expected += (3.0 if success else -1.0) + 0.5 * infos["spl"][0] - 0.125 * steps
        assert total == pytest.approx(expected)
        seen.add(bool(success))
    assert seen == {True, False}


def test_a_state_goes_on_to_the_same_steps(tiny_data: Path) -> None:
    env, twin = make(tiny_data, 4, "train"), make(tiny_data, 4, "train")
    rng = np.random.default_rng(2)
    observations, _ = env.reset(seed=7)
    for _ in range(20):
        observations, *_ = env.step(draw(observations, rng))
    again = twin.restore(env.state())
    for _ in range(40):
        assert all((again[name] == values).all() for name, values in observations.items())
        actions = draw(observations, rng)
        observations, rewards, *_ = env.step(actions)
        again, others, *_ = twin.step(actions)
        assert (rewards == others).all()


def test_words_are_those_of_the_training_split(tiny_data: Path) -> None:
    env = make(tiny_data, 1)
    observations, _ = env.reset(seed=0)
    words = ["", "?", *env.vocabulary]
    said = [words[token] for token in observations["instruction"][0] if token]
    assert [word for word in said if word != "?"][:4] == ["leave", "the", *said[2:4]]
    space = env.single_observation_space["instruction"]
    assert isinstance(space, InstructionSpace)
    assert space.words == ("<pad>", "<unk>", *env.vocabulary)
    seen = [[words[token] for token in row if token] for row in observations["place"][0]]
    env_of_one = R2R("val_unseen", str(tiny_data))
    start = env_of_one.episodes[0].start_viewpoint
    texts = json.loads((tiny_data / "navgpt" / "observations_list" / "scanA.json").read_text())[start]
    for row, text in zip(seen, texts, strict=True):
        room = text.split("middle: A ")[1].split()[0]
        assert row[0] == "lamp"
        assert room in row
        assert "a" not in row


@pytest.mark.parametrize("options", [{}, {"rooms": True, "map_nodes": 8}])
def test_goals_do_not_show(options: dict[str, Any], own_tiny_data: Path) -> None:
    """Other goals and reference paths from the same starts: the same observations."""
    rng = np.random.default_rng(0)
    actions: list[NDArray[np.int64]] = []
    seen: list[list[bytes]] = []
    for _ in range(2):
        env = make(own_tiny_data, 3, max_steps=6, **options)
        observations, _ = env.reset(seed=0)
        rows = [b"".join(values.tobytes() for values in observations.values())]
        for step in range(30):
            if len(actions) == step:
                actions.append(draw(observations, rng))
            observations, *_ = env.step(actions[step])
            rows.append(b"".join(values.tobytes() for values in observations.values()))
        seen.append(rows)
        file = own_tiny_data / "r2r" / "R2R_val_unseen.json"
        paths = json.loads(file.read_text())
        for path in paths:
            path["path"] = path["path"][:2] if len(set(path["path"][:2])) == 2 else path["path"][:3]
        file.write_text(json.dumps(paths))
    assert seen[0] == seen[1]


def test_rooms_are_the_labels_of_here_and_of_the_candidates(tiny_data: Path) -> None:
    env = make(tiny_data, 3, rooms=True)
    labels = json.loads((tiny_data / "rooms" / "vp2room_label.json").read_text())["pano_info"]
    words = ["", "?", *env.vocabulary]
    observations, _ = env.reset(seed=0)
    for agent, episode in enumerate(env.episodes[:3]):
        assert episode.start_viewpoint is not None
        ways = env._graphs[episode.scene].candidates(episode.start_viewpoint, 0.0)
        names = [episode.start_viewpoint, *(way.id for way in ways)]
        rooms = [labels[episode.scene][name]["label_info"].split(" (")[0] for name in names]
        seen = observations["rooms"][agent]
        assert [words[row[0]] for row in seen[: len(names)]] == rooms
        assert not seen[:, 1:].any()
        assert not seen[len(names) :].any()


def test_rooms_show_only_where_they_are_asked_for(own_tiny_data: Path) -> None:
    seen: list[list[Observed]] = []
    for _ in range(2):
        envs_of_both = [make(own_tiny_data, 4, rooms=rooms, map_nodes=8) for rooms in (False, True)]
        seen.append([env.reset(seed=0)[0] for env in envs_of_both])
        scramble_rooms(own_tiny_data)
    (plain, rooms), (other_plain, other_rooms) = seen
    assert "rooms" not in plain
    assert all((other_plain[name] == values).all() for name, values in plain.items())
    assert (other_rooms["rooms"] != rooms["rooms"]).any()


def test_room_labels_that_are_absent_are_named(own_tiny_data: Path) -> None:
    (own_tiny_data / "rooms" / "vp2room_label.json").unlink()
    make(own_tiny_data, 1)
    with pytest.raises(DataError, match=r"vp2room_label.json is missing: .*navagent doctor"):
        make(own_tiny_data, 1, rooms=True)


# ------------------------------------------------------------------------------------------------ gymnasium, bad input
def test_gymnasium_makes_it(tiny_data: Path) -> None:
    options: dict[str, Any] = {"split": "train", "data_dir": str(tiny_data), "texts": "summaries"}
    env = gymnasium.make_vec("navagent/R2R-v0", 3, vectorization_mode="vector_entry_point", **options)
    observations, _ = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    assert observations["place"].any()
    env.close()


def test_texts_are_an_option(own_tiny_data: Path) -> None:
    (own_tiny_data / "navgpt").rename(own_tiny_data / "elsewhere")
    observations, _ = make(own_tiny_data, 2, texts="none").reset(seed=0)
    assert not observations["place"].any()
    with pytest.raises(DataError, match="navgpt is missing"):
        make(own_tiny_data, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"agents": 0}, "num_envs must be at least 1, not 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"words": 0}, "words must be at least 1, not 0"),
        ({"map_nodes": 4}, "map_nodes must be 0 or more than 4, the most neighbours here, not 4"),
        ({"texts": "pictures"}, "texts must be captions, summaries or none, not 'pictures'"),
        ({"split": "test"}, "Split test has no goals"),
        ({"split": "val_unsen"}, "Did you mean 'val_unseen'"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], said: str, tiny_data: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        make(tiny_data, **options)


def test_an_action_that_there_is_not_is_refused_and_changes_nothing(tiny_data: Path) -> None:
    env = make(tiny_data, 2)
    with pytest.raises(ValueError, match="call reset"):
        env.step(np.zeros(2, np.int64))
    before, _ = env.reset(seed=0)
    count = int(before["candidates"][1].sum())
    most = env.single_action_space.n
    with pytest.raises(ValueError, match=f"agent 1 has actions 0 to {count} here, not {count + 1}"):
        env.step(np.array([1, count + 1]))
    with pytest.raises(ValueError, match=f"actions must be 2 integers from 0 to {most - 1}"):
        env.step(np.array([0, most]))
    assert env.state()["walks"]["steps"].tolist() == [0, 0]
    with pytest.raises(ConfigError, match="share one seed"):
        env.reset(seed=[1, 2])
