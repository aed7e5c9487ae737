"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from navagent.cache_folder import CACHE_VARIABLE
from tests.tiny import make_world


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the suite out of the user's cache, and its processes out of each other's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it skip where it is absent."""
    root = Path(os.environ.get("NAVAGENT_DATA") or "../shared/data")
    if not (root / "r2r").is_dir():
        pytest.skip(f"no real data at {root}: set NAVAGENT_DATA (Matterport3D's terms forbid shipping it)")
    return root.resolve()


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up data folder; read only."""
    return make_world(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own_tiny_data(tmp_path: Path) -> Path:
    """A small made-up data folder that the test may damage."""
    return make_world(tmp_path / "data")
