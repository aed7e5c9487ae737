"""One episode's trace as an HTML page, with the pictures that the model was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from eval.run_directory import RunDirectory
from navagent.errors import RunError

_PICTURES = '"images": [{'
"""What a trace holds of every message with pictures, and of no other text: quotes inside texts are escaped."""

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1c1e21; }}
pre {{ background: #f5f6f7; padding: .6rem; overflow: auto; white-space: pre-wrap; }}
figure {{ display: inline-block; margin: .3rem; width: 16rem; vertical-align: top; }} img {{ width: 100%; }}
figcaption {{ font-size: .85rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
</style>
<h1>{title}</h1>
"""


def write_trace_page(directory: RunDirectory, episode_id: str) -> str | None:
    """Write the page of an episode whose model was sent pictures; return its name in the run's folder, else None.

    Everything that came from the world or from a model is escaped.

    Raises:
        RunError: The trace is damaged, or the page cannot be written.
    """
    trace = directory.path / directory.trace_name(episode_id)
    text = trace.read_text(encoding="utf-8") if trace.exists() else ""
    if _PICTURES not in text:
        return None
    try:
        episode, *steps = [json.loads(line) for line in text.split("\n")[:-1]]
        page = "".join(_page(episode, steps))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{trace} is damaged ({error!r}): delete it, then write the report again.") from error
    name = str(Path(directory.trace_name(episode_id)).with_suffix(".html"))
    directory.write(name, page)
    return name


def _page(episode: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> Iterator[str]:
    yield _HEAD.format(title=escape(f"{episode['episode_id']} in {episode['scene']}"))
    yield f"<p>{escape(episode['instruction'])}</p>"
    if episode["error"]:
        yield f"<p>It broke: {escape(episode['error'])}</p>"
    for step in steps:
        yield f"<h2>{escape(_title(step))}</h2><p>{escape(step['thought'] or '')}</p>"
        for call in step["calls"]:
            yield from _call(call)


def _title(step: Mapping[str, Any]) -> str:
    action = step["action"]
    return f"{step['step']}. {step['viewpoint'] or ''}: {action['type']} {action.get('candidate_id', '')}"


def _call(call: Mapping[str, Any]) -> Iterator[str]:
    for message in call["messages"]:
        yield from (_figure(image) for image in message.get("images", ()))
    yield f"<details><summary>{escape(call['purpose'])}</summary>"
    for message in call["messages"]:
        yield f"<p>{escape(message['role'])}</p><pre>{escape(message['content'])}</pre>"
    yield "".join(f"<p>reply</p><pre>{escape(text)}</pre>" for text in call["reply"]["texts"]) + "</details>"


def _figure(image: Mapping[str, Any]) -> str:
    source = escape(f"../{RunDirectory.image_name(image['sha256'], image['media_type'])}")
    label = escape(image["label"])
    return f'<figure><img src="{source}" alt="{label}" loading="lazy"><figcaption>{label}</figcaption></figure>'
