"""Finding and reading data files, with errors that say how to mend them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from navagent.errors import DataError

DATA_VARIABLE = "NAVAGENT_DATA"


def data_name(folder: str | None = None) -> str:
    """Return what the data folder is called: the argument, else $NAVAGENT_DATA, else ./data."""
    return folder or os.environ.get(DATA_VARIABLE) or "data"


def data_root(folder: str | None = None) -> Path:
    """Return the data folder, which is called as `data_name` says.

    Raises:
        DataError: The folder does not exist.
    """
    root = Path(data_name(folder)).expanduser()
    if not root.is_dir():
        raise DataError(
            f"The data folder '{root}' does not exist: set {DATA_VARIABLE} to the folder that holds r2r/, navgpt/ and "
            "the like (`navagent doctor` says what goes there and where to get it), or to one with procedural houses, "
            "which `navagent houses make FOLDER` makes."
        )
    return root


def load_json(file: Path, advice: str = "fetch it again (`navagent doctor` says from where)") -> Any:
    """Read a JSON file.

    Args:
        file: The file.
        advice: What to do about one that is absent or damaged.

    Raises:
        DataError: The file is absent, cannot be read, or is not whole JSON.
    """
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{file} is missing: {advice}.") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}): check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not whole JSON ({error}), maybe cut short: {advice}.") from error


def fingerprint(files: Iterable[Path]) -> str:
    """Return one sha256 (hexadecimal) over the contents of files, in the order of their names.

    Raises:
        DataError: A file is absent or cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise DataError(f"{file} cannot be read ({error.strerror}): fetch it again.") from error
    return digest.hexdigest()
