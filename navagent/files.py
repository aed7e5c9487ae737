"""Writing to files that must stay whole."""

from __future__ import annotations

import os
from io import FileIO


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
