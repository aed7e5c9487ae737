"""Procedures by which planners come to a reply, for the option `procedure`; each is imported on first use."""

from navagent.lazy import exports

_MODULES = {
    "BestOfN": "policies.staged",
    "StageBeam": "policies.staged",
}
__all__ = ["BestOfN", "StageBeam"]
__getattr__ = exports(__name__, _MODULES)
