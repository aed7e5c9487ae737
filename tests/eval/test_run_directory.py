from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.records import EpisodeResult, Usage
from eval.run_directory import RunDirectory, existing_run
from navagent.errors import RunError


def _result(episode_id: str, error: str | None = None) -> EpisodeResult:
    return EpisodeResult(
        episode_id=episode_id,
        scene="scanA",
        instruction="Go.",
        metrics={"sr": 1.0},
        trajectory=(("abc", 0.0, 1.0, 2.0, 0.5, 0.0),),
        stopped=True,
        usage=Usage(2, 1, 10, 5, 0.25, ("gpt",)),
        error=error,
    )


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(TEXT, TEXT, st.floats(allow_nan=False), st.none() | TEXT)
def test_results_survive_the_file(instruction: str, scene: str, value: float, error: str | None) -> None:
    result = dataclasses.replace(_result("1_0", error), instruction=instruction, scene=scene, metrics={"sr": value})
    line = result.to_json()
    assert "\n" not in line
    assert EpisodeResult.from_json(line) == result


def test_results_are_read_back_in_order(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    results = [_result(f"{i}_0") for i in range(3)]
    with directory.writing():
        for result in results:
            directory.append(result)
        assert RunDirectory(tmp_path / "run").results() == results


def test_a_line_cut_short_does_not_count_and_is_dropped_before_writing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    file = tmp_path / "episodes.jsonl"
    whole = _result("1_0").to_json() + "\n"
    for cut in (1, 20, len(whole) - 1):
        file.write_text(whole + whole.replace("1_0", "2_0")[:cut])
        damaged = file.read_text()
        assert [result.episode_id for result in directory.results()] == ["1_0"]
        assert file.read_text() == damaged  # a reader changes nothing
        with directory.writing():
            assert file.read_text() == whole


def test_a_separator_inside_an_instruction_ends_no_line(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    odd = dataclasses.replace(_result("1_0"), instruction="left\u2028right\x0bstop\x85")
    with directory.writing():
        directory.append(odd)
    assert directory.results() == [odd]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "episodes.jsonl").write_text(_result("1_0").to_json() + '\n{"episode_id": 3}\n')
    with pytest.raises(RunError, match=r"episodes\.jsonl, line 2 is damaged"):
        RunDirectory(tmp_path).results()


def test_broken_episodes_can_be_forgotten(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.writing():
        for result in (_result("1_0"), _result("2_0", "timeout"), _result("3_0")):
            directory.append(result)
    directory.forget_errors()
    assert [result.episode_id for result in directory.results()] == ["1_0", "3_0"]
    with directory.writing():
        directory.append(_result("2_0"))
    assert [result.episode_id for result in directory.results()] == ["1_0", "3_0", "2_0"]


def test_another_configuration_is_refused_with_the_difference(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.claim({"workers": 8}, {"seed": 0, "policy": {"class_path": "policies.Random", "init_args": {"seed": 1}}})
    directory.claim({"workers": 2}, {"seed": 0, "policy": {"class_path": "policies.Random", "init_args": {"seed": 1}}})
    with pytest.raises(RunError, match=r"policy\.init_args\.seed is 1 there and 2 here\)"):
        directory.claim({}, {"seed": 0, "policy": {"class_path": "policies.Random", "init_args": {"seed": 2}}})


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no run"):
        existing_run(tmp_path)
    with pytest.raises(RunError, match="no finished run"):
        RunDirectory(tmp_path).load_summary()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = RunDirectory(tmp_path / "file" / "run")
    with pytest.raises(RunError, match=r"cannot be written \(Not a directory\)"), directory.writing():
        pass


def test_only_one_process_writes_at_a_time(tmp_path: Path) -> None:
    one, other = RunDirectory(tmp_path), RunDirectory(tmp_path)
    with one.writing(), one.writing():
        with pytest.raises(RunError, match="Another process is writing to"), other.writing():
            pass
        assert other.results() == []
    with other.writing():
        pass


def test_writing_replaces_the_whole_file_or_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write("summary.json", "old")
    (tmp_path / "summary.json.part").mkdir()
    with pytest.raises(RunError, match="Is a directory"):
        directory.write("summary.json", "new")
    (tmp_path / "summary.json.part").rmdir()
    assert (tmp_path / "summary.json").read_text() == "old"
    assert not list(tmp_path.glob("*.part"))
