"""Houses kept on disk: one file per house, in a folder per version of the generator.

A house is read from disk in a tenth of the time that it takes to make. Whatever is wrong with the cache, the house is
made instead, with one warning: a cache must not stop an evaluation.
"""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import asdict, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from envs.houses.generate import check_seed, generate
from envs.houses.house import Door, House, Material, Mesh, Object, Room, house_name
from navagent.cache_folder import CACHE_VARIABLE, OFF, cache_folder
from navagent.errors import ConfigError
from navagent.files import write_whole

_CHECKSUM = 32
"""Bytes of sha256 that a file begins with."""


def load_house(seed: int) -> House:
    """Return the house of a seed, from disk if it has been made before: the same house as `generate` gives.

    A file that is damaged is made anew, and a folder that cannot be used is left alone, both with a warning.

    Raises:
        ConfigError: The seed is none.
    """
    check_seed(seed)
    file = _file(seed)
    if file is None:
        return generate(seed)
    try:
        return _unpacked(seed, file.read_bytes())
    except FileNotFoundError:
        pass
    except OSError as error:
        _warn_unusable(file.parent, error.strerror)
        return generate(seed)
    except ValueError as error:
        warnings.warn(f"The cached house {file} is damaged ({error}): it is made anew.", stacklevel=2)
    house = generate(seed)
    try:
        write_whole(file, _packed(house))
    except OSError as error:
        _warn_unusable(file.parent, error.strerror)
    return house


def _file(seed: int) -> Path | None:
    """Return where a house is kept, or None if nothing is kept."""
    try:
        folder = cache_folder()
    except ConfigError as error:
        _warn_once(str(error))
        return None
    return None if folder is None else folder / "houses" / generator_version() / f"{house_name(seed)}.house"


@cache
def generator_version() -> str:
    """Return a name that changes with any source file of `envs.houses`, so that no house outlives its generator."""
    root = Path(__file__).parent
    digest = sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _packed(house: House) -> bytes:
    """Return a house as a checksum and a numpy archive."""
    rest = {field.name: getattr(house, field.name) for field in fields(House) if field.name not in ("seed", "mesh")}
    text = json.dumps({name: _plain(value) for name, value in rest.items()})
    stream = io.BytesIO()
    np.savez_compressed(stream, rest=np.frombuffer(text.encode(), np.uint8), **vars(house.mesh))
    data = stream.getvalue()
    return sha256(data).digest() + data


def _plain(value: Any) -> Any:
    return [asdict(entry) if not isinstance(entry, tuple) else entry for entry in value]


def _unpacked(seed: int, content: bytes) -> House:
    """Return what `_packed` packed, or raise ValueError if it is not whole."""
    checksum, data = content[:_CHECKSUM], content[_CHECKSUM:]
    if sha256(data).digest() != checksum:
        raise ValueError("its checksum differs")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        rest = json.loads(archive["rest"].tobytes())
        mesh = Mesh(**{field.name: archive[field.name] for field in fields(Mesh)})
    return House(
        seed=seed,
        rooms=tuple(Room(**_tupled(entry)) for entry in rest["rooms"]),
        doors=tuple(Door(**_tupled(entry)) for entry in rest["doors"]),
        objects=tuple(Object(**_tupled(entry)) for entry in rest["objects"]),
        materials=tuple(Material(**_tupled(entry)) for entry in rest["materials"]),
        mesh=mesh,
        floor=_tuples(rest["floor"]),
    )


def _tupled(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuples(value) for name, value in entry.items()}


def _tuples(value: Any) -> Any:
    """Return JSON's lists as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _warn_unusable(folder: Path, reason: str | None) -> None:
    _warn_once(
        f"The cache folder {folder} cannot be used ({reason}), so houses are made anew each time: set {CACHE_VARIABLE} "
        f"to a folder that can be written, or to {OFF}."
    )


@cache
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=2)
