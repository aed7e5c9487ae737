from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.sampling import choose_episodes
from navagent.errors import ConfigError
from navagent.types import Episode, Pose


def _episodes(sizes: list[int]) -> list[Episode]:
    start = Pose((0.0, 0.0, 0.0), 0.0)
    return [
        Episode(f"{scene}_{i}", f"scene{scene}", "go", start, str(scene))
        for scene, n in enumerate(sizes)
        for i in range(n)
    ]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.data(), st.integers(0, 99))
def test_every_scene_has_its_share(sizes: list[int], data: st.DataObject, seed: int) -> None:
    episodes = _episodes(sizes)
    count = data.draw(st.integers(1, len(episodes)))
    chosen = choose_episodes(episodes, count, seed)
    assert len({episode.episode_id for episode in chosen}) == count
    drawn = Counter(episode.scene for episode in chosen)
    for scene, size in enumerate(sizes):
        assert abs(drawn[f"scene{scene}"] - size * count / len(episodes)) < 1 + 1e-9
    assert chosen == choose_episodes(episodes, count, seed)


def test_all_episodes_are_played_in_random_order() -> None:
    episodes = _episodes([30, 30])
    order = choose_episodes(episodes, None, 0)
    assert order != episodes
    assert sorted(e.episode_id for e in order) == sorted(e.episode_id for e in episodes)
    assert order != choose_episodes(episodes, None, 1)


def test_every_episode_is_equally_likely() -> None:
    counts = Counter(e.episode_id for seed in range(3000) for e in choose_episodes(_episodes([3, 9]), 4, seed))
    assert len(counts) == 12
    assert all(abs(count - 1000) < 130 for count in counts.values())


@pytest.mark.parametrize("count", [0, -1, 13])
def test_an_impossible_count_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=rf"--episodes {count} is not between 1 and the split's 12"):
        choose_episodes(_episodes([3, 9]), count, 0)
