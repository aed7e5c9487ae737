"""The rasteriser against an independent ray caster, and what a camera must obey."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.house import SENSOR_HEIGHT, House
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas

SEEDS = (0, 3, 7, 11)
HFOV = math.radians(90)
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def houses() -> list[House]:
    return [generate(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def renderer(houses: list[House]) -> Renderer:
    return Renderer(houses, texture_atlas())


def _poses(houses: Sequence[House], count: int, seed: int) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Return random cameras on the floors: house, position (metres), heading, elevation (radians)."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(houses), count)
    floors = [Floor.of(house) for house in houses]
    points = np.array([[*floors[i].sample(rng)[0], SENSOR_HEIGHT] for i in index])
    return index, points, rng.uniform(0, 2 * math.pi, count), rng.uniform(-0.6, 0.6, count)


def _cast(house: House, origin: Floats, rays: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Moller and Trumbore over all front faces: distance along each ray (inf: nothing) and triangle."""
    corners = house.mesh.vertices.astype(np.float64)[house.mesh.triangles]
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(ab, ac)
    best, which = np.full(len(rays), np.inf), np.full(len(rays), -1)
    for i, ray in enumerate(rays):
        facing = -(normal @ ray)
        front = facing > 1e-12
        to = origin - a[front]
        cross = np.cross(to, ray)
        u = np.einsum("ij,ij->i", ac[front], cross) / facing[front]
        v = -np.einsum("ij,ij->i", ab[front], cross) / facing[front]
        distance = np.einsum("ij,ij->i", to, normal[front]) / facing[front]
        hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (distance > 0.05)
        if hit.any():
            nearest = np.flatnonzero(hit)[np.argmin(distance[hit])]
            best[i], which[i] = distance[nearest], np.flatnonzero(front)[nearest]
    return best, which


def _rays(heading: float, elevation: float, size: int, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Floats:
    """Return rays through pixel centres with unit length along the optical axis."""
    forward = np.array(
        [math.cos(elevation) * math.sin(heading), math.cos(elevation) * math.cos(heading), math.sin(elevation)]
    )
    right = np.array([math.cos(heading), -math.sin(heading), 0.0])
    up = np.cross(right, forward)
    focal = size / 2 / math.tan(HFOV / 2)
    x, y = (columns + 0.5 - size / 2) / focal, (size / 2 - rows - 0.5) / focal
    rays: Floats = forward + x[:, None] * right + y[:, None] * up
    return rays


def test_depth_and_semantics_agree_with_a_ray_caster(houses: list[House], renderer: Renderer) -> None:
    """200 random poses; pixels whose neighbours show another object are edges and may differ by rounding."""
    size, errors, wrong, compared = 48, [], 0, 0
    index, points, headings, elevations = _poses(houses, 200, seed=1)
    views = renderer.render(index, points, headings, elevations, size, size, HFOV, ("depth", "semantic"))
    rng = np.random.default_rng(2)
    for k in range(len(index)):
        rows, columns = rng.integers(1, size - 1, (2, 24))
        rays = _rays(headings[k], elevations[k], size, rows, columns)
        depth, triangle = _cast(houses[index[k]], points[k], rays)
        semantic = views["semantic"][k]
        block = np.stack([semantic[rows + i, columns + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        inner = (block == block[0]).all(axis=0)
        expected = houses[index[k]].mesh.instances[triangle]
        wrong += int((semantic[rows, columns] != expected)[inner].sum())
        compared += int(inner.sum())
        errors += np.abs(views["depth"][k][rows, columns] - depth)[inner].tolist()
    assert compared > 3000
    assert wrong / compared < 1e-3
    assert np.median(errors) < 1e-4


def test_no_view_from_inside_looks_through_a_crack(houses: list[House], renderer: Renderer) -> None:
    index, points, headings, elevations = _poses(houses, 300, seed=3)
    views = renderer.render(index, points, headings, elevations, 64, 64, HFOV, ("depth", "semantic"))
    assert (views["semantic"] >= 0).all()
    assert (views["depth"] > 0).all()


def test_rooms_that_are_skipped_do_not_change_a_picture(houses: list[House], renderer: Renderer) -> None:
    everything = Renderer(houses, texture_atlas(), doors=False)
    index, points, headings, elevations = _poses(houses, 60, seed=4)
    fast = renderer.render(index, points, headings, elevations, 64, 48, HFOV)
    slow = everything.render(index, points, headings, elevations, 64, 48, HFOV)
    for name, pictures in fast.items():
        assert np.array_equal(pictures, slow[name]), name


def test_a_batch_is_its_views_one_by_one_whatever_the_threads(houses: list[House], renderer: Renderer) -> None:
    index, points, headings, elevations = _poses(houses, 9, seed=5)
    batch = renderer.render(index, points, headings, elevations, 40, 30, HFOV)
    threaded = renderer.render(index, points, headings, elevations, 40, 30, HFOV, threads=3)
    for k in range(9):
        single = renderer.render(int(index[k]), points[k : k + 1], headings[k], elevations[k], 40, 30, HFOV)
        for name, pictures in batch.items():
            assert np.array_equal(single[name][0], pictures[k]), name
            assert np.array_equal(threaded[name][k], pictures[k]), name


def test_sensors_asked_for_alone_are_the_same_and_arrays_are_used(houses: list[House], renderer: Renderer) -> None:
    index, points, headings, elevations = _poses(houses, 4, seed=6)
    together = renderer.render(index, points, headings, elevations, 32, 32, HFOV)
    for name, shape, kind in (("rgb", (4, 32, 32, 3), np.uint8), ("depth", (4, 32, 32), np.float32)):
        out = {name: np.empty(shape, kind)}
        alone = renderer.render(index, points, headings, elevations, 32, 32, HFOV, (name,), out=out)
        assert set(alone) == {name}
        assert alone[name] is out[name]
        assert np.array_equal(alone[name], together[name])


def test_a_panorama_is_its_36_views(houses: list[House], renderer: Renderer) -> None:
    _, points, _, _ = _poses(houses[:1], 2, seed=7)
    panorama = renderer.panorama(0, points, 32, 24, sensors=("rgb",))["rgb"]
    assert panorama.shape == (2, 36, 24, 32, 3)
    hfov = 2 * math.atan(math.tan(math.radians(30)) * 32 / 24)
    for view, (step, row) in ((0, (0, 0)), (14, (2, 1)), (35, (11, 2))):
        single = renderer.render(
            0, points[:1], math.radians(30 * step), math.radians(30 * (row - 1)), 32, 24, hfov, ("rgb",)
        )
        assert np.array_equal(panorama[0, view], single["rgb"][0])


def test_rooms_differ_in_colour_and_corners_are_readable(houses: list[House], renderer: Renderer) -> None:
    index, points, headings, _ = _poses(houses, 40, seed=8)
    rgb = renderer.render(index, points, headings, 0.0, 64, 64, HFOV, ("rgb",))["rgb"]
    assert 40 < rgb.mean() < 220
    assert np.mean([picture.std() for picture in rgb]) > 15


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 0}, "width and height must be whole numbers from 1"),
        ({"hfov": math.pi}, "hfov must be above 0 and below pi"),
        ({"sensors": ("thermal",)}, "thermal"),
        ({"headings": math.nan}, "not finite"),
        ({"positions": np.zeros((2, 2))}, "positions must have shape"),
        ({"house_index": 99}, "99"),
        ({"threads": 0}, "threads must be at least 1"),
    ],
)
def test_bad_cameras_are_one_sentence(renderer: Renderer, change: dict[str, object], said: str) -> None:
    camera = {
        "house_index": 0,
        "positions": np.array([[1.0, 1.0, 1.25]]),
        "headings": 0.0,
        "elevations": 0.0,
        "width": 8,
        "height": 8,
        "hfov": HFOV,
    }
    with pytest.raises(ValueError, match=said):
        renderer.render(**{**camera, **change})  # type: ignore[arg-type]
