"""Pictures of a house: a map from above and views from inside, on one sheet."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from envs.houses.floor import Floor
from envs.houses.house import SENSOR_HEIGHT, House, Point
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas
from envs.houses.viewpoints import place_viewpoints
from navagent.errors import RunError

PIXELS_PER_METRE = 44
VIEW_WIDTH, VIEW_HEIGHT, VIEW_HFOV = 400, 300, math.radians(90)
VIEWS, COLUMNS = 6, 3
MARGIN = 0.5
"""Metres around the map."""

_WALL, _FLOOR, _ERODED, _INK, _GRAPH = "#3a3d42", "#f4f1ea", "#e4ecdc", "#22252a", "#b3261e"


def sheet(house: House, views: int = VIEWS) -> Image.Image:
    """Return a map with the nav-graph above rendered views from random viewpoints."""
    plan = floor_plan(house)
    pictures = sample_views(house, views)
    columns = max(COLUMNS, plan.width // VIEW_WIDTH)
    rows = math.ceil(views / columns)
    result = Image.new("RGB", (max(plan.width, columns * VIEW_WIDTH), plan.height + rows * VIEW_HEIGHT), "white")
    result.paste(plan, (0, 0))
    for i, picture in enumerate(pictures):
        place = (i % columns * VIEW_WIDTH, plan.height + i // columns * VIEW_HEIGHT)
        result.paste(Image.fromarray(picture), place)
    return result


def sample_views(house: House, count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Return `count` RGB views from viewpoints, each along an edge of the nav-graph, always the same ones."""
    rng = np.random.default_rng([house.seed, 5])
    graph = place_viewpoints(house, Floor.of(house))
    chosen = [graph.edges[i] for i in rng.permutation(len(graph.edges))[:count].tolist()]
    starts = [graph.points[a] for a, _ in chosen]
    headings = [_bearing(graph.points[a], graph.points[b]) for a, b in chosen]
    places = np.array([(x, y, SENSOR_HEIGHT) for x, y in starts])
    renderer = Renderer([house], texture_atlas())
    pictures = renderer.render(0, places, headings, 0.0, VIEW_WIDTH, VIEW_HEIGHT, VIEW_HFOV, ("rgb",))["rgb"]
    return list(pictures)


def _bearing(a: Point, b: Point) -> float:
    return math.atan2(b[0] - a[0], b[1] - a[1])


def floor_plan(house: House) -> Image.Image:
    """Return a map: rooms, free floor, furniture by name, doors as gaps, the nav-graph in red."""
    corners = np.array([corner for room in house.rooms for corner in room.outline])
    low, high = corners.min(axis=0) - MARGIN, corners.max(axis=0) + MARGIN
    size = np.ceil((high - low) * PIXELS_PER_METRE).astype(int)
    image = Image.new("RGB", (int(size[0]), int(size[1])), _WALL)
    draw = ImageDraw.Draw(image)

    def at(point: Point) -> tuple[float, float]:
        return (point[0] - low[0]) * PIXELS_PER_METRE, (high[1] - point[1]) * PIXELS_PER_METRE

    for room in house.rooms:
        draw.polygon([at(corner) for corner in room.outline], fill=_FLOOR)
    floor = Floor.of(house)
    draw.polygon([at(point) for point in floor.polygon.exterior.coords], fill=_ERODED)
    for hole in floor.polygon.interiors:
        draw.polygon([at(point) for point in hole.coords], fill=_FLOOR)
    for thing in house.objects:
        if thing.category not in _PARTS:
            draw.polygon([at(corner) for corner in _footprint(thing.center, thing.size, thing.yaw)], outline=_INK)
            draw.text(at((thing.center[0] - 0.3, thing.center[1] + 0.1)), thing.category, fill=_INK)
    graph = place_viewpoints(house, floor)
    for a, b in graph.edges:
        draw.line([at(graph.points[a]), at(graph.points[b])], fill=_GRAPH)
    for point in graph.points:
        x, y = at(point)
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=_GRAPH)
    return image


_PARTS = frozenset(
    {
        "wall",
        "floor",
        "ceiling",
        "door",
        "doorway",
        "door frame",
        "ceiling lamp",
        "window",
        "curtain",
        "picture",
        "mirror",
    }
)
"""What the map leaves out: parts of the building, and what hangs on walls."""


def _footprint(center: tuple[float, float, float], size: tuple[float, float, float], yaw: float) -> list[Point]:
    """Return the corners of a thing's footprint; its front faces `yaw`, clockwise from +y."""
    half = [(sx * size[0] / 2, sy * size[1] / 2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    sine, cosine = math.sin(yaw), math.cos(yaw)
    return [(center[0] + x * cosine + y * sine, center[1] - x * sine + y * cosine) for x, y in half]


def save(image: Image.Image, file: Path) -> None:
    """Write a PNG.

    Raises:
        RunError: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, "PNG")
    except OSError as error:
        raise RunError(f"{file} cannot be written ({error.strerror or error}): choose another file.") from error
