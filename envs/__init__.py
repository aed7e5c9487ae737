"""Environments: each obeys `navagent.contracts.Env`."""

from navagent.lazy import exports

_MODULES = {"R2R": "envs.r2r.env"}
__all__ = ["R2R"]
__getattr__ = exports(__name__, _MODULES)
