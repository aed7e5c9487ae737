"""Frames per second of the houses' renderer, beside embreex ray casting where it is installed.

`python -m tests.benchmarks.houses_render [threads]`; medians of 5, random poses in 8 houses.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.house import SENSOR_HEIGHT, House
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas

HOUSES, VIEWS, REPEATS = 8, 256, 5
HFOV = math.radians(90)


def frames_per_second(render: Callable[[], object], frames: int) -> float:
    """Return the median rate."""
    render()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        render()
        times.append(time.perf_counter() - start)
    return frames / statistics.median(times)


def embree_rate(house: House, points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], size: int) -> float | None:
    """Return frames/s of depth and triangle ids by embreex, one view at a time; None where it is not installed."""
    if importlib.util.find_spec("embreex") is None or importlib.util.find_spec("trimesh") is None:
        return None
    trimesh = importlib.import_module("trimesh")
    mesh = trimesh.Trimesh(house.mesh.vertices, house.mesh.triangles, process=False)
    caster = importlib.import_module("trimesh.ray.ray_pyembree").RayMeshIntersector(mesh)
    across = (np.arange(size) + 0.5) / size * 2 - 1
    x, z = np.meshgrid(across, -across)
    rays = np.stack([x, np.ones_like(x), z], axis=-1).reshape(-1, 3)

    def cast() -> None:
        for point in points:
            caster.intersects_first(np.broadcast_to(point, rays.shape), rays)

    return frames_per_second(cast, len(points))


def main() -> None:
    """Print the rates."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    houses = [generate(seed) for seed in range(HOUSES)]
    rng = np.random.default_rng(0)
    index = rng.integers(0, HOUSES, VIEWS)
    floors = [Floor.of(house) for house in houses]
    points = np.array([[*floors[i].sample(rng)[0], SENSOR_HEIGHT] for i in index])
    headings = rng.uniform(0, 2 * math.pi, VIEWS)
    renderer = Renderer(houses, texture_atlas())
    triangles = sum(len(house.mesh.triangles) for house in houses) / HOUSES
    print(f"{HOUSES} houses of {triangles:,.0f} triangles on average, {threads} thread(s)")
    for size in (64, 128, 224):
        rates = {}
        for name, sensors in (("rgb + depth + semantic", ("rgb", "depth", "semantic")), ("depth", ("depth",))):

            def render(size: int = size, sensors: tuple[str, ...] = sensors) -> object:
                return renderer.render(index, points, headings, 0.0, size, size, HFOV, sensors, threads=threads)

            rates[name] = frames_per_second(render, VIEWS)
        own = points[index == 0][:16]
        embree = embree_rate(houses[0], own, size)
        beside = "" if embree is None else f"embreex, depth and ids only: {embree:,.0f}"
        print(f"{size:>4} px  " + "  ".join(f"{name}: {rate:,.0f} frames/s" for name, rate in rates.items()), beside)


if __name__ == "__main__":
    main()
