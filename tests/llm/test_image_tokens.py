from __future__ import annotations

import pytest

from navagent.llm.image_tokens import image_tokens
from navagent.llm.metered import estimate_input_tokens
from navagent.types import Detail, Image, Message


def sized(width: int, height: int, detail: Detail = "high") -> Image:
    return Image(b"", "image/png", width, height, detail=detail)


@pytest.mark.parametrize(
    ("width", "height", "detail", "model", "tokens"),
    [
        # OpenAI's own examples ("Calculating costs").
        (1024, 1024, "high", "gpt-4o", 765),
        (2048, 4096, "high", "gpt-4o", 1105),
        (4096, 8192, "low", "gpt-4o", 85),
        (1024, 1024, "high", "gpt-4.1-mini", 1659),  # 1,024 patches
        # One small picture, as users were billed.
        (128, 64, "high", "gpt-4o-2024-08-06", 255),
        (128, 64, "low", "gpt-4o-mini", 2833),
        (128, 64, "high", "gpt-4o-mini", 8500),
        (128, 64, "low", "gpt-4.1-nano", 20),
        # By hand: 512 x 512 is one tile exactly, one pixel more is two; auto counts as high.
        (512, 512, "auto", "gpt-4.1", 255),
        (513, 512, "auto", "gpt-4.1", 425),
        (4000, 1474, "high", "gpt-4.1-mini", 2489),  # more than 1,536 patches
    ],
)
def test_known_models_follow_openais_rules(width: int, height: int, detail: Detail, model: str, tokens: int) -> None:
    assert image_tokens(sized(width, height, detail), model) == tokens


@pytest.mark.parametrize("size", [(64, 48), (512, 384), (640, 480), (2048, 2048)])
@pytest.mark.parametrize("detail", ["low", "high", "auto"])
def test_an_unknown_model_is_taken_to_be_dear(size: tuple[int, int], detail: Detail) -> None:
    image = sized(*size, detail=detail)
    known = ("gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "o4-mini", "gpt-5-mini", "gpt-5-nano")
    assert image_tokens(image, "some-model") == max(image_tokens(image, model) for model in known)


def test_the_budget_counts_pictures_and_their_labels() -> None:
    plain = (Message("user", "Where to?"),)
    seeing = (Message("user", "Where to?", (Image(b"x" * 9, "image/png", 512, 512, "Picture", "low"),) * 3),)
    more = estimate_input_tokens(seeing, None, "gpt-4o") - estimate_input_tokens(plain, None, "gpt-4o")
    assert 3 * 85 < more < 3 * 85 + 20
