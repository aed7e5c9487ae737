"""Plain networkx scorer for R2R nav-graph predictions, independent of the project's own scorer.

It is written the way a researcher would write it (json, networkx all-pairs Dijkstra, a loop over the predictions) and
shares no code with the package, so that it can serve as a differential oracle and as a speed baseline.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx  # type: ignore[import-untyped, unused-ignore]
import numpy as np

SUCCESS_RADIUS = 3.0
METRICS = ("tl", "ne", "osr", "sr", "spl", "spl_path", "ndtw", "sdtw", "cls")

Distances = Mapping[str, Mapping[str, float]]


def load_graph(connectivity_file: Path) -> nx.Graph[str]:
    """Load the navigation graph of one scan.

    Args:
        connectivity_file: The `{scan}_connectivity.json` file.

    Returns:
        Graph over the included viewpoints, with 3-D Euclidean edge weights in metres.
    """
    items = json.loads(connectivity_file.read_text(encoding="utf-8"))
    positions = [np.array([item["pose"][3], item["pose"][7], item["pose"][11]]) for item in items]
    graph: nx.Graph[str] = nx.Graph()
    for i, item in enumerate(items):
        if not item["included"]:
            continue
        graph.add_node(item["image_id"])
        for j, unobstructed in enumerate(item["unobstructed"]):
            if unobstructed and items[j]["included"]:
                weight = float(np.linalg.norm(positions[i] - positions[j]))
                graph.add_edge(item["image_id"], items[j]["image_id"], weight=weight)
    return graph


class QueriedDistances(dict[str, "QueriedDistances.Row"]):
    """`distances[a][b]` as one `nx.dijkstra_path_length` each: what a quick script does, without a table.

    Args:
        graph: The scan's graph.
    """

    class Row(dict[str, float]):
        """Distances from one viewpoint."""

        def __init__(self, graph: nx.Graph[str], origin: str) -> None:
            self._graph, self._origin = graph, origin

        def __missing__(self, target: str) -> float:
            return float(nx.dijkstra_path_length(self._graph, self._origin, target))

    def __init__(self, graph: nx.Graph[str]) -> None:
        self._graph = graph

    def __missing__(self, origin: str) -> QueriedDistances.Row:
        return QueriedDistances.Row(self._graph, origin)


def path_length(dist: Distances, nodes: list[str]) -> float:
    """Sum the graph distances between consecutive nodes.

    Args:
        dist: All-pairs shortest distances of the scan.
        nodes: Viewpoint ids in order.

    Returns:
        Length in metres, 0 for a single node.
    """
    return float(sum(dist[a][b] for a, b in pairwise(nodes)))


def dtw(dist: Distances, prediction: list[str], reference: list[str]) -> float:
    """Compute dynamic time warping over graph distances, with the full matrix.

    Args:
        dist: All-pairs shortest distances of the scan.
        prediction: Predicted viewpoint ids.
        reference: Reference viewpoint ids.

    Returns:
        Accumulated cost of the best alignment.
    """
    matrix = np.full((len(prediction) + 1, len(reference) + 1), np.inf)
    matrix[0, 0] = 0.0
    for i, p in enumerate(prediction, start=1):
        for j, r in enumerate(reference, start=1):
            best = min(matrix[i - 1, j], matrix[i, j - 1], matrix[i - 1, j - 1])
            matrix[i, j] = dist[p][r] + best
    return float(matrix[len(prediction), len(reference)])


def score_episode(dist: Distances, prediction: list[str], reference: list[str]) -> dict[str, float]:
    """Score one predicted path against its reference path.

    Args:
        dist: All-pairs shortest distances of the scan.
        prediction: Predicted viewpoint ids, the first being the start.
        reference: Annotated viewpoint ids, the last being the goal.

    Returns:
        Value of each metric in `METRICS`.
    """
    start, goal = reference[0], reference[-1]
    tl = path_length(dist, prediction)
    reference_length = path_length(dist, reference)
    shortest = dist[start][goal]

    ne = dist[prediction[-1]][goal]
    sr = float(ne < SUCCESS_RADIUS)
    osr = float(min(dist[node][goal] for node in prediction) < SUCCESS_RADIUS)

    longest = max(shortest, tl)
    spl = sr * shortest / longest if longest > 0 else sr
    longest_path = max(reference_length, tl)
    spl_path = sr * reference_length / longest_path if longest_path > 0 else sr

    distinct = [node for i, node in enumerate(prediction) if i == 0 or node != prediction[i - 1]]
    ndtw = math.exp(-dtw(dist, distinct, reference) / (len(reference) * SUCCESS_RADIUS))

    coverage = [math.exp(-min(dist[r][p] for p in prediction) / SUCCESS_RADIUS) for r in reference]
    pc = sum(coverage) / len(coverage)
    epl = pc * reference_length
    denominator = epl + abs(epl - tl)
    ls = epl / denominator if denominator > 0 else 1.0

    return {
        "tl": tl,
        "ne": ne,
        "osr": osr,
        "sr": sr,
        "spl": spl,
        "spl_path": spl_path,
        "ndtw": ndtw,
        "sdtw": sr * ndtw,
        "cls": pc * ls,
    }


def score(predictions_file: Path, data_dir: Path, split: str, table: bool = True) -> dict[str, Any]:
    """Score a predictions file on one R2R split.

    Every prediction in the file is scored; ids of the split that the file lacks are left out of the means (see `n`).

    Args:
        predictions_file: JSON list of `{"instr_id", "trajectory": [[viewpoint, heading, elevation], ...]}`.
        data_dir: Folder that holds `r2r/R2R_{split}.json` and `r2r/connectivity/`.
        split: Name of an annotated split, such as `val_unseen`.
        table: Compute all distances of a scan first, as the official script does, or ask networkx for each one.

    Returns:
        `n`, the mean `metrics`, and the metrics of each instruction under `episodes`.

    Raises:
        ValueError: If the file is empty, repeats an instruction, starts a path elsewhere than the episode does, or
            names an instruction that is not in the split.
    """
    r2r = Path(data_dir) / "r2r"
    annotations: dict[str, tuple[str, list[str]]] = {}
    for item in json.loads((r2r / f"R2R_{split}.json").read_text(encoding="utf-8")):
        for i in range(len(item["instructions"])):
            annotations[f"{item['path_id']}_{i}"] = (item["scan"], item["path"])

    distances: dict[str, Distances] = {}
    for scan in sorted({scan for scan, _ in annotations.values()}):
        graph = load_graph(r2r / "connectivity" / f"{scan}_connectivity.json")
        distances[scan] = dict(nx.all_pairs_dijkstra_path_length(graph)) if table else QueriedDistances(graph)

    episodes: dict[str, dict[str, float]] = {}
    for prediction in json.loads(Path(predictions_file).read_text(encoding="utf-8")):
        instr_id = prediction["instr_id"]
        if instr_id not in annotations:
            raise ValueError(f"instruction {instr_id} is not in split {split}")
        if instr_id in episodes:
            raise ValueError(f"instruction {instr_id} is predicted twice")
        scan, reference = annotations[instr_id]
        nodes = [step[0] for step in prediction["trajectory"]]
        if not nodes or nodes[0] != reference[0]:
            raise ValueError(f"instruction {instr_id}: the trajectory does not begin at the start viewpoint")
        episodes[instr_id] = score_episode(distances[scan], nodes, reference)
    if not episodes:
        raise ValueError("the predictions file is empty")

    metrics = {name: float(np.mean([episode[name] for episode in episodes.values()])) for name in METRICS}
    return {"n": len(episodes), "metrics": metrics, "episodes": episodes}


def main() -> None:
    """Print the number of predictions and the mean metrics as JSON."""
    parser = argparse.ArgumentParser(description="Score R2R nav-graph predictions with plain networkx.")
    parser.add_argument("predictions", type=Path, help="predictions JSON file")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds r2r/")
    parser.add_argument("--split", default="val_unseen", help="annotated split (default: %(default)s)")
    args = parser.parse_args()
    result = score(args.predictions, args.data_dir, args.split)
    print(json.dumps({"n": result["n"], "metrics": result["metrics"]}, indent=2))


if __name__ == "__main__":
    main()
