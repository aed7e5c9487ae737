"""The vocabulary: plain frozen dataclasses that cross every boundary.

Positions are (x, y, z) tuples in metres, z up in nav-graph environments. Angles are radians. An absolute
heading is measured clockwise from +y seen from above (Matterport3D Simulator); a *relative* heading is measured
clockwise from where the agent faces and lies in [-pi, pi).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Position: TypeAlias = tuple[float, float, float]


# ------------------------------------------------------------------------------------------------ the task
@dataclass(frozen=True, slots=True)
class Pose:
    """Where an agent is and where it looks.

    Attributes:
        position: (x, y, z) in metres.
        heading: Radians clockwise from +y.
        elevation: Radians above the horizon.
    """

    position: Position
    heading: float
    elevation: float = 0.0


@dataclass(frozen=True, slots=True)
class Goal:
    """What only a scorer and an oracle may see.

    Attributes:
        position: The goal, in metres.
        viewpoint: The goal's viewpoint on a nav-graph, else None.
        reference_path: The annotated path from start to goal as viewpoints (empty where there is no nav-graph).
        reference_positions: The annotated path as positions in metres.
    """

    position: Position
    viewpoint: str | None = None
    reference_path: tuple[str, ...] = ()
    reference_positions: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Episode:
    """One instruction to follow from one start.

    Attributes:
        episode_id: Unique in its split; in R2R the `instr_id`, `{path_id}_{i}`.
        scene: The building's id (a Matterport3D scan, a house).
        instruction: The instruction's text.
        start: The first pose.
        path_id: Id of the annotated path, shared by the instructions that describe it.
        start_viewpoint: The first viewpoint on a nav-graph, else None.
        goal: Goal and reference path; None in test splits and in what a policy sees.
    """

    episode_id: str
    scene: str
    instruction: str
    start: Pose
    path_id: str
    start_viewpoint: str | None = None
    goal: Goal | None = None

    def public(self) -> Episode:
        """Return the episode as a policy may see it: without goal and reference path."""
        return replace(self, goal=None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Episode:
        """Return the episode itself: it cannot change, and a run's workers hold thousands each."""
        return self


SubTaskAction: TypeAlias = Literal["GoTo", "GoPast", "GoInto", "GoThrough", "Exit"]
"""A2Nav's five action types (Chen et al. 2023): reach the landmark; pass beyond it; end inside the region; traverse the
region or thing to its far side; leave the region."""


@dataclass(frozen=True, slots=True)
class SubTask:
    """One piece of an instruction.

    Attributes:
        action: What to do.
        landmark: The room or object that it is about, in the instruction's words without an article.
        text: Its piece of the instruction.
    """

    action: SubTaskAction
    landmark: str
    text: str = ""


# ------------------------------------------------------------------------------------------- what is seen
@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture of a panorama.

    Attributes:
        index: Heading step + 12 x {0 looking down, 1 level, 2 up}, steps 30 degrees apart (R2R's 36 views), clockwise
            from +y on a nav-graph (as in R2R), from where the agent faces in a continuous environment.
        heading: Relative heading of the view's centre, radians.
        elevation: Radians above the horizon.
        rgb: (H, W, 3) uint8, or None.
        depth: (H, W) float32 in metres along the optical axis, 0 where nothing is, or None.
        hfov: Horizontal angle of view, radians (pixels are square), or None where unknown.
    """

    index: int
    heading: float
    elevation: float
    rgb: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    hfov: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that the agent can move to with one `MoveTo`.

    Attributes:
        id: The name that `MoveTo` takes; on a nav-graph the viewpoint's id.
        heading: Relative heading, radians in [-pi, pi).
        elevation: Radians above the horizon.
        distance: Straight-line distance in metres.
    """

    id: str
    heading: float
    elevation: float
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What the agent perceives at one step. A field that the environment does not give is None.

    Attributes:
        instruction: The episode's instruction.
        scene: The building's id.
        step: Number of actions taken so far.
        pose: The agent's pose.
        viewpoint: Id of the current viewpoint on a nav-graph.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 in metres along the optical axis, 0 where nothing is.
        hfov: Horizontal angle of view of rgb and depth, radians (pixels are square).
        readings: What sensors that take no pictures give, by habitat-lab's names (gps, compass, objectgoal, ...), as
            the same arrays that the vector environment of the task gives.
        words: What the tokens of the reading `instruction` stand for: a word's token is its index.
        panorama: Pictures all around.
        candidates: Places that `MoveTo` reaches.
        collided: Whether the last action hit something.
        done: Whether the episode is over.
        oracle_action: The shortest path's next action, only for policies that declare that they need it.
    """

    instruction: str
    scene: str
    step: int
    pose: Pose | None = None
    viewpoint: str | None = None
    rgb: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    hfov: float | None = None
    panorama: tuple[View, ...] | None = None
    candidates: tuple[Candidate, ...] | None = None
    collided: bool = False
    done: bool = False
    oracle_action: Action | None = None
    readings: Mapping[str, NDArray[Any]] | None = None
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object that a describer found.

    Attributes:
        name: What it is.
        heading: Relative heading, radians.
        distance: Metres, or None where unknown.
    """

    name: str
    heading: float
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Direction:
    """What lies in one sector around the agent.

    Attributes:
        heading: Relative heading of the sector's centre, radians in [-pi, pi).
        width: The sector's angle, radians.
        text: What is seen there, as a phrase or sentence.
        objects: Objects seen there.
    """

    heading: float
    width: float
    text: str
    objects: tuple[SeenObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """An observation in words.

    Attributes:
        summary: The whole place in one sentence.
        directions: Sectors that cover the full circle.
    """

    summary: str
    directions: tuple[Direction, ...]


# ------------------------------------------------------------------------------------------- what is done
@dataclass(frozen=True, slots=True)
class Stop:
    """End the episode: the agent believes that it has arrived."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Move forward by the environment's step (0.25 m in R2R-CE)."""


@dataclass(frozen=True, slots=True)
class TurnLeft:
    """Turn left by the environment's angle (15 degrees in R2R-CE)."""


@dataclass(frozen=True, slots=True)
class TurnRight:
    """Turn right by the environment's angle (15 degrees in R2R-CE)."""


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Move to one of the observation's candidates."""

    candidate_id: str


Action: TypeAlias = Stop | Forward | TurnLeft | TurnRight | MoveTo


# ------------------------------------------------------------------------------------- language model calls
Detail: TypeAlias = Literal["low", "high", "auto"]


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture for a chat model (`navagent.images` makes one from an array).

    Attributes:
        data: The file's bytes, PNG or JPEG.
        media_type: "image/png" or "image/jpeg".
        width: Pixels.
        height: Pixels.
        label: What the model is told right before it, as "Picture 1:"; may be empty.
        detail: How closely the model looks: OpenAI's `detail`. Models without such an option ignore it.
    """

    data: bytes
    media_type: Literal["image/png", "image/jpeg"]
    width: int
    height: int
    label: str = ""
    detail: Detail = "auto"

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes, hexadecimal: its name in caches and run directories."""
        return sha256(self.data).hexdigest()

    def __repr__(self) -> str:
        return f"Image({self.sha256[:12]}, {self.width} x {self.height}, {self.label!r}, {self.detail})"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat.

    Attributes:
        role: Who speaks.
        content: The text.
        images: Pictures that follow the text, each after its label.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the message for files and cache keys: pictures by their hash, no key `images` without any."""
        said: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.images:
            said["images"] = [
                {
                    "sha256": image.sha256,
                    "media_type": image.media_type,
                    "width": image.width,
                    "height": image.height,
                    "label": image.label,
                    "detail": image.detail,
                }
                for image in self.images
            ]
        return said


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat model answered.

    Attributes:
        texts: The sampled answers, `n` of them.
        parsed: Each answer as JSON data if a schema was asked for and the text holds it, else None.
        model: The model's name as the server returned it.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of all answers.
        cost_usd: Price in US dollars; None where the model's price is unknown; 0 for a cached reply.
        latency_s: Seconds from request to reply.
        cached: Whether the reply came from the disk cache.
        cached_input_tokens: How many input tokens the server billed at its cached rate.
    """

    texts: tuple[str, ...]
    parsed: tuple[Any, ...]
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None = None
    latency_s: float = 0.0
    cached: bool = False
    cached_input_tokens: int = 0

    @property
    def text(self) -> str:
        """The first answer."""
        return self.texts[0]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a chat model, with its reply.

    Attributes:
        purpose: What the call was for ("decide", "summarise"), as the report shows it.
        messages: What was sent.
        reply: What came back.
    """

    purpose: str
    messages: tuple[Message, ...]
    reply: Reply


@dataclass(frozen=True, slots=True)
class Decision:
    """An action with its reasons.

    Attributes:
        action: What to do.
        thought: Why, in words.
        calls: Language model calls that led here.
        problems: Why replies were rejected, one sentence each.
        fallback: Whether the action is the policy's fallback because no reply was usable.
    """

    action: Action
    thought: str = ""
    calls: tuple[Call, ...] = ()
    problems: tuple[str, ...] = ()
    fallback: bool = False


# ----------------------------------------------------------------------------------------- what is scored
@dataclass(frozen=True, slots=True)
class Distances:
    """Every distance that a metric needs, in metres, measured by the environment's own rule.

    Attributes:
        between: Length of each move, n - 1 values for n poses.
        to_goal: Distance to the goal from each of the n poses.
        to_reference: Distance from each of the n poses (rows) to each of the m points of the reference path; m is 0
            where there is none.
        shortest: Shortest distance from start to goal.
        reference: Length of the annotated reference path.
    """

    between: tuple[float, ...]
    to_goal: tuple[float, ...]
    to_reference: tuple[tuple[float, ...], ...]
    shortest: float
    reference: float


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What a scorer needs of a finished episode, and nothing else.

    Attributes:
        episode_id: The episode's id.
        scene: The building's id.
        poses: Every pose from the start on, one after each action that moved the agent.
        viewpoints: The poses' viewpoints on a nav-graph, else None.
        stopped: Whether the agent ended the episode with Stop; None where the file does not say.
        distances: None where the split has no goals.
    """

    episode_id: str
    scene: str
    poses: tuple[Pose, ...]
    viewpoints: tuple[str, ...] | None = None
    stopped: bool | None = None
    distances: Distances | None = None
