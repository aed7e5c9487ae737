from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import torch

from policies.vlm.pictures import resized


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40), (50, 50)])
@pytest.mark.parametrize("how", ["naive", "letterbox"])
def test_pictures_are_resized_as_pillow_does_it(how: str, height: int, width: int) -> None:
    rows, columns = np.indices((height, width))
    picture = np.stack([rows * 4, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)
    fill = np.array([100, 50, 200], np.uint8)
    squared = picture
    if how == "letterbox":
        side = max(height, width)
        squared = np.tile(fill, (side, side, 1))
        top, left = (side - height) // 2, (side - width) // 2
        squared[top : top + height, left : left + width] = picture
    wanted = np.asarray(PIL.Image.fromarray(squared).resize((28, 28), PIL.Image.Resampling.BICUBIC))
    given = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    found = resized(given, 28, how, torch.from_numpy(fill) / 255)[0].permute(1, 2, 0)  # type: ignore[arg-type]
    inside = np.abs(found.numpy() * 255 - wanted)[2:-2, 2:-2]
    assert np.median(inside) < 1
    assert inside.max() < 25  # at a border, where Pillow overshoots


def test_letterbox_keeps_proportions_and_naive_does_not() -> None:
    square = torch.zeros(1, 1, 20, 40)
    square[..., 5:15, 15:25] = 1  # 10 x 10
    for how, rows in (("letterbox", 10), ("naive", 20)):
        found = resized(square, 40, how, torch.zeros(1))[0, 0] > 0.5  # type: ignore[arg-type]
        assert int(found.any(dim=1).sum()) == rows
        assert int(found.any(dim=0).sum()) == 10


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    picture = torch.rand(1, 3, 8, 8)
    assert resized(picture, 8, "letterbox", torch.zeros(3)) is picture
