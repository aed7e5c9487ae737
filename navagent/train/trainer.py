"""The loop of a training: collect, learn, tell, save. Each worker runs it, and all workers in step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import gymnasium
import torch
from gymnasium import spaces
from torch import nn

import envs  # noqa: F401 (registers the environments' ids)
from navagent.errors import ConfigError, NavAgentError, first_line
from navagent.instructions import InstructionSpace, other_words
from navagent.networks import weights
from navagent.networks.devices import find_device
from navagent.networks.policy_network import PolicyNetwork
from navagent.networks.weights import ModelCard
from navagent.train import checkpoint
from navagent.train.config import TrainConfig
from navagent.train.descent import DivergedError
from navagent.train.evaluation import play_split
from navagent.train.group import Group
from navagent.train.log import EpisodeWindow, Log
from navagent.train.ppo import PPO
from navagent.train.precision import in_precision
from navagent.train.rollouts import Collector, Rollout
from policies.trained import find_weights

OnUpdate = Callable[[Mapping[str, float]], None]


class Learner(Protocol):
    """Learns from rollouts, as `PPO` does."""

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What makes steps."""

    @property
    def beside(self) -> nn.Module:
        """What learns besides the network."""

    def update(self, rollout: Rollout, left: float = 1.0) -> dict[str, float]:
        """Learn from a rollout and tell how it went; `left` is the share of the training that is left."""


class Trainer:
    """A training.

    Args:
        config: The training.
        group: The workers.
        folder: Where logs, checkpoints and weights go.
        command: What was typed, for the cards of weights files.

    Raises:
        ConfigError: The training is not possible.
        DataError: A checkpoint in the folder is damaged.
    """

    def __init__(self, config: TrainConfig, group: Group, folder: Path, command: str = "") -> None:
        config.check()
        self._config, self._group, self._folder = config, group, folder
        self._device = find_device(config.device)
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        env = make_env(config, config.agents, config.seed * 1000 + group.rank)
        _check_scenes(env, group.size)
        self._evaluation_env().close()  # what is wrong with it is said now, not after hours
        self.network = network_for(config, env).to(self._device)
        without_dropout(self.network)
        self._card = card_for(config, env, command)
        if config.start_from is not None:
            take_weights(find_weights(config.start_from), self.network, self._card)
        self._env, self._identity = env, identity(config, env)
        self._acting = in_precision(self.network, config.precision, self._device)
        self._learns = self._learner()
        torch.manual_seed(config.seed * 10_007 + group.rank)  # weights are alike everywhere, actions are not
        self._collector = self._new_collector(config.seed * 1000 + group.rank)
        self._steps, self._evaluated, self._window, self._best = 0, 0, EpisodeWindow(), -1.0
        self._resume()
        self._log = Log(folder, self._steps) if group.rank == 0 else None

    @property
    def steps(self) -> int:
        """Environment steps of all workers so far."""
        return self._steps

    def run(self, stopping: Callable[[], bool] = lambda: False, on_update: OnUpdate = lambda row: None) -> bool:
        """Train until all steps are done or a worker's `stopping` says so; return whether all are done.

        Raises:
            DivergedError: A loss is not a number; the rollout is kept beside the checkpoints.
        """
        saved = time.monotonic()
        while self._steps < self._config.steps:
            row = self._update()
            on_update(row)
            if self._log is not None:
                self._log.write(row)
            stop = self._any(stopping())
            if stop or self._any(time.monotonic() - saved > self._config.save_seconds):
                self._save()
                saved = time.monotonic()
            if stop:
                self.close()
                return False
            every = self._config.evaluate_steps
            if every and self._steps // every > self._evaluated // every:
                self._evaluate_and_save()
        self._save()  # before the evaluation, which takes its time
        if self._evaluated < self._steps:
            self._evaluate_and_save()
        self._keep("last")
        self.close()
        return True

    def close(self) -> None:
        """Close environment and logs."""
        self._env.close()
        if self._log is not None:
            self._log.close()

    # ------------------------------------------------------------------------- what another way of learning changes
    def _learner(self) -> Learner:
        return PPO(self._acting, self._config.learning, self._group)

    def _new_collector(self, seed: int) -> Collector:
        return Collector(self._env, self._acting, self._device, seed, self._config.learning.past_steps)

    # ------------------------------------------------------------------------------------------- one update
    def _update(self) -> dict[str, float]:
        group, length = self._group, self._config.learning.rollout_steps
        started = time.perf_counter()
        group.begin_rollout()
        cutting = self._config.cut_stragglers
        rollout = self._collector.collect(length, lambda done: cutting and group.enough(done, length))
        group.finish_rollout()
        learning = time.perf_counter()
        try:
            told = self._learns.update(rollout, 1 - self._steps / self._config.steps)
        except DivergedError as error:
            raise self._diverged(rollout, error) from error
        ended = time.perf_counter()
        new = int(group.total(torch.tensor(float(rollout.steps))).item())
        self._steps += new
        self._window.add(rollout.episodes)
        seconds = ended - started
        return {
            "steps": self._steps,
            "new_steps": new,
            **self._means(),
            **told,
            "steps_per_second": new / seconds,
            "simulation_share": rollout.simulation_seconds / seconds,
            "inference_share": rollout.inference_seconds / seconds,
            "learning_share": (ended - learning) / seconds,
        }

    def _means(self) -> dict[str, float]:
        """Return means over all workers' newest episodes; a worker without any counts for nothing."""
        means = self._window.means()
        names = ["return", "length", "success", "spl"]
        values = [means.get(name, 0.0) for name in names]
        totals = self._group.total(torch.tensor([*values, float(bool(means))], dtype=torch.float64)).tolist()
        return {name: total / totals[-1] for name, total in zip(names, totals, strict=False)} if totals[-1] else {}

    def _any(self, said: bool) -> bool:
        return bool(self._group.total(torch.tensor(float(said))).item())

    def _evaluate_and_save(self) -> None:
        """Evaluate, and save what is best: it counts when the training goes on or is made longer."""
        self._evaluate()
        self._evaluated = self._steps
        self._save()

    def _evaluate(self) -> None:
        """Play the validation split on the first worker and keep the best network."""
        if self._group.rank == 0:
            env = self._evaluation_env()
            means = play_split(env, self._acting, self._device)
            env.close()
            assert self._log is not None
            self._log.write({"steps": self._steps} | {f"evaluation_{name}": value for name, value in means.items()})
            if means["spl"] > self._best:
                self._best = means["spl"]
                self._keep("best")
        self._any(False)  # the others wait

    def _evaluation_env(self) -> Any:
        return make_env(self._config, self._config.agents, 0, _evaluation_options(asdict(self._config)))

    def _keep(self, name: str) -> None:
        """Write the network as a weights file, on the first worker."""
        if self._group.rank == 0:
            card = replace(self._card, steps=self._steps)
            weights.save(self._folder / f"{name}.safetensors", self.network, card)

    def _diverged(self, rollout: Rollout, error: DivergedError) -> DivergedError:
        file = self._folder / f"diverged_{self._group.rank}.pt"
        torch.save({"rollout": vars(rollout), "network": self.network.state_dict()}, file)
        return DivergedError(
            f"{error} after {self._steps:,} steps. The rollout and the weights are in {file}; resume with a smaller "
            "learning rate from the last checkpoint."
        )

    # ------------------------------------------------------------------------------------------ checkpoints
    @property
    def _checkpoints(self) -> Path:
        return self._folder / "checkpoints" / f"worker_{self._group.rank}"

    def _save(self) -> None:
        content = {
            "config": asdict(self._config),
            "identity": self._identity,
            "workers": self._group.size,
            "steps": self._steps,
            "network": self.network.state_dict(),
            "beside": self._learns.beside.state_dict(),
            "optimizer": self._learns.optimizer.state_dict(),
            "collector": self._collector.state(),
            "episodes": self._window.state(),
            "evaluated": self._evaluated,
            "best": self._best,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None,
        }
        checkpoint.save(self._checkpoints, self._steps, content, self._config.keep)

    def _resume(self) -> None:
        """Go on from the newest checkpoint that all workers have, or if there is none, from the first worker's newest.

        So a training goes on with more or fewer workers than before: those without a checkpoint of their own take
        weights and counters of the first worker's and begin new episodes.
        """
        first, *others = [self._known(rank) for rank in range(self._group.size)]
        common = [step for step in first if all(step in other for other in others)]
        step = int(self._group.least(torch.tensor(max(common or first, default=0))).item())
        if not step:
            return
        own = self._known(self._group.rank)
        self._restore(checkpoint.load(own.get(step) or first[step], self._config.device), whole=step in own)
        for later, file in own.items():
            if later > step:  # the others have none from there: the training goes another way from here
                file.unlink(missing_ok=True)

    def _known(self, rank: int) -> dict[int, Path]:
        """Return a worker's checkpoints by their steps."""
        folder = self._checkpoints.with_name(f"worker_{rank}")
        return {checkpoint.steps_of(file): file for file in checkpoint.checkpoints(folder)}

    def _restore(self, content: Mapping[str, Any], whole: bool) -> None:
        """Take over a checkpoint: `whole`, or, if it is another worker's, without its episodes and random numbers."""
        said = content.get("identity")
        try:
            if said not in (None, self._identity):  # older checkpoints do not say it
                raise RuntimeError(f"this command asks for {self._identity}")
            self.network.load_state_dict(content["network"])
            self._learns.beside.load_state_dict(content.get("beside", {}))  # older checkpoints have none
        except RuntimeError as error:
            raise ConfigError(
                f"The checkpoint in {self._checkpoints} was trained with {said or 'another network'} "
                f"({weights.why_not_taken(error)}): give another --name."
            ) from error
        self._learns.optimizer.load_state_dict(content["optimizer"])
        self._steps = content["steps"]
        if _evaluation_options(content["config"]) == _evaluation_options(asdict(self._config)):
            self._best = content["best"]  # of the same episodes by the same rules
            self._evaluated = content.get("evaluated", 0)  # older checkpoints do not say it
        if whole:
            self._collector.restore(content["collector"])
            self._window = EpisodeWindow(content["episodes"])
            torch.set_rng_state(content["random"].cpu())
            if content.get("random_cuda") is not None:
                torch.cuda.set_rng_state(content["random_cuda"].cpu(), self._device)


def _evaluation_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the evaluation's environment, from a configuration as a dict."""
    return {**config["env_options"], **config["evaluate_options"], "trajectories": True}


def without_dropout(network: nn.Module) -> None:
    """Let a network act and learn without dropout, so that what it does while learning is what it did.

    Recurrent layers, which have none here, stay in training: on GPUs their gradients need that.
    """
    network.eval()
    for part in network.modules():
        if isinstance(part, nn.RNNBase):
            part.train()


def _check_scenes(env: Any, workers: int) -> None:
    """Refuse more workers than scenes: some would only repeat what others do."""
    scenes = getattr(env, "scene_count", None)
    if scenes is not None and scenes < workers:
        raise ConfigError(
            f"{workers} workers need {workers} houses or scenes to train in, and the environment has {scenes}: give "
            "more of them (env_options.houses) or fewer --workers."
        )


def make_env(config: TrainConfig, agents: int, seed: int, others: Mapping[str, Any] | None = None) -> Any:
    """Return the vector environment of a training, with `others` in place of its options.

    Raises:
        ConfigError: There is no such environment, or an option is wrong.
    """
    options: dict[str, Any] = {"seed": seed, **config.env_options, **(others or {})}
    try:
        return gymnasium.make_vec(config.env, agents, vectorization_mode="vector_entry_point", **options)
    except NavAgentError:
        raise
    except (gymnasium.error.Error, TypeError) as error:
        raise ConfigError(f"The environment {config.env} cannot be made: {first_line(error)}") from error


def network_for(config: TrainConfig, env: Any) -> PolicyNetwork:
    """Return the network for an environment.

    Raises:
        ConfigError: The network does not suit what the environment shows.
    """
    space, action_space = env.single_observation_space, env.single_action_space
    if not isinstance(space, spaces.Dict) or not isinstance(action_space, spaces.Discrete):
        raise ConfigError(f"{config.env} must have a Dict of observations and Discrete actions.")
    try:
        return config.network.build(space, int(action_space.n))
    except ValueError as error:
        raise ConfigError(f"The network cannot be made for {config.env}: {error}.") from error


def identity(config: TrainConfig, env: Any) -> str:
    """Return in words what weights belong to: an architecture, what it sees, what it can do, and where."""
    space = env.single_observation_space
    seen = ", ".join(f"{name} {'x'.join(map(str, part.shape))}" for name, part in space.spaces.items())
    return f"{config.network} seeing {seen} with {env.single_action_space.n} actions on {config.env}"


def take_weights(file: Path, network: PolicyNetwork, card: ModelCard) -> None:
    """Give a network the weights of a file.

    Raises:
        ConfigError: The file's network is another one, or its tokens stand for other words.
        DataError: The file is absent or damaged.
    """
    other, known = weights.load(file)
    asked = card.space.get("instruction")
    words = asked.words if isinstance(asked, InstructionSpace) else None
    if known.vocabulary != card.vocabulary or other_words(known.space.get("instruction"), words):
        raise ConfigError(f"The tokens of {file} stand for other words than the environment's: train anew.")
    try:
        network.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise ConfigError(
            f"{file} holds another network or task ({weights.why_not_taken(error)}): give training.network and "
            "training.env its options."
        ) from error


def card_for(config: TrainConfig, env: Any, command: str) -> ModelCard:
    """Return the card of a training's weights files, but for the steps.

    Raises:
        ConfigError: An option or an observation cannot be written into a file.
    """
    space, options = env.single_observation_space, dict(config.env_options)
    actions, hfov = int(env.single_action_space.n), getattr(env, "hfov", None)
    words = tuple(getattr(env, "vocabulary", ()))
    card = ModelCard(
        config.network, space, actions, config.env, options, hfov, words, seed=config.seed, command=command
    )
    card.to_json()  # now, not after hours of training
    return card
