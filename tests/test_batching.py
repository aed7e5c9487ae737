from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from navagent.batching import Batcher, in_halves


class Doubling:
    """Doubles numbers and keeps the sizes of its batches."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.sizes: list[int] = []
        self.seconds = seconds
        self._inside = threading.Lock()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        assert self._inside.acquire(blocking=False), "two batches at once"
        time.sleep(self.seconds)
        self.sizes.append(len(numbers))
        self._inside.release()
        return [ValueError(f"{number} is odd") if number % 2 else 2 * number for number in numbers]


def test_every_thread_gets_its_own_results() -> None:
    double = Doubling(0.001)
    batcher: Batcher[int, int] = Batcher(double, most=7)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda k: batcher([6 * k, 6 * k + 2, 6 * k + 4]), range(100)))
    assert results == [[12 * k, 12 * k + 4, 12 * k + 8] for k in range(100)]
    assert sum(double.sizes) == 300
    assert max(double.sizes) <= 7


def test_threads_that_call_together_share_batches() -> None:
    double = Doubling()
    batcher: Batcher[int, int] = Batcher(double, most=8, gather_s=0.1)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(lambda k: batcher([2 * k]), range(8))) == [[4 * k] for k in range(8)]
    assert double.sizes == [8] * 5


def test_while_a_batch_runs_the_next_one_gathers_without_waiting() -> None:
    double = Doubling(0.2)
    batcher: Batcher[int, int] = Batcher(double, most=8, gather_s=0.0)
    with ThreadPoolExecutor(7) as pool:
        first = pool.submit(batcher, [0])
        time.sleep(0.1)
        others = [pool.submit(batcher, [2 * k]) for k in range(6)]
        assert [first.result(), *(other.result() for other in others)] == [[0], *([4 * k] for k in range(6))]
    assert double.sizes == [1, 6]


def test_an_items_exception_is_its_callers_only() -> None:
    batcher: Batcher[int, int] = Batcher(Doubling(), most=8, gather_s=0.1)
    with ThreadPoolExecutor(3) as pool:
        even, odd, other = (pool.submit(batcher, [number]) for number in (2, 3, 4))
        assert (even.result(), other.result()) == ([4], [8])
        with pytest.raises(ValueError, match="3 is odd"):
            odd.result()


def test_an_exception_of_the_batch_reaches_each_caller_as_an_object_of_its_own() -> None:
    def fail(numbers: Sequence[int]) -> list[int | Exception]:
        raise ArithmeticError("too hot")

    batcher: Batcher[int, int] = Batcher(fail, most=8, gather_s=0.1)
    with ThreadPoolExecutor(2) as pool:
        errors = [future.exception() for future in [pool.submit(batcher, [0]), pool.submit(batcher, [2])]]
    assert [str(error) for error in errors] == ["too hot", "too hot"]
    assert errors[0] is not errors[1]
    with pytest.raises(ArithmeticError):  # and it still works afterwards
        batcher([4])


def test_no_items_give_no_results_and_run_nothing() -> None:
    double = Doubling()
    batcher: Batcher[int, int] = Batcher(double, most=8)
    assert batcher([]) == []
    assert double.sizes == []


def test_copies_share_one_batcher() -> None:
    batcher: Batcher[int, int] = Batcher(Doubling(), most=8)
    assert copy.deepcopy(batcher) is batcher


def test_what_is_too_large_together_is_run_in_halves_and_alone_gets_its_error() -> None:
    """Numbers stand for sizes; the memory holds 10."""

    def run(sizes: Sequence[int]) -> list[int | Exception]:
        if sum(sizes) > 10:
            raise MemoryError(f"{sizes} do not fit")
        return [10 * size for size in sizes]

    assert in_halves(run, [1, 2, 3], MemoryError) == [10, 20, 30]
    assert in_halves(run, [4, 4, 4, 4, 4], MemoryError) == [40] * 5
    *fitting, too_large, last = in_halves(run, [9, 2, 11, 5], MemoryError)
    assert (fitting, last) == ([90, 20], 50)
    assert isinstance(too_large, MemoryError)


def test_nobody_waits_for_more_than_can_come() -> None:
    doubling = Doubling()
    batcher = Batcher(doubling, most=8, gather_s=60.0, expected=lambda: 2)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda number: batcher([number]), (2, 4))) == [[4], [8]]
    assert doubling.sizes == [2]
