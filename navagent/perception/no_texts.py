"""No words at all: for planners that are shown pictures only."""

from __future__ import annotations

from typing import ClassVar

from navagent.contracts import Describer
from navagent.perception.sectors import SECTORS, describe_sectors
from navagent.types import Description, Observation


class NoTexts(Describer):
    """Eight directions round the agent with nothing said of them (`--policy.view image`)."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def describe(self, observation: Observation) -> Description:
        """Return directions without text or objects; the first is centred on where the agent faces."""
        return describe_sectors("", [""] * SECTORS, [])
