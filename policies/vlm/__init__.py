"""A policy made of a vision tower, a connector and a language model (LLaRP: Szot et al. 2023, arXiv 2310.17722).

Its network is trained like any other; `policies.Trained` plays with the weights.
"""

from navagent.lazy import exports

__all__ = ["VLMNetwork"]
__getattr__ = exports(__name__, {"VLMNetwork": "policies.vlm.architecture"})
