"""JSON schemas that a reply cannot break: at each token, only those are allowed that keep it valid.

By llguidance (github.com/guidance-ai/llguidance), which also constrains replies inside vLLM and SGLang. It depends on
no other package, unlike xgrammar, which on Linux brings triton.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navagent.errors import ChatError, ChatSetupError

try:
    import llguidance
    import llguidance.hf
except ImportError:  # it comes with the extra `vision`, but no wheel for very old systems
    llguidance = None

SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON as `json.dumps` writes it. Free white space would let a weak model fill its whole reply with it."""


class Matcher:
    """Follows one reply."""

    def __init__(self, inner: Any, vocabulary: int) -> None:
        self._inner = inner
        self._vocabulary = vocabulary

    def allowed(self) -> NDArray[np.bool_]:
        """Return which tokens may come next, (vocabulary,)."""
        bits = np.frombuffer(self._inner.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: self._vocabulary].astype(np.bool_)
        return np.pad(allowed, (0, self._vocabulary - len(allowed)))

    def accept(self, token: int) -> bool:
        """Take a token; return whether the reply is complete, so that only the end may follow."""
        self._inner.consume_token(token)
        return bool(self._inner.is_stopped())


class Grammars:
    """Makes matchers for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer.
        vocabulary: How many tokens the model scores; may be more than the tokenizer has.
        ends: The tokens that end a reply.

    Raises:
        ChatSetupError: llguidance is not installed, or the tokenizer is not one of the tokenizers library.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: list[int]) -> None:
        if llguidance is None:
            raise ChatSetupError(
                "Replies that obey a JSON schema need llguidance: pip install llguidance, or let the model try without "
                "by --policy.llm.constrained false."
            )
        try:
            self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=ends)
        except ValueError as error:
            raise ChatSetupError(
                f"llguidance cannot use this checkpoint's tokenizer ({error}): use --policy.llm.constrained false."
            ) from error
        self._vocabulary = vocabulary
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def matcher(self, schema: Mapping[str, Any]) -> Matcher:
        """Return a matcher for one reply.

        Raises:
            ChatError: The schema asks for what llguidance cannot express.
        """
        key = json.dumps(schema)
        with self._lock:
            if key not in self._known:
                self._known[key] = llguidance.LLMatcher.grammar_from_json_schema(key, overrides=SPACING)
            inner = llguidance.LLMatcher(self._tokenizer, self._known[key], log_level=0)
        if inner.is_error():
            raise ChatError(f"The JSON schema cannot be enforced ({inner.get_error()}).")
        return Matcher(inner, self._vocabulary)
