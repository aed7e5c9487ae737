"""Policies, each obeys `navagent.contracts.Policy`; and procedures by which planners decide."""

from navagent.lazy import exports

_MODULES = {
    "BestOfN": "policies.staged",
    "DiscussNav": "policies.discussnav",
    "NavGPT": "policies.navgpt",
    "Random": "policies.baselines",
    "ShortestPath": "policies.baselines",
    "StageBeam": "policies.staged",
    "Stop": "policies.baselines",
}
__all__ = ["BestOfN", "DiscussNav", "NavGPT", "Random", "ShortestPath", "StageBeam", "Stop"]
__getattr__ = exports(__name__, _MODULES)
