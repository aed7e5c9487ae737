"""Houses: procedural, pip-only 3D environments that obey R2R-CE's rules, and a describer of them."""

from navagent.lazy import exports

_MODULES = {"HouseSights": "envs.houses.describer"}
__all__ = ["HouseSights"]
__getattr__ = exports(__name__, _MODULES)
