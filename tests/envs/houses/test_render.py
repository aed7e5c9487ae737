"""The rasteriser against an independent ray caster, and what a camera must obey."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.houses.floor import Floor
from envs.houses.generate import generate
from envs.houses.house import SENSOR_HEIGHT, House, Mesh
from envs.houses.render import Renderer
from envs.houses.textures import texture_atlas
from tests.envs.houses.caster import Caster, rays_through

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


def test_depth_and_semantics_agree_with_a_ray_caster() -> None:
    """200 random poses in 20 houses, 1,000 random pixels each; edges count as well, a pixel is what its centre is."""
    size, errors, wrong = 64, [], 0
    houses = [generate(seed) for seed in range(20)]
    casters = [Caster(house) for house in houses]
    index, points, headings, elevations = _poses(houses, 200, seed=1)
    views = Renderer(houses, texture_atlas()).render(
        index, points, headings, elevations, size, size, HFOV, ("depth", "semantic")
    )
    rng = np.random.default_rng(2)
    for k, house in enumerate(index):
        rows, columns = rng.integers(0, size, (2, 1000))
        rays = rays_through(headings[k], elevations[k], size, HFOV, rows + 0.5, columns + 0.5)
        depth, triangle = casters[house].cast(points[k], rays)
        assert (triangle >= 0).all()
        wrong += int((views["semantic"][k, rows, columns] != houses[house].mesh.instances[triangle]).sum())
        errors.append(np.abs(views["depth"][k, rows, columns] - depth))
    assert len(errors) == 200
    assert wrong / 200_000 < 1e-4
    assert np.median(errors) < 1e-6
    assert np.quantile(errors, 0.9999) < 1e-4


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


def test_a_house_with_more_polygons_than_a_picture_tells_apart_is_refused(houses: list[House]) -> None:
    mesh, copies = houses[0].mesh, 20
    crowd = Mesh(
        np.concatenate([mesh.vertices + np.float32(k) for k in range(copies)]),
        np.concatenate([mesh.triangles + np.int32(k * len(mesh.vertices)) for k in range(copies)]),
        np.tile(mesh.uvs, (copies, 1, 1)),
        np.tile(mesh.materials, copies),
        np.concatenate([mesh.instances + np.int32(k * len(houses[0].objects)) for k in range(copies)]),
        np.tile(mesh.rooms, copies),
    )
    with pytest.raises(ValueError, match="the renderer can tell 65,535 apart"):
        Renderer([dataclasses.replace(houses[0], mesh=crowd)], texture_atlas())
