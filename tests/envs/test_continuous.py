"""The real R2R-CE files through the loader that houses use too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.continuous import load_r2r_ce
from navagent.errors import DataError


@pytest.mark.parametrize(("split", "count"), [("val_seen", 778), ("val_unseen", 1839)])
def test_real_splits_have_their_sizes(split: str, count: int, real_data: Path) -> None:
    episodes, prints = load_r2r_ce(split, str(real_data))
    assert len(episodes) == count
    assert len({episode.episode_id for episode in episodes}) == count
    assert set(prints) == {"episodes"}


def test_real_starts_and_goals_stand_on_their_floors(real_data: Path) -> None:
    """z is up: heights spread over a few floors, positions over a house."""
    episodes, _ = load_r2r_ce("val_unseen", str(real_data))
    heights = np.array([episode.start.position[2] for episode in episodes])
    assert abs(np.median(heights)) < 3
    assert all(episode.goal is not None and len(episode.goal.reference_positions) >= 3 for episode in episodes)
    assert all(0 <= episode.start.heading < 2 * np.pi for episode in episodes)


def test_a_file_that_is_no_episode_file_says_so(tmp_path: Path) -> None:
    place = tmp_path / "r2r_ce" / "R2R_VLNCE_v1-3" / "val"
    place.mkdir(parents=True)
    (place / "val.json.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match=r"val\.json\.gz"):
        load_r2r_ce("val", str(tmp_path))
