"""DD-PPO (Wijmans et al. 2019): a training on several workers, placed and restarted by Ray Train.

Every worker has environments and a learner of its own; torch.distributed averages their gradients. A worker that dies
takes the others with it, and Ray starts all of them again from their newest common checkpoints.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray import cloudpickle
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from navagent.current_folder import open_current_folder
from navagent.errors import ConfigError, NavAgentError, RunError, first_line
from navagent.ray_cluster import LOCAL, connected
from navagent.train.config import TrainConfig
from navagent.train.group import Together
from navagent.train.kinds import new_trainer

STOP_FILE = "stop"
"""Where this file is in a run's folder, all workers save and end."""

RESTARTS = 10
"""Failures of workers that a training outlives."""


def train(
    config: TrainConfig,
    folder: Path,
    workers: int,
    address: str | None,
    least: int | None = None,
    command: str = "",
    listening: AbstractContextManager[object] | None = None,
) -> None:
    """Train on several workers until all steps are done, or until there is a `STOP_FILE`.

    Args:
        config: The training.
        folder: The run's folder; on a cluster, one that all nodes see.
        workers: How many.
        address: Of a running Ray cluster ("auto" finds it); None starts one on this machine.
        least: With how many workers it goes on when nodes are lost; more join again as soon as there is room. None
            waits for all.
        command: What was typed, for the cards of weights files.
        listening: Takes over the process's signals; entered once Ray, which takes them, too, is there.

    Raises:
        ConfigError: The cluster cannot be reached or has not enough processors.
        RunError: Workers failed too often.
    """
    with connected(address or LOCAL, workers), listening or nullcontext():
        needed, there = least or workers, int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
        if there < needed:
            raise ConfigError(f"{needed} workers need {needed} processors, and the Ray cluster has {there}.")
        trainer = TorchTrainer(
            _work,
            train_loop_config={
                # Bytes, as a network of the user's is known to workers only once they have opened its folder.
                "config": cloudpickle.dumps(config),  # type: ignore[no-untyped-call]
                "folder": str(folder.resolve()),
                "command": command,
                "current": str(Path.cwd()),
            },
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if config.device.startswith("cuda") else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=workers if least is None else (least, workers),  # type: ignore[arg-type]
                use_gpu=config.device.startswith("cuda"),
            ),
            run_config=RunConfig(
                name="ray",
                storage_path=str(folder.resolve()),
                failure_config=FailureConfig(max_failures=RESTARTS),
            ),
        )
        try:
            # In the main thread, Ray Train would answer ctrl-C by itself, and lose what is not saved.
            with ThreadPoolExecutor(1) as aside:
                aside.submit(trainer.fit).result()
        except Exception as error:
            cause = _cause(error)
            if isinstance(cause, NavAgentError):
                raise cause from error
            raise RunError(
                f"The training failed ({first_line(cause)}): the same command goes on from there."
            ) from error


def _work(options: dict[str, Any]) -> None:
    """Be a worker."""
    folder, current = Path(options["folder"]), Path(options["current"])
    if current.is_dir():  # what the configuration names may lie relative to it
        os.chdir(current)
        open_current_folder()
    trainer = new_trainer(cloudpickle.loads(options["config"]), Together(), folder, options["command"])
    trainer.run(stopping=(folder / STOP_FILE).exists)


def _cause(error: BaseException) -> BaseException:
    """Return what a worker raised, under Ray's wrapping."""
    failures = getattr(error, "worker_failures", None)
    if failures:
        return _cause(next(iter(failures.values())))
    cause = getattr(error, "cause", None) or error.__cause__
    return _cause(cause) if isinstance(cause, BaseException) and cause is not error else error
