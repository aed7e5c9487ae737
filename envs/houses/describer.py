"""What is in sight anywhere in a house, in words: for agents that stand where no file has a text."""

from __future__ import annotations

from typing import ClassVar

from envs.houses.places import Places
from envs.houses.sights import sights
from envs.houses.texts import viewpoint_texts
from envs.houses.viewpoints import room_of
from navagent.contracts import Describer
from navagent.perception.navgpt_texts import seen_objects
from navagent.perception.sectors import describe_sectors, turn
from navagent.types import Description, Observation


class HouseSights(Describer):
    """The sentences and objects that `HouseTexts` holds of viewpoints, made on the spot for any pose.

    Objects are those that a rendered semantic panorama shows, with category, colour, room, heading and distance, which
    no real agent knows: privileged.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"pose"})
    privileged: ClassVar[bool] = True

    def __init__(self) -> None:
        self._places = Places()

    def describe(self, observation: Observation) -> Description:
        """Return what is in sight, relative to where the agent faces.

        Raises:
            DataError: The scene is no house.
        """
        assert observation.pose is not None
        place = self._places[observation.scene]
        point = observation.pose.position[0], observation.pose.position[1]
        seen = sights(place.renderer, 0, [point])[0]
        texts = viewpoint_texts(place.house, room_of(place.house, point), point, seen)
        description = describe_sectors(
            texts["observations_summarized"],
            texts["observations_list_summarized"],
            seen_objects(texts["objects_list"]),
        )
        return turn(description, observation.pose.heading)
