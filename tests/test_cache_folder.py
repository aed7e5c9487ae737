from __future__ import annotations

from pathlib import Path

import pytest

from navagent.cache_folder import CACHE_VARIABLE, cache_folder
from navagent.errors import ConfigError


def test_the_argument_comes_before_the_variable_and_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_folder() == Path("/home/me/.cache/navagent")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/navagent")
    monkeypatch.setenv(CACHE_VARIABLE, "~/mine")
    assert cache_folder() == Path("/home/me/mine")
    assert cache_folder("/given") == Path("/given")


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder("off") is None
    monkeypatch.setenv(CACHE_VARIABLE, "off")
    assert cache_folder() is None
    assert cache_folder("/given") == Path("/given")


def test_a_missing_home_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody_by_this_name/cache")
    with pytest.raises(ConfigError, match="no home directory for a cache folder: set NAVAGENT_CACHE"):
        cache_folder()
