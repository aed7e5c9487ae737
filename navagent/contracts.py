"""The four contracts that others implement: Env, Policy, ChatModel, Describer.

The runner plays many episodes at once. It deep-copies the environment and the policy once per worker, so every
episode's state is private to its worker without a thought. What must be one thing for all workers (a client with its
connections, a loaded data set, a network on a GPU) inherits `Shared`, which a deep copy returns unchanged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from navagent.types import (
    Action,
    Decision,
    Description,
    Episode,
    Message,
    Observation,
    Reply,
    Trajectory,
    View,
)

ON_DEMAND = frozenset({"oracle_action", "panorama"})
"""`Observation` fields that cost too much to be made for nobody."""

Self = TypeVar("Self")


class Shared:
    """Mixin: a deep copy is the object itself. Methods must be safe to call from several threads."""

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        """Return the object itself."""
        return self


class Env(ABC):
    """One agent, one episode at a time.

    Attributes:
        episodes: All episodes of the split, with goals.
        gives: Names of the optional `Observation` fields that are filled, and of its `readings`; the fields `ON_DEMAND`
            by the method of that name, which `rollout` calls for policies that need it.
        rules: Name of the scoring rules in `eval.rules` that its trajectories obey.
        fingerprints: sha256 of each data source, so that a score says what it was measured on.
        versions: Versions of what runs outside this Python and can change a score (a simulator), by name.
    """

    episodes: Sequence[Episode]
    gives: frozenset[str] = frozenset()
    rules: str
    fingerprints: Mapping[str, str] = {}
    versions: Mapping[str, str] = {}

    @abstractmethod
    def reset(self, episode: Episode) -> Observation:
        """Begin an episode and return its first observation."""

    @abstractmethod
    def step(self, action: Action) -> Observation:
        """Act. An illegal action raises ValueError naming the legal ones and changes nothing."""

    @abstractmethod
    def trajectory(self) -> Trajectory:
        """Return what the agent did since `reset`."""

    def oracle_action(self) -> Action:
        """Return the shortest path's next action; environments that can do so list it in `gives`."""
        raise NotImplementedError(f"{type(self).__name__} has no oracle")

    def panorama(self, sensors: Sequence[str] = ("rgb", "depth")) -> tuple[View, ...]:
        """Return pictures all around the agent, which takes no action; environments that can do so list it in `gives`.

        Args:
            sensors: Which of "rgb" and "depth" to fill; what is not asked for costs nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} has no panorama")

    def close(self) -> None:
        """Free what the environment holds."""
        return


class Policy(ABC):
    """Decides what to do next.

    Attributes:
        needs: Optional `Observation` fields and readings without which it cannot decide; the runner refuses a mismatch.
        max_steps: Decisions after which the episode ends where the agent stands; None leaves it to the environment.
        privileged: Whether it sees what no real agent can (an oracle, simulator semantics); marks the run.
    """

    needs: frozenset[str] = frozenset()
    max_steps: int | None = None
    privileged: bool = False

    @abstractmethod
    def reset(self, episode: Episode) -> None:
        """Forget the last episode. `episode` is `Episode.public()`: no goal, no reference path."""

    @abstractmethod
    def act(self, observation: Observation) -> Decision | Action:
        """Decide. A `Decision` carries thought and model calls into the run directory."""

    def overruled(self, observation: Observation, action: Action) -> None:
        """Hear from a policy that holds this one that `action` was taken on `observation`.

        Called where this policy was not asked or its decision was not taken, so that it remembers what was really
        done (nothing by default).
        """
        return

    def fingerprints(self) -> Mapping[str, str]:
        """Return the sha256 of each data source that the policy reads (none by default)."""
        return {}


class ChatModel(Shared, ABC):
    """Answers chat messages. Called from many threads at once.

    Attributes:
        name: The model as asked for; prices are looked up by it.
        identity: Everything about the model that could change a reply; with the request it keys the disk cache.
        most_output_tokens: Most tokens of one reply, for the budget.
        is_language_model: False for stand-ins, so that every summary says so.
        sees_images: Whether messages may carry pictures; planners that send some refuse a model that does not see.
        is_free: Whether it runs on this machine, so that no call costs money.
    """

    name: str
    identity: str
    most_output_tokens: int = 4096
    is_language_model: bool = True
    sees_images: bool = False
    is_free: bool = False

    @abstractmethod
    def chat(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Answer.

        Args:
            messages: The conversation so far.
            schema: JSON schema that the answer should satisfy. It is a request, not a guarantee: `Reply.parsed` is
                None where the text holds no JSON, and the caller validates.
            n: Number of independently sampled answers.
            **sampling: `temperature`, `max_tokens`, `top_p`, `seed`, `stop`.

        Raises:
            ContextLengthError: The request is longer than the model's context.
            ChatSetupError: No request can succeed (key, address, model or quota).
            ChatError: Any other failure that outlasted the back end's own retries.
        """


class Describer(Shared, ABC):
    """Puts an observation into words. Called from many threads at once.

    Attributes:
        needs: Optional `Observation` fields that it reads.
        privileged: Whether it reads simulator ground truth.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    privileged: ClassVar[bool] = False

    @abstractmethod
    def describe(self, observation: Observation) -> Description:
        """Return the observation in words, directions relative to the agent's heading."""

    def fingerprints(self) -> Mapping[str, str]:
        """Return the sha256 of each data source that the describer reads (none by default)."""
        return {}
