"""The command line: navagent eval, train, score, report and what else `COMMANDS` lists."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from navagent import __version__
from navagent.errors import ConfigError, NavAgentError

COMMANDS = {
    "eval": ("navagent.cli.evaluate", "play and score a policy on an environment's episodes"),
    "score": ("navagent.cli.score", "score anyone's R2R submission file"),
    "report": ("navagent.cli.report", "write a run's report.html anew"),
    "table": ("navagent.cli.table", "print runs side by side, a row each"),
    "compare": ("navagent.cli.compare", "compare two runs episode by episode"),
    "train": ("navagent.cli.train", "train a policy by PPO or imitation, on one machine or a Ray cluster"),
    "perceive": ("navagent.cli.perceive", "let vision models describe every viewpoint, ahead of time"),
    "decompose": ("navagent.cli.decompose", "measure how well a chat model takes instructions apart into sub-tasks"),
    "houses": ("navagent.cli.houses", "make a data set of procedural houses, draw one, or export them"),
    "doctor": ("navagent.cli.doctor", "say what is installed, which data was found, and how to get the rest"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 a user's mistake, 3 stopped early, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="navagent",
        description="Run, score and train vision-and-language navigation agents.",
        epilog="`navagent COMMAND --help` tells more.",
    )
    parser.add_argument("--version", action="version", version=f"navagent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    asked = list(sys.argv[1:] if arguments is None else arguments)
    # Each command's module is imported only when it is asked for, so that --help stays quick.
    chosen = parser.parse_args(asked[:1])
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line(chosen.command, warnings.showwarning)
            return int(_command(chosen.command)(asked[1:]))
    except NavAgentError as error:
        print(f"navagent {chosen.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"navagent {chosen.command}: interrupted; the same command begins again.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = error.filename or "the output"
        print(f"navagent {chosen.command}: {place}: {error.strerror}.", file=sys.stderr)
        return 2


def _one_line(command: str, otherwise: Callable[..., None]) -> Callable[..., None]:
    """Return how a warning is shown: what a user can mend as one line, others as Python shows them."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if category is UserWarning:
            print(f"navagent {command}: {message}", file=sys.stderr)
        else:
            otherwise(message, category, *place, **more)

    return show


def _command(name: str) -> Callable[[Sequence[str]], int]:
    """Return a command's function.

    Raises:
        ConfigError: It needs a package that is not installed.
    """
    try:
        run: Callable[[Sequence[str]], int] = importlib.import_module(COMMANDS[name][0]).run
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this needs the package {error.name}, which is not installed: `navagent doctor` says how to get it."
        ) from error
    return run
