"""What to do about failures of habitat-sim that many have met."""

from __future__ import annotations

import re

_KNOWN: tuple[tuple[str, str], ...] = (
    # habitat-sim 2216, 2337, 2443, 2582: EGL lists its devices, and none is the GPU that was asked for.
    (
        r"unable to find (?:CUDA|EGL) device",
        "That GPU has no EGL device here: try --env.gpu -1 (any device that EGL has, software included), install the "
        "GPU driver's EGL library, or in a container set NVIDIA_DRIVER_CAPABILITIES=all.",
    ),
    (
        r"[Cc]annot get default EGL display|cannot initialize EGL|no EGL devices found|[Ee]glInitialize|libEGL",
        "There is no EGL for drawing without a screen: install it (Debian, Ubuntu: apt install libegl1 "
        "libgl1-mesa-dri) and try --env.gpu -1.",
    ),
    (
        r"[Uu]nable to create windowless context|cannot open (?:default )?(?:X )?display",
        "This habitat-sim was built for a screen: install the headless one, as envs/habitat/environment.yml does.",
    ),
    (
        r"No module named '(?:habitat_sim|habitat|magnum|quaternion)'",
        "That Python lacks habitat-sim or habitat-lab: envs/habitat/environment.yml makes one that has both; name its "
        "interpreter with --env.python.",
    ),
    # habitat-sim is built against numpy 1.
    (
        r"compiled using NumPy 1|numpy\.core\.multiarray failed to import|_ARRAY_API not found",
        "That Python's numpy is too new for its habitat-sim: pip install numpy==1.26.4 there.",
    ),
    # habitat-lab 0.3.3's configuration has defaults that dataclasses refuse from Python 3.11 on.
    (
        r"mutable default <class 'habitat\.",
        "This habitat-lab runs on Python 3.9 and 3.10 only: envs/habitat/environment.yml makes such a Python.",
    ),
    # habitat-lab's loader wants a vocabulary; VLN-CE's newer packages of RxR-Habitat have none.
    (
        r"instruction_vocab",
        "That is no R2R-CE file (RxR-Habitat's have no vocabulary, which habitat-lab's loader wants).",
    ),
)


def advice(text: str) -> str:
    """Return " and what to do" for a failure's text, or an empty string."""
    for pattern, remedy in _KNOWN:
        if re.search(pattern, text):
            return f" {remedy}"
    return ""
