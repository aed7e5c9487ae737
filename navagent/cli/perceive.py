"""`navagent perceive`: let vision models describe every viewpoint of a split, ahead of time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from rich.progress import Progress

from navagent.cli.identity import class_name
from navagent.cli.options import parse
from navagent.cli.plugins import describe, import_named
from navagent.contracts import Env
from navagent.current_folder import open_current_folder
from navagent.errors import ConfigError, NavAgentError
from navagent.exploration import Explorer, by_scene, check_explorable
from navagent.perception.navgpt_files import NavGPTFiles
from navagent.perception.panorama_reader import PanoramaReader
from navagent.perception.vision_texts import VisionTexts

DESCRIPTION = (
    "Let vision models describe every viewpoint of a split's buildings, in NavGPT's file layout, for the describer "
    "NavGPTTexts: --policy.describer NavGPTTexts --policy.describer.data_dir OUT. The same command goes on after an "
    "interruption. Any environment with a nav-graph and panoramas will do."
)

ELSEWHERE = ("split", "data_dir", "max_steps")
"""Options of environments that change no picture, so that one folder can hold the texts of all splits."""


def run(arguments: Sequence[str]) -> int:
    """Describe what is not described yet and print where the texts are."""
    open_current_folder()
    import_named(arguments)
    parser = _parser()
    options = parse(parser, arguments)
    built = _build(parser, options)
    env: Env = built.env
    check_explorable(env, frozenset({"panorama"}))
    reader: PanoramaReader = built.models.reader
    models = (reader.captioner, reader.detector, reader.scorer)
    made_by = [model.identity for model in models if model is not None]
    files = NavGPTFiles(Path(options.out), {**_pictures_of(options), "reach": reader.reach, "models": made_by})
    everything = by_scene(env)
    new = {scene: episodes for scene, episodes in everything.items() if not files.has(scene)}
    with Progress(transient=True) as progress:
        task = progress.add_task("", total=len(new))
        for scene, episodes in new.items():
            places = {}
            for observation in Explorer(env, episodes).visit():
                assert observation.viewpoint is not None
                assert observation.pose is not None
                places[observation.viewpoint] = reader.read(env.panorama(reader.sensors), observation.pose.heading)
                progress.update(task, description=f"{scene}: {len(places):,} viewpoints")
            files.write(scene, places)
            progress.advance(task)
    print(f"Texts of {len(everything):,} buildings, {len(new):,} of them new, are in {files.folder}")
    print(f"Use them: --policy.describer NavGPTTexts --policy.describer.data_dir {options.out}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="navagent perceive", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("--config", action="config", help="a YAML file with any of these options; options after it win")
    parser.add_argument("--env", type=Env, required=True, help="the environment, as HouseNavGraph")
    parser.add_argument("--out", type=str, required=True, help="the data folder; navgpt/ is made in it")
    parser.add_class_arguments(VisionTexts, "models", skip={"elevations"})
    return parser


def _build(parser: ArgumentParser, options: Namespace) -> Namespace:
    """Construct environment and models.

    Raises:
        ConfigError: A constructor breaks.
    """
    try:
        built: Namespace = parser.instantiate(options)
    except (NavAgentError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"The environment or the models cannot be constructed: {describe(error)}.") from error
    return built


def _pictures_of(options: Namespace) -> dict[str, Any]:
    """Return what decides the pictures: the environment and those of its options that change them."""
    env = options.env.as_dict()
    kept = {name: value for name, value in env.get("init_args", {}).items() if name not in ELSEWHERE}
    return {"env": class_name(env), "env_options": kept}
