"""Pictures between arrays and files: encoding, decoding, data URLs."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from navagent.types import Detail, Image

JPEG_QUALITY = 85
"""Of 100. A 512 x 384 view of a room takes about 30 kB; as PNG it takes ten times as much."""


def check_picture(rgb: NDArray[np.uint8]) -> None:
    """Refuse what is no picture.

    Raises:
        ValueError: It is no (H, W, 3) uint8 array, or of size 0.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ValueError(f"a picture is an (H, W, 3) uint8 array with pixels, not {rgb.dtype} of shape {rgb.shape}")


def encode(rgb: NDArray[np.uint8], size: int | None = None, label: str = "", detail: Detail = "auto") -> Image:
    """Return a picture as a JPEG; the same array always gives the same bytes.

    Args:
        rgb: (H, W, 3) uint8.
        size: Most pixels of the longer side; larger pictures are scaled down. None leaves it.
        label: What a model is told right before the picture.
        detail: How closely a model looks.

    Raises:
        ValueError: The array is no picture, or of size 0.
    """
    check_picture(rgb)
    picture = PIL.Image.fromarray(np.ascontiguousarray(rgb))
    if size is not None and max(picture.size) > size:
        scale = size / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), PIL.Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return Image(stream.getvalue(), "image/jpeg", picture.width, picture.height, label, detail)


def decode(image: Image) -> PIL.Image.Image:
    """Return the pixels.

    Raises:
        ValueError: The bytes are no picture.
    """
    try:
        return PIL.Image.open(io.BytesIO(image.data)).convert("RGB")
    except (OSError, SyntaxError) as error:  # SyntaxError: PIL's word for a damaged PNG
        raise ValueError(f"{image!r} holds no picture that can be read ({error})") from error


def data_url(image: Image) -> str:
    """Return the picture as a `data:` URL."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
