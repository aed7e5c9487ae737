"""`navagent eval --ray-address`: the same parts, made in every worker of a Ray cluster."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jsonargparse import Namespace

from eval.actors import Actors
from eval.crew import Parts
from navagent.cache_folder import cache_folder
from navagent.cli.construction import Meter, make_parts
from navagent.cli.identity import identity_of
from navagent.cli.options import make_parser
from navagent.current_folder import open_current_folder
from navagent.errors import ConfigError
from navagent.llm.cache import ReplyCache
from navagent.llm.desk import Desk, Line, RemoteLedger, RemoteStore
from navagent.llm.ledger import Ledger
from navagent.ray_cluster import connected, share


@dataclass(frozen=True)
class Recipe:
    """Makes a worker's parts in the worker's process.

    Attributes:
        config: The command's options as plain values.
        code: Digests of the code that the command runs.
        line: The way to the command's ledger and cache.
        budget_usd: As the ledger's.
        cached: Whether replies are kept.
    """

    config: Mapping[str, Any]
    code: Mapping[str, str]
    line: Line
    budget_usd: float | None
    cached: bool

    def __call__(self) -> Parts:
        """Make them.

        Raises:
            ConfigError: They cannot be made here, or this machine has other code.
        """
        open_current_folder()
        parser = make_parser()
        options = parser.parse_object(dict(self.config))
        if identity_of(self.config)["code"] != self.code:
            raise ConfigError(
                f"{socket.gethostname()} has other code of navagent or of a plug-in than the command: give all nodes "
                "of the Ray cluster the same."
            )
        meter = Meter(RemoteLedger(self.line, self.budget_usd), self._open_cache)
        return make_parts(parser, options, self.config, meter)

    def _open_cache(self) -> ReplyCache | None:
        return ReplyCache(RemoteStore(self.line)) if self.cached else None


@contextmanager
def actors(
    options: Namespace, config: Mapping[str, Any], identity: Mapping[str, Any], ledger: Ledger
) -> Iterator[Actors]:
    """Connect to the Ray cluster and start the workers.

    Args:
        options: Of `navagent eval`, with a `ray_address`.
        config: The same as plain values.
        identity: What decides the results.
        ledger: Of the run.

    Raises:
        ConfigError: The cluster cannot be reached or has no room, or the parts cannot be made there.
    """
    folder = cache_folder(options.cache)
    with connected(options.ray_address):
        taken = share(options.workers, options.worker_cpus, options.worker_gpus)
        desk = Desk(ledger, None if folder is None else folder / "replies.sqlite")
        try:
            recipe = Recipe(config, identity["code"], desk.line, options.budget_usd, folder is not None)
            yield Actors(recipe, options.workers, taken, desk.bury)
        finally:
            desk.close()
