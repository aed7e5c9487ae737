"""Chat models and what surrounds them: cache, usage, prices, budget."""

from navagent.lazy import exports

_MODULES = {
    "OpenAIChat": "navagent.llm.openai_chat",
    "OfflineChat": "navagent.llm.offline",
    "Metered": "navagent.llm.metered",
}
__all__ = ["Metered", "OfflineChat", "OpenAIChat"]
__getattr__ = exports(__name__, _MODULES)
