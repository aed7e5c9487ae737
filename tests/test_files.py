from __future__ import annotations

import threading
from pathlib import Path

import pytest

from navagent.files import write_whole


def test_a_file_is_replaced_with_its_folder_made_and_nothing_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    write_whole(file, b"old")
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_whole(folder, b"data")
    assert list(tmp_path.iterdir()) == [folder]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    file, contents = tmp_path / "file", [bytes([i]) * 300_000 for i in range(4)]
    write_whole(file, contents[0])
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(file.read_bytes())

    def write(content: bytes) -> None:
        for _ in range(20):
            write_whole(file, content)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert seen <= set(contents)
