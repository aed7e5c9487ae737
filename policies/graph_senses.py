"""What a network trained on `navagent/R2R-v0` observes, made of a policy's observations on any nav-graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from navagent.candidate_features import MOVE, around, geometry, move, sectors
from navagent.contracts import Describer
from navagent.errors import ConfigError
from navagent.perception.place_words import describe_place, encode_place, place_summary
from navagent.perception.room_labels import RoomLabels
from navagent.perception.sectors import SECTORS
from navagent.topological_map import SeenPlace, TopologicalMap, ahead
from navagent.types import Candidate, Observation
from navagent.vocabulary import Vocabulary, split_words


class GraphSenses:
    """Sees for one agent what `envs.r2r.vector.GraphVectorEnv` shows to many; a test compares them.

    Args:
        space: What the network observes.
        vocabulary: What its tokens stand for.
        describer: Puts into words what is seen; None leaves the words out.
        rooms: Room labels; None where the network sees none.

    Attributes:
        map: The topological map; None where the network has none.
    """

    def __init__(
        self,
        space: spaces.Dict,
        vocabulary: Vocabulary,
        describer: Describer | None,
        rooms: RoomLabels | None = None,
    ) -> None:
        self._vocabulary, self._describer, self._labels = vocabulary, describer, rooms
        self._room_words = _shape(space, "rooms")[1] if rooms is not None else 0
        self._shown = _shape(space, "map")[0] if "map" in space.spaces else 0
        self._length = _shape(space, "instruction")[0]
        self._most = _shape(space, "candidates")[0]
        self._words = _shape(space, "place")[1]
        self.begin()

    def begin(self) -> None:
        """Forget the episode before."""
        self._visited: set[str] = set()
        self._move: NDArray[np.float32] = np.zeros(MOVE, np.float32)
        self._moves, self._here = 0, ""
        self.map: TopologicalMap[str] | None = TopologicalMap(self._shown) if self._shown else None

    def see(self, observation: Observation) -> dict[str, NDArray[Any]]:
        """Return the arrays.

        Raises:
            ConfigError: There are more candidates than in any scan of the training.
            DataError: The describer or the room labels do not know the viewpoint.
        """
        pose, viewpoint, candidates = observation.pose, observation.viewpoint, observation.candidates
        assert pose is not None
        assert viewpoint is not None
        assert candidates is not None
        if len(candidates) > self._most:
            raise ConfigError(
                f"Viewpoint {viewpoint} has {len(candidates)} candidates, and the network was trained on at most "
                f"{self._most}: train one with scenes like this one."
            )
        # Counted here, as a move that was decided on may be overruled.
        self._moves += self._here not in ("", viewpoint)
        self._here = viewpoint
        self._visited.add(viewpoint)
        heading = np.float64(pose.heading)
        place = np.zeros((SECTORS, self._words), np.int32)
        if self._describer is not None:
            description = describe_place(self._describer, observation.scene, viewpoint, pose.position)
            place = encode_place(description, self._vocabulary, self._words)
        ways = np.array([(way.heading, way.elevation, way.distance) for way in candidates]).reshape(-1, 3)
        been = np.array([way.id in self._visited for way in candidates], np.bool_)
        legal = np.arange(self._most) < len(candidates)
        lie_in = sectors((ways[:, 0] + heading) % (2 * np.pi)).astype(np.int32)
        more = self._rooms(observation.scene, viewpoint, candidates)
        if self.map is not None:
            ahead_of = [
                SeenPlace(
                    way.id,
                    ahead(pose.position, way.heading + pose.heading, way.elevation, way.distance),
                    way.distance,
                    place[k],
                )
                for way, k in zip(candidates, lie_in.tolist(), strict=True)
            ]
            self.map.visit(viewpoint, pose.position, place_summary(place), ahead_of, self._moves)
            more |= self.map.observe(pose.heading, self._most)
        return {
            "instruction": self._vocabulary.encode(split_words(observation.instruction), self._length),
            "candidates": legal,
            "geometry": _padded(geometry(ways[:, 0], ways[:, 1], ways[:, 2], been), self._most),
            "sectors": _padded(lie_in, self._most),
            "place": place,
            "around": around(heading),
            "move": self._move,
            "heading": np.array([heading], np.float32),
            "steps": np.array([self._moves], np.float32),
            **more,
        }

    def moved(self, way: Candidate) -> None:
        """Remember that the agent moves to a candidate."""
        turn, elevation, distance = np.array([way.heading, way.elevation, way.distance])
        self._move = move(turn, elevation, distance)

    def _rooms(self, scene: str, viewpoint: str, candidates: Sequence[Candidate]) -> dict[str, NDArray[Any]]:
        """Return the words of the rooms of here and of the candidates' viewpoints, where they are to be seen."""
        labels, known, length = self._labels, self._vocabulary, self._room_words
        if labels is None:
            return {}
        names = (viewpoint, *(way.id for way in candidates))
        words = np.stack([known.encode_known(labels.words(scene, name), length) for name in names])
        return {"rooms": _padded(words, 1 + self._most)}


def _shape(space: spaces.Dict, name: str) -> tuple[int, ...]:
    shape = space[name].shape
    assert shape is not None
    return shape


def _padded(values: NDArray[Any], most: int) -> NDArray[Any]:
    """Return rows of candidates with zeros after them."""
    return np.concatenate([values, np.zeros((most - len(values), *values.shape[1:]), values.dtype)])
