"""Policies: each obeys `navagent.contracts.Policy`."""

from navagent.lazy import exports

_MODULES = {
    "A2Nav": "policies.a2nav",
    "DiscussNav": "policies.discussnav",
    "NavGPT": "policies.navgpt",
    "Random": "policies.baselines",
    "ShortestPath": "policies.baselines",
    "Stop": "policies.baselines",
    "SwiftSage": "policies.swiftsage",
    "Trained": "policies.trained",
    "TrainedOnGraph": "policies.trained_on_graph",
}
__all__ = ["A2Nav", "DiscussNav", "NavGPT", "Random", "ShortestPath", "Stop", "SwiftSage", "Trained", "TrainedOnGraph"]
__getattr__ = exports(__name__, _MODULES)
