from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from navagent.images import data_url, decode, encode
from navagent.types import Image, Message


def painted(width: int = 64, height: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Soft colours, so that a JPEG of them is close to the array."""
    low = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(PIL.Image.fromarray(low).resize((width, height), PIL.Image.Resampling.BICUBIC))


def test_a_picture_comes_back_nearly_as_it_was() -> None:
    picture = decode(encode(painted()))
    assert picture.size == (64, 48)
    assert np.abs(np.asarray(picture).astype(int) - painted()).mean() < 4


def test_the_same_array_gives_the_same_hash_and_another_one_another() -> None:
    assert encode(painted()).sha256 == encode(painted()).sha256 != encode(painted(seed=1)).sha256


def test_a_larger_picture_is_scaled_to_the_limit_and_a_smaller_one_is_not() -> None:
    assert (encode(painted(640, 480), size=160).width, encode(painted(640, 480), size=160).height) == (160, 120)
    assert decode(encode(painted(640, 480), size=160)).size == (160, 120)
    assert encode(painted(64, 48), size=160).width == 64


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
    ids=["no pixels", "grey", "with alpha", "floats"],
)
def test_what_is_no_picture_is_refused(wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"a picture is an \(H, W, 3\) uint8 array with pixels, not"):
        encode(wrong)


@pytest.mark.parametrize("data", [b"", b"no picture", encode(painted()).data[:100]], ids=["empty", "text", "cut"])
def test_bytes_that_are_no_picture_are_named(data: bytes) -> None:
    with pytest.raises(ValueError, match="holds no picture that can be read"):
        decode(Image(data, "image/jpeg", 64, 48))


def test_a_png_is_decoded_too() -> None:
    stream = io.BytesIO()
    PIL.Image.fromarray(painted()).save(stream, "PNG")
    assert (np.asarray(decode(Image(stream.getvalue(), "image/png", 64, 48))) == painted()).all()


def test_a_data_url_holds_the_file() -> None:
    image = encode(painted())
    with PIL.Image.open(io.BytesIO(image.data)) as picture:
        assert picture.format == "JPEG"
    kind, _, body = data_url(image).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert len(body) == pytest.approx(len(image.data) * 4 / 3, abs=4)


def test_files_and_cache_keys_hold_hashes_and_no_bytes() -> None:
    image = encode(painted(), label="Picture 1:", detail="low")
    (said,) = Message("user", "Look.", (image,)).as_json()["images"]
    assert said == {
        "sha256": image.sha256,
        "media_type": "image/jpeg",
        "width": 64,
        "height": 48,
        "label": "Picture 1:",
        "detail": "low",
    }
    assert Message("user", "Look.").as_json() == {"role": "user", "content": "Look."}
    assert image.sha256[:12] in repr(image)
    assert len(repr(image)) < 80
