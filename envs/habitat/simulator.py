"""habitat-lab and habitat-sim behind plain calls; runs wherever they import, Python 3.9 included.

It imports nothing of ours, for `envs.habitat.worker` loads it in another Python. Everything is in Habitat's own
terms: positions (x, y, z) in metres with y up, rotations as quaternions (x, y, z, w). Every method returns a result
that JSON knows and a mapping of arrays; an array may be given as the list of its rows.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import habitat
import habitat_sim
import numpy as np
from habitat.config.default import get_config
from habitat.datasets import make_dataset
from habitat_sim.utils.common import quat_from_angle_axis

CONFIG = "benchmark/nav/vln_r2r.yaml"
"""habitat-lab's own VLN configuration."""

DATASET = "R2RVLN-v1"
"""habitat-lab's name of the R2R-CE dataset."""

FOLLOWER_RADIUS = 0.5
"""Metres from the goal at which the follower stops where nothing else is asked (VLN-CE's SHORTEST_PATH_SENSOR)."""

AROUND = 12
"""Level views all around, 30 degrees apart clockwise, the first one ahead."""

FAR = 10.0
"""Metres of the farthest depth (R2R-CE)."""


def overrides(settings: dict[str, Any]) -> list[str]:
    """Return everything that we change in habitat-lab's configuration, and why."""
    agent = "habitat.simulator.agents.main_agent"
    rgb, depth = f"{agent}.sim_sensors.rgb_sensor", f"{agent}.sim_sensors.depth_sensor"
    return [
        # R2R-CE's success distance; habitat-lab's VLN task leaves PointNav's 0.2 m.
        "habitat.task.measurements.success.success_distance=3.0",
        # R2R-CE's agent and sensors (VLN-CE, habitat_extensions/config/vlnce_task.yaml, and Habitat's defaults then).
        f"{agent}.height=1.5",
        f"{agent}.radius=0.1",
        *(f"{sensor}.position=[0.0,1.25,0.0]" for sensor in (rgb, depth)),
        *(f"{sensor}.hfov=90" for sensor in (rgb, depth)),
        *(f"{rgb}.{side}={settings['rgb']}" for side in ("width", "height")),
        *(f"{depth}.{side}={settings['depth']}" for side in ("width", "height")),
        f"{depth}.min_depth=0.0",
        f"{depth}.max_depth={FAR}",
        f"{depth}.normalize_depth=False",  # metres
        # R2R-CE's motion.
        "habitat.simulator.forward_step_size=0.25",
        "habitat.simulator.turn_angle=15",
        "habitat.simulator.habitat_sim_v0.allow_sliding=True",
        f"habitat.environment.max_episode_steps={settings['max_steps']}",
        # The navmesh that came with the building, as in the habitat-sim that R2R-CE was made with; 0.3 would make a
        # new one wherever the file's settings are not the agent's, to the last bit.
        "habitat.simulator.default_agent_navmesh=False",
        # We say which episode is next.
        "habitat.environment.iterator_options.shuffle=False",
        "habitat.environment.iterator_options.max_scene_repeat_steps=-1",
        f"habitat.simulator.habitat_sim_v0.gpu_device_id={settings['gpu']}",
        f"habitat.seed={settings.get('seed', 0)}",
    ]


def scene_file(settings: dict[str, Any], scene_id: str) -> str:
    """Return the path of a building's file.

    Raises:
        FileNotFoundError: It is not there.
    """
    file = Path(settings["scenes_dir"]) / scene_id
    if not file.is_file():
        raise FileNotFoundError(f"there is no scene file {file}: --env.scenes_dir names the folder that holds mp3d/")
    return str(file)


def ensure_navmesh(scene: str) -> None:
    """Write a building's navmesh beside it if it came without one, for habitat-sim crashes where it has none to ask.

    Settings are those in `<building>.navmesh_settings.json`, else R2R-CE's agent's.
    """
    file = Path(scene).with_suffix(".navmesh")
    if file.is_file():
        return
    wish = habitat_sim.NavMeshSettings()
    wish.set_defaults()
    wish.agent_height, wish.agent_radius = 1.5, 0.1
    beside = Path(scene).with_suffix(".navmesh_settings.json")
    if beside.is_file():
        wish.read_from_json(str(beside))
    config = habitat_sim.SimulatorConfiguration()
    config.scene_id, config.create_renderer = scene, False
    with habitat_sim.Simulator(
        habitat_sim.Configuration(config, [habitat_sim.AgentConfiguration(sensor_specifications=[])])
    ) as sim:
        sim.recompute_navmesh(sim.pathfinder, wish)
        part = file.with_suffix(f".{os.getpid()}.part")  # another worker may be at it, too
        sim.pathfinder.save_nav_mesh(str(part))
    part.replace(file)


class R2RCESimulator:
    """habitat-lab's VLN task, an episode at a time.

    Args:
        settings: `scenes_dir`, `rgb` and `depth` (side lengths, pixels), `max_steps`, `gpu` (device, -1 for any).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._config = get_config(CONFIG, overrides(settings))
        self._dataset = make_dataset(DATASET)
        self._env: Any = None
        self._follower: Any = None
        self._follows: tuple[str, float] | None = None
        self._advice: int | None = None
        rgb, depth = settings["rgb"], settings["depth"]
        self.frames = {
            "rgb": ((rgb, rgb, 3), "uint8"),
            "depth": ((depth, depth), "float32"),
            "around_rgb": ((AROUND, rgb, rgb, 3), "uint8"),
            "around_depth": ((AROUND, depth, depth), "float32"),
        }

    def reset(
        self, episode: dict[str, Any], oracle: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode.

        Args:
            episode: An entry of an R2R-CE file; without goals it cannot be scored.
            oracle: Arguments of `oracle`, whose action the result brings as "oracle"; None asks for nothing.
        """
        self._scored = bool(episode.get("goals"))
        entry = {
            **episode,
            "goals": episode.get("goals") or [{"position": episode["start_position"], "radius": 3.0}],
            "scene_id": scene_file(self._settings, episode["scene_id"]),
        }
        self._dataset.episodes = []
        self._dataset.from_json(json.dumps({"episodes": [entry], "instruction_vocab": {"word_list": ["<unk>"]}}))
        ensure_navmesh(entry["scene_id"])
        if self._env is None:
            self._env = habitat.Env(self._config, self._dataset)
        self._env.current_episode = self._dataset.episodes[0]
        self._forget()
        return self._answer(self._env.reset(), oracle)

    def step(self, action: int, oracle: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Act: 0 stop, 1 forward, 2 left, 3 right; `oracle` as in `reset`.

        Raises:
            ValueError: No episode has begun.
        """
        if self._env is None:
            raise ValueError("no episode has begun: call reset")
        if action != self._advice:
            self._forget()
        return self._answer(self._env.step(action), oracle)

    def distances(self, positions: list[list[float]], goal: list[float]) -> tuple[list[float], dict[str, Any]]:
        """Return the geodesic distance from each position to the goal, metres, infinite where there is no way."""
        path = habitat_sim.MultiGoalShortestPath()
        path.requested_ends = np.array([goal], np.float32)
        found = []
        for position in positions:
            path.requested_start = np.array(position, np.float32)
            self._env.sim.pathfinder.find_path(path)
            found.append(float(path.geodesic_distance))
        return found, {}

    def look(self) -> tuple[None, dict[str, Any]]:
        """Return what the sensors see all around; the agent stays as it is."""
        sim = self._env.sim
        state = sim.get_agent_state()
        seen = []
        for step in range(AROUND):
            turn = state.rotation * quat_from_angle_axis(-step * 2 * math.pi / AROUND, np.array([0.0, 1.0, 0.0]))
            seen.append(sim.get_observations_at(state.position, [turn.x, turn.y, turn.z, turn.w]))
        around_depth = [view["depth"][..., 0] for view in seen]
        return None, {"around_rgb": [view["rgb"] for view in seen], "around_depth": around_depth}

    def oracle(self, goal: list[float], radius: float = FOLLOWER_RADIUS) -> tuple[int, dict[str, Any]]:
        """Return the next action of habitat-sim's greedy follower, which stops within `radius` metres of the goal.

        STOP, too, where it finds none, as habitat-lab's `ShortestPathFollower`, which wraps it, has it.
        """
        sim = self._env.sim
        wanted = (sim.habitat_config.scene, radius)
        if self._follows != wanted:
            self._follower = sim.make_greedy_follower(0, radius, stop_key=0, forward_key=1, left_key=2, right_key=3)
            self._follows = wanted
        try:
            self._advice = int(self._follower.next_action_along(np.array(goal, np.float32)))
        except habitat_sim.errors.GreedyFollowerError:
            self._advice = 0
        return self._advice, {}

    def close(self) -> None:
        """Free the simulator."""
        if self._env is not None:
            self._env.close()
            self._env = None

    def _forget(self) -> None:
        """Let the follower begin anew: where it sees itself turn to and fro, it plans ahead, to be obeyed."""
        if self._follower is not None:
            self._follower.reset()

    def _answer(self, seen: Any, oracle: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        sim = self._env.sim
        state = sim.get_agent_state()
        turn = state.rotation
        metrics = self._env.get_metrics() if self._scored else {}
        result = {
            "position": [float(x) for x in state.position],
            "rotation": [float(turn.x), float(turn.y), float(turn.z), float(turn.w)],
            "collided": bool(sim.previous_step_collided),
            "metrics": {name: float(metrics[name]) for name in ("distance_to_goal", "success", "spl") if metrics},
        }
        if oracle is not None:
            result["oracle"], _ = self.oracle(**oracle)
        return result, {"rgb": seen["rgb"], "depth": seen["depth"][..., 0]}


class PanoramaSimulator:
    """Pictures all around a point, as R2R's agents see them: 36 views, 12 headings at each of three elevations.

    Args:
        settings: `scenes_dir`, `width` and `height` (pixels), `vfov` (degrees), `gpu`.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._sim: Any = None
        size = (36, settings["height"], settings["width"])
        self.frames = {"rgb": ((*size, 3), "uint8"), "depth": (size, "float32")}

    def look(self, scene_id: str, position: list[float], sensors: list[str]) -> tuple[None, dict[str, Any]]:
        """Return the views from a camera at a position; view k looks along heading 30 k degrees, clockwise from -z."""
        file = scene_file(self._settings, scene_id)
        if self._sim is None:
            self._sim = habitat_sim.Simulator(self._configuration(file))
        elif self._sim.config.sim_cfg.scene_id != file:
            self._sim.reconfigure(self._configuration(file))
        views = [self._view(position, k % 12 * math.pi / 6, (k // 12 - 1) * math.pi / 6) for k in range(36)]
        arrays = {"rgb": [view["rgb"][..., :3] for view in views], "depth": [view["depth"] for view in views]}
        return None, {name: arrays[name] for name in sensors}

    def close(self) -> None:
        """Free the simulator."""
        if self._sim is not None:
            self._sim.close()
            self._sim = None

    def _view(self, position: list[float], heading: float, elevation: float) -> Any:
        state = habitat_sim.AgentState()
        state.position = np.array(position, np.float32)
        turned = quat_from_angle_axis(-heading, np.array([0.0, 1.0, 0.0]))
        state.rotation = turned * quat_from_angle_axis(elevation, np.array([1.0, 0.0, 0.0]))
        self._sim.get_agent(0).set_state(state)
        return self._sim.get_sensor_observations()

    def _configuration(self, file: str) -> Any:
        settings = self._settings
        building = habitat_sim.SimulatorConfiguration()
        building.scene_id, building.gpu_device_id = file, settings["gpu"]
        sensors = []
        for name in self.frames:
            sensor = habitat_sim.CameraSensorSpec()
            sensor.uuid = name
            sensor.sensor_type = habitat_sim.SensorType.COLOR if name == "rgb" else habitat_sim.SensorType.DEPTH
            sensor.resolution = [settings["height"], settings["width"]]
            sensor.position = [0.0, 0.0, 0.0]
            half = math.tan(math.radians(settings["vfov"]) / 2) * settings["width"] / settings["height"]
            sensor.hfov = math.degrees(2 * math.atan(half))
            sensors.append(sensor)
        agent = habitat_sim.agent.AgentConfiguration()
        agent.sensor_specifications = sensors
        return habitat_sim.Configuration(building, [agent])


class Probe:
    """Opens an empty scene and draws it: what headless drawing needs, and nothing else.

    Args:
        settings: `gpu`.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._gpu = settings["gpu"]
        self.frames: dict[str, tuple[tuple[int, ...], str]] = {}

    def draw(self) -> tuple[list[int], dict[str, Any]]:
        """Return the shape of a picture of nothing."""
        empty = habitat_sim.SimulatorConfiguration()
        empty.scene_id, empty.gpu_device_id = "NONE", self._gpu
        sensor = habitat_sim.CameraSensorSpec()
        sensor.uuid, sensor.resolution = "rgb", [8, 8]
        agent = habitat_sim.agent.AgentConfiguration()
        agent.sensor_specifications = [sensor]
        sim = habitat_sim.Simulator(habitat_sim.Configuration(empty, [agent]))
        shape = list(sim.get_sensor_observations()["rgb"].shape)
        sim.close()
        return shape, {}

    def close(self) -> None:
        """Nothing to free."""
