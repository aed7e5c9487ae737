"""DD-PPO (Wijmans et al. 2019): a training on several workers, placed and restarted by Ray Train.

Every worker has environments and a learner of its own; torch.distributed averages their gradients. A worker that dies
takes the others with it, and Ray starts all of them again from their newest common checkpoints.
"""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from navagent.errors import ConfigError, NavAgentError, RunError
from navagent.train.config import TrainConfig
from navagent.train.group import Together
from navagent.train.trainer import Trainer, first_line

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

    Raises:
        ConfigError: The cluster cannot be reached or has not enough processors.
        RunError: Workers failed too often.
    """
    _connect(address, workers)
    try:
        needed, there = least or workers, int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
        if there < needed:
            raise ConfigError(f"{needed} workers need {needed} processors, and the Ray cluster has {there}.")
        trainer = TorchTrainer(
            _work,
            train_loop_config={"config": config, "folder": str(folder.resolve()), "command": command},
            torch_config=TorchConfig(backend="nccl" if config.device.startswith("cuda") else "gloo"),
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
            trainer.fit()
        except Exception as error:
            cause = _cause(error)
            if isinstance(cause, NavAgentError):
                raise cause from error
            raise RunError(
                f"The training failed ({first_line(cause)}): the same command goes on from there."
            ) from error
    finally:
        ray.shutdown()


def _connect(address: str | None, workers: int) -> None:
    # A worker imports us from where we are, installed or not.
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    options: dict[str, Any] = {"runtime_env": {"env_vars": {"PYTHONPATH": paths}}, "log_to_driver": False}
    try:
        if address is not None and address != "auto":
            _check_reachable(address)
        if address is None:
            ray.init(address="local", num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR, **options)
        else:
            ray.init(address=address, logging_level=logging.ERROR, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"The Ray cluster at '{address}' cannot be reached ({first_line(error)}): start one with `ray start "
            "--head`, or leave --ray-address out."
        ) from error


def _check_reachable(address: str) -> None:
    """Raise OSError or ValueError unless somebody listens there: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("it must be host:port or auto")
    with socket.create_connection((host, int(port)), timeout=10):
        pass


def _work(options: dict[str, Any]) -> None:
    """Be a worker."""
    folder = Path(options["folder"])
    Trainer(options["config"], Together(), folder, options["command"]).run(stopping=(folder / STOP_FILE).exists)


def _cause(error: BaseException) -> BaseException:
    """Return what a worker raised, under Ray's wrapping."""
    failures = getattr(error, "worker_failures", None)
    if failures:
        return _cause(next(iter(failures.values())))
    cause = getattr(error, "cause", None) or error.__cause__
    return _cause(cause) if isinstance(cause, BaseException) and cause is not error else error
