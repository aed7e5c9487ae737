from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.decomposition import decomposition_metrics, landmark
from navagent.types import SubTask, SubTaskAction

LEAVE, PASS, WAIT = SubTask("Exit", "bedroom"), SubTask("GoPast", "red armchair"), SubTask("GoTo", "fridge")
TRUE = (LEAVE, PASS, WAIT)

tasks = st.lists(
    st.builds(SubTask, st.sampled_from(get_args(SubTaskAction)), st.sampled_from(["bed", "sofa", "desk"])),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(
    ("predicted", "exact", "actions", "landmarks"),
    [
        (TRUE, 1, 1, 1),
        ((SubTask("Exit", "The Bedroom"), PASS, WAIT), 1, 1, 1),
        ((LEAVE, WAIT), 0, 2 / 3, 4 / 5),  # one is missing
        ((LEAVE, PASS, SubTask("GoInto", "kitchen"), WAIT), 0, 3 / 4, 6 / 7),  # one too many
        ((LEAVE, SubTask("GoTo", "red armchair"), WAIT), 0, 2 / 3, 1),  # a wrong action
        ((LEAVE, SubTask("GoPast", "armchair"), WAIT), 0, 1, 2 / 3),  # a wrong landmark
        ((PASS, LEAVE, WAIT), 0, 2 / 3, 1),  # out of order
        ((), 0, 0, 0),
    ],
)
def test_known_cases(predicted: tuple[SubTask, ...], exact: float, actions: float, landmarks: float) -> None:
    found = decomposition_metrics(predicted, TRUE)
    assert found == pytest.approx({"exact_match": exact, "action_accuracy": actions, "landmark_f1": landmarks})


@given(tasks, tasks)
def test_measures_are_shares_and_exact_means_all_right(mine: list[SubTask], true: list[SubTask]) -> None:
    found = decomposition_metrics(mine, true)
    assert all(0 <= value <= 1 for value in found.values())
    assert (found["exact_match"] == 1) == (mine == true)
    if mine == true:
        assert set(found.values()) == {1.0}
    flipped = decomposition_metrics(true, mine)
    assert flipped["landmark_f1"] == pytest.approx(found["landmark_f1"])


@given(tasks, st.integers(0, 5))
def test_one_wrong_action_costs_its_share(true: list[SubTask], index: int) -> None:
    index %= len(true)
    other: SubTaskAction = "Exit" if true[index].action != "Exit" else "GoTo"
    mine = [*true[:index], SubTask(other, true[index].landmark), *true[index + 1 :]]
    assert decomposition_metrics(mine, true)["action_accuracy"] >= 1 - 1 / len(true) - 1e-9


def test_landmarks_lose_articles_only() -> None:
    assert landmark("The  Red Theatre chair") == "red theatre chair"
