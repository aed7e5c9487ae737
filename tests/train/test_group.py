from __future__ import annotations

from pathlib import Path

import pytest
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from navagent.train.group import Alone, Group, Together


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


def count(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    group, found = Together(), []
    for finishing in ((0,), (0, 1), ()):
        group.begin_rollout()
        if rank in finishing:
            group.finish_rollout()
        dist.barrier()
        found.append(group.finished())
        dist.barrier()
    (folder / f"{rank}.txt").write_text(str(found))
    dist.destroy_process_group()


def test_every_worker_knows_how_many_have_finished_this_rollout(tmp_path: Path) -> None:
    spawn(count, (tmp_path,), nprocs=2)
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)] == ["[1, 2, 0]"] * 2
