from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.geodesic import Geodesic
from envs.houses.house import House
from envs.houses.lockstep import METRICS
from envs.houses.motion import FORWARD, LEFT, RIGHT, STOP, walk
from envs.houses.render import Renderer
from envs.houses.tasks import R2R, TASKS, EpisodeSet
from envs.houses.textures import texture_atlas
from envs.houses.vector import HouseVectorEnv
from navagent.errors import ConfigError

IDS = ("navagent/HousePointNav-v0", "navagent/HouseObjectNav-v0", "navagent/HouseR2R-v0")
MOVES = [FORWARD, FORWARD, FORWARD, LEFT, RIGHT]


def batch(task: str = "pointnav", agents: int = 6, **options: Any) -> HouseVectorEnv:
    return HouseVectorEnv(task, agents, **{"houses": 2, "size": 12, **options})


def goal_of(env: HouseVectorEnv, agent: int) -> tuple[Geodesic, NDArray[np.float64]]:
    """The floor and goal points of an agent, from the residents that the environment holds."""
    agents, residents = env.state()["agents"], env._pool.residents
    resident = residents[agents["house"][agent]]
    row = resident.episodes.goal[agents["episode"][agent]]
    goals = resident.episodes.goals
    return Geodesic(resident.floor), goals.points[row, : goals.used[row]]


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_makes_each_id(name: str) -> None:
    env = gymnasium.make(name, houses=1, size=16, sensors=("rgb", "depth", "semantic"), render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=True)
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert isinstance(info["text"], str)
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert (picture == observation["rgb"]).all()
    *_, terminated, truncated, info = env.step(STOP)
    assert (terminated, truncated) == (True, False)
    assert set(METRICS) <= set(info)
    with pytest.raises(ValueError, match="the episode is over: call reset"):
        env.unwrapped.step(FORWARD)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_makes_vectors_of_each_id(name: str) -> None:
    env = gymnasium.make_vec(name, 3, vectorization_mode="vector_entry_point", houses=1, size=(8, 12))
    assert isinstance(env, HouseVectorEnv)
    observations, _ = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
    assert env.observation_space.contains(observations)
    assert observations["rgb"].shape == (3, 8, 12, 3)
    assert rewards.shape == terminated.shape == truncated.shape == (3,)
    env.close()


@pytest.mark.parametrize("task", sorted(TASKS))
def test_who_does_what_the_environments_oracle_says_succeeds(task: str) -> None:
    env = batch(task, sensors=(), split="val_unseen", max_steps=400)
    env.reset(seed=0)
    ended = 0
    spl: list[float] = []
    while ended < 30:
        over, advice = env.over, env.oracle_actions()
        assert (advice[over] == -1).all()
        assert (advice[~over] >= STOP).all()
        _, _, terminated, truncated, infos = env.step(np.maximum(advice, STOP))
        assert not truncated.any()
        if terminated.any():
            spl += infos["spl"][terminated].tolist()
        ended += int(terminated.sum())
    assert min(spl) > 0.9


def test_the_oracle_stops_as_near_to_the_goal_as_asked() -> None:
    env = batch("r2r", sensors=(), oracle_radius=1.5)
    env.reset(seed=0)
    found: list[float] = []
    while len(found) < 20:
        _, _, terminated, _, infos = env.step(np.maximum(env.oracle_actions(), STOP))
        if terminated.any():
            found += infos["distance_to_goal"][terminated].tolist()
    assert 1.0 < min(found) <= max(found) < 1.5


def test_agents_move_as_one_agent_walks_and_see_what_the_renderer_draws() -> None:
    env = batch(sensors=("rgb", "depth", "semantic"))
    env.reset(seed=1)
    first = env.state()["agents"]
    houses = [int(env._pool.residents[house].house.seed) for house in first["house"]]
    actions = np.random.default_rng(0).choice(MOVES, (40, env.num_envs))
    for row in actions:
        observations, *_, infos = env.step(row)
    last = env.state()["agents"]
    for agent, seed in enumerate(houses):
        house = generate(seed)
        done = walk(Floor.of(house), first["position"][agent], float(first["heading"][agent]), actions[:, agent])
        assert last["position"][agent].tobytes() == done.positions[-1].tobytes()
        assert last["heading"][agent].tobytes() == done.headings[-1].tobytes()
        assert infos["collided"][agent] == done.collided[-1]
        camera = [[*done.positions[-1], 1.25]]
        seen = Renderer([house], texture_atlas()).render(0, camera, done.headings[-1], 0.0, 12, 12, math.pi / 2)
        for name, picture in seen.items():
            assert observations[name][agent].tobytes() == picture.tobytes()


def test_pose_sensors_follow_habitats_signs() -> None:
    env = batch(agents=1, sensors=())
    observations, _ = env.reset(seed=2)
    assert observations["gps"].tolist() == [[0, 0]]
    metres, angle = observations["pointgoal_with_gps_compass"][0].tolist()
    observations, *_ = env.step(np.array([LEFT]))
    turned = math.radians(15)
    assert observations["compass"][0, 0] == pytest.approx(turned, abs=1e-6)
    after = observations["pointgoal_with_gps_compass"][0]
    assert after[0] == pytest.approx(metres)
    assert math.remainder(after[1] - (angle - turned), 2 * math.pi) == pytest.approx(0, abs=1e-5)


def test_gps_is_in_the_frame_of_the_first_pose() -> None:
    env = batch(agents=1, sensors=())
    env.reset(seed=2)
    first = env.state()["agents"]
    for action in np.random.default_rng(0).choice(MOVES, 50):
        observations, *_ = env.step(np.array([action]))
    last, (_, points) = env.state()["agents"], goal_of(env, 0)
    east, north = last["position"][0] - first["position"][0]
    heading = float(first["heading"][0])
    ahead = east * math.sin(heading) + north * math.cos(heading)
    right = east * math.cos(heading) - north * math.sin(heading)
    assert math.hypot(east, north) > 0.5
    assert observations["gps"][0] == pytest.approx([ahead, right], abs=1e-5)
    crow = math.dist(points[0], last["position"][0])
    assert observations["pointgoal_with_gps_compass"][0, 0] == pytest.approx(crow, rel=1e-5)


def test_rewards_add_up_to_what_the_terms_say() -> None:
    env = batch(agents=8, sensors=(), success_reward=5.0, slack_reward=-0.125, distance_reward=2.0, max_steps=30)
    env.reset(seed=7)
    start = env.state()["agents"]["distance"].copy()
    rng, total = np.random.default_rng(1), np.zeros(8)
    for _ in range(29):
        total += env.step(rng.choice(MOVES, 8))[1]
    _, rewards, terminated, truncated, infos = env.step(np.full(8, STOP))
    total += rewards
    end = infos["distance_to_goal"]
    assert terminated.all()
    assert not truncated.any()
    assert total == pytest.approx(2.0 * (start - end) - 0.125 * 30 + 5.0 * infos["success"])


def test_an_episode_ends_and_the_next_step_begins_another() -> None:
    env = batch(agents=2, sensors=(), max_steps=3)
    env.reset(seed=0)
    *_, terminated, truncated, infos = env.step(np.array([STOP, LEFT]))
    assert terminated.tolist() == [True, False]
    assert infos["_success"].tolist() == [True, False]
    _, rewards, terminated, truncated, infos = env.step(np.array([FORWARD, LEFT]))
    assert rewards[0] == 0
    assert env.state()["agents"]["steps"].tolist() == [0, 2]
    assert infos["_text"].tolist() == [True, False]
    *_, terminated, truncated, infos = env.step(np.array([LEFT, LEFT]))
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [False, True])
    assert infos["success"].tolist() == [0, 0]


def run(env: HouseVectorEnv, steps: int, seed: int = 0) -> bytes:
    rng, seen = np.random.default_rng(seed), []
    for _ in range(steps):
        observations, rewards, terminated, truncated, _ = env.step(rng.choice([*MOVES, STOP], env.num_envs))
        seen += [*(observations[name].tobytes() for name in sorted(observations)), rewards.tobytes()]
        seen += [terminated.tobytes(), truncated.tobytes()]
    return b"".join(seen)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(task: str) -> None:
    rotating: dict[str, Any] = {"houses": 4, "residents": 2, "house_steps": 40}
    one, two = batch(task, **rotating), batch(task, threads=2, copy=False, **rotating)
    one.reset(seed=11)
    two.reset(seed=11)
    assert run(one, 60) == run(two, 60)
    two.reset(seed=11)
    one.reset(seed=12)
    assert run(one, 20) != run(two, 20)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_restored_environment_goes_on_to_the_same_bytes(task: str) -> None:
    rotating: dict[str, Any] = {"houses": 5, "residents": 2, "house_steps": 40}
    env = batch(task, **rotating)
    env.reset(seed=4)
    run(env, 37)
    state = env.state()
    rest = run(env, 60, seed=1)
    other = batch(task, **rotating)
    observations = other.restore(state)
    assert other.observation_space.contains(observations)
    assert run(other, 60, seed=1) == rest


def test_training_goes_through_the_houses_with_few_at_a_time() -> None:
    env = batch(houses=5, residents=2, house_steps=30, sensors=())
    env.reset(seed=0)
    held, rng = set(), np.random.default_rng(0)
    for _ in range(120):
        env.step(rng.choice([*MOVES, STOP], env.num_envs))
        seeds = {resident.house.seed for resident in env._pool.residents}
        assert len(seeds) == 2
        held |= seeds
    assert held == set(range(5))


def test_an_agent_whose_house_was_exchanged_stands_in_an_episode_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """New houses have fewer episodes than old ones; until the agent's next step, it is asked all the same."""
    made: list[EpisodeSet] = []

    def fewer(self: R2R, *args: Any) -> EpisodeSet:
        made.append(whole(self, *args))
        few = slice(None if len(made) <= 2 else 1)
        names = ("start", "heading", "goal", "shortest", "category", "texts", "words", "parts", "ends")
        return replace(made[-1], **{name: getattr(made[-1], name)[few] for name in names})

    whole = R2R.episodes
    monkeypatch.setattr(R2R, "episodes", fewer)
    env = batch("r2r", agents=2, houses=6, residents=2, house_steps=10, sensors=())
    env.reset(seed=0)
    for _ in range(60):
        env.step(np.full(2, STOP))
        assert env.words_now().shape[0] == len(env.texts) == 2
        env.restore(env.state())
    assert len(made) > 5


def test_a_house_without_episodes_is_passed_over_where_it_would_be_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_in_odd_houses(self: R2R, house: House, *args: Any) -> EpisodeSet:
        found = whole(self, house, *args)
        names = ("start", "heading", "goal", "shortest", "category", "texts", "words", "parts", "ends")
        return replace(found, **{name: getattr(found, name)[:0] for name in names}) if house.seed % 2 else found

    whole = R2R.episodes
    monkeypatch.setattr(R2R, "episodes", none_in_odd_houses)
    env = batch("r2r", agents=1, houses=6, residents=1, house_steps=10, sensors=())
    seed = next(seed for seed in range(9) if np.random.default_rng(seed).permutation(6)[0] % 2 == 0)
    env.reset(seed=seed)
    lived_in = []
    for _ in range(60):
        env.step(np.full(1, STOP))
        env.restore(env.state())
        lived_in.append(env._pool.residents[0].house.seed)
    assert set(lived_in) == {0, 2, 4}


def test_agents_of_neighbouring_seeds_play_different_episodes() -> None:
    """Workers of a training have such seeds: drawn the same, they would only repeat each other."""

    def played(seed: int) -> set[tuple[tuple[int, int], ...]]:
        env = batch(agents=8, sensors=())
        env.reset(seed=seed)
        begun = []
        for _ in range(6):
            agents = env.state()["agents"]
            begun.append(list(zip(agents["house"].tolist(), agents["episode"].tolist(), strict=True)))
            env.step(np.full(8, STOP))
            env.step(np.full(8, STOP))
        return set(zip(*begun, strict=True))

    assert len(played(0) | played(1) | played(2)) == 24


def test_validation_plays_every_episode_once_before_any_twice() -> None:
    env = batch("objectnav", agents=7, split="val_unseen", sensors=())
    played: list[tuple[int, int]] = []
    env.reset(seed=0)
    while len(played) < int(env._pool.stage.first[-1]):
        agents = env.state()["agents"]
        played += list(zip(agents["house"].tolist(), agents["episode"].tolist(), strict=True))
        env.step(np.full(7, STOP))
        env.step(np.full(7, STOP))
    everything = int(env._pool.stage.first[-1])
    assert len(set(played[:everything])) == everything
    assert {resident.house.seed for resident in env._pool.residents} == {900_000, 900_001}


def test_copies_stay_and_buffers_are_written_again() -> None:
    for copy in (True, False):
        env = batch(copy=copy)
        before, _ = env.reset(seed=0)
        kept = before["rgb"].tobytes()
        after, *_ = env.step(np.full(env.num_envs, LEFT))
        assert (before["rgb"].tobytes() == kept) is copy
        assert np.shares_memory(before["rgb"], after["rgb"]) is not copy


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "pointnva"}, "There is no task 'pointnva': choose pointnav, objectnav, r2r. Did you mean 'pointnav'"),
        ({"split": "val"}, "There is no split 'val' of houses: there are train, val_seen, val_unseen"),
        ({"size": 0}, r"size must be one or two numbers of pixels from 1 to 8192, not \(0, 0\)"),
        ({"sensors": ("rgb", "lidar")}, "sensors must be some of rgb, depth, semantic, not"),
        ({"houses": -1}, "train cannot have -1 houses"),
        ({"houses": 0}, "train has no houses: give at least one"),
        ({"agents": 0}, "num_envs must be at least 1, not 0"),
        ({"threads": 0}, "threads must be at least 1, not 0"),
        ({"residents": 1}, "residents must be at least 2"),
        ({"oracle_radius": 0.0}, r"oracle_radius must be more than 0 metres, not 0\.0"),
        ({"hfov": 4.0}, "hfov must be more than 0 and less than pi radians, not 4.0"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        batch(**options)


def test_bad_actions_are_one_sentence() -> None:
    env = batch(agents=2, sensors=())
    with pytest.raises(ValueError, match="call reset before the first step"):
        env.step(np.array([1, 1]))
    env.reset()
    with pytest.raises(ValueError, match="actions must be 2 integers from 0 to 3"):
        env.step(np.array([1, 4]))
