"""Making a floor plan: which rooms, where, and what opens between them. Whole millimetres; walls on a grid of 5 cm.

Two kinds of house. Around a hallway: rooms in two rows along it, often a living room across its end and a side arm
to the front door. Around a living room: rooms in two rows along it and one at either end. Rooms tile the plan along
the walls' centre lines, so that a room's cells say where its walls and floor meet its neighbours'.
"""

from __future__ import annotations

from envs.houses.draws import Draws
from envs.houses.layout import COUNTS, around_hallway, around_living_room, draw_program, transformed
from envs.houses.openings import draw_openings, is_connected, shared_segments
from envs.houses.plan import Plan
from envs.houses.walls import build_walls, insides_of, outline_of


def make_plan(draws: Draws) -> Plan | None:
    """Draw a plan; None if the draw does not work out."""
    count = draws.weighted(COUNTS)
    hub = count == 4 or (count <= 7 and draws.chance(45))
    program = draw_program(draws, count, hub)
    rooms = around_living_room(draws, program) if hub else around_hallway(draws, program)
    if rooms is None or len(rooms) != count:
        return None
    rooms = transformed(draws, rooms)
    segments = shared_segments(rooms)
    openings = draw_openings(draws, rooms, segments, hub)
    if not is_connected(len(rooms), openings):
        return None
    outlines = tuple(outline_of(room.cells) for room in rooms)
    insides = tuple(insides_of(room.cells) for room in rooms)
    walls = tuple(build_walls(draws, rooms, openings, segments, outlines))
    return Plan(tuple(rooms), tuple(openings), outlines, insides, walls)
