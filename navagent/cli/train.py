"""`navagent train`: PPO or imitation on this machine, on several workers (DD-PPO) or a Ray cluster."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import PositiveInt
from rich.progress import Progress, TextColumn

from eval.run_directory import RunDirectory
from navagent.cli.options import parse
from navagent.cli.plugins import import_named
from navagent.current_folder import open_current_folder
from navagent.errors import ConfigError
from navagent.train.config import TrainConfig
from policies.vlm.architecture import VLMNetwork  # noqa: F401 (so that its name alone is known)

DESCRIPTION = (
    "Train a policy by PPO, with --workers by DD-PPO, or by imitation of an oracle. The same command resumes a "
    "training that was stopped. --training.network.help CLASS lists a network's options."
)

INTERRUPTED = 130

_FREE = ("steps", "save_seconds", "keep", "threads", "device", "evaluate_steps", "evaluate_options")
"""What may differ when a training goes on; all else makes another training."""

_KEPT = ("checkpoints/*/*.pt", "*.pt", "*.safetensors", "episodes.jsonl")
"""What no other training may spoil; a folder without any is left from a command that failed before it began."""


def run(arguments: Sequence[str]) -> int:
    """Run `navagent train` and return its exit code."""
    _require_torch()
    open_current_folder()
    import_named(arguments)
    parser = _parser()
    options = parse(parser, arguments)
    config = _config(parser.instantiate(options).training)
    if options.min_workers is not None and options.min_workers > options.workers:
        raise ConfigError(f"--min-workers ({options.min_workers}) is more than --workers ({options.workers}).")
    folder = Path(options.runs_dir) / (options.name or f"train-{config.env.split('/')[-1]}-{config.seed}")
    directory = RunDirectory(folder)
    shown = yaml.safe_load(parser.dump(options, skip_none=False))
    identity = {name: value for name, value in shown["training"].items() if name not in _FREE}
    with directory.writing():
        begun = any(any(folder.glob(pattern)) for pattern in _KEPT)
        directory.claim(
            shown, identity, begun, "choose another --name, or delete that folder and what was learned there"
        )
        learned = sorted(folder.glob("*.safetensors"))
        if learned and not any(folder.glob("checkpoints/*/*.pt")):
            raise ConfigError(
                f"{folder} holds weights and no checkpoints to go on from, so this would begin anew and replace them: "
                f"choose another --name (and --training.start_from {learned[-1]}), or delete that folder."
            )
        command = shlex.join(["navagent", "train", *arguments])
        if options.workers == 1 and options.ray_address is None:
            finished = _alone(config, folder, command)
        else:
            finished = _together(config, folder, options, command)
    if told := _evaluation(folder / "progress.csv"):
        print(told)
    print(f"Run directory: {folder}")
    if not finished:
        print("Saved. The same command goes on from there.")
        return INTERRUPTED
    return 0


def _config(built: TrainConfig) -> TrainConfig:
    config = replace(built, env_options=dict(built.env_options), evaluate_options=dict(built.evaluate_options))
    config.check()
    return config


def _evaluation(progress: Path) -> str | None:
    """Return what the newest evaluation found, in a line; None if there was none."""
    if not progress.is_file():
        return None
    with progress.open(newline="") as stream:
        rows = [(row["steps"], _evaluated(row)) for row in csv.DictReader(stream)]
    steps, found = next((row for row in reversed(rows) if row[1]), ("", {}))
    shown = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
    return f"Evaluation after {int(float(steps)):,} steps: {shown}" if found else None


def _evaluated(row: Mapping[str, str]) -> dict[str, float]:
    """Return the evaluation's figures in a row of `progress.csv`."""
    prefix = "evaluation_"
    return {name.removeprefix(prefix): float(text) for name, text in row.items() if name.startswith(prefix) and text}


def _alone(config: TrainConfig, folder: Path, command: str) -> bool:
    """Train in this process."""
    kinds = importlib.import_module("navagent.train.kinds")
    group = importlib.import_module("navagent.train.group").Alone()
    with _stop_asked() as asked, _progress(config) as show:
        return bool(kinds.new_trainer(config, group, folder, command).run(asked.is_set, show))


def _together(config: TrainConfig, folder: Path, options: Namespace, command: str) -> bool:
    """Train on Ray's workers; a signal is passed on by a file that they look for."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("Several workers need Ray: pip install 'navagent[train]'.")
    cluster = importlib.import_module("navagent.train.cluster")
    stop = folder / cluster.STOP_FILE
    stop.unlink(missing_ok=True)
    listening = _stop_asked(stop.touch)
    cluster.train(config, folder, options.workers, options.ray_address, options.min_workers, command, listening)
    stopped = stop.exists()
    stop.unlink(missing_ok=True)
    return not stopped


@contextmanager
def _stop_asked(also: Any = None) -> Iterator[threading.Event]:
    """Turn ctrl-C, SIGTERM and SIGUSR1 (a scheduler's warning) into a wish that is met after the update."""
    asked = threading.Event()

    def hear(*_: object) -> None:
        asked.set()
        if also is not None:
            also()

    before = {sign: signal.signal(sign, hear) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield asked
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def _progress(config: TrainConfig) -> Iterator[Any]:
    """Show a line with the newest figures."""
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("training", total=config.steps, told="")

        def show(row: Mapping[str, float]) -> None:
            told = f"{row['steps_per_second']:,.0f} steps/s"
            if "success" in row:
                told += f"  return {row['return']:.2f}  SR {100 * row['success']:.0f}  SPL {100 * row['spl']:.0f}"
            progress.update(task, completed=row["steps"], told=told)

        yield show


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("Training needs PyTorch: pip install torch==2.13.0, then pip install 'navagent[train]'.")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="navagent train", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("--config", action="config", help="a YAML file with any of these options; options after it win")
    parser.add_argument("--training", type=TrainConfig, required=True, help="the training")
    parser.add_argument("--workers", type=PositiveInt, default=1, help="processes that collect and learn")
    parser.add_argument(
        "--min-workers",
        type=PositiveInt | None,
        help="go on with so few when nodes of the cluster are lost (default: wait for all)",
    )
    parser.add_argument(
        "--ray-address", type=str | None, help="a Ray cluster's address, or auto (default: this machine)"
    )
    parser.add_argument("--name", type=str | None, help="the run's folder under --runs-dir")
    parser.add_argument("--runs-dir", type=str, default="runs", help="where the folders of runs lie")
    return parser
