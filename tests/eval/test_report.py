from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.records import EpisodeResult
from eval.report import write_report
from eval.run_directory import RunDirectory
from eval.summary import summarise
from eval.tables import notes

EVIL = '</script><script>alert("x")</script><!-- $title'


def _result(episode_id: str, instruction: str = "Go.") -> EpisodeResult:
    metrics = {"tl": 9.0, "ne": 5.0, "osr": 1.0, "sr": 0.0, "spl": 0.0}
    return EpisodeResult(episode_id, "scan", instruction, metrics, (("v", 0.0, 0.0, 0.0, 0.0, 0.0),), stopped=True)


def _facts(**changes: Any) -> dict[str, Any]:
    config = {"env": {"class_path": "envs.R2R", "init_args": {"split": "val_unseen"}}, "episodes": None}
    facts = {
        "policy": "Mine",
        "dataset": "R2R val_unseen",
        "split_episodes": 2349,
        "rules": "r2r-1",
        "privileged": False,
        "stand_in": False,
        "fingerprints": {},
        "paid_usd": 0.0,
        "config": config,
    }
    return {**facts, **changes}


def _page(tmp_path: Path, results: list[EpisodeResult], expected: int, **changes: Any) -> str:
    directory = RunDirectory(tmp_path)
    with directory.writing():
        for result in results:
            directory.append(result)
        directory.write("summary.json", json.dumps(summarise(results, expected, _facts(**changes))))
        return write_report(directory).read_text()


def test_published_results_stand_beside_the_whole_split(tmp_path: Path) -> None:
    page = _page(tmp_path, [_result(f"{i}_0") for i in range(2349)], 2349)
    assert "DiscussNav (GPT-4) (zero-shot)" in page
    assert "Mine on R2R val_unseen" in page


@pytest.mark.parametrize(
    ("count", "changes"),
    [(216, {}), (2349, {"dataset": "HouseNavGraph val_unseen"}), (2349, {"rules": "r2r_ce-1"})],
    ids=["a sample", "another data set", "other rules"],
)
def test_published_results_never_stand_beside_anything_else(
    count: int, changes: dict[str, Any], tmp_path: Path
) -> None:
    assert "DiscussNav" not in _page(tmp_path, [_result(f"{i}_0") for i in range(count)], count, **changes)


def test_text_from_the_world_is_inert(tmp_path: Path) -> None:
    page = _page(tmp_path, [_result("1_0", EVIL)], 1)
    assert page.count("<script>") == page.count("</script>") == 1
    assert "alert(" in page


def test_what_a_reader_must_know_is_said(tmp_path: Path) -> None:
    _page(tmp_path, [_result("1_0")], 3, privileged=True, stand_in=True)
    said = " ".join(notes(RunDirectory(tmp_path).load_summary()))
    for word in ("Not complete: 2 episodes", "random sample of 3", "Privileged", "No language model"):
        assert word in said
