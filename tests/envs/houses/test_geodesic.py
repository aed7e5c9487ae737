"""Geodesic distances against two slow measures, and what every distance obeys."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from envs.houses.floor import Floor, pack
from envs.houses.geodesic import Geodesic, distances, stack_goals
from tests.envs.houses.floors import (
    FLOORS,
    GEODESICS,
    SEEDS,
    brute_force,
    floors_and_positions,
    generated,
    length,
    unhurried,
)

Case = tuple[str, list[tuple[float, float]]]

# Grid points are joined if both keep CLEAR from the edge: then nothing between them is off the floor.
GRID, CLEAR = 0.02, 0.0142


def fine_grid(
    floor: Floor, sources: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return all grid points (N, 2), indices of some of them and the grid's distances (sources, N) from those."""
    left, bottom, right, top = floor.polygon.bounds
    xs, ys = np.arange(left, right, GRID), np.arange(bottom, top, GRID)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1)
    inner = floor.polygon.buffer(-CLEAR)
    shapely.prepare(inner)
    free = shapely.covers(inner, shapely.points(grid))
    number = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
    rows, columns, lengths = [], [], []
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        down, up = slice(max(0, -dy), len(ys) - max(0, dy)), slice(max(0, dy), len(ys) + min(0, dy))
        one, other = number[down, : len(xs) - dx], number[up, dx:]
        both = (one >= 0) & (other >= 0)
        rows.append(one[both])
        columns.append(other[both])
        lengths.append(np.full(both.sum(), GRID * math.hypot(dx, dy)))
    size = int(free.sum())
    graph = coo_array((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size))
    chosen = rng.choice(size, sources, replace=False)
    return grid[free], chosen, dijkstra(graph.tocsr(), directed=False, indices=chosen)


def check_against_fine_grid(floor: Floor, geodesic: Geodesic, sources: int) -> None:
    points, chosen, on_grid = fine_grid(floor, sources, np.random.default_rng(0))
    sample = np.random.default_rng(1).choice(len(points), 500)
    for source, grid_row in zip(chosen, on_grid, strict=True):
        exact = geodesic.distances(points[sample], points[source])
        grid = grid_row[sample]
        reached = np.isfinite(grid)
        assert np.isfinite(exact[reached]).all()
        assert (exact[reached] <= grid[reached] + 1e-9).all()
        bends = np.array([len(geodesic.path(point, points[source])) for point in points[sample]])
        # Eight directions lengthen a straight way by up to 8.24 %; a bend lies up to a few clearances off the corner.
        bound = 1.0824 * exact + 0.08 * bends
        assert (grid[reached] <= bound[reached]).all()


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_never_longer_than_a_fine_grid_and_within_its_error(name: str) -> None:
    check_against_fine_grid(FLOORS[name], GEODESICS[name], sources=4)


@pytest.mark.parametrize("seed", SEEDS)
def test_never_longer_than_a_fine_grid_in_a_generated_house(seed: int) -> None:
    geodesic = generated(seed)
    assert geodesic.floor.polygon.geom_type == "Polygon"
    check_against_fine_grid(geodesic.floor, geodesic, sources=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_is_a_metric_in_a_generated_house(seed: int) -> None:
    geodesic = generated(seed)
    points = geodesic.floor.sample(np.random.default_rng(seed), 40)
    table = np.array([geodesic.distances(points, point) for point in points])
    straight = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    assert np.isfinite(table).all()
    assert np.abs(table - table.T).max() < 1e-9
    assert (table >= straight - 1e-12).all()
    assert (table[:, None, :] <= table[:, :, None] + table[None, :, :] + 1e-8).all()


@unhurried
@given(case=floors_and_positions(2))
def test_agrees_with_brute_force(case: Case) -> None:
    name, (a, b) = case
    expected, found = brute_force(name, a, b), GEODESICS[name].distance(a, b)
    assert found == expected or abs(found - expected) < 1e-9


@unhurried
@given(case=floors_and_positions(3))
def test_is_a_metric(case: Case) -> None:
    name, (a, b, c) = case
    geodesic = GEODESICS[name]
    ab, bc, ac = geodesic.distance(a, b), geodesic.distance(b, c), geodesic.distance(a, c)
    assert geodesic.distance(a, a) == 0
    assert ab == geodesic.distance(b, a) or abs(ab - geodesic.distance(b, a)) < 1e-9
    assert ac <= ab + bc + 1e-8


@unhurried
@given(case=floors_and_positions(2))
def test_equals_the_straight_line_just_where_that_is_free(case: Case) -> None:
    name, (a, b) = case
    polygon, straight = FLOORS[name].polygon, math.dist(a, b)
    found = GEODESICS[name].distance(a, b)
    assert found >= straight - 1e-12
    if polygon.covers(shapely.LineString([a, b])):
        assert found == pytest.approx(straight, abs=1e-12)
    if not polygon.buffer(1e-4, join_style="mitre").covers(shapely.LineString([a, b])):
        assert found > straight


@unhurried
@given(case=floors_and_positions(2))
def test_the_path_is_as_long_as_the_distance_and_stays_on_the_floor(case: Case) -> None:
    name, (a, b) = case
    path, distance = GEODESICS[name].path(a, b), GEODESICS[name].distance(a, b)
    if distance == math.inf:
        assert path.shape == (0, 2)
        return
    assert tuple(path[0]) == a
    assert tuple(path[-1]) == b
    assert length(path) == pytest.approx(distance, abs=1e-9)
    assert FLOORS[name].polygon.buffer(1e-8, join_style="mitre").covers(shapely.LineString(path))


def test_no_way_is_infinitely_long() -> None:
    assert GEODESICS["islands"].distance((1, 1), (4, 1)) == math.inf
    assert GEODESICS["islands"].distance((1, 1), (1.5, 1.5)) == pytest.approx(math.sqrt(0.5))


def test_a_known_distance() -> None:
    corner = math.dist((3.5, 0.5), (1.4, 1.4)) + math.dist((1.4, 1.4), (0.5, 3.5))
    assert GEODESICS["l_shape"].distance((3.5, 0.5, 0.0), (0.5, 3.5, 0.0)) == pytest.approx(corner, abs=1e-12)


@unhurried
@given(case=floors_and_positions(4))
def test_of_several_points_the_nearest_counts(case: Case) -> None:
    name, (a, *goals) = case
    geodesic = GEODESICS[name]
    nearest = min(geodesic.distance(a, goal) for goal in goals)
    found = geodesic.distance(a, goals)
    assert found == nearest or abs(found - nearest) < 1e-9


def test_batches_over_floors_answer_as_single_queries() -> None:
    order = sorted(FLOORS)
    rng = np.random.default_rng(3)
    agents = 40
    where = rng.integers(0, len(order), agents)
    positions = np.array([FLOORS[order[f]].sample(rng, 1)[0] for f in where])
    targets = [FLOORS[order[f]].sample(rng, 1 + i % 3) for i, f in enumerate(where)]
    tables = [GEODESICS[order[floor]].goal(target) for floor, target in zip(where, targets, strict=True)]
    goals = stack_goals(tables, where.tolist())
    answer = np.empty(agents)
    distances(pack([FLOORS[name] for name in order]), goals, np.arange(agents), positions, answer)
    for agent, floor in enumerate(where):
        assert answer[agent] == GEODESICS[order[floor]].distance(positions[agent], targets[agent])


def test_goals_are_remembered_up_to_a_limit() -> None:
    geodesic = Geodesic(FLOORS["l_shape"])
    first = geodesic.goal((0.5, 0.5))
    assert geodesic.goal((0.5, 0.5)) is first
    for i in range(100):
        geodesic.goal((0.5, 0.5 + 0.01 * (i + 1)))
    assert geodesic.goal((0.5, 0.5)) is not first


@pytest.mark.parametrize("bad", [(3.0, 3.0), (math.nan, 0.0)])
def test_bad_positions_name_position_and_house(bad: tuple[float, float]) -> None:
    geodesic = GEODESICS["l_shape"]
    for start, goal in ((bad, (1.0, 1.0)), ((1.0, 1.0), bad)):
        with pytest.raises(ValueError, match=rf"^l_shape: position \({bad[0]:.3f}, {bad[1]:.3f}\) is "):
            geodesic.distance(start, goal)
