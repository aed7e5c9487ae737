from __future__ import annotations

import pytest

from navagent.train.group import Alone, Group


class Scripted(Alone):
    """A group of ten of whom so many have finished."""

    size = 10

    def __init__(self, others: int) -> None:
        self.others = others

    def finished(self) -> int:
        return self.others


@pytest.mark.parametrize(
    ("done", "finished", "cut"),
    [(31, 10, False), (32, 5, False), (32, 6, True), (127, 5, False), (127, 9, True)],
)
def test_a_straggler_is_cut_once_a_quarter_is_done_and_six_in_ten_have_finished(
    done: int, finished: int, cut: bool
) -> None:
    group: Group = Scripted(finished)
    assert group.enough(done, 128) is cut


def test_alone_nobody_is_cut() -> None:
    assert not Alone().enough(127, 128)
