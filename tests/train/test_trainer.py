from __future__ import annotations

import csv
import resource
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import navagent
from navagent.errors import ConfigError, DataError, RunError
from navagent.networks.architecture import SensorNetwork
from navagent.networks.weights import load
from navagent.train.checkpoint import checkpoints
from navagent.train.checkpoint import load as load_checkpoint
from navagent.train.checkpoint import save as save_checkpoint
from navagent.train.config import Learning, TrainConfig
from navagent.train.group import Alone
from navagent.train.trainer import Trainer
from policies.trained import find_weights
from tests.train.rooms import empty_room

SMALL = TrainConfig(
    env="navagent/HousePointNav-v0",
    env_options={"sensors": (), "houses": 3, "residents": 2, "house_steps": 60, "max_steps": 40},
    agents=4,
    steps=400,
    learning=Learning(rollout_steps=10),
    network=SensorNetwork(hidden_size=16),
    save_seconds=1e9,
)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "progress.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def weights(trainer: Trainer) -> list[bytes]:
    return [value.numpy().tobytes() for value in trainer.network.state_dict().values()]


def test_a_training_ends_with_curve_checkpoint_and_score(tmp_path: Path) -> None:
    trainer = Trainer(SMALL, Alone(), tmp_path)
    assert trainer.run()
    assert trainer.steps == 400
    progress = rows(tmp_path)
    assert [int(row["steps"]) for row in progress] == [*range(40, 401, 40), 400]
    assert float(progress[-1]["evaluation_episodes"]) > 100
    assert 0 <= float(progress[-1]["evaluation_spl"]) <= float(progress[-1]["evaluation_sr"]) <= 1
    for row in progress[:-1]:
        shares = [float(row[f"{name}_share"]) for name in ("simulation", "inference", "learning")]
        assert 0 < sum(shares) <= 1.001
    (last,) = checkpoints(tmp_path / "checkpoints" / "worker_0")
    best = load_checkpoint(last)["best"]
    assert best == pytest.approx(float(progress[-1]["evaluation_spl"]))  # what a longer training compares with
    assert (tmp_path / "best.safetensors").exists()


WHOLE_EPISODES = replace(
    SMALL,
    learning=Learning(rollout_steps=10, past_steps=30),
    network=SensorNetwork(hidden_size=16, memory="transformer", context=24),
    precision="bf16",
)


@pytest.mark.parametrize("config", [SMALL, WHOLE_EPISODES], ids=["recurrent", "whole episodes"])
def test_a_stopped_training_goes_on_to_the_same_bits(config: TrainConfig, tmp_path: Path) -> None:
    whole = Trainer(config, Alone(), tmp_path / "whole")
    whole.run()
    asked = iter([False, False, False, True])
    first = Trainer(config, Alone(), tmp_path / "parts")
    assert not first.run(stopping=lambda: next(asked))
    assert first.steps == 160
    second = Trainer(config, Alone(), tmp_path / "parts")
    assert second.steps == 160
    assert second.run()
    assert weights(second) == weights(whole)
    timing = ("seconds", "per_second", "share")
    for one, other in zip(rows(tmp_path / "whole"), rows(tmp_path / "parts"), strict=True):
        kept = {name: value for name, value in one.items() if not name.endswith(timing)}
        assert kept == {name: other[name] for name in kept}


def evaluated(folder: Path) -> list[int]:
    return [int(row["steps"]) for row in rows(folder) if row.get("evaluation_spl")]


def test_an_evaluation_that_was_due_at_a_stop_is_made_up_for(tmp_path: Path) -> None:
    config = replace(SMALL, evaluate_steps=160)
    asked = iter([False, False, False, True])
    Trainer(config, Alone(), tmp_path).run(stopping=lambda: next(asked))
    assert evaluated(tmp_path) == []
    Trainer(config, Alone(), tmp_path).run()
    assert evaluated(tmp_path) == [200, 320, 400]


def test_what_is_evaluated_is_not_evaluated_again(tmp_path: Path) -> None:
    config = replace(SMALL, evaluate_steps=200)
    Trainer(config, Alone(), tmp_path).run()
    assert Trainer(config, Alone(), tmp_path).run()
    assert evaluated(tmp_path) == [200, 400]


def test_other_episodes_to_evaluate_on_make_another_best_network(tmp_path: Path) -> None:
    Trainer(SMALL, Alone(), tmp_path).run()
    content = load_checkpoint(checkpoints(tmp_path / "checkpoints" / "worker_0")[-1])
    save_checkpoint(tmp_path / "checkpoints" / "worker_0", 400, {**content, "best": 2.0}, keep=3)  # none gets there

    def best_steps(config: TrainConfig) -> int:
        Trainer(config, Alone(), tmp_path).run()
        return load(tmp_path / "best.safetensors")[1].steps

    assert best_steps(replace(SMALL, steps=440)) == 400
    assert best_steps(replace(SMALL, steps=480, evaluate_options={"split": "val_seen"})) == 480


@pytest.mark.parametrize(
    ("network", "steps", "learning_rate"),
    [
        (SensorNetwork(hidden_size=64), 350_000, 2e-3),
        (SensorNetwork(hidden_size=64, memory="transformer"), 150_000, 1e-3),
    ],
    ids=["gru", "transformer"],
)
def test_an_empty_room_is_learned(
    network: SensorNetwork, steps: int, learning_rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing to 8 of 10 goals, in about half a minute on one core."""
    monkeypatch.setattr("envs.houses.pool.load_house", empty_room)
    config = replace(
        SMALL,
        env_options={"sensors": (), "houses": 2, "max_steps": 100},
        agents=32,
        steps=steps,
        learning=Learning(
            rollout_steps=64,
            learning_rate=learning_rate,
            normalise_advantages=True,
            max_gradient_norm=0.5,
            mini_batches=4,
        ),
        network=network,
    )
    Trainer(config, Alone(), tmp_path).run()
    progress = rows(tmp_path)
    assert float(next(row["success"] for row in progress if row["success"])) < 0.1
    assert float(progress[-1]["evaluation_sr"]) > 0.8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"env": "navagent/HousePointNva-v0"}, "The environment navagent/HousePointNva-v0 cannot be made"),
        ({"env_options": {"colour": 1}}, "The environment navagent/HousePointNav-v0 cannot be made: .*colour"),
        ({"env_options": {"houses": 0}}, "train has no houses"),
        ({"evaluate_options": {"split": "val_unsen"}}, "val_unsen"),
        ({"env_options": {"size": 16}}, "pictures must be at least 36 pixels"),
        ({"agents": 3}, r"agents \(3\) must be a multiple of learning.mini_batches \(2\)"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"device": "cuda:99"}, "The device 'cuda:99' cannot be used .*: try cpu"),
        ({"learning": Learning(past_steps=-1)}, "learning.past_steps must be at least 0, not -1"),
        (
            {"precision": "bf16", "device": "meta"},
            "The device 'meta' does not calculate in bf16: set precision to full",
        ),
        ({"device": "gpu"}, "The device 'gpu' cannot be used"),
    ],
)
def test_bad_configurations_are_one_sentence(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        Trainer(replace(SMALL, **changes), Alone(), tmp_path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    Trainer(SMALL, Alone(), tmp_path).run()
    had = r"trained with SensorNetwork\(memory gru, hidden_size 16, layers 1\) .* on navagent/HousePointNav-v0"
    wide, other = SensorNetwork(hidden_size=32), SensorNetwork(memory="transformer", hidden_size=16, context=8)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"network": wide}, r"this command asks for SensorNetwork\(memory gru, hidden_size 32, layers 1\)"),
        ({"network": other}, r"asks for SensorNetwork\(memory transformer, .*, heads 4, context 8\)"),
        ({"env": "navagent/HouseObjectNav-v0"}, r"asks for .* seeing .*objectgoal 1.* on navagent/HouseObjectNav-v0"),
    ]
    for changes, asked in cases:
        with pytest.raises(ConfigError, match=f"{had}.*{asked}"):
            Trainer(replace(SMALL, **changes), Alone(), tmp_path)


def test_a_training_begins_with_the_weights_of_another(tmp_path: Path) -> None:
    first = Trainer(SMALL, Alone(), tmp_path / "first")
    first.run()
    file = str(tmp_path / "first" / "last.safetensors")
    again = Trainer(replace(SMALL, start_from=file, seed=5), Alone(), tmp_path / "second")
    assert again.steps == 0
    assert weights(again) == weights(first)
    for other in (
        replace(SMALL, network=SensorNetwork(hidden_size=32)),
        replace(SMALL, env="navagent/HouseObjectNav-v0"),
    ):
        with pytest.raises(
            ConfigError, match=r"last\.safetensors holds another network or task \((size mismatch|Missing key)"
        ):
            Trainer(replace(other, start_from=file), Alone(), tmp_path / "third")
    with pytest.raises(ConfigError, match="There is no weights file"):
        Trainer(replace(SMALL, start_from="nothing.safetensors"), Alone(), tmp_path / "third")


def test_a_training_begins_with_shipped_weights(tmp_path: Path) -> None:
    shipped = find_weights("houses_pointnav")
    network, card = load(shipped)
    assert isinstance(card.architecture, SensorNetwork)
    config = replace(SMALL, env_options={**SMALL.env_options, **card.env_options}, network=card.architecture)
    options = {**config.env_options, "houses": 2, "residents": 2}
    begun = Trainer(replace(config, env_options=options, start_from="houses_pointnav"), Alone(), tmp_path)
    assert all(torch.equal(begun.network.state_dict()[name], value) for name, value in network.state_dict().items())


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    Trainer(SMALL, Alone(), tmp_path).run()
    file = checkpoints(tmp_path / "checkpoints" / "worker_0")[-1]
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match="is no whole checkpoint"):
        Trainer(SMALL, Alone(), tmp_path)


class SecondOfTwo(Alone):
    """A worker that finds itself in a larger group than trained before."""

    rank, size = 1, 2


def test_a_new_worker_takes_over_what_the_first_one_learned(tmp_path: Path) -> None:
    alone = Trainer(SMALL, Alone(), tmp_path)
    alone.run()
    joined = Trainer(replace(SMALL, steps=480), SecondOfTwo(), tmp_path)
    assert joined.steps == 400
    assert weights(joined) == weights(alone)
    assert joined.run()


def test_workers_that_were_killed_while_saving_go_on_from_what_all_have(tmp_path: Path) -> None:
    Trainer(replace(SMALL, save_seconds=0.0, keep=2), Alone(), tmp_path).run()
    folders = [tmp_path / "checkpoints" / name for name in ("worker_0", "worker_1")]
    shutil.copytree(folders[0], folders[1])
    checkpoints(folders[1])[-1].unlink()
    assert Trainer(SMALL, SecondOfTwo(), tmp_path).steps == 360
    assert Trainer(SMALL, Alone(), tmp_path).steps == 400


def test_more_workers_than_houses_are_refused(tmp_path: Path) -> None:
    config = replace(SMALL, env_options={**SMALL.env_options, "houses": 1, "residents": 2})
    with pytest.raises(ConfigError, match="2 workers need 2 houses or scenes to train in, and the environment has 1"):
        Trainer(config, SecondOfTwo(), tmp_path)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Files of at most 30,000 bytes: too small for a checkpoint."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_no_older_checkpoint(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = Trainer(replace(SMALL, steps=200), Alone(), tmp_path)
    first.run()
    second = Trainer(SMALL, Alone(), tmp_path)
    request.getfixturevalue("small_disk")
    with pytest.raises(RunError, match=r"step_000000000400\.pt cannot be written .*: free some space"):
        second.run()
    assert not list(tmp_path.glob("checkpoints/*/*.part"))
    assert Trainer(SMALL, Alone(), tmp_path).steps == 200


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    Trainer(replace(SMALL, save_seconds=0.0, keep=2), Alone(), tmp_path).run()
    assert len(checkpoints(tmp_path / "checkpoints" / "worker_0")) == 2


def test_the_networks_can_be_read_again(tmp_path: Path) -> None:
    trainer = Trainer(SMALL, Alone(), tmp_path, "navagent train ...")
    trainer.run()
    last, card = load(tmp_path / "last.safetensors")
    assert [value.numpy().tobytes() for value in last.state_dict().values()] == weights(trainer)
    assert card.architecture == SMALL.network
    assert card.space == trainer._env.single_observation_space
    assert (card.env, card.actions, card.hfov, card.steps) == (SMALL.env, 4, None, 400)
    assert (card.seed, card.command, card.version) == (0, "navagent train ...", navagent.__version__)
    assert card.env_options == {**SMALL.env_options, "sensors": []}
    _, best = load(tmp_path / "best.safetensors")
    assert best.steps == 400
