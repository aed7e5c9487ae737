"""Which rooms a camera can see: doors narrow the view in plan, as portals.

In plan, relative to the camera, `ahead` is the distance along the heading and `aside` to its right; a direction is
the slope aside / ahead. A room is looked at through an interval of slopes.
"""

from __future__ import annotations

import numpy as np

from envs.houses.jit import part
from envs.houses.surfaces import Floats, Ints, Surfaces
from envs.houses.workspace import DEEPEST, Workspace

WIDEST = 50.0
"""Slope from which on a view counts as a half circle or more: doors are then not looked at, every room is drawn."""

_MANY_DOORS = 62


@part
def plan_slope(elevation: float, half_width: float, half_height: float) -> float:
    """Largest slope that the picture's four corners reach in plan, `np.inf` if the picture holds the zenith or nadir.

    Args:
        elevation: Radians.
        half_width: Tangent of half the horizontal angle of view.
        half_height: Tangent of half the vertical angle of view.
    """
    ahead = np.cos(elevation) - abs(np.sin(elevation)) * half_height
    return half_width / ahead if ahead > 1e-6 else np.inf


@part
def _inside(outline: Floats, first: int, last: int, x: float, y: float) -> bool:
    """Whether a polygon holds a point (even-odd rule)."""
    inside, previous = False, last - 1
    for k in range(first, last):
        ax, ay, bx, by = outline[previous, 0], outline[previous, 1], outline[k, 0], outline[k, 1]
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
        previous = k
    return inside


@part
def _start_rooms(scene: Surfaces, house: int, x: float, y: float, found: Ints) -> int:
    """The camera's room, or the two rooms of the door that it stands in; returns how many were found."""
    rooms, room_outline, outline = scene.house_rooms, scene.room_outline, scene.outline
    doors, door_rooms, door_box = scene.house_doors, scene.door_rooms, scene.door_box
    count, room, door = 0, rooms[house], doors[house]
    while count == 0 and room < rooms[house + 1] - 1:
        if _inside(outline, room_outline[room], room_outline[room + 1], x, y):
            found[0], count = room, 1
        room += 1
    while count == 0 and door < doors[house + 1]:
        if _inside(door_box, 4 * door, 4 * door + 4, x, y):
            found[0], found[1], count = door_rooms[door, 0], door_rooms[door, 1], 2
        door += 1
    return count


@part
def _door_slopes(boxes: Floats, door: int, x: float, y: float, sine: float, cosine: float) -> tuple[float, float]:
    """Interval of slopes that covers the box around a door, empty (inf, -inf) if it is behind."""
    low, high, near = np.inf, -np.inf, 1e-3
    for k in range(4):
        a, b = 4 * door + (k + 3) % 4, 4 * door + k
        ax, ay = boxes[a, 0] - x, boxes[a, 1] - y
        bx, by = boxes[b, 0] - x, boxes[b, 1] - y
        ahead, aside = ax * sine + ay * cosine, ax * cosine - ay * sine
        other, across = bx * sine + by * cosine, bx * cosine - by * sine
        if ahead < near and other < near:
            continue
        if ahead < near or other < near:  # the side passes the camera: cut it just ahead
            cut = aside + (across - aside) * (near - ahead) / (other - ahead)
            low, high = min(low, cut / near), max(high, cut / near)
        if ahead >= near:
            low, high = min(low, aside / ahead), max(high, aside / ahead)
        if other >= near:
            low, high = min(low, across / other), max(high, across / other)
    return low - 1e-6, high + 1e-6


@part
def rooms_in_sight(
    scene: Surfaces, house: int, x: float, y: float, sine: float, cosine: float, slope: float, space: Workspace
) -> int:
    """Find the rooms that a camera may see, nearest first.

    Args:
        scene: The houses.
        house: Index of the camera's house.
        x: Metres.
        y: Metres.
        sine: Of the heading.
        cosine: Of the heading.
        slope: Half the view in plan, see `plan_slope`.
        space: Its `rooms` are written, and the `windows` through which they are seen.

    Returns:
        How many were written.
    """
    first, last, order, view = scene.house_rooms[house], scene.house_rooms[house + 1] - 1, space.rooms, space.windows
    starts = _start_rooms(scene, house, x, y, space.stack)
    doors = scene.house_doors[house + 1] - scene.house_doors[house]
    count = 0
    if starts > 0 and slope < WIDEST and doors < _MANY_DOORS:
        count = _through_doors(scene, house, x, y, sine, cosine, slope, starts, space)
    if count == 0:
        for room in range(first, last):
            order[count], view[count, 0], view[count, 1] = room, -np.inf, np.inf
            count += 1
    order[count], view[count, 0], view[count, 1] = last, -np.inf, np.inf
    return count + 1


@part
def _through_doors(
    scene: Surfaces,
    house: int,
    x: float,
    y: float,
    sine: float,
    cosine: float,
    slope: float,
    size: int,
    space: Workspace,
) -> int:
    """Follow the view from room to room; a straight line passes each door once. 0 if there are too many ways."""
    first = scene.house_rooms[house]
    order, view, place = space.rooms, space.windows, space.place
    stack, intervals, passed = space.stack, space.intervals, space.passed
    for k in range(scene.house_rooms[house + 1] - first):
        place[k] = -1
    for k in range(size):
        intervals[k, 0], intervals[k, 1], passed[k] = -slope, slope, 0
    count, at = 0, 0
    while at < size:
        room, low, high = stack[at], intervals[at, 0], intervals[at, 1]
        if place[room - first] < 0:
            place[room - first], order[count], view[count, 0], view[count, 1] = count, room, low, high
            count += 1
        else:
            k = place[room - first]
            view[k, 0], view[k, 1] = min(view[k, 0], low), max(view[k, 1], high)
        for entry in range(scene.room_doors[room], scene.room_doors[room + 1]):
            door = scene.doors[entry]
            bit = np.int64(1) << (door - scene.house_doors[house])
            if passed[at] & bit:
                continue
            start, end = _door_slopes(scene.door_box, door, x, y, sine, cosine)
            if max(start, low) >= min(end, high):
                continue
            if size == DEEPEST:
                return 0
            stack[size] = scene.door_rooms[door, 0] + scene.door_rooms[door, 1] - room
            intervals[size, 0], intervals[size, 1], passed[size] = max(start, low), min(end, high), passed[at] | bit
            size += 1
        at += 1
    return count
