"""Sentence encoders: texts as vectors whose cosine says how much they mean the same."""

from navagent.lazy import exports

_MODULES = {
    "SentenceEncoder": "policies.encoders.sentence_encoder",
}
__all__ = ["SentenceEncoder"]
__getattr__ = exports(__name__, _MODULES)
