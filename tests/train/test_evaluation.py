"""The evaluation of a training against `navagent eval`, which plays the same split one agent at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from envs.houses.goal_env import HouseGoalWalk, HouseObjectNav, HousePointNav
from envs.houses.vector import HouseVectorEnv
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from eval.summary import summarise
from navagent.networks.architecture import Architecture, SensorNetwork
from navagent.networks.policy_network import Observations, PolicyNetwork
from navagent.networks.weights import ModelCard, save
from navagent.train.evaluation import play_split
from policies.trained import Trained


class Straight(PolicyNetwork):
    """Turns to the point, walks and stops there; it counts its steps, so that a memory that is lost shows."""

    def new_state(self, agents: int) -> Tensor:
        return torch.zeros(agents, 1)

    def step(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        distance, angle = observations["pointgoal_with_gps_compass"].T
        steps = state * ~begins[:, None] + 1
        turn = math.radians(8)
        choice = torch.where(angle > turn, 2, torch.where(angle < -turn, 3, 1))
        choice = torch.where((distance < 0.2) | (steps[:, 0] > 70), 0, choice)
        return torch.log(torch.nn.functional.one_hot(choice, 4).float()), distance, steps

    def forward(
        self, observations: Observations, last_actions: Tensor, state: Tensor, begins: Tensor
    ) -> tuple[Tensor, Tensor]:
        raise NotImplementedError("it does not learn")


@dataclass(frozen=True)
class StraightOn(Architecture):
    def build(self, space: spaces.Dict, actions: int) -> PolicyNetwork:
        return Straight()


@pytest.mark.parametrize(
    ("task", "kind", "architecture", "sensors"),
    [
        ("pointnav", HousePointNav, StraightOn(), []),
        ("objectnav", HouseObjectNav, SensorNetwork(hidden_size=16), ["depth"]),
    ],
)
def test_a_training_is_evaluated_as_navagent_eval_does(
    task: str, kind: type[HouseGoalWalk], architecture: Architecture, sensors: list[Any], tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "houses": 2,
        "size": 36,
        "sensors": sensors,
        "max_steps": 80 if task == "pointnav" else 40,
    }
    batch = HouseVectorEnv(task, 7, "val_unseen", trajectories=True, **options)
    space = batch.single_observation_space
    assert isinstance(space, spaces.Dict)
    torch.manual_seed(2)
    network = architecture.build(space, 4)
    found = play_split(batch, network, torch.device("cpu"))

    file, directory = tmp_path / "w.safetensors", RunDirectory(tmp_path / "run")
    save(file, network, ModelCard(architecture, space, 4, f"navagent/{kind.__name__}-v0", options, batch.hfov))
    env = kind(**options)
    evaluate(env, Trained(str(file)), env.episodes, directory, workers=4)
    summary = summarise(directory.results(), len(env.episodes), {})
    assert summary["errors"]["count"] == 0
    assert found == pytest.approx({**summary["metrics"], "episodes": len(env.episodes)}, abs=1e-9)
    assert 1 < found["steps"] < options["max_steps"]
    assert task == "objectnav" or 0 < found["spl"] < found["sr"] < 0.9
