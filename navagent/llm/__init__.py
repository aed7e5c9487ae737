"""Chat models and what surrounds them: cache, usage, prices, budget."""

from navagent.lazy import exports

_MODULES = {
    "OpenAIChat": "navagent.llm.openai_chat",
    "OfflineChat": "navagent.llm.offline",
    "TransformersChat": "navagent.llm.transformers_chat",
}
__all__ = ["OfflineChat", "OpenAIChat", "TransformersChat"]
__getattr__ = exports(__name__, _MODULES)
