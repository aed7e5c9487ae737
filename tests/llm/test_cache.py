"""Kept replies survive threads, processes and reopening."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from navagent.errors import RunError
from navagent.llm.cache import ReplyCache
from navagent.types import Reply

REPLY = Reply(
    texts=("Go left. \u2190 \U0001f600", "{}"),
    parsed=({"action": ["left", None, 1.5]}, None),
    model="some-model-2024-08-06",
    input_tokens=321,
    output_tokens=45,
    cost_usd=0.01,
    latency_s=0.25,
    cached_input_tokens=7,
)
REQUEST: dict[str, Any] = {"model": "some-model", "messages": [{"role": "user", "content": "Where to?"}], "n": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "replies.sqlite"


@pytest.fixture
def cache(file: Path) -> Iterator[ReplyCache]:
    with closing(ReplyCache(file)) as opened:
        yield opened


def numbered(number: int) -> dict[str, Any]:
    return {**REQUEST, "n": number}


def test_folder_and_file_are_created(cache: ReplyCache, file: Path) -> None:
    assert file.is_file()


def test_reply_comes_back_whole_but_free_and_marked_as_cached(cache: ReplyCache) -> None:
    cache.put(REQUEST, REPLY)
    kept = cache.get(REQUEST)
    assert kept is not None
    assert (kept.texts, kept.parsed, kept.model) == (REPLY.texts, REPLY.parsed, REPLY.model)
    assert (kept.input_tokens, kept.output_tokens, kept.cached_input_tokens) == (321, 45, 7)
    assert (kept.cached, kept.cost_usd) == (True, 0.0)


def test_unknown_request_has_no_reply(cache: ReplyCache) -> None:
    assert cache.get(REQUEST) is None


def test_order_of_a_requests_fields_does_not_matter(cache: ReplyCache) -> None:
    cache.put(REQUEST, REPLY)
    assert cache.get(dict(reversed(REQUEST.items()))) is not None


@pytest.mark.parametrize("changed", [{"model": "other"}, {"messages": []}, {"n": 2}, {"seed": None}])
def test_any_change_of_the_request_is_another_request(cache: ReplyCache, changed: dict[str, Any]) -> None:
    cache.put(REQUEST, REPLY)
    assert cache.get({**REQUEST, **changed}) is None


def test_newer_reply_replaces_the_older(cache: ReplyCache) -> None:
    cache.put(REQUEST, REPLY)
    cache.put(REQUEST, Reply(("right",), (None,), "m", 1, 1))
    kept = cache.get(REQUEST)
    assert kept is not None
    assert kept.text == "right"


def test_replies_survive_reopening(file: Path) -> None:
    with closing(ReplyCache(file)) as cache:
        cache.put(REQUEST, REPLY)
    with closing(ReplyCache(file)) as cache:
        assert cache.get(REQUEST) is not None


def test_two_open_caches_on_one_file_see_each_others_replies(cache: ReplyCache, file: Path) -> None:
    with closing(ReplyCache(file)) as other:
        other.put(numbered(1), REPLY)
        cache.put(numbered(2), REPLY)
        assert cache.get(numbered(1)) is not None
        assert other.get(numbered(2)) is not None


def test_threads_share_one_cache(cache: ReplyCache) -> None:
    missed: list[int] = []

    def work(start: int) -> None:
        for number in range(start, start + 25):
            cache.put(numbered(number), REPLY)
            if cache.get(numbered(number)) is None:
                missed.append(number)

    threads = [threading.Thread(target=work, args=(25 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missed
    assert all(cache.get(numbered(number)) is not None for number in range(200))


WRITER = """
import sys
from pathlib import Path
from navagent.llm.cache import ReplyCache
from navagent.types import Reply
cache = ReplyCache(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 50):
    cache.put({"n": number}, Reply((str(number),), (None,), "m", 1, 1))
cache.close()
"""


def test_processes_share_one_file(cache: ReplyCache, file: Path) -> None:
    commands = [[sys.executable, "-c", WRITER, str(file), str(start)] for start in (0, 50)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0, 0]
    kept = [cache.get({"n": number}) for number in range(100)]
    assert [reply.text for reply in kept if reply is not None] == [str(number) for number in range(100)]


def test_run_that_starts_while_another_creates_the_file_waits_for_it(file: Path) -> None:
    file.parent.mkdir()
    failed: list[RunError] = []

    def start() -> None:
        try:
            ReplyCache(file).close()
        except RunError as error:
            failed.append(error)

    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=start)
        thread.start()
        thread.join(0.5)
        other.execute("ROLLBACK")
    thread.join()
    assert not failed


# ------------------------------------------------------------------------------------------------------- faults
def test_folder_that_cannot_be_created_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RunError, match="--cache"):
        ReplyCache(tmp_path / "taken" / "replies.sqlite")


def test_folder_in_place_of_the_file_is_a_run_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--cache"):
        ReplyCache(tmp_path)


def test_file_of_another_kind_is_a_run_error_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database " * 100)
    with pytest.raises(RunError, match=r"notes\.txt"):
        ReplyCache(file)
    assert file.read_text() == "no database " * 100


def test_damaged_header_is_a_run_error(file: Path) -> None:
    fill(file)
    damage(file, 0, 100)
    with pytest.raises(RunError, match=r"replies\.sqlite"):
        ReplyCache(file)


def test_damaged_pages_are_a_run_error(file: Path) -> None:
    fill(file)
    damage(file, 4096 * 2, file.stat().st_size)
    with closing(ReplyCache(file)) as cache, pytest.raises(RunError, match=r"replies\.sqlite"):
        _ = [cache.get(numbered(number)) for number in range(200)]


def test_write_that_fails_is_a_run_error(file: Path) -> None:
    cache = ReplyCache(file)
    cache.close()
    with pytest.raises(RunError, match="cannot be written"):
        cache.put(REQUEST, REPLY)


def fill(file: Path) -> None:
    with closing(ReplyCache(file)) as cache:
        for number in range(200):
            cache.put(numbered(number), REPLY)


def damage(file: Path, start: int, end: int) -> None:
    content = bytearray(file.read_bytes())
    content[start:end] = b"\xa5" * (end - start)
    file.write_bytes(content)
