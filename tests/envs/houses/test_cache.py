from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from envs.houses import cache
from envs.houses.cache import generator_version, load_house
from envs.houses.generate import generate
from envs.houses.house import House
from navagent.cache_folder import CACHE_VARIABLE
from navagent.errors import ConfigError
from tests.command_line import CHECKOUT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def _the_file(folder: Path) -> Path:
    (file,) = (file for file in folder.rglob("*") if file.is_file())
    return file


def _assert_same(one: House, other: House) -> None:
    for name in ("seed", "rooms", "doors", "objects", "materials", "floor"):
        assert getattr(one, name) == getattr(other, name)
        assert repr(getattr(one, name)) == repr(getattr(other, name))  # 1 and 1.0 are equal, but not the same bytes
    for name, array in vars(one.mesh).items():
        np.testing.assert_array_equal(array, getattr(other.mesh, name))
        assert array.dtype == getattr(other.mesh, name).dtype


@pytest.mark.parametrize("seed", [0, 7, 900_000])
def test_a_house_from_disk_is_the_house_that_was_made(folder: Path, seed: int) -> None:
    first = load_house(seed)
    written = _the_file(folder).read_bytes()
    second = load_house(seed)
    _assert_same(first, generate(seed))
    _assert_same(second, first)
    assert _the_file(folder).read_bytes() == written


def test_the_second_time_no_house_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_house(5)
    monkeypatch.setattr(cache, "generate", None)  # whoever calls it breaks
    assert load_house(5).seed == 5


@pytest.mark.parametrize("place", [0, 31, 32, 1000, -1])
def test_a_damaged_file_is_made_anew_with_a_warning(folder: Path, place: int) -> None:
    house = load_house(3)
    file = _the_file(folder)
    whole = file.read_bytes()
    broken = bytearray(whole)
    broken[place] ^= 1
    file.write_bytes(broken)
    with pytest.warns(UserWarning, match=r"house_000003.house is damaged .* made anew"):
        _assert_same(load_house(3), house)
    assert file.read_bytes() == whole


@pytest.mark.parametrize("left", [0, 31, 32, 1000])
def test_a_file_that_was_cut_short_is_made_anew(folder: Path, left: int) -> None:
    house = load_house(3)
    file = _the_file(folder)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.warns(UserWarning, match="is damaged"):
        _assert_same(load_house(3), house)


def test_a_changed_generator_reads_no_old_house(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "houses"
    shutil.copytree(Path(cache.__file__).parent, copy)
    monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
    uncached = generator_version.__wrapped__
    assert uncached() == generator_version()
    with (copy / "furniture" / "bathroom.py").open("a") as source:
        source.write("# another bath\n")
    assert uncached() != generator_version()
    (copy / "furniture" / "bathroom.py").unlink()
    assert uncached() != generator_version()


def test_a_folder_that_cannot_be_used_is_one_warning_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=rf"{tmp_path}/file/.* cannot be used \(Not a directory\).*set NAVAGENT_CACHE"):
        _assert_same(load_house(2), generate(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        load_house(4)


def test_without_a_home_houses_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody_by_this_name/cache")
    with pytest.warns(UserWarning, match="no home directory for a cache folder"):
        _assert_same(load_house(2), generate(2))


def test_off_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "off")
    monkeypatch.setenv("HOME", str(tmp_path))
    _assert_same(load_house(2), generate(2))
    assert not list(tmp_path.rglob("*"))


def test_processes_that_write_the_same_houses_do_not_damage_them(folder: Path) -> None:
    code = (
        "import warnings; warnings.simplefilter('error'); from envs.houses.cache import load_house\n"
        "for seed in 3 * list(range(4)): load_house(seed)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    files = sorted(file.name for file in folder.rglob("*") if file.is_file())
    assert files == [f"house_{seed:06d}.house" for seed in range(4)]
    for seed in range(4):
        _assert_same(load_house(seed), generate(seed))


def test_what_is_no_seed_is_refused_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="is no house seed"):
        load_house(-1)
    assert not folder.exists()
