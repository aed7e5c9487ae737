"""Describers: observations in words."""

from navagent.lazy import exports

_MODULES = {
    "NavGPTTexts": "navagent.perception.navgpt_texts",
    "ReverieObjects": "navagent.perception.reverie_objects",
}
__all__ = ["NavGPTTexts", "ReverieObjects"]
__getattr__ = exports(__name__, _MODULES)
