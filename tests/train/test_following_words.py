"""Imitation that teaches more than the oracle's action: how good each action is, and which words are to be followed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from envs.houses.waypoints import HouseWaypointVectorEnv
from envs.houses.words import WORDS
from envs.r2r.vector import GraphVectorEnv
from navagent.errors import ConfigError
from navagent.networks.architecture import Architecture, CandidateNetwork, CrossModalNetwork, SensorNetwork
from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.group import Alone, Group, Together
from navagent.train.imitation import Guide, ImitationTrainer, Imitator, Narrator, _untold
from navagent.train.rollouts import Collector, Rollout
from policies.vlm.architecture import Connector, Language, Tower, VLMNetwork
from tests.train.test_vlm_training import LLAMA

SEQ2SEQ = SensorNetwork(hidden_size=16, convolutions="normed")
CMA = CrossModalNetwork(hidden_size=16, channels=(8, 8, 8), convolutions="normed")
IMITATION = Imitation(oracle_share=0.5, mixing="step", label_own=True)

CONFIG = TrainConfig(
    env="navagent/HouseR2RWaypoints-v0",
    env_options={"size": 16, "sensors": ("rgb", "depth"), "houses": 2, "residents": 2, "max_steps": 60},
    agents=4,
    steps=64,
    learning=Learning(rollout_steps=8, epochs=1, mini_batches=2, learning_rate=3e-3, max_gradient_norm=1.0),
    imitation=replace(IMITATION, softness=0.2, telling_weight=0.5),
    network=VLMNetwork(
        Tower(width=8, views=8, convolutions="normed"),
        Connector(tokens=0),
        language=Language(config=LLAMA),
        context=8,
        act_from="views",
        head_size=16,
    ),
    save_seconds=1e9,
    evaluate_options={"split": "val_unseen", "houses": 1},
)


def collected(imitation: Imitation, steps: int = 24) -> tuple[Rollout, torch.nn.Module]:
    env = HouseWaypointVectorEnv("r2r", 4, size=16, houses=2, residents=2, max_steps=60)
    torch.manual_seed(0)
    network = SEQ2SEQ.build(env.single_observation_space, 25)  # type: ignore[arg-type]
    collector = Collector(env, network, torch.device("cpu"), 0, adviser=Guide(env, imitation))
    return collector.collect(steps), network


def losses(rollout: Rollout, network: torch.nn.Module, imitation: Imitation) -> dict[str, float]:
    learner = Imitator(network, Learning(epochs=1, mini_batches=1, learning_rate=0.0), imitation, Alone())
    return learner.update(rollout)


# ------------------------------------------------------------------------------------------- how good each action is
def test_shares_fall_with_the_metres_that_an_action_ends_farther_from_the_goal() -> None:
    rollout, _ = collected(replace(IMITATION, softness=0.3))
    assert rollout.targets is not None
    assert rollout.labels is not None
    running = rollout.labels >= 0
    assert torch.allclose(rollout.targets.sum(dim=-1), running.float(), atol=1e-5)
    assert torch.equal(rollout.targets.argmax(dim=-1)[running], rollout.labels[running])
    env = HouseWaypointVectorEnv("r2r", 3, houses=2, sensors=(), seed=5)
    env.reset()
    costs = env.oracle_costs()
    told = Guide(env, replace(IMITATION, softness=0.3)).advise(torch.zeros(3, dtype=torch.int64), torch.ones(3))
    for row, share in zip(costs, told["targets"].double().numpy(), strict=True):
        assert share == pytest.approx(np.exp(-row / 0.3) / np.exp(-row / 0.3).sum(), abs=1e-5)


def test_without_softness_only_the_best_action_is_right() -> None:
    hard, network = collected(IMITATION)
    soft = replace(hard, targets=torch.nn.functional.one_hot(hard.labels.clamp(min=0), 25).float())  # type: ignore[union-attr]
    assert hard.targets is None
    expected = losses(hard, network, IMITATION)["imitation_loss"]
    assert losses(soft, network, IMITATION)["imitation_loss"] == pytest.approx(expected, rel=1e-6)


# -------------------------------------------------------------------------------------- which words are to be followed
def test_the_words_to_be_followed_are_those_of_the_sub_instruction_that_the_agent_is_at() -> None:
    """The oracle's walk goes through all sub-instructions in order and ends at the last."""
    env = HouseWaypointVectorEnv("r2r", 12, houses=2, sensors=(), split="val_unseen", oracle_radius=0.8)
    observations, _ = env.reset(seed=0)
    told: list[list[str]] = [[] for _ in range(12)]
    texts = env.texts
    over = np.zeros(12, np.bool_)
    while not over.all():
        for agent, words in enumerate(env.words_now()):
            said = " ".join(WORDS[token] for token in observations["instruction"][agent][words])
            if not over[agent] and said not in told[agent]:
                told[agent].append(said)
        observations, _, ended, _, _ = env.step(np.maximum(env.oracle_actions(), 0))
        over |= ended
    for parts, text in zip(told, texts, strict=True):
        spoken = text.lower().replace(",", "").replace(".", "")
        places = [spoken.index(part) for part in parts]
        assert places == sorted(places)
    assert max(map(len, told)) > 3
    # Where a landmark is passed on the last metre, the oracle has stopped before it.
    assert sum(parts[-1].startswith(("stop", "wait")) for parts in told) >= 3


def test_the_telling_loss_is_the_divergence_from_all_words_to_be_followed_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    told = torch.log_softmax(torch.randn(3, 2, 4, 9, generator=generator).double(), dim=-1)
    instructions = torch.randint(1, 9, (3, 2, 6), generator=generator)
    now = torch.rand(3, 2, 6, generator=generator) < 0.5
    found = _untold(told, instructions, now)
    for step in range(3):
        for agent in range(2):
            words = set(instructions[step, agent][now[step, agent]].tolist())
            chances = told[step, agent].mean(dim=0)
            expected = sum(float(-np.log(len(words)) - chances[word]) / len(words) for word in words)
            assert float(found[step, agent]) == pytest.approx(expected)
    best = torch.full((1, 1, 1, 9), -1e9).double()
    best[..., [2, 5]] = float(np.log(0.5))
    assert float(_untold(best, torch.tensor([[[2, 5, 5, 7]]]), torch.tensor([[[True, True, True, False]]]))) == 0.0


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "progress.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_training_learns_to_tell_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = ImitationTrainer(replace(CONFIG, steps=640), Alone(), tmp_path / "whole")
    assert whole.run()
    told = [float(row["telling_loss"]) for row in rows(tmp_path / "whole") if row["telling_loss"]]
    assert np.mean(told[-4:]) < 0.8 * told[0]
    asked = iter([False, False, True])
    assert not ImitationTrainer(replace(CONFIG, steps=640), Alone(), tmp_path / "parts").run(lambda: next(asked))
    rest = ImitationTrainer(replace(CONFIG, steps=640), Alone(), tmp_path / "parts")
    assert rest.steps == 96
    assert rest.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(rest.network.state_dict()[name], value), name
    assert not any(name.startswith("last") for name in whole.network.state_dict())


def work(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    group: Group = Together()
    trainer = ImitationTrainer(replace(CONFIG, steps=128), group, folder / "run")
    trainer.run()
    torch.save(trainer.network.state_dict(), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_workers_end_with_the_same_weights(tmp_path: Path) -> None:
    spawn(work, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert all(torch.equal(second[name], value) for name, value in first.items())


# --------------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"softness": 0.2}, r"GraphVectorEnv has no oracle_costs\(\), .* leave imitation\.softness out"),
        ({"telling_weight": 0.2}, r"GraphVectorEnv has no words_now\(\), .* leave imitation\.telling_weight out"),
    ],
)
def test_an_oracle_that_knows_less_is_refused(changes: dict[str, Any], problem: str, tiny_data: Path) -> None:
    env = GraphVectorEnv(2, "train", str(tiny_data), words=4, max_steps=8)
    with pytest.raises(ConfigError, match=problem):
        Guide(env, replace(IMITATION, **changes))


@pytest.mark.parametrize("network", [SEQ2SEQ, CMA], ids=["seq2seq", "cma"])
def test_recurrent_networks_learn_to_tell_too(network: Architecture, tmp_path: Path) -> None:
    trainer = ImitationTrainer(replace(CONFIG, network=network, steps=320), Alone(), tmp_path)
    assert trainer.run()
    told = [float(row["telling_loss"]) for row in rows(tmp_path) if row["telling_loss"]]
    assert told[-1] < told[0]


def test_who_cannot_tell_is_refused(tmp_path: Path, tiny_data: Path) -> None:
    pointnav = replace(CONFIG, env="navagent/HousePointNav-v0", env_options={"size": 16, "houses": 2})
    told = replace(IMITATION, telling_weight=0.1)
    with pytest.raises(ConfigError, match=r"telling_weight needs an environment that gives instructions"):
        ImitationTrainer(replace(pointnav, imitation=told, network=SEQ2SEQ), Alone(), tmp_path)
    with pytest.raises(ConfigError, match=r"imitation\.softness must be at least 0, not -1"):
        replace(IMITATION, softness=-1).check()
    graph = GraphVectorEnv(2, "train", str(tiny_data), words=4, max_steps=8)
    network = CandidateNetwork(hidden_size=16, word_size=8).build(graph.single_observation_space, 5)
    with pytest.raises(ConfigError, match=r"telling_weight needs a network that shows its thoughts"):
        Narrator(network, 9)
