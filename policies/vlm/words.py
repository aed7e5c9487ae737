"""An environment's instructions for a language model: words in its tokenizer's pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from navagent.errors import ConfigError

_MARK = re.compile(r"<.*>")


class Pieces(nn.Module):
    """Makes a tokenizer's tokens of a vocabulary's.

    Tokenizers cut texts at spaces first, so that each word can be cut into pieces once; a text's tokens are its words'
    pieces in a row, after the token that begins texts, if the tokenizer has one. Marks in angle brackets have no
    pieces, but for <unk> where the tokenizer knows such a token.

    Args:
        words: The vocabulary.
        folder: The tokenizer's.
        longest: Tokens of a text; what is longer is cut.

    Raises:
        ConfigError: There is no tokenizer, or it does not cut at spaces.
    """

    table: Tensor

    def __init__(self, words: Sequence[str], folder: Path, longest: int) -> None:
        super().__init__()
        tokenizer = _tokenizer(folder)
        self.longest = longest
        pieces = [_pieces(tokenizer, word, folder) for word in words]
        table = torch.full((len(words), max(map(len, pieces), default=1) or 1), -1)
        for row, found in zip(table, pieces, strict=True):
            row[: len(found)] = torch.tensor(found, dtype=torch.int64)
        self.register_buffer("table", table, persistent=False)
        self.begin: int | None = tokenizer.bos_token_id

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, L) tokens, 0 where there are none, and the texts' (B,) lengths of (B, words) tokens."""
        found = self.table[tokens.long()].flatten(1)
        if self.begin is not None:
            found = torch.cat([found.new_full((len(found), 1), self.begin), found], dim=1)
        order = torch.argsort((found < 0).to(torch.uint8), dim=1, stable=True)
        lengths = (found >= 0).sum(dim=1).clamp(max=self.longest)
        return found.gather(1, order)[:, : self.longest].clamp(min=0), lengths


class OwnWords(nn.Module):
    """Takes an environment's tokens as they are, 0 filling up.

    Args:
        longest: Tokens of a text; what is longer is cut.
    """

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.longest = longest

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, L) tokens and the texts' (B,) lengths."""
        found = tokens[:, : self.longest].long()
        return found, (found != 0).sum(dim=1)


def prompt_tokens(folder: Path, text: str) -> list[int]:
    """Return a text's tokens, without marks around them.

    Raises:
        ConfigError: There is no tokenizer.
    """
    return list(_tokenizer(folder).encode(text, add_special_tokens=False))


def text_of(folder: Path, tokens: Sequence[int]) -> str:
    """Return the text that tokens stand for.

    Raises:
        ConfigError: There is no tokenizer.
    """
    return str(_known_tokenizer(folder).decode(tokens)).strip()


@lru_cache(maxsize=4)
def _known_tokenizer(folder: Path) -> Any:
    return _tokenizer(folder)


def _tokenizer(folder: Path) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} holds no tokenizer that transformers can read: download it whole.") from error


def _pieces(tokenizer: Any, word: str, folder: Path) -> list[int]:
    """Return a word's tokens, as they are inside a text: after a space, or, for a sentence mark, after a word."""
    if _MARK.fullmatch(word):
        unknown = tokenizer.unk_token_id
        return [unknown] if word == "<unk>" and unknown is not None else []
    joint = " " if word[0].isalnum() else ""
    before, whole = (tokenizer.encode(text, add_special_tokens=False) for text in ("go", f"go{joint}{word}"))
    if whole[: len(before)] != before:
        raise ConfigError(f"The tokenizer in {folder} cuts '{word}' differently after each word: it cannot be used.")
    return list(whole[len(before) :])
