"""What makes two runs the same run."""

from __future__ import annotations

from typing import Any

from navagent.cli.identity import identity_of


def _config(**arguments: Any) -> dict[str, Any]:
    env = {"class_path": "envs.habitat.env.HabitatR2RCE", "init_args": {"split": "val_unseen", **arguments}}
    policy = {"class_path": "policies.baselines.Random", "init_args": {}}
    return {"env": env, "policy": policy, "episodes": None, "seed": 0, "extra_metrics": []}


def test_where_things_lie_is_no_part_of_a_runs_identity() -> None:
    here = _config(data_dir="/a", scenes_dir="/b", python="/c/python")
    assert identity_of(here) == identity_of(_config())
    assert identity_of(_config(max_steps=100)) != identity_of(_config())
