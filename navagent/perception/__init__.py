"""Describers: observations in words."""

from navagent.lazy import exports

_MODULES = {
    "HouseTexts": "navagent.perception.house_texts",
    "NavGPTTexts": "navagent.perception.navgpt_texts",
    "NoTexts": "navagent.perception.no_texts",
    "ReverieObjects": "navagent.perception.reverie_objects",
    "VisionTexts": "navagent.perception.vision_texts",
}
__all__ = ["HouseTexts", "NavGPTTexts", "NoTexts", "ReverieObjects", "VisionTexts"]
__getattr__ = exports(__name__, _MODULES)
