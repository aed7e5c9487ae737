"""Navigators: each carries out one sub-task of an instruction and says by Stop that it is done."""

from navagent.lazy import exports

_MODULES = {
    "ChatNavigator": "policies.navigators.chat",
    "GraphNavigator": "policies.navigators.graph",
}
__all__ = ["ChatNavigator", "GraphNavigator"]
__getattr__ = exports(__name__, _MODULES)
