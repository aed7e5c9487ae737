"""Visiting every viewpoint of a split's buildings, through the environment's own moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from navagent.contracts import Env
from navagent.errors import ConfigError, listing
from navagent.types import Episode, MoveTo, Observation

NEEDED = frozenset({"viewpoint", "candidates", "pose"})


def check_explorable(env: Env, needed: frozenset[str] = NEEDED) -> None:
    """Refuse an environment without a nav-graph, or without what is wanted of it.

    Raises:
        ConfigError: Names the missing fields.
    """
    missing = sorted((NEEDED | needed) - env.gives)
    if missing:
        raise ConfigError(
            f"{type(env).__name__} does not give {', '.join(missing)} (it gives {', '.join(sorted(env.gives))}): "
            "choose an environment with a nav-graph and pictures, as HouseNavGraph."
        )


class Explorer:
    """Walks through one building from the starts of its episodes.

    Args:
        env: An environment that `check_explorable` accepts.
        episodes: The building's episodes.
    """

    def __init__(self, env: Env, episodes: list[Episode]) -> None:
        self._env = env
        self._starts = list({episode.start_viewpoint: episode for episode in episodes}.values())
        self._ways: dict[str, list[str]] = {}

    def visit(self) -> Iterator[Observation]:
        """Yield one observation at each viewpoint that any start leads to; the environment stands there meanwhile.

        Raises:
            ConfigError: Some viewpoints cannot be reached within the environment's own limit of moves.
        """
        for start in self._starts:
            observation = self._env.reset(start)
            yield from self._arrive(observation)
            while (path := self._path(_here(observation))) is not None:
                restarted = observation.done
                if restarted:
                    observation = self._env.reset(start)
                    path = self._path(_here(observation)) or []
                for viewpoint in path:
                    if observation.done:
                        break
                    observation = self._env.step(MoveTo(viewpoint))
                    yield from self._arrive(observation)
                if restarted and path and path[-1] not in self._ways:
                    break  # too far from this start; another one may be nearer
        if rest := sorted(self._unseen()):
            raise ConfigError(
                f"{len(rest)} viewpoints of {self._starts[0].scene} ({listing(rest, 2)}) lie farther from every start "
                "than the environment allows moves: raise --env.max_steps."
            )

    def _arrive(self, observation: Observation) -> Iterator[Observation]:
        here = _here(observation)
        if here not in self._ways:
            self._ways[here] = [candidate.id for candidate in observation.candidates or ()]
            yield observation

    def _unseen(self) -> set[str]:
        return {neighbour for ways in self._ways.values() for neighbour in ways} - self._ways.keys()

    def _path(self, here: str) -> list[str] | None:
        """Return the fewest moves along known ways to a viewpoint not yet seen; None if there is none."""
        before: dict[str, str] = {here: here}
        queue = deque([here])
        while queue:
            viewpoint = queue.popleft()
            if viewpoint not in self._ways:
                path = [viewpoint]
                while before[path[-1]] != here:
                    path.append(before[path[-1]])
                return path[::-1]
            for neighbour in self._ways[viewpoint]:
                if neighbour not in before:
                    before[neighbour] = viewpoint
                    queue.append(neighbour)
        return None


def by_scene(env: Env) -> dict[str, list[Episode]]:
    """Return the split's episodes by building, in the order of their names."""
    scenes: dict[str, list[Episode]] = {}
    for episode in env.episodes:
        scenes.setdefault(episode.scene, []).append(episode)
    return dict(sorted(scenes.items()))


def _here(observation: Observation) -> str:
    assert observation.viewpoint is not None
    return observation.viewpoint
