"""The weights that come with the package do what is said of them."""

from __future__ import annotations

import gymnasium
import pytest

from envs.houses.goal_env import HousePointNav
from eval.rules import RULES
from navagent.rollout import rollout

torch = pytest.importorskip("torch", reason="needs torch: pip install torch==2.13.0")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

from navagent.networks.weights import load  # noqa: E402
from navagent.train.evaluation import play_split  # noqa: E402
from policies.trained import SHIPPED, Trained, find_weights  # noqa: E402

MOST_BYTES = 10_000_000
"""Of all weights together: they travel with every installation."""


def test_they_are_small_and_say_how_they_were_made() -> None:
    files = sorted(SHIPPED.glob("*.safetensors"))
    assert [file.stem for file in files] == ["houses_follower", "houses_pointnav"]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    for file in files:
        card = load(file)[1]
        assert card.command.startswith("navagent train --config configs/")
        assert card.steps > 0


def test_the_pointnav_policy_finds_its_way_in_houses_that_it_has_never_seen() -> None:
    env, policy = HousePointNav("val_unseen", houses=2, size=64, sensors=["depth"]), Trained("houses_pointnav")
    rules = RULES[env.rules]
    scores = [rules.score(rollout(env, policy, episode)) for episode in env.episodes[::4]]
    assert len(scores) >= 20
    assert sum(score["sr"] for score in scores) / len(scores) > 0.8
    assert sum(score["spl"] for score in scores) / len(scores) > 0.6


def test_the_follower_follows_instructions_in_houses_that_it_has_never_seen() -> None:
    pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')
    network, card = load(find_weights("houses_follower"))
    options = {**card.env_options, "split": "val_unseen", "houses": 3, "max_steps": 200, "trajectories": True}
    env = gymnasium.make_vec(card.env, 45, vectorization_mode="vector_entry_point", **options)
    scores = play_split(env, network, torch.device("cpu"))
    env.close()
    assert scores["episodes"] == 135
    assert scores["sr"] > 0.4  # whoever walks at random comes to 0.08, and who reads other instructions to about 0.23
