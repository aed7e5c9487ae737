"""The one loop: environment, policy, episode -> trajectory. Evaluation, data collection and demos all run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from navagent.contracts import Env, Policy
from navagent.errors import ConfigError
from navagent.types import (
    Decision,
    Episode,
    Forward,
    MoveTo,
    Observation,
    Stop,
    Trajectory,
    TurnLeft,
    TurnRight,
)

ACTIONS = (Stop, Forward, TurnLeft, TurnRight, MoveTo)

OnStep = Callable[[Observation, Decision], None]


def check_needs(env: Env, policy: Policy) -> None:
    """Refuse a policy that reads what the environment does not give.

    Raises:
        ConfigError: Names the missing fields.
    """
    missing = sorted(frozenset(policy.needs) - env.gives)
    if missing:
        raise ConfigError(
            f"{type(policy).__name__} needs {', '.join(missing)}, which {type(env).__name__} does not give "
            f"(it gives {', '.join(sorted(env.gives)) or 'nothing optional'}): choose another environment or wrap it."
        )


def rollout(env: Env, policy: Policy, episode: Episode, on_step: OnStep | None = None) -> Trajectory:
    """Play one episode.

    The episode ends with Stop, when the environment says so, or after `policy.max_steps` decisions where the agent
    stands (NavGPT's rule for a spent budget; it did not stop, so `sr_stop` counts a failure).

    Args:
        env: The environment; `reset` is called here.
        policy: The policy; `reset` is called here with the public episode.
        episode: The episode, with its goal if the split has one.
        on_step: Called with every observation and the decision taken on it, before the action runs. An exception
            from it ends the rollout.
    """
    observation = env.reset(episode)
    policy.reset(episode.public())
    decisions = 0
    while not observation.done and (policy.max_steps is None or decisions < policy.max_steps):
        observation = _with_what_is_asked_for(env, policy, observation)
        chosen = policy.act(observation)
        decision = chosen if isinstance(chosen, Decision) else Decision(chosen)
        if not isinstance(decision.action, ACTIONS):
            raise TypeError(f"{type(policy).__name__}.act returned {chosen!r:.80}, no action and no Decision with one")
        decisions += 1
        if on_step is not None:
            on_step(observation, decision)
        observation = env.step(decision.action)
    return env.trajectory()


def _with_what_is_asked_for(env: Env, policy: Policy, observation: Observation) -> Observation:
    """Fill the fields that are made on demand (`navagent.contracts.ON_DEMAND`) if the policy needs them."""
    if "oracle_action" in policy.needs:
        observation = replace(observation, oracle_action=env.oracle_action())
    if "panorama" in policy.needs and observation.panorama is None:
        observation = replace(observation, panorama=env.panorama())
    return observation
