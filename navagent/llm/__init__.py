"""Chat models and what surrounds them: cache, usage, prices, budget."""

from navagent.lazy import exports

_MODULES = {
    "OpenAIChat": "navagent.llm.openai_chat",
    "OfflineChat": "navagent.llm.offline",
}
__all__ = ["OfflineChat", "OpenAIChat"]
__getattr__ = exports(__name__, _MODULES)
