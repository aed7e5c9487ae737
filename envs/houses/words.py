"""Instructions as numbers: the words of houses' instructions, for policies without a tokenizer of their own.

`words.txt` holds the words of train's instructions (`python -m envs.houses.words`), one a line, after R2R-CE's three
marks. A word that is not in it is <unk>.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.houses.formats import tokenize, vocabulary
from envs.houses.generate import generate
from envs.houses.splits import plan_split
from envs.houses.survey import Survey
from envs.houses.textures import texture_atlas

LONGEST = 96
"""Tokens of a text; shorter ones are filled up with <pad>, 0."""

PAD, UNKNOWN = 0, 1
"""Tokens of <pad> and <unk> (R2R-CE)."""

_FILE = Path(__file__).with_name("words.txt")
WORDS = tuple(_FILE.read_text().splitlines())
"""The vocabulary; a word's token is its index."""

_TOKENS = {word: token for token, word in enumerate(WORDS)}


def tokens(texts: Sequence[str]) -> NDArray[np.int32]:
    """Return texts as (N, `LONGEST`) tokens; what is longer is cut."""
    known = {text: [_TOKENS.get(word, UNKNOWN) for word in tokenize(text)][:LONGEST] for text in set(texts)}
    answer = np.full((len(texts), LONGEST), PAD, np.int32)
    for row, text in zip(answer, texts, strict=True):
        row[: len(known[text])] = known[text]
    return answer


def collect() -> list[str]:
    """Return the vocabulary of train's instructions."""
    plan, atlas = plan_split("train"), texture_atlas()
    records = [record for seed in plan.seeds for record in Survey.of(generate(seed), atlas).paths(plan, 1)]
    return vocabulary(part.text for record in records for part in record.instructions)


if __name__ == "__main__":
    _FILE.write_text("\n".join(collect()) + "\n")
