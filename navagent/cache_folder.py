"""Where navagent keeps what it can make or ask again: houses, replies of language models."""

from __future__ import annotations

import os
from pathlib import Path

from navagent.errors import ConfigError

CACHE_VARIABLE = "NAVAGENT_CACHE"

OFF = "off"


def cache_folder(option: str | None = None) -> Path | None:
    """Return the cache folder: the argument, else $NAVAGENT_CACHE, else navagent/ in $XDG_CACHE_HOME or ~/.cache.

    Returns:
        None if the argument or the variable is "off".

    Raises:
        ConfigError: There is no home directory to put it in.
    """
    chosen = option or os.environ.get(CACHE_VARIABLE)
    if chosen == OFF:
        return None
    try:
        return Path(chosen or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/navagent").expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"There is no home directory for a cache folder: set {CACHE_VARIABLE} to a folder, or to {OFF}."
        ) from error
