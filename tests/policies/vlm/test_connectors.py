from __future__ import annotations

import pytest
import torch

from policies.vlm.architecture import Connector, History
from policies.vlm.connectors import Projection, QFormer, Resampler, connector
from policies.vlm.history import TemporalPooling


def _sizes(kind: str) -> list[tuple[int, ...]]:
    made = connector(Connector(kind), (2, 2), 3, 5)  # type: ignore[arg-type]
    return [tuple(weights.shape) for name, weights in made.named_parameters() if name.endswith("weight")]


def test_projections_have_prismatics_layers() -> None:
    assert _sizes("linear") == [(5, 3)]
    assert _sizes("mlp") == [(5, 3), (5, 5)]
    assert _sizes("fused_mlp") == [(12, 3), (5, 12), (5, 5)]


@pytest.mark.parametrize(("tokens", "fields"), [(0, (4, 6)), (1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (6, (2, 3))])
def test_a_projection_averages_over_fields_of_the_picture(tokens: int, fields: tuple[int, int]) -> None:
    made = connector(Connector("linear", tokens), (4, 6), 3, 5)
    assert isinstance(made, Projection)
    assert made.fields == fields
    features = torch.rand(2, 24, 3)
    rows, columns = 4 // fields[0], 6 // fields[1]
    first = features.view(2, 4, 6, 3)[:, :rows, :columns].mean(dim=(1, 2))
    found = made(features)
    assert found.shape == (2, made.tokens, 5)
    assert torch.allclose(found[:, 0], made.net(first), atol=1e-6)


@pytest.mark.parametrize(("tokens", "fields"), [(8, (1, 8)), (4, (1, 4)), (2, (1, 2)), (1, (1, 1))])
def test_fields_of_views_side_by_side_stand_side_by_side(tokens: int, fields: tuple[int, int]) -> None:
    made = connector(Connector("linear", tokens), (1, 8), 3, 5)
    assert isinstance(made, Projection)
    assert made.fields == fields


@pytest.mark.parametrize("kind", ["qformer", "perceiver"])
def test_resamplers_make_so_many_tokens_of_any_number_of_patches(kind: str) -> None:
    made = connector(Connector(kind, 3, width=8, heads=2), (1, 1), 4, 5)  # type: ignore[arg-type]
    assert isinstance(made, QFormer | Resampler)
    few, many = torch.rand(2, 2, 4), torch.rand(2, 7, 4)
    assert made(few).shape == made(many).shape == (2, 3, 5)
    turned = made(many.flip(1))
    assert torch.allclose(turned, made(many), atol=1e-5)  # patches are a set: places are the tower's business
    assert not torch.allclose(made(many + 1), made(many), atol=1e-3)


def test_too_many_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="7 visual tokens cannot be averaged from 4 x 6 patches"):
        connector(Connector("linear", 7), (4, 6), 3, 5)


def test_the_mean_over_time_is_that_of_the_newest_frames_of_the_episode() -> None:
    """Two steps are in the ring, five in the stretch; an episode begins with the fourth."""
    pool = TemporalPooling(History("mean", frames=3), 2, 4)
    frames = torch.rand(7, 1, 2, 4)
    ring = torch.zeros(1, 3, 2, 4)
    ring[0, 0], ring[0, 1] = frames[0, 0], frames[1, 0]
    position = torch.tensor([2, 3, 4, 0, 1])[:, None]
    found = pool(frames[2:], ring, position)
    for step, (first, last) in enumerate([(0, 2), (1, 3), (2, 4), (5, 5), (5, 6)]):
        assert torch.allclose(found[step], frames[first : last + 1].mean(dim=0), atol=1e-6)


def test_attention_over_time_sees_the_order_and_makes_its_own_number_of_tokens() -> None:
    torch.manual_seed(0)
    pool = TemporalPooling(History("attention", frames=2, tokens=5, heads=2), 1, 4)
    frames, ring, position = torch.rand(2, 1, 1, 4), torch.zeros(1, 2, 1, 4), torch.tensor([[0], [1]])
    found = pool(frames, ring, position)
    assert found.shape == (2, 1, 5, 4)
    assert not torch.allclose(found[1], pool(frames.flip(0), ring, position)[1], atol=1e-6)
