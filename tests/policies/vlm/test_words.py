"""Instructions in a language model's own tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from envs.houses.words import WORDS, tokens  # noqa: E402
from navagent.errors import ConfigError  # noqa: E402
from policies.vlm.words import OwnWords, Pieces  # noqa: E402
from tests.tiny_models import make_tokenizer  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("tokenizer")
    made = make_tokenizer()
    made.save_pretrained(folder)
    return made, folder


@settings(deadline=None, max_examples=20)
@given(words=st.lists(st.sampled_from(WORDS[5:]), min_size=1, max_size=12), data=st.data())
def test_pieces_are_the_tokenizers_own(words: list[str], data: st.DataObject, tokenizer: tuple[Any, Path]) -> None:
    own, folder = tokenizer
    text = " ".join(word + data.draw(st.sampled_from(["", "", ".", ","])) for word in words)
    found, lengths = Pieces(WORDS, folder, 200)(torch.from_numpy(tokens([text])))
    assert found[0, : int(lengths[0])].tolist() == own.encode(f" {text}", add_special_tokens=False)


def test_what_is_too_long_is_cut_and_marks_have_no_pieces(tokenizer: tuple[Any, Path]) -> None:
    _, folder = tokenizer
    pieces = Pieces(WORDS, folder, 3)
    found, lengths = pieces(torch.from_numpy(tokens(["walk to the kitchen and stop by the door", "zzz"])))
    assert found.shape == (2, 3)
    assert lengths.tolist() == [3, 0]


def test_a_token_that_begins_texts_comes_first(tmp_path: Path) -> None:
    own = make_tokenizer(["<s>"])
    own.bos_token = "<s>"
    own.save_pretrained(tmp_path)
    found, lengths = Pieces(WORDS, tmp_path, 50)(torch.from_numpy(tokens(["stop"])))
    assert found[0, : int(lengths[0])].tolist() == [own.bos_token_id, *own.encode(" stop", add_special_tokens=False)]


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ConfigError, match="holds no tokenizer"):
        Pieces(WORDS, tmp_path, 50)


def test_own_words_are_taken_as_they_are() -> None:
    found, lengths = OwnWords(4)(torch.tensor([[3, 4, 5, 6, 7, 0], [3, 4, 0, 0, 0, 0]]))
    assert found.tolist() == [[3, 4, 5, 6], [3, 4, 0, 0]]
    assert lengths.tolist() == [4, 2]
