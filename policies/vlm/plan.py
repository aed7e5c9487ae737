"""Plans: the language model writes a short text when an episode begins, under which every frame is then read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from policies.vlm.architecture import Plan
from policies.vlm.language import Into, LanguageModel
from policies.vlm.words import prompt_tokens, text_of

_BASE, _DIGITS = 256, 3
"""Tokens are kept as digits that are exact in bfloat16; three of them count further than any vocabulary."""

NOTHING = -1
"""What stands after a plan's end."""


class PlanWriter(nn.Module):
    """Lets a language model write a plan from the instruction and the first view (EmbodiedGPT).

    Mu et al. 2023, arXiv 2305.15021, section 3.2. The likeliest token is taken each time, so that a plan follows from
    the weights, and no gradient flows through it.

    Args:
        options: How long plans are, and what asks for one.
        language: Writes.
        vocabulary: The words that its tokens stand for where it has no tokenizer of its own.
    """

    prompt: Tensor

    def __init__(self, options: Plan, language: LanguageModel, vocabulary: Sequence[str] = ()) -> None:
        super().__init__()
        self._folder, self._vocabulary = language.folder, vocabulary
        self.tokens, self.state_size = options.tokens, options.tokens * _DIGITS
        found = [] if language.folder is None else prompt_tokens(language.folder, options.prompt)
        self.register_buffer("prompt", torch.tensor(found, dtype=torch.int64), persistent=False)

    @torch.no_grad()
    def forward(self, language: LanguageModel, told: Tensor, lengths: Tensor, looked: Tensor) -> Tensor:
        """Return (M, tokens) tokens of plans, `NOTHING` after a plan's end.

        Args:
            language: The language model.
            told: (M, L, D), instructions.
            lengths: (M,) tokens of them.
            looked: (M, K, D), visual tokens of the first view.
        """
        asked = language.embed(self.prompt).expand(len(looked), -1, -1).to(looked.dtype)
        read = torch.cat([told.to(looked.dtype), looked, asked], dim=1)
        words = torch.arange(told.shape[1], device=looked.device) < lengths[:, None]
        others = words.new_ones(len(words), read.shape[1] - told.shape[1] + self.tokens)
        return _written(language, read, torch.cat([words, others], dim=1), self.tokens)

    def text(self, state: Tensor) -> str:
        """Return a plan in words, of its (tokens x 3,) numbers in a state."""
        tokens = [token for token in unpacked(state[None])[0].tolist() if token != NOTHING]
        if self._folder is not None:
            return text_of(self._folder, tokens)
        known = len(self._vocabulary)
        return " ".join(self._vocabulary[token] if token < known else str(token) for token in tokens)


def _written(language: LanguageModel, read: Tensor, there: Tensor, count: int) -> Tensor:
    """Return the (M, `count`) likeliest tokens after what is read, one after the other.

    Args:
        language: The language model.
        read: (M, Q, D).
        there: (M, Q + `count`) bool, where there is a token.
        count: Tokens to write.
    """
    writers, already, _ = read.shape
    kept = language.room(writers, already + count)
    position = (there.cumsum(dim=1) - 1).clamp(min=0)
    index = torch.arange(already + count, device=read.device)
    order = index[:, None] - index
    allowed = (there[:, None] & (order > 0)) | (order == 0)
    agent = torch.arange(writers, device=read.device)[:, None]
    over = torch.zeros(writers, dtype=torch.bool, device=read.device)
    tokens = []
    for number in range(count):
        rows = slice(0, already) if number == 0 else slice(already + number - 1, already + number)
        into = Into(kept, agent, index[rows].expand(writers, -1))
        token = language.likeliest(language(read, position[:, rows], allowed[:, rows], into)[:, -1])
        over = over | torch.isin(token, language.ends)
        tokens.append(torch.where(over, NOTHING, token))
        read = language.embed(token)[:, None]
    return torch.stack(tokens, dim=1)


def packed(plans: Tensor) -> Tensor:
    """Return (N, tokens x 3) small numbers for a state, all 0 for no plan, of (N, tokens) tokens."""
    places = torch.tensor([_BASE**digit for digit in range(_DIGITS)], device=plans.device)
    return ((plans[..., None] + 1) // places % _BASE).flatten(1)


def unpacked(state: Tensor) -> Tensor:
    """Return the (N, tokens) tokens that were `packed`."""
    places = torch.tensor([_BASE**digit for digit in range(_DIGITS)], device=state.device)
    return (state.long().reshape(len(state), -1, _DIGITS) * places).sum(dim=-1) - 1
