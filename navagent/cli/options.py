"""The options of `navagent eval`: a typed schema from constructors, by jsonargparse."""

from __future__ import annotations

from collections.abc import Sequence

import jsonargparse
from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from eval.metrics import Metric
from navagent.cli.explain import explain
from navagent.contracts import Env, Policy
from navagent.errors import ConfigError

DESCRIPTION = (
    "Play a policy on an environment's episodes and score it. The same command resumes an interrupted run. Policies, "
    "environments, chat models and describers are class paths: a short name of ours (NavGPT, R2R, OpenAIChat, "
    "NavGPTTexts) or module.Class of yours, importable from the current folder. Their options are their constructor's "
    "arguments (--policy.llm.model gpt-4o); --policy.help CLASS lists them."
)


def make_parser() -> ArgumentParser:
    """Return the parser of `navagent eval`."""
    parser = ArgumentParser(prog="navagent eval", description=DESCRIPTION, exit_on_error=False)
    add = parser.add_argument
    add("--config", action="config", help="a YAML file with any of these options; options after it win")
    add("--env", type=Env, required=True, help="the environment, as R2R")
    add("--policy", type=Policy, required=True, help="the policy, as NavGPT or my_file.MyPlanner")
    add(
        "--episodes", type=PositiveInt | None, help="play a random sample of so many, spread over scenes (default: all)"
    )
    add("--seed", type=NonNegativeInt, default=0, help="seed of the sample and of the order of play")
    add("--workers", type=PositiveInt, default=8, help="episodes played at once, each by a thread or a Ray actor")
    add(
        "--ray-address",
        type=str | None,
        help="play on a Ray cluster: its address, auto for the one of this machine, or local to start one here",
    )
    add(
        "--worker-cpus",
        type=PositiveFloat | None,
        help="CPUs of the Ray cluster that a worker takes, as 0.25 (default: 1, or an equal part where they are fewer)",
    )
    add("--worker-gpus", type=NonNegativeFloat, default=0, help="GPUs that a worker takes, as 0.25; it sees no others")
    add("--name", type=str | None, help="the run's folder under --runs-dir (default: made from the options)")
    add("--runs-dir", type=str, default="runs", help="where the folders of runs lie")
    add(
        "--budget-usd",
        type=NonNegativeFloat | None,
        help="US dollars that the run may cost in all, resumed parts included",
    )
    add("--prices", type=str | None, help="YAML file of model prices, beside and before the built-in ones")
    add("--cache", type=str | None, help="folder of kept model replies, or off (default: ~/.cache/navagent)")
    add("--retry-errors", action="store_true", help="play episodes that broke once more")
    add("--max-errors", type=PositiveInt, default=10, help="broken episodes in a row that stop the run")
    add("--extra-metrics", type=list[Metric], default=[], help="metrics of yours: [my_file.my_metric]")
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Parse options.

    Raises:
        ConfigError: An option is unknown or ill-typed, or a class cannot be imported; one sentence.
    """
    try:
        return parser.parse_args(list(arguments))
    except jsonargparse.ArgumentError as error:
        flags = [flag for action in parser._actions for flag in action.option_strings]
        raise ConfigError(explain(str(error), flags, parser.prog)) from error
