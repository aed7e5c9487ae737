from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from envs.r2r.vector import GraphVectorEnv
from navagent.errors import ConfigError
from navagent.networks.architecture import CandidateNetwork
from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.descent import DivergedError
from navagent.train.group import Alone, Group, Together
from navagent.train.imitation import Guide, ImitationTrainer, Imitator
from navagent.train.kinds import new_trainer
from navagent.train.rollouts import Collector, Rollout
from navagent.train.trainer import Trainer
from tests.train.test_ppo import network, part, rollout

EVERYTHING = Imitation(label_own=True, weight=0.7, inflection_weight=3.2, reinforcement_weight=0.4, critic_weight=0.3)
ONE_STEP = Learning(epochs=1, mini_batches=1, max_gradient_norm=1e9)


def config(data: Path, **changes: Any) -> TrainConfig:
    options = {"data_dir": str(data), "words": 4, "max_steps": 8}
    return replace(
        TrainConfig(
            env="navagent/R2R-v0",
            env_options=options,
            agents=6,
            steps=600,
            learning=Learning(rollout_steps=10, mini_batches=2),
            imitation=Imitation(),
            network=CandidateNetwork(hidden_size=16, word_size=8),
            save_seconds=1e9,
        ),
        **changes,
    )


def labelled(agents: int, seed: int = 1) -> Rollout:
    """What agents might have done, and an oracle said, which sometimes says nothing."""
    experience, generator = rollout(agents, seed), torch.Generator().manual_seed(seed)
    shape = experience.actions.shape
    labels = torch.randint(-1, 3, shape, generator=generator)
    return replace(experience, labels=labels, guided=torch.rand(shape, generator=generator) < 0.5)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "progress.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def collected(data: Path, imitation: Imitation, steps: int = 40) -> tuple[Rollout, GraphVectorEnv]:
    env = GraphVectorEnv(8, "train", str(data), words=4, max_steps=8)
    torch.manual_seed(0)
    net = CandidateNetwork(hidden_size=16, word_size=8).build(env.single_observation_space, 5).eval()
    collector = Collector(env, net, torch.device("cpu"), 0, adviser=Guide(env, imitation))
    return collector.collect(steps), env


# ---------------------------------------------------------------------------------------------------- who decides
def test_an_agent_that_is_guided_reaches_every_goal_on_the_shortest_path(tiny_data: Path) -> None:
    experience, _ = collected(tiny_data, Imitation(oracle_share=1.0))
    assert len(experience.episodes) > 20
    assert all(episode["spl"] == pytest.approx(1) for episode in experience.episodes)
    assert experience.labels is not None
    assert torch.equal(experience.actions[experience.valid], experience.labels[experience.valid])
    assert (experience.labels[~experience.valid] == -1).all()


def test_an_agent_on_its_own_is_told_but_not_led(tiny_data: Path) -> None:
    experience, _ = collected(tiny_data, Imitation(oracle_share=0.0, label_own=True))
    assert experience.guided is not None
    assert experience.labels is not None
    assert not experience.guided.any()
    assert (experience.labels[experience.valid] >= 0).all()
    assert (experience.actions != experience.labels)[experience.valid].float().mean() > 0.3


@pytest.mark.parametrize("mixing", ["episode", "step"])
def test_the_share_that_follows_the_oracle_is_what_was_asked_for(mixing: Any, tiny_data: Path) -> None:
    experience, _ = collected(tiny_data, Imitation(oracle_share=0.75, mixing=mixing), 400)
    assert experience.guided is not None
    first = experience.guided[experience.begins] if mixing == "episode" else experience.guided[experience.valid]
    share, count = float(first.float().mean()), len(first)
    assert abs(share - 0.75) < 4 * (0.75 * 0.25 / count) ** 0.5
    kept = experience.guided[1:] == experience.guided[:-1]
    assert bool(kept[~experience.begins[1:]].all()) == (mixing == "episode")


def test_the_share_falls_as_dagger_has_it(tiny_data: Path, tmp_path: Path) -> None:
    imitation = Imitation(oracle_share=0.8, oracle_decay=0.5, decay_steps=120, label_own=True)
    ImitationTrainer(config(tiny_data, imitation=imitation, steps=360), Alone(), tmp_path).run()
    shares = [float(row["oracle_share"]) for row in rows(tmp_path) if row["oracle_share"]]
    assert shares == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]


def test_probabilities_are_those_of_what_was_done(tiny_data: Path) -> None:
    experience, env = collected(tiny_data, Imitation(oracle_share=1.0), 12)
    torch.manual_seed(0)
    net = CandidateNetwork(hidden_size=16, word_size=8).build(env.single_observation_space, 5).eval()
    logits, _ = net(experience.observations, experience.last_actions, experience.state, experience.begins)
    expected = torch.log_softmax(logits, dim=-1).gather(-1, experience.actions[..., None])[..., 0]
    assert torch.allclose(experience.log_probabilities[experience.valid], expected[experience.valid], atol=1e-5)


# ------------------------------------------------------------------------------------------------------- learning
def gradients(group: Group, experience: Rollout, imitation: Imitation) -> dict[str, torch.Tensor]:
    net = network()
    Imitator(net, ONE_STEP, imitation, group).update(experience)
    return {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}


def test_the_loss_is_what_its_definition_says() -> None:
    """Written out step by step: inflections, labels that are none, steps that do not count, the agent's own steps."""
    experience, learning = labelled(5), ONE_STEP
    assert experience.labels is not None
    assert experience.guided is not None
    net = network()
    logits, values = net(experience.observations, experience.last_actions, experience.state, experience.begins)
    log_all = torch.log_softmax(logits, dim=-1)
    taught, reinforced, judged = (torch.zeros(()).double() for _ in range(3))
    weight, own, steps = 0.0, 0, 0
    for agent in range(5):
        running = 0.0
        gained = {}
        for t in reversed(range(7)):
            goes_on = 0.0 if experience.ended[t, agent] else 1.0
            following = experience.last_values[agent] if t == 6 else experience.values[t + 1, agent]
            surprise = experience.rewards[t, agent] + learning.gamma * goes_on * following - experience.values[t, agent]
            running = float(surprise) + learning.gamma * learning.tau * goes_on * running
            gained[t] = running
        for t in range(7):
            label, before = int(experience.labels[t, agent]), int(experience.labels[t - 1, agent])
            if not experience.valid[t, agent]:
                continue
            if label >= 0:
                begins = bool(experience.begins[t, agent])
                known = t > 0 and not begins and bool(experience.valid[t - 1, agent])
                inflects = begins or (known and label != before)
                w = 3.2 if inflects else 1.0
                taught, weight = taught - w * log_all[t, agent, label], weight + w
            missed = 0.5 * (values[t, agent] - gained[t] - experience.values[t, agent]) ** 2
            judged, steps = judged + missed, steps + 1
            if not experience.guided[t, agent]:
                log_all_here = log_all[t, agent]
                reinforced = reinforced - log_all_here[experience.actions[t, agent]] * gained[t]
                reinforced = reinforced + learning.value_weight * missed
                reinforced = reinforced + learning.entropy_weight * (log_all_here.exp() * log_all_here).sum()
                own += 1
    torch.autograd.backward(0.7 * taught / weight + 0.4 * reinforced / own + 0.3 * judged / steps)
    found = gradients(Alone(), experience, EVERYTHING)
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(found[name], parameter.grad, atol=1e-7), name


def test_only_guided_steps_are_imitated_unless_own_ones_are_labelled() -> None:
    experience = labelled(4)
    assert experience.labels is not None
    assert experience.guided is not None
    other = replace(experience, labels=torch.where(experience.guided, experience.labels, 2))
    guided_only = Imitation(label_own=False)
    for name, value in gradients(Alone(), experience, guided_only).items():
        assert torch.equal(value, gradients(Alone(), other, guided_only)[name])
    all_of_them = [gradients(Alone(), one, Imitation(label_own=True)) for one in (experience, other)]
    assert not torch.equal(all_of_them[0]["policy.weight"], all_of_them[1]["policy.weight"])


def work(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    share = part(labelled(6), slice(0, 2) if rank == 0 else slice(2, 6))
    torch.save(gradients(Together(), share, EVERYTHING), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_workers_learn_what_one_learns_from_both_shares(tmp_path: Path) -> None:
    spawn(work, (tmp_path,), nprocs=2)
    alone = gradients(Alone(), labelled(6), EVERYTHING)
    for rank in (0, 1):
        together = torch.load(tmp_path / f"{rank}.pt")
        assert set(together) == set(alone)
        for name, value in alone.items():
            assert torch.allclose(together[name], value, atol=1e-7), name


@pytest.mark.parametrize("options", [{}, {"map_nodes": 8, "rooms": True}])
def test_an_oracle_is_imitated(options: dict[str, Any], tiny_data: Path, tmp_path: Path) -> None:
    """Three instructions for each of ten paths are learned by heart in some seconds."""
    memory: Literal["map", "recurrent"] = "map" if options else "recurrent"
    learning = Learning(rollout_steps=10, mini_batches=1, learning_rate=5e-3, max_gradient_norm=5.0)
    network = CandidateNetwork(
        hidden_size=32, word_size=16, dropout=0.0, word_dropout=0.0, place_dropout=0.0, memory=memory
    )
    imitation = Imitation(oracle_share=0.5, label_own=True)
    recipe = config(tiny_data, learning=learning, network=network, imitation=imitation, agents=16, steps=16_000)
    recipe = replace(recipe, env_options={**recipe.env_options, **options})
    ImitationTrainer(recipe, Alone(), tmp_path).run()
    progress = [row for row in rows(tmp_path) if row["agreement"]]
    assert float(progress[0]["agreement"]) < 0.5
    assert sum(float(row["agreement"]) for row in progress[-5:]) / 5 > 0.8
    assert float(progress[-1]["imitation_loss"]) < 0.5 * float(progress[0]["imitation_loss"])


def test_reinforcement_alone_makes_a_good_action_likelier() -> None:
    net, experience = network(), labelled(4)
    assert experience.guided is not None
    liked = replace(
        experience,
        rewards=(experience.actions == 2).double(),
        valid=torch.ones_like(experience.valid),
        guided=torch.zeros_like(experience.guided),
        values=torch.zeros_like(experience.values),
        last_values=torch.zeros(4).double(),
    )
    learner = Imitator(
        net,
        Learning(learning_rate=0.01, max_gradient_norm=1.0),
        Imitation(weight=0.0, reinforcement_weight=1.0),
        Alone(),
    )

    @torch.no_grad()
    def probability() -> float:
        logits, _ = net(liked.observations, liked.last_actions, liked.state, liked.begins)
        return float(torch.softmax(logits, dim=-1)[..., 2].mean())

    before = probability()
    for _ in range(5):
        learner.update(liked)
    assert probability() > before + 0.02


def test_a_stopped_training_goes_on_to_the_same_bits(tiny_data: Path, tmp_path: Path) -> None:
    options = config(tiny_data, imitation=Imitation(oracle_share=0.5, label_own=True, reinforcement_weight=0.1))
    whole = ImitationTrainer(options, Alone(), tmp_path / "whole")
    whole.run()
    asked = iter([False, False, True])
    assert not ImitationTrainer(options, Alone(), tmp_path / "parts").run(stopping=lambda: next(asked))
    second = ImitationTrainer(options, Alone(), tmp_path / "parts")
    assert second.steps == 180
    assert second.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


# ------------------------------------------------------------------------------------------------------ bad input
def test_the_configuration_says_who_trains(tiny_data: Path, tmp_path: Path) -> None:
    assert type(new_trainer(config(tiny_data), Alone(), tmp_path / "one")) is ImitationTrainer
    assert type(new_trainer(config(tiny_data, imitation=None), Alone(), tmp_path / "other")) is Trainer


def test_an_environment_without_an_oracle_is_refused(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(GraphVectorEnv, "oracle_actions")
    with pytest.raises(ConfigError, match="GraphVectorEnv has no oracle_actions"):
        new_trainer(config(tiny_data), Alone(), tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"oracle_share": 1.5}, r"imitation.oracle_share must be from 0 to 1, not 1\.5"),
        ({"oracle_decay": -0.1}, "imitation.oracle_decay must be from 0 to 1"),
        ({"weight": -1.0}, "imitation.weight must be at least 0"),
        ({"critic_weight": -1.0}, "imitation.critic_weight must be at least 0"),
        ({"decay_steps": 0}, "imitation.decay_steps must be at least 1"),
        ({"weight": 0.0}, "nothing to learn from"),
        ({"oracle_share": 0.0}, "nothing to learn from"),
        ({"mixing": "turns"}, "imitation.mixing must be episode or step, not 'turns'"),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], said: str, tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        new_trainer(config(tiny_data, imitation=Imitation(**options)), Alone(), tmp_path)


def test_a_loss_that_is_no_number_stops_before_the_weights_change() -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    broken = replace(labelled(4), rewards=torch.full((7, 4), float("nan"), dtype=torch.float64))
    with pytest.raises(DivergedError, match="not finite"):
        Imitator(net, Learning(mini_batches=2), EVERYTHING, Alone()).update(broken)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_the_first_step_after_a_past_is_no_inflection() -> None:
    imitator = Imitator(network(), Learning(), Imitation(inflection_weight=3.2), Alone())
    labels = torch.tensor([0, 0, 1, 1, 2])[:, None]  # two rows of the past, which have no labels of their own
    valid = torch.tensor([False, False, True, True, True])[:, None]
    weights = imitator._weights(labels, torch.zeros(5, 1, dtype=torch.bool), valid)
    assert weights[2:, 0].tolist() == pytest.approx([1, 1, 3.2])


def test_an_episodes_first_action_is_an_inflection() -> None:
    """VLN-CE's rule (dagger_trainer.py): `cat([1], oracle[1:] != oracle[:-1])`, episode by episode."""
    imitator = Imitator(network(), Learning(), Imitation(inflection_weight=3.2), Alone())
    labels = torch.tensor([1, 1, 2, -1, 2, 2])[:, None]  # the fourth step resets, and belongs to no episode
    begins, valid = torch.tensor([1, 0, 0, 0, 1, 0]).bool()[:, None], torch.tensor([1, 1, 1, 0, 1, 1]).bool()[:, None]
    weights = imitator._weights(labels, begins, valid)[valid]
    assert weights.tolist() == pytest.approx([3.2, 1, 3.2, 3.2, 1])


def test_reinforcement_acts_and_learns_without_dropout(tiny_data: Path, tmp_path: Path) -> None:
    """With dropout in either, the probabilities of what was done would differ before anything is learned."""
    asked = config(tiny_data, imitation=None, steps=60, learning=replace(ONE_STEP, rollout_steps=10))
    network = CandidateNetwork(hidden_size=16, word_size=8, dropout=0.5)
    asked = replace(asked, network=network, evaluate_options={"split": "val_unseen"})
    told: list[dict[str, float]] = []
    Trainer(asked, Alone(), tmp_path).run(on_update=lambda row: told.append(dict(row)))
    assert told[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert told[0]["clip_fraction"] == 0
