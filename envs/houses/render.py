"""Pictures of houses: colour, depth and semantic ids of many cameras in many houses in one call, without GL."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envs.houses.house import House
from envs.houses.raster import SLOT_MASK
from envs.houses.shade import render_views, shrunken
from envs.houses.surfaces import TEXTURE_SIZE, Floats, Surfaces, concatenate, prepare
from envs.houses.workspace import BLOCK, Workspace, most_polygons, workspace
from navagent.errors import nearest

SENSORS = ("rgb", "depth", "semantic")

PANORAMA_VIEWS = 36
"""R2R's views: heading step + 12 x {0 down, 1 level, 2 up}, 30 degrees apart (Matterport3D Simulator)."""

PANORAMA_WIDTH, PANORAMA_HEIGHT, PANORAMA_VFOV = 640, 480, math.radians(60)
"""R2R's pictures (Matterport3D Simulator): pixels, and the vertical angle of view."""

LARGEST = 8192
"""Pixels along a picture's side."""

_SHAPES: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "rgb": ((3,), np.uint8),
    "depth": ((), np.float32),
    "semantic": ((), np.int32),
}

Pictures = dict[str, NDArray[Any]]


class Renderer:
    """Draws houses.

    One renderer may be used from several threads at a time; the kernels hold no lock.

    Args:
        houses: The houses, or what `prepare` made of them; views name them by index.
        atlas: (textures, 64, 64) uint8 grey that multiplies a material's colour, 128 leaves it; texture 0 is plain.
        doors: Skip rooms that cannot be seen through doors. The pictures are the same without, only slower.

    Raises:
        ValueError: If there is no house, or the atlas has another shape, or a house names a texture that is not in it
            or has more polygons than a picture can tell apart.
    """

    def __init__(self, houses: Sequence[House | Surfaces], atlas: NDArray[np.uint8], doors: bool = True) -> None:
        if not houses:
            raise ValueError("a renderer needs at least one house")
        if atlas.ndim != 3 or atlas.shape[1:] != (TEXTURE_SIZE, TEXTURE_SIZE) or atlas.dtype != np.uint8:
            raise ValueError(f"the atlas must be uint8 of shape (n, 64, 64), not {atlas.dtype} of shape {atlas.shape}")
        self._scene: Surfaces = concatenate(
            [house if isinstance(house, Surfaces) else prepare(house, len(atlas)) for house in houses]
        )
        if most_polygons(self._scene) > SLOT_MASK:
            raise ValueError(
                f"a house has {most_polygons(self._scene):,} polygons; the renderer can tell {SLOT_MASK:,} apart, "
                "so leave some furniture out"
            )
        self._atlas = shrunken(atlas)
        self._houses = len(houses)
        self._doors = doors
        self._space = threading.local()
        self._pool: ThreadPoolExecutor | None = None
        self._pool_lock = threading.Lock()

    @property
    def polygons(self) -> int:
        """How many convex polygons the houses' triangles were joined to."""
        return len(self._scene.plane)

    def render(
        self,
        house_index: ArrayLike,
        positions: ArrayLike,
        headings: ArrayLike,
        elevations: ArrayLike,
        width: int,
        height: int,
        hfov: float,
        sensors: Sequence[str] = SENSORS,
        out: Mapping[str, NDArray[Any]] | None = None,
        threads: int = 1,
    ) -> Pictures:
        """Render N views.

        Args:
            house_index: (N,) int, or one for all.
            positions: (N, 3) metres, where the cameras are (not the agents' feet).
            headings: (N,) radians clockwise from +y, or one for all.
            elevations: (N,) radians above the horizon, or one for all.
            width: Pixels.
            height: Pixels; pixels are square.
            hfov: Horizontal angle of view, radians.
            sensors: Which of "rgb", "depth", "semantic"; what is not asked for costs nothing.
            out: Arrays to write to, by sensor; C-contiguous, of the shapes and types below. Missing ones are made.
            threads: Among how many threads to share the views.

        Returns:
            By sensor: rgb (N, height, width, 3) uint8, black where nothing is; depth (N, height, width) float32,
            metres along the optical axis, 0 where nothing is; semantic (N, height, width) int32, instance ids, -1
            where nothing is.

        Raises:
            ValueError: If an argument is out of its range or has another shape.
        """
        places = np.asarray(positions, np.float64)
        if places.ndim != 2 or places.shape[1] != 3:
            raise ValueError(f"positions must have shape (N, 3), not {places.shape}")
        poses = np.empty((len(places), 5))
        poses[:, :3] = places
        poses[:, 3] = _column(headings, len(places), "headings")
        poses[:, 4] = _column(elevations, len(places), "elevations")
        houses = self._house_column(house_index, len(places))
        if not np.isfinite(poses).all():
            view = int(np.flatnonzero(~np.isfinite(poses).all(axis=1))[0])
            raise ValueError(f"the pose of view {view} is not finite: {poses[view].tolist()}")
        _check_camera(width, height, hfov)
        pictures = _arrays(len(places), width, height, sensors, out or {})
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._share(houses, poses, width, height, float(hfov), pictures, min(threads, max(len(places), 1)))
        return pictures

    def panorama(
        self,
        house_index: ArrayLike,
        positions: ArrayLike,
        width: int = PANORAMA_WIDTH,
        height: int = PANORAMA_HEIGHT,
        hfov: float | None = None,
        sensors: Sequence[str] = SENSORS,
        headings: ArrayLike = 0.0,
        out: Mapping[str, NDArray[Any]] | None = None,
        threads: int = 1,
    ) -> Pictures:
        """Render R2R's 36 views of each of M places.

        Args:
            house_index: (M,) int, or one for all.
            positions: (M, 3) metres, where the cameras are.
            width: Pixels.
            height: Pixels.
            hfov: Horizontal angle of view, radians; by default what makes the vertical one R2R's 60 degrees.
            sensors: Which of "rgb", "depth", "semantic".
            headings: (M,) radians, heading of view 12 (level, step 0), or one for all; R2R's is 0.
            out: Arrays to write to, by sensor, of the shapes below.
            threads: Among how many threads to share the views.

        Returns:
            As `render`, of shapes (M, 36, height, width, ...); view 12 x row + step looks 30 x step degrees to the
            right of the heading, and 30 degrees down in row 0, level in row 1, 30 degrees up in row 2.

        Raises:
            ValueError: If an argument is out of its range or has another shape.
        """
        places = np.asarray(positions, np.float64)
        if places.ndim != 2 or places.shape[1] != 3:
            raise ValueError(f"positions must have shape (M, 3), not {places.shape}")
        if width < 1 or height < 1:
            raise ValueError(f"a picture needs at least one pixel each way, not {width} x {height}")
        count = len(places)
        index = np.arange(PANORAMA_VIEWS)
        turned = _column(headings, count, "headings")[:, None] + np.radians(30) * (index % 12)
        raised = np.broadcast_to(np.radians(30) * (index // 12 - 1), turned.shape)
        flat = {} if out is None else {name: _flat(name, array, count) for name, array in out.items()}
        pictures = self.render(
            np.repeat(self._house_column(house_index, count), PANORAMA_VIEWS),
            np.repeat(places, PANORAMA_VIEWS, axis=0),
            turned.reshape(-1),
            raised.reshape(-1),
            width,
            height,
            2 * math.atan(math.tan(PANORAMA_VFOV / 2) * width / height) if hfov is None else hfov,
            sensors,
            flat,
            threads,
        )
        return {
            name: out[name] if out and name in out else array.reshape(count, PANORAMA_VIEWS, *array.shape[1:])
            for name, array in pictures.items()
        }

    def _house_column(self, house_index: ArrayLike, count: int) -> NDArray[np.int32]:
        houses = np.asarray(house_index)
        if houses.shape not in ((), (count,)) or (houses.size and houses.dtype.kind not in "iu"):
            raise ValueError(f"house_index must be {count} integers or one, not {houses.dtype} of shape {houses.shape}")
        wrong = houses[(houses < 0) | (houses >= self._houses)]
        if wrong.size:
            raise ValueError(f"there is no house {wrong.flat[0]}: the renderer has {self._houses}, counted from 0")
        return np.ascontiguousarray(np.broadcast_to(houses, count), np.int32)

    def _share(
        self,
        houses: NDArray[np.int32],
        poses: Floats,
        width: int,
        height: int,
        hfov: float,
        pictures: Pictures,
        threads: int,
    ) -> None:
        """Render all views, in equal runs per thread."""
        count = len(poses)
        rgb, depth, semantic = (_line(pictures, name) for name in SENSORS)

        def run(first: int, last: int) -> None:
            render_views(
                self._scene,
                self._atlas,
                houses,
                poses,
                first,
                last,
                width,
                height,
                hfov,
                self._doors,
                self._workspace(width, height),
                rgb,
                depth,
                semantic,
            )

        self._run(run, [(count * k // threads, count * (k + 1) // threads) for k in range(threads)])

    def _run(self, run: Callable[[int, int], None], parts: list[tuple[int, int]]) -> None:
        """Run the first part here and the others in the pool."""
        if len(parts) == 1:
            run(*parts[0])
            return
        with self._pool_lock:
            if self._pool is None or self._pool._max_workers < len(parts) - 1:
                self._pool = ThreadPoolExecutor(len(parts) - 1, thread_name_prefix="render")
            others = [self._pool.submit(run, *part) for part in parts[1:]]
        run(*parts[0])
        for other in others:
            other.result()

    def _workspace(self, width: int, height: int) -> Workspace:
        """This thread's space, kept between calls; it grows to the largest picture."""
        space: Workspace | None = getattr(self._space, "space", None)
        pixels, rows = width * height, height
        if space is not None:
            if len(space.keys) >= pixels and len(space.left) >= height and len(space.row_slots) >= width + BLOCK:
                return space
            pixels, rows = max(pixels, len(space.keys)), max(height, len(space.left))
            width = max(width, len(space.row_slots) - BLOCK)
        self._space.space = workspace(self._scene, pixels, width, rows)
        made: Workspace = self._space.space
        return made


def _column(values: ArrayLike, count: int, name: str) -> Floats:
    """`count` floats from as many or one."""
    column = np.asarray(values, np.float64)
    if column.shape not in ((), (count,)):
        raise ValueError(f"{name} must be {count} numbers or one, not of shape {column.shape}")
    return np.broadcast_to(column, (count,))


def _check_camera(width: int, height: int, hfov: float) -> None:
    """Refuse sizes and angles that make no picture."""
    if not (1 <= width <= LARGEST and 1 <= height <= LARGEST and int(width) == width and int(height) == height):
        raise ValueError(f"width and height must be whole numbers from 1 to {LARGEST}, not {width} x {height}")
    if not 0 < hfov < math.pi:
        raise ValueError(f"hfov must be above 0 and below pi radians, not {hfov}")


def _arrays(count: int, width: int, height: int, sensors: Sequence[str], out: Mapping[str, NDArray[Any]]) -> Pictures:
    """The arrays to write to: the caller's where given, else new ones."""
    if isinstance(sensors, str) or not sensors:
        raise ValueError(f"sensors must be a sequence of some of {', '.join(SENSORS)}, not {sensors!r}")
    for name in (*sensors, *out):
        if name not in SENSORS:
            raise ValueError(f"there is no sensor '{name}'; there are {', '.join(SENSORS)}.{nearest(name, SENSORS)}")
    pictures = {}
    for name in sensors:
        more, kind = _SHAPES[name]
        shape = (count, height, width, *more)
        array = out[name] if name in out else np.empty(shape, kind)
        if array.shape != shape or array.dtype != kind or not array.flags.c_contiguous or not array.flags.writeable:
            wanted = f"a writeable C-contiguous {np.dtype(kind)} array of shape {shape}"
            raise ValueError(f"out['{name}'] must be {wanted}, not {array.dtype} of shape {array.shape}")
        pictures[name] = array
    return pictures


def _flat(name: str, array: NDArray[Any], count: int) -> NDArray[Any]:
    """A caller's (M, 36, ...) array as (M x 36, ...), without a copy."""
    if array.shape[:2] != (count, PANORAMA_VIEWS) or not array.flags.c_contiguous:
        raise ValueError(
            f"out['{name}'] must be C-contiguous of shape ({count}, {PANORAMA_VIEWS}, ...), not of shape {array.shape}"
        )
    return array.reshape(count * PANORAMA_VIEWS, *array.shape[2:])


def _line(pictures: Pictures, name: str) -> NDArray[Any]:
    """A sensor's array as the kernels take it, empty if it is not wanted."""
    return pictures[name].reshape(-1) if name in pictures else np.empty(0, _SHAPES[name][1])
