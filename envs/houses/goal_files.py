"""PointNav and ObjectNav episodes in habitat-lab's own file formats (`PointNav-v1`, `ObjectNav-v1`), a file per house.

`{task}/{split}/content/{house}.json.gz` holds the episodes and `{task}/{split}/{split}.json.gz` none, as habitat-lab
lays out its large data sets. They are the episodes that the vector environments play at a house's first visit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.formats import rotation, scene_file, to_habitat, write_json
from envs.houses.house import House
from envs.houses.splits import SplitPlan
from envs.houses.tasks import CATEGORIES, TASKS, EpisodeSet, view_points_of

_CATEGORY_IDS = {name: number for number, name in enumerate(CATEGORIES)}
_HEADS: dict[str, dict[str, Any]] = {
    "pointnav": {},
    "objectnav": {
        "category_to_task_category_id": _CATEGORY_IDS,
        "category_to_scene_annotation_category_id": _CATEGORY_IDS,
    },
}


def write_goal_files(folder: Path, plan: SplitPlan, house: House, floor: Floor, atlas: NDArray[np.uint8]) -> None:
    """Write a house's PointNav and ObjectNav episodes of a split.

    Args:
        folder: The data folder.
        plan: The split.
        house: The house.
        floor: Its floor.
        atlas: `texture_atlas()`.
    """
    for task, head in _HEADS.items():
        episodes = TASKS[task].episodes(house, floor, atlas, plan, 0)
        content: dict[str, Any] = {**head, "episodes": _episodes(house, task, episodes)}
        if task == "objectnav":
            content["goals_by_category"] = _object_goals(house, floor)
        root = folder / task / plan.name
        write_json(root / "content" / f"{house.house_id}.json.gz", content)
        write_json(root / f"{plan.name}.json.gz", {**head, "episodes": []})


def _episodes(house: House, task: str, episodes: EpisodeSet) -> list[dict[str, Any]]:
    found = []
    for i, (start, heading, row) in enumerate(
        zip(episodes.start.tolist(), episodes.heading.tolist(), episodes.goal.tolist(), strict=True)
    ):
        entry = {
            "episode_id": str(i),
            "scene_id": scene_file(house.house_id),
            "start_position": to_habitat(start),
            "start_rotation": rotation(heading),
            "info": {"geodesic_distance": float(episodes.shortest[i])},
        }
        if task == "pointnav":
            goal = to_habitat(episodes.goals.points[row, 0].tolist())
            found.append({**entry, "goals": [{"position": goal, "radius": None}]})
        else:
            found.append({**entry, "goals": [], "object_category": CATEGORIES[episodes.category[i]]})
    return found


def _object_goals(house: House, floor: Floor) -> dict[str, list[dict[str, Any]]]:
    """Return the objects of each category with the places from which an agent is at them."""
    goals: dict[str, list[dict[str, Any]]] = {}
    for index, thing in enumerate(house.objects):
        if thing.category in _CATEGORY_IDS and len(points := view_points_of(house, floor, thing)):
            x, y, z = thing.center
            goals.setdefault(f"{house.house_id}.glb_{thing.category}", []).append(
                {
                    "position": to_habitat((x, y), z),
                    "radius": None,
                    "object_id": index,
                    "object_name": f"{thing.category}_{index}",
                    "object_category": thing.category,
                    "view_points": [
                        {"agent_state": {"position": to_habitat(point), "rotation": rotation(0.0)}, "iou": 0.0}
                        for point in points.tolist()
                    ],
                }
            )
    return goals
