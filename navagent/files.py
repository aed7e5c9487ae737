"""Writing to files that must stay whole."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from uuid import uuid4


def append_whole(stream: FileIO, line: bytes) -> None:
    """Write all of a line, or nothing: a disk that fills up in its middle leaves the file as it was.

    Args:
        stream: A file opened unbuffered for appending.
        line: What to append.

    Raises:
        OSError: The line cannot be written.
    """
    before = os.fstat(stream.fileno()).st_size
    try:
        while line:
            line = line[stream.write(line) or 0 :]
    except OSError:
        os.truncate(stream.fileno(), before)
        raise


def write_whole(file: Path, data: bytes) -> None:
    """Write a file, with its folder: whoever opens it finds all of the old or all of the new, whoever else writes it.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{uuid4().hex}.part")
    try:
        part.write_bytes(data)
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
