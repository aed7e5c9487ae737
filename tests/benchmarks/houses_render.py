"""Frames per second of the houses' renderer, beside rivals that are installed: embreex ray casting and OpenGL.

`python -m tests.benchmarks.houses_render`; medians of 5, random poses. Rates of one core count processor time, so that
they are the same on a busy machine; rates of two threads and two processes count time on the clock.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.house import SENSOR_HEIGHT, House
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas
from tests.benchmarks.opengl import OpenGL, available

HOUSES, VIEWS, REPEATS, SIZES = 8, 256, 5, (64, 128, 224)
SEEDS, SMALL_TRIANGLES = range(64), 3640
"""Of the seeds, the small set takes the houses whose triangles come nearest to the number that targets were set for."""

HFOV = math.radians(90)
ALL, DEPTH = ("rgb", "depth", "semantic"), ("depth",)


class Views(NamedTuple):
    """Cameras in houses: index of each one's house (N,), positions (N, 3) in metres, headings (N,) in radians."""

    renderer: Renderer
    house: NDArray[np.int64]
    points: NDArray[np.float64]
    headings: NDArray[np.float64]


def random_views(houses: Sequence[House]) -> Views:
    """Return random poses on the houses' floors."""
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(houses), VIEWS)
    floors = [Floor.of(house) for house in houses]
    points = np.array([[*floors[i].sample(rng)[0], SENSOR_HEIGHT] for i in index])
    return Views(Renderer(houses, texture_atlas()), index, points, rng.uniform(0, 2 * math.pi, VIEWS))


def rate(run: Callable[[], object], frames: int, clock: Callable[[], float] = time.process_time) -> float:
    """Return the median of frames per second."""
    run()
    times = []
    for _ in range(REPEATS):
        start = clock()
        run()
        times.append(clock() - start)
    return frames / statistics.median(times)


def draw(views: Views, size: int, sensors: Sequence[str], threads: int = 1) -> Callable[[], object]:
    """Return what renders all views into arrays made before."""
    renderer, index, points, headings = views
    out = renderer.render(index, points, headings, 0.0, size, size, HFOV, sensors)
    return lambda: renderer.render(index, points, headings, 0.0, size, size, HFOV, sensors, out, threads)


def embree_rate(house: House, points: NDArray[np.float64], size: int) -> str:
    """Return frames/s of triangle ids by embreex, one view at a time."""
    if importlib.util.find_spec("embreex") is None or importlib.util.find_spec("trimesh") is None:
        return "not installed"
    trimesh = importlib.import_module("trimesh")
    mesh = trimesh.Trimesh(house.mesh.vertices, house.mesh.triangles, process=False)
    caster = importlib.import_module("trimesh.ray.ray_pyembree").RayMeshIntersector(mesh)
    across = (np.arange(size) + 0.5) / size * 2 - 1
    x, z = np.meshgrid(across, -across)
    rays = np.stack([x, np.ones_like(x), z], axis=-1).reshape(-1, 3)

    def cast() -> None:
        for point in points:
            caster.intersects_first(np.broadcast_to(point, rays.shape), rays)

    return f"{rate(cast, len(points)):,.0f}"


def opengl_rate(house: House, points: NDArray[np.float64], headings: NDArray[np.float64], size: int) -> str:
    """Return frames/s of all three sensors by OpenGL, one view at a time, and the driver's name."""
    if not available():
        return "moderngl not installed"
    try:
        rival = OpenGL(house, texture_atlas(), size)
    except Exception as error:  # moderngl raises bare ones
        return f"no driver ({error})"

    def run() -> None:
        for point, heading in zip(points, headings, strict=True):
            rival.draw(point, float(heading))

    rates = f"{rate(run, len(points)):,.0f} ({rival.driver})"
    rival.close()
    return rates


def _draw_between(views: Views, size: int, gates: Any, times: Any) -> None:
    """In a process: draw when the other one does, and say when it began and ended."""
    run = draw(views, size, ALL)
    for _ in range(REPEATS):
        gates.wait()
        start = time.perf_counter()
        run()
        times.put((start, time.perf_counter()))
        gates.wait()


def two_processes_rate(views: Views, size: int) -> float:
    """Return frames/s of two processes that share nothing: the most that two threads can reach on this machine."""
    context: Any = multiprocessing.get_context("fork")
    gates, times = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_draw_between, args=(views, size, gates, times)) for _ in range(2)]
    for process in processes:
        process.start()
    spans = sorted(times.get() for _ in range(2 * REPEATS))
    for process in processes:
        process.join()
    pairs = [spans[2 * k : 2 * k + 2] for k in range(REPEATS)]
    return 2 * VIEWS / float(statistics.median(max(end for _, end in pair) - pair[0][0] for pair in pairs))


def report(houses: Sequence[House]) -> None:
    """Print the rates in a set of houses."""
    views = random_views(houses)
    triangles = sum(len(house.mesh.triangles) for house in houses) / len(houses)
    print(f"{len(houses)} houses of {triangles:,.0f} triangles on average, frames/s")
    own = views.house == 0
    for size in SIZES:
        complete = draw(views, size, ALL)
        one, clock = rate(complete, VIEWS), rate(complete, VIEWS, time.perf_counter)
        two = rate(draw(views, size, ALL, 2), VIEWS, time.perf_counter)
        print(f"{size:>4} px, one core    rgb + depth + semantic: {one:,.0f}, depth: ", end="")
        print(f"{rate(draw(views, size, DEPTH), VIEWS):,.0f}")
        print(f"{'':>8} clock       one thread: {clock:,.0f}, two threads: {two:,.0f} (x {two / clock:.2f}), ", end="")
        print(f"two processes: {two_processes_rate(views, size):,.0f}", flush=True)
        print(f"{'':>8} rivals      OpenGL, all sensors: ", end="")
        print(opengl_rate(houses[0], views.points[own][:64], views.headings[own][:64], size), end="")
        print(f"; embreex, ids only: {embree_rate(houses[0], views.points[own][:16], size)}", flush=True)


def main() -> None:
    """Print the rates in average and in small houses."""
    report([generate(seed) for seed in range(HOUSES)])
    every = sorted((generate(seed) for seed in SEEDS), key=lambda h: abs(len(h.mesh.triangles) - SMALL_TRIANGLES))
    report(every[:HOUSES])


if __name__ == "__main__":
    main()
