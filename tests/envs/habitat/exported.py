"""Houses as habitat-sim's scenes, for tests that run against habitat-sim itself."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from envs.houses.dataset import make_data
from envs.houses.export import export_houses
from envs.houses.splits import plan_splits


def habitat_python() -> str | None:
    """The Python that has habitat-sim, None for this one; the test is skipped if there is none."""
    named = os.environ.get("NAVAGENT_HABITAT_PYTHON")
    if named is None and importlib.util.find_spec("habitat_sim") is None:
        pytest.skip("habitat_sim does not import here and NAVAGENT_HABITAT_PYTHON names no Python that has it")
    return named


def export_world(root: Path) -> Path:
    """Three houses: their episodes in R2R's and R2R-CE's formats, and the houses as habitat-sim's scenes."""
    plans = plan_splits(train=0, val_seen=0, val_unseen=3, paths=4)
    make_data(root, plans)
    export_houses(root / "scene_datasets", list(plans[0].seeds))
    return root
