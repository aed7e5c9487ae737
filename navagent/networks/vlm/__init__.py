"""A policy made of a vision tower, a connector and a language model (LLaRP: Szot et al. 2023, arXiv 2310.17722)."""
