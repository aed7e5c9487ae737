"""A run as one HTML page: scores, published numbers beside them, every episode with its trace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import yaml

from eval.rules import DISTANCES_IN_METRES
from eval.run_directory import RunDirectory
from eval.tables import TITLES, heading, notes, show
from eval.trace_page import write_trace_page

_HERE = Path(__file__).parent
_PUBLISHED_COLUMNS = ("tl", "ne", "osr", "sr", "spl")


def write_report(directory: RunDirectory) -> Path:
    """Write `report.html` from the summary and the results, and a page per episode with pictures; return its path.

    Everything that came from the world or from a model is escaped; the page loads nothing from elsewhere.

    Raises:
        RunError: The run has no summary yet.
    """
    summary = directory.load_summary()
    title = heading(summary)
    page = Template((_HERE / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        episodes_played=f"{summary['n']:,} of {summary['expected']:,}",
        notes="".join(f"<p class=note>{escape(note)}</p>" for note in notes(summary)),
        metrics=_metrics(summary),
        published=_published(summary, title),
        data=_episode_data(directory),
        details=escape(yaml.safe_dump({key: summary[key] for key in _DETAILS}, sort_keys=False)),
    )
    return directory.write("report.html", page)


_DETAILS = ("rules", "interval", "fingerprints", "versions", "usage", "config")


def _metrics(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, value in summary["metrics"].items():
        low, high = summary["ci95"][name]
        cells = (TITLES.get(name, name).strip(), show(name, value), f"{show(name, low)} to {show(name, high)}")
        rows.append(_row(cells))
    return "".join(rows)


def _published(summary: Mapping[str, Any], title: str) -> str:
    """Return the table of published results if the run is of a whole split that has one."""
    table = yaml.safe_load((_HERE / "published.yaml").read_text(encoding="utf-8"))
    rows = table.get(f"{summary['rules']} {summary['dataset']} {summary['n']}")
    if rows is None or not summary["complete"]:
        return ""
    scale = {name: 1 if name in DISTANCES_IN_METRES else 100 for name in _PUBLISHED_COLUMNS}
    mine = {name: round(summary["metrics"][name] * scale[name], 2) for name in _PUBLISHED_COLUMNS}
    everyone = [{"method": "this run", "source": title, **mine}, *rows]
    body = "".join(
        _row([_method(entry), *(_number(entry[name]) for name in _PUBLISHED_COLUMNS), entry["source"]])
        for entry in everyone
    )
    head = _row(["method", *(name.upper() for name in _PUBLISHED_COLUMNS), "source"], "th")
    return f"<h2>Beside published results on the same split</h2><table>{head}{body}</table>"


def _method(entry: Mapping[str, Any]) -> str:
    return f"{entry['method']}{' (zero-shot)' if entry.get('zero_shot') else ''}"


def _number(value: float | None) -> str:
    """Return a number with the digits that its source gives."""
    return "-" if value is None else f"{value:g}"


def _row(cells: Sequence[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _episode_data(directory: RunDirectory) -> str:
    """Return the episodes as JSON that is safe inside a script element."""
    with_pictures = (directory.path / "images").is_dir()  # else no trace needs to be read
    rows = [
        {
            "id": result.episode_id,
            "scene": result.scene,
            "instruction": result.instruction,
            "metrics": {name: round(value, 4) for name, value in result.metrics.items()},
            "decisions": result.decisions,
            "fallbacks": result.fallbacks,
            "cost": result.usage.cost_usd,
            "error": result.error,
            "trace": directory.trace_name(result.episode_id),
            "page": write_trace_page(directory, result.episode_id) if with_pictures else None,
        }
        for result in sorted(directory.results(), key=lambda result: result.episode_id)
    ]
    return json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c")
