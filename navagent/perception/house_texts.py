"""The texts that `navagent houses make` writes of every viewpoint."""

from __future__ import annotations

from typing import ClassVar

from navagent.perception.navgpt_texts import NavGPTTexts


class HouseTexts(NavGPTTexts):
    """Sentences and objects of a house's viewpoints, in NavGPT's file layout.

    They are written from what the renderer knows (categories, colours, rooms), which no real agent does: privileged.

    Args:
        data_dir: The folder that `navagent houses make` wrote; by default $NAVAGENT_DATA, else ./data.
    """

    privileged: ClassVar[bool] = True

    def __init__(self, data_dir: str | None = None) -> None:
        super().__init__(data_dir)
