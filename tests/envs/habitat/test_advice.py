from __future__ import annotations

import pytest

from envs.habitat.advice import advice

CONTEXT = "WindowlessContext: Unable to create windowless context"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (f"tryCreateContext(): unable to find CUDA device 0 among 6 EGL devices in total\n{CONTEXT}", "--env.gpu -1"),
        (f"tryCreateContext(): unable to find EGL device for CUDA device 0\n{CONTEXT}", "--env.gpu -1"),
        (f"cannot get default EGL display: EGL_BAD_PARAMETER\n{CONTEXT}", "apt install libegl1"),
        (CONTEXT, "built for a screen"),
        ("ModuleNotFoundError: No module named 'habitat_sim'", "environment.yml"),
        ("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.3", "numpy==1.26.4"),
        ("mutable default <class 'habitat.config.X'> for field y is not allowed", "Python 3.9 and 3.10 only"),
        ("KeyError: 'instruction_vocab'", "no R2R-CE file"),
    ],
)
def test_known_failures_have_their_fix(said: str, remedy: str) -> None:
    """What habitat-sim and habitat-lab print, as reported in their trackers."""
    assert remedy in advice(said)


def test_what_nobody_knows_gets_no_advice() -> None:
    assert advice("the cat sat on the keyboard") == ""
