"""Describers: observations in words."""

from navagent.lazy import exports

_MODULES = {
    "HouseTexts": "navagent.perception.house_texts",
    "NavGPTTexts": "navagent.perception.navgpt_texts",
    "ReverieObjects": "navagent.perception.reverie_objects",
}
__all__ = ["HouseTexts", "NavGPTTexts", "ReverieObjects"]
__getattr__ = exports(__name__, _MODULES)
