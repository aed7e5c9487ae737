"""Transformers checkpoints: finding, checking, loading, and telling two apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeAlias

import huggingface_hub
import torch
import transformers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from navagent.errors import ConfigError

DType: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]

FILES = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")
"""What a checkpoint needs of a repository on the Hugging Face hub."""

_SAMPLES, _SAMPLE_BYTES = 64, 64 * 1024
"""Larger files are told apart by so many samples: a training step changes all weights, and 100 GB take long to read."""


def find_checkpoint(checkpoint: str) -> Path:
    """Return a checkpoint's folder; a name like `org/model` that is no folder is fetched from the Hugging Face hub.

    Raises:
        ConfigError: There is no such folder or repository, or it is no checkpoint.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.exists():
        if checkpoint.count("/") != 1 or checkpoint[0] in "/.~":
            raise ConfigError(f"The checkpoint folder {checkpoint} does not exist.")
        folder = _fetch(checkpoint)
    if not (folder / "config.json").is_file():
        raise ConfigError(
            f"{checkpoint} is no transformers checkpoint: it has no config.json (a folder that `save_pretrained` wrote "
            "or a name on the Hugging Face hub is needed)."
        )
    return folder


def _fetch(name: str) -> Path:
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise ConfigError(
            f"There is no folder {name}, and the Hugging Face hub gave none of that name ({_first_line(error)})."
        ) from error


def choose_device(name: str) -> torch.device:
    """Return the device named; `auto` is the first GPU if there is one, else the CPU.

    Raises:
        ConfigError: The name means nothing to torch, or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"There is no kind of device '{name}': give auto, cpu, cuda, cuda:1 or mps.") from error
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ConfigError(
            f"The device {name} was asked for, but torch sees {gpus or 'no'} GPU(s): use --...device auto."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("The device mps was asked for, but torch sees no Apple GPU: use --...device auto.")
    return device


def load_config(folder: Path) -> Any:
    """Return a checkpoint's configuration.

    Raises:
        ConfigError: It is damaged, or of a kind that the installed transformers does not know.
    """
    try:
        return transformers.AutoConfig.from_pretrained(folder)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder} holds no configuration that transformers can read ({_first_line(error)})."
        ) from error


def load_model(auto: Any, folder: Path, device: torch.device, dtype: DType) -> Any:
    """Return a model ready to run.

    Args:
        auto: The transformers auto class that says what kind is wanted.
        folder: The checkpoint.
        device: Where it runs.
        dtype: Of its weights; `auto` is float32 on the CPU and the checkpoint's own elsewhere.

    Raises:
        ConfigError: The checkpoint is of another kind, or its weights are absent, damaged or not whole.
    """
    chosen = "float32" if dtype == "auto" and device.type == "cpu" else dtype
    transformers.logging.disable_progress_bar()
    try:
        model, found = auto.from_pretrained(folder, dtype=chosen, output_loading_info=True)
    except ValueError as error:
        if "Unrecognized configuration" not in str(error):
            raise ConfigError(f"{folder} cannot be loaded ({_first_line(error)}).") from error
        kind = load_config(folder).model_type
        wanted = auto.__name__.removeprefix("AutoModelFor").removeprefix("Auto")
        raise ConfigError(f"{folder} is of the wrong kind: a {kind} is no {wanted}.") from error
    except Exception as error:  # safetensors, tokenizers and torch have exceptions of their own for damaged files
        raise ConfigError(f"{folder} cannot be loaded ({_first_line(error)}).") from error
    if found["missing_keys"]:
        missing = sorted(found["missing_keys"])
        raise ConfigError(
            f"{folder} lacks weights of a {type(model).__name__}: {missing[0]} and {len(missing) - 1} more."
        )
    return model.to(device).eval()


def load_processor(folder: Path) -> Any:
    """Return a checkpoint's processor for pictures and text.

    Pictures are prepared with Pillow, never with torchvision, so that one checkpoint gives the same numbers whether
    torchvision is installed or not.

    Raises:
        ConfigError: There is none, or it needs torchvision.
    """
    try:
        return transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    except ImportError as error:
        if "orchvision" not in str(error) and "Video processor" not in str(error):
            raise ConfigError(f"The processor of {folder} cannot be loaded ({_first_line(error)}).") from error
        raise ConfigError(
            f"The processor of {folder} needs torchvision, as those of models that also take videos do: install the "
            "version that fits your torch, or choose another checkpoint."
        ) from error
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} holds no processor for pictures and text ({_first_line(error)}).") from error


def fingerprint(place: Path) -> str:
    """Return a sha256 (hexadecimal) of a checkpoint's files, large ones by 64 samples of 64 kB and their size.

    Args:
        place: A folder, or the one file that a checkpoint is.
    """
    digest = hashlib.sha256()
    files = [place] if place.is_file() else [file for pattern in FILES for file in place.glob(pattern)]
    for file in sorted(files):
        size = file.stat().st_size
        digest.update(json.dumps([file.name if file != place else "", size]).encode())
        with file.open("rb") as stream:
            if size <= _SAMPLES * _SAMPLE_BYTES:
                digest.update(stream.read())
                continue
            for number in range(_SAMPLES):
                stream.seek((size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
