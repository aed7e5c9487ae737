"""What `navagent eval` makes of its options: environment, policy, metrics, and the chat models' common meter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from eval.crew import Parts
from eval.metrics import Metric
from eval.play import Scorer
from eval.rules import RULES
from navagent.cache_folder import cache_folder
from navagent.cli.identity import class_name, dataset_words
from navagent.cli.plugins import describe
from navagent.contracts import ChatModel, Env, Policy
from navagent.errors import ConfigError, NavAgentError
from navagent.llm.cache import ReplyCache
from navagent.llm.ledger import Books
from navagent.llm.metered import Metered
from navagent.rollout import check_needs


class Meter:
    """Wraps every chat model of the run with one ledger and one cache.

    Args:
        ledger: Where calls are booked.
        open_cache: Opens the cache of replies, None if none are kept; called once a language model is there.
    """

    def __init__(self, ledger: Books, open_cache: Callable[[], ReplyCache | None]) -> None:
        self._cache: ReplyCache | None = None
        self._open_cache = open_cache
        self.ledger = ledger
        self.models: list[ChatModel] = []

    def make(self, cls: type[ChatModel], *args: Any, **kwargs: Any) -> ChatModel:
        """Construct a chat model and wrap it."""
        inner = cls(*args, **kwargs)
        if inner.is_language_model and self._cache is None:
            self._cache = self._open_cache()
        self.models.append(inner)
        return Metered(inner, self.ledger, self._cache)

    def check_budget(self) -> None:
        """Refuse a budget for a model without a price before the first call."""
        if self.ledger.budget_usd is not None:
            for model in self.models:
                if model.is_language_model and not model.is_free:
                    self.ledger.price_for_budget(model.name)


def cache_opener(option: str | None) -> Callable[[], ReplyCache | None]:
    """Return what opens the cache of replies that --cache names.

    Raises:
        ConfigError: There is no home directory to put it in.
    """
    folder = cache_folder(option)
    return lambda: None if folder is None else ReplyCache(folder / "replies.sqlite")


def build(parser: ArgumentParser, options: Namespace, meter: Meter) -> Namespace:
    """Construct what the options name.

    Raises:
        ConfigError: A constructor breaks.
    """
    try:
        built: Namespace = parser.instantiate(options, instantiators=[(meter.make, ChatModel, True)])
    except (NavAgentError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error.__cause__, NavAgentError):  # jsonargparse wraps what an optional part's constructor raises
            raise error.__cause__ from error
        raise ConfigError(f"The environment or the policy cannot be constructed: {describe(error)}.") from error
    return built


def make_parts(parser: ArgumentParser, options: Namespace, config: Mapping[str, Any], meter: Meter) -> Parts:
    """Construct environment, policy and metrics, and check that they go together.

    Args:
        parser: Of `navagent eval`.
        options: Parsed by it.
        config: The same as plain values.
        meter: For the chat models.

    Raises:
        ConfigError: They do not, a constructor breaks, or the budget cannot be kept.
    """
    built = build(parser, options, meter)
    check_needs(built.env, built.policy)
    meter.check_budget()
    scorer = Scorer(RULES[built.env.rules], _by_name(built.extra_metrics))
    return Parts(built.env, built.policy, scorer, _facts(built.env, built.policy, meter, config))


def _by_name(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """Return extra metrics by their functions' names."""
    named = {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}
    if len(named) < len(metrics):
        raise ConfigError("--extra-metrics: two of them have one name; rename one.")
    return named


def _facts(env: Env, policy: Policy, meter: Meter, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a summary says beside the results."""
    return {
        "policy": class_name(config["policy"]),
        "dataset": " ".join(dataset_words(config["env"])),
        "split_episodes": len(env.episodes),
        "rules": RULES[env.rules].version,
        "privileged": policy.privileged or "oracle_action" in policy.needs,
        "stand_in": bool(meter.models) and not any(model.is_language_model for model in meter.models),
        "fingerprints": {**env.fingerprints, **policy.fingerprints()},
        "env_versions": dict(env.versions),
        "config": config,
    }
