"""Environments: each obeys `navagent.contracts.Env`. Importing this package registers the Gymnasium ids, too."""

from gymnasium.envs.registration import register

from navagent.lazy import exports

_MODULES = {
    "HabitatR2R": "envs.habitat.nav_graph",
    "HabitatR2RCE": "envs.habitat.env",
    "HouseEnv": "envs.houses.env",
    "HouseNavGraph": "envs.houses.nav_graph",
    "HouseObjectNav": "envs.houses.goal_env",
    "HousePointNav": "envs.houses.goal_env",
    "R2R": "envs.r2r.env",
    "Waypoints": "envs.waypoints",
}
__all__ = [
    "HabitatR2R",
    "HabitatR2RCE",
    "HouseEnv",
    "HouseNavGraph",
    "HouseObjectNav",
    "HousePointNav",
    "R2R",
    "Waypoints",
]
__getattr__ = exports(__name__, _MODULES)

for _name, _task in (("HousePointNav", "pointnav"), ("HouseObjectNav", "objectnav"), ("HouseR2R", "r2r")):
    register(
        id=f"navagent/{_name}-v0",
        entry_point="envs.houses.gym:HouseGymEnv",
        vector_entry_point="envs.houses.vector:HouseVectorEnv",
        kwargs={"task": _task},
    )

register(
    id="navagent/HouseR2RWaypoints-v0",
    vector_entry_point="envs.houses.waypoints:HouseWaypointVectorEnv",
    kwargs={"task": "r2r"},
)

for _name, _task in (("HabitatPointNav", "pointnav"), ("HabitatR2RCE", "r2r")):
    register(
        id=f"navagent/{_name}-v0",
        vector_entry_point="envs.habitat.vector:HabitatVectorEnv",
        kwargs={"task": _task},
    )

register(id="navagent/R2R-v0", vector_entry_point="envs.r2r.vector:GraphVectorEnv")
