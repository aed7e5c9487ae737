"""Environments: each obeys `navagent.contracts.Env`."""

from navagent.lazy import exports

_MODULES = {
    "HouseEnv": "envs.houses.env",
    "HouseNavGraph": "envs.houses.nav_graph",
    "R2R": "envs.r2r.env",
}
__all__ = ["HouseEnv", "HouseNavGraph", "R2R"]
__getattr__ = exports(__name__, _MODULES)
