"""Embeddings of a tiny random BERT, made on the spot, against the same formula written down again."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navagent.errors import ConfigError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "go", "walk", "past", "into", "the", "exit", "sofa"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    transformers.BertTokenizerFast(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.5,  # so that texts come out far apart
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def encoder(folder: Path) -> Any:
    return pytest.importorskip("policies.encoders.sentence_encoder").SentenceEncoder(str(folder), device="cpu")


def reference(folder: Path, text: str, first: bool) -> Any:
    """One text at a time, so that no padding is involved."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    vector = (hidden[0] if first else hidden.mean(0)).numpy()
    return vector / np.linalg.norm(vector)


TEXTS = ["go past the sofa", "exit", "walk into the the the sofa", "go past the sofa"]


@pytest.mark.parametrize("first", [False, True])
def test_vectors_are_the_pooled_hidden_states(checkpoint: Path, first: bool) -> None:
    pooling = checkpoint / "1_Pooling" / "config.json"
    pooling.parent.mkdir(exist_ok=True)
    pooling.write_text(json.dumps({"pooling_mode_cls_token": first, "pooling_mode_mean_tokens": not first}))
    found = encoder(checkpoint).encode(TEXTS)
    expected = np.stack([reference(checkpoint, text, first) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_threads_get_what_one_caller_gets(checkpoint: Path) -> None:
    one, other = encoder(checkpoint), encoder(checkpoint)
    texts = [f"go {'past ' * k}the sofa" for k in range(30)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: one.encode([text, "exit"])[0], texts))
    np.testing.assert_allclose(together, other.encode(texts), atol=1e-5)


def test_another_checkpoint_has_another_fingerprint(checkpoint: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(checkpoint, copied)
    assert encoder(copied).fingerprints() == encoder(checkpoint).fingerprints()
    config = transformers.BertConfig.from_pretrained(checkpoint)
    transformers.BertModel(config).save_pretrained(copied)
    assert encoder(copied).fingerprints() != encoder(checkpoint).fingerprints()


def test_a_folder_without_a_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no checkpoint: give the folder"):
        encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ConfigError, match="cannot be loaded"):
        encoder(tmp_path)


def test_an_example_of_a_type_is_nearest_to_itself(checkpoint: Path) -> None:
    action_types = pytest.importorskip("policies.action_types")
    # Of the examples, only these consist of words that the tiny vocabulary tells apart from all others.
    assert action_types.by_similarity("walk past", encoder(checkpoint)) == "GoPast"
    assert action_types.by_similarity("exit", encoder(checkpoint)) == "Exit"
    assert action_types.by_similarity("go into", encoder(checkpoint)) == "GoInto"
