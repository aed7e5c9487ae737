"""Run by a Python that has habitat-sim: draws a house of a scene data set at given poses, all three sensors.

`python look.py scene_dataset_config.json house_id poses.npz out.npz`; poses holds `points` (N, 2) metres and `headings`
(N,) radians, both as in houses.
"""

from __future__ import annotations

import sys
from typing import Any

import habitat_sim
import numpy as np
from habitat_sim.utils.common import quat_from_angle_axis

SIZE, HEIGHT = 128, 1.25
KINDS = {
    "rgb": habitat_sim.SensorType.COLOR,
    "depth": habitat_sim.SensorType.DEPTH,
    "semantic": habitat_sim.SensorType.SEMANTIC,
}


def main(dataset: str, house_id: str, poses: str, out: str) -> None:
    """Draw."""
    scene = habitat_sim.SimulatorConfiguration()
    scene.gpu_device_id, scene.scene_dataset_config_file, scene.scene_id = -1, dataset, house_id
    scene.enable_physics, scene.load_semantic_mesh = False, True
    cameras = []
    for name, kind in KINDS.items():
        camera = habitat_sim.CameraSensorSpec()
        camera.uuid, camera.sensor_type, camera.resolution, camera.hfov = name, kind, [SIZE, SIZE], 90
        camera.position = np.array([0, HEIGHT, 0], dtype=np.float32)
        cameras.append(camera)
    agent = habitat_sim.AgentConfiguration(sensor_specifications=cameras)
    pictures: dict[str, list[object]] = {name: [] for name in KINDS}
    with habitat_sim.Simulator(habitat_sim.Configuration(scene, [agent])) as sim:
        wanted = np.load(poses)
        for (x, y), heading in zip(wanted["points"], wanted["headings"]):  # noqa: B905 (Python 3.9)
            state = habitat_sim.AgentState()
            state.position = np.array([x, 0, -y], dtype=np.float32)
            state.rotation = quat_from_angle_axis(-heading, np.array([0, 1, 0]))
            sim.get_agent(0).set_state(state, True, False)
            seen = sim.get_sensor_observations()
            for name, row in pictures.items():
                row.append(np.array(seen[name]))
        names = [thing.category.name() for thing in sim.semantic_scene.objects]
    arrays: dict[str, Any] = {name: np.array(row) for name, row in pictures.items()}
    np.savez(out, names=np.array(names), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
