"""What to do about failures of habitat-sim that many have met."""

from __future__ import annotations

import re

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"unable to find (?:CUDA|EGL) device|unable to find CUDA device",
        "That GPU has no EGL device here: try --env.gpu -1 (any EGL device, software included), install the GPU "
        "driver's EGL library, or in a container set NVIDIA_DRIVER_CAPABILITIES=all.",
    ),
    (
        r"[Cc]annot get default EGL display|cannot initialize EGL|no EGL devices found|[Ee]glInitialize|libEGL",
        "There is no EGL for drawing without a screen: install it (Debian, Ubuntu: apt install libegl1 "
        "libgl1-mesa-dri) and try --env.gpu -1.",
    ),
    (
        r"[Uu]nable to create windowless context|cannot open (?:X )?display|cannot open default X display",
        "This habitat-sim was built for a screen: install the headless one (conda install habitat-sim headless -c "
        "conda-forge -c aihabitat).",
    ),
    (
        r"No module named '(?:habitat_sim|habitat|magnum|quaternion)'",
        "That Python lacks habitat-sim or habitat-lab: envs/habitat/environment.yml makes one that has both; name its "
        "interpreter with --env.python.",
    ),
    (
        r"Couldn't find requested.*sensor|cuda.*(?:out of memory|memory allocation)|CUDA error",
        "The GPU is full or busy: use fewer --workers.",
    ),
    (
        r"instruction_vocab",
        "This is not an R2R-CE file that habitat-lab reads (RxR-Habitat's lack the vocabulary).",
    ),
)


def advice(text: str) -> str:
    """Return " and what to do" for a failure's text, or an empty string."""
    for pattern, remedy in _KNOWN:
        if re.search(pattern, text):
            return f" {remedy}"
    return ""
