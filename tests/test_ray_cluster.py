from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'navagent[train]'")

from navagent.errors import ConfigError
from navagent.ray_cluster import Share, share
from tests.local_ray import local_ray


@pytest.fixture(scope="module", autouse=True)
def _two_processors() -> Iterator[None]:
    with local_ray(2):
        yield


@pytest.mark.parametrize(("workers", "cpus"), [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5), (5, 0.3333), (64, 0.0312)])
def test_workers_take_one_processor_or_an_equal_part(workers: int, cpus: float) -> None:
    assert share(workers, None, 0.0) == Share(cpus)


def test_too_many_workers_are_told() -> None:
    with pytest.warns(UserWarning, match="room for 2 of the 3 workers, at 0.75 CPU each"):
        assert share(3, 0.75, 0.0) == Share(0.75)


@pytest.mark.parametrize(
    ("cpus", "gpus", "said"),
    [
        (3.0, 0.0, r"A worker takes 3 CPU, and no node of the Ray cluster has so much \(the largest: 2 CPU\)"),
        (None, 0.25, r"A worker takes 1 CPU and 0.25 GPU, and no node .* \(the largest: 2 CPU\)"),
        (None, 1.5, "--worker-gpus above 1 must be a whole number, not 1.5"),
    ],
)
def test_workers_without_any_room_are_refused(cpus: float | None, gpus: float, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        share(1, cpus, gpus)
