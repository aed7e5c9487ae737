"""Where networks run."""

from __future__ import annotations

import torch

from navagent.errors import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device named; `auto` is the first GPU if there is one, else the CPU.

    Raises:
        ConfigError: It cannot be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        why = f"PyTorch {torch.__version__} finds no GPU on this machine"
        raise ConfigError(f"The device '{name}' cannot be used ({why}): try cpu.")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ConfigError(f"The device '{name}' cannot be used ({said[0].rstrip('.')}): try cpu.") from error
    return device
