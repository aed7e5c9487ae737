from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from envs.houses.vector import HouseVectorEnv
from navagent.errors import ConfigError
from navagent.networks import weights
from navagent.networks.architecture import CandidateNetwork, CrossModalNetwork, SensorNetwork
from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.group import Alone, Together
from navagent.train.kinds import new_trainer
from navagent.train.looking import LookingTrainer, pictures
from navagent.train.trainer import make_env, network_for
from policies.vlm.architecture import Language, Tower, VLMNetwork
from tests.policies.vlm.made_up import LLAMA

NETWORK = CrossModalNetwork(hidden_size=32, channels=(8, 8, 8), convolutions="normed")


def config(**changes: Any) -> TrainConfig:
    return replace(
        TrainConfig(
            env="navagent/HouseR2R-v0",
            env_options={"houses": 2, "size": 36, "max_steps": 40},
            agents=4,
            steps=1280,
            learning=Learning(rollout_steps=16, mini_batches=2, learning_rate=2e-3, max_gradient_norm=1.0),
            looking=True,
            network=NETWORK,
            save_seconds=1e9,
            evaluate_options={"split": "val_unseen", "houses": 1},
        ),
        **changes,
    )


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "progress.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_network_learns_to_tell_what_is_in_view_and_nothing_else_of_it_changes(tmp_path: Path) -> None:
    options = config()
    fresh = LookingTrainer(options, Alone(), tmp_path / "fresh").network.state_dict()
    trainer = new_trainer(options, Alone(), tmp_path / "run")
    assert trainer.run()
    told = rows(tmp_path / "run")
    losses = [float(row["view_loss"]) for row in told if row["view_loss"]]
    assert losses[-1] < 0.5 * losses[0]
    last = told[-1]
    assert 0 < float(last["evaluation_view_loss"]) < losses[0]
    assert 0 <= float(last["evaluation_view_recall"]) <= 1
    assert 0 <= float(last["evaluation_view_precision"]) <= 1
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, fresh[name]) != name.startswith("pictures."), name


def test_what_was_learned_is_what_a_policy_begins_with(tmp_path: Path) -> None:
    trainer = LookingTrainer(config(steps=64), Alone(), tmp_path / "look")
    trainer.run()
    file = tmp_path / "look" / "last.safetensors"
    follower = replace(config(), looking=False, imitation=Imitation(), start_from=str(file))
    begun = new_trainer(follower, Alone(), tmp_path / "follow")
    for name, value in weights.load(file)[0].state_dict().items():
        assert torch.equal(begun.network.state_dict()[name], value), name


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    options = config(steps=256)
    whole = LookingTrainer(options, Alone(), tmp_path / "whole")
    whole.run()
    asked = iter([False, True])
    assert not LookingTrainer(options, Alone(), tmp_path / "parts").run(stopping=lambda: next(asked))
    second = LookingTrainer(options, Alone(), tmp_path / "parts")
    assert second.steps == 128
    assert second.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name
    assert rows(tmp_path / "whole")[-1] == rows(tmp_path / "parts")[-1]


def test_it_is_evaluated_as_often_as_asked(tmp_path: Path) -> None:
    options = config(steps=320, evaluate_steps=128)
    trainer = LookingTrainer(options, Alone(), tmp_path)
    trainer.run()
    told = [row for row in rows(tmp_path) if row["evaluation_view_loss"]]
    assert [int(row["steps"]) for row in told] == [128, 256, 320]


@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_a_policy_with_a_frozen_language_model_learns_to_see(tuning: Literal["frozen", "lora"], tmp_path: Path) -> None:
    """Its words are half as precise, and what tells of the pictures is not."""
    language = Language(config=LLAMA, tuning=tuning, dtype="bfloat16")
    network = VLMNetwork(tower=Tower(width=8), language=language, context=3, head_size=16)
    trainer = LookingTrainer(config(steps=128, network=network), Alone(), tmp_path)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert trainer._teller.last.weight.dtype == torch.float32
    assert trainer.run()
    changed = {name for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all("tower" in name for name in changed), changed


def test_pictures_are_steps_apart_and_of_running_episodes(tmp_path: Path) -> None:
    trainer = LookingTrainer(config(), Alone(), tmp_path)
    rollout = trainer._collector.collect(80)  # longer than an episode: some steps are ignored
    seen, shown = pictures(rollout, 4)
    assert not rollout.valid[::4].all()
    assert len(shown) == len(seen["rgb"]) == int(rollout.valid[::4].sum())
    assert rollout.in_view is not None
    assert torch.equal(shown, rollout.in_view[::4][rollout.valid[::4]])
    assert torch.equal(seen["depth"], rollout.observations["depth"][::4][rollout.valid[::4]])


def work(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    trainer = new_trainer(config(steps=256), Together(), folder / "run")
    trainer.run()
    torch.save(trainer.network.state_dict(), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_workers_end_with_the_same_weights(tmp_path: Path) -> None:
    spawn(work, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_an_environment_that_does_not_know_what_is_in_view_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(HouseVectorEnv, "in_view")
    monkeypatch.delattr(HouseVectorEnv, "labels_in_view")
    with pytest.raises(ConfigError, match="HouseVectorEnv does not know what is in view"):
        new_trainer(config(), Alone(), tmp_path)


def test_what_cannot_look_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    graph = {"env": "navagent/R2R-v0", "env_options": {"data_dir": str(tiny_data), "words": 4}, "evaluate_options": {}}
    with pytest.raises(ConfigError, match=r"training\.looking needs a network whose layers for pictures learn"):
        new_trainer(config(**graph, network=CandidateNetwork(hidden_size=16, word_size=8)), Alone(), tmp_path)
    blind = {"houses": 2, "sensors": ()}
    with pytest.raises(ConfigError, match="layers for pictures"):
        new_trainer(config(env_options=blind, network=SensorNetwork(hidden_size=8)), Alone(), tmp_path)
    with pytest.raises(ConfigError, match="exclude each other"):
        new_trainer(config(imitation=Imitation()), Alone(), tmp_path)


@pytest.mark.parametrize("network", [NETWORK, SensorNetwork(hidden_size=16, channels=(4, 4, 4))], ids=str)
def test_the_learner_reaches_every_weight(network: Any) -> None:
    """Torch's workers wait for the gradient of every weight: one without stops a training of two."""
    env = make_env(config(), 2, 0)
    net = network_for(config(network=network), env)
    observations, _ = env.reset()
    stretch = {name: torch.as_tensor(part)[None].repeat(3, *[1] * part.ndim) for name, part in observations.items()}
    begins = torch.zeros(3, 2, dtype=torch.bool)
    logits, values = net(stretch, torch.zeros(3, 2, dtype=torch.int64), net.new_state(2), begins)
    torch.autograd.backward(torch.log_softmax(logits, dim=-1)[..., 0].sum() + values.sum())
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


def test_normed_convolutions_say_what_channels_they_take() -> None:
    env = make_env(config(), 2, 0)
    wrong = CrossModalNetwork(channels=(8, 6, 8), convolutions="normed")
    with pytest.raises(ConfigError, match=r"channels \(8, 6, 8\) must be multiples of 4 to be normed"):
        network_for(config(network=wrong), env)
