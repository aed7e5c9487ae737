"""Frozen weights of a checkpoint: saved networks name them instead of holding them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from navagent.checkpoints import fingerprint

_BUFFER = "folder_fingerprint"


def keep_out(module: nn.Module, place: Path) -> None:
    """Keep a module's frozen weights out of its state, and remember which they are.

    The state holds a fingerprint of the files in their place. A state that was saved with other files is refused by
    `load_state_dict`, in a sentence.

    Args:
        module: With weights from the checkpoint; those without gradients are kept out.
        place: The checkpoint's folder or file.
    """
    frozen = {name for name, weights in module.named_parameters(remove_duplicate=False) if not weights.requires_grad}
    digest = torch.frombuffer(bytearray.fromhex(fingerprint(place)), dtype=torch.uint8)
    module.register_buffer(_BUFFER, digest)

    def leave_out(_: nn.Module, state: dict[str, Any], prefix: str, __: Any) -> None:
        for name in frozen:
            state.pop(prefix + name, None)

    def compare(_: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state.get(prefix + _BUFFER)
        if saved is not None and bytes(saved.tolist()) != bytes(digest.tolist()):
            rest[-1].append(f"the frozen weights in {place} are not those that this network was trained with")

    def forgive(_: nn.Module, found: Any) -> None:
        absent = {name for name in found.missing_keys if any(name.endswith(f".{known}") for known in frozen)}
        found.missing_keys[:] = [name for name in found.missing_keys if name not in absent | frozen]

    module.register_state_dict_post_hook(leave_out)
    module.register_load_state_dict_pre_hook(compare)
    module.register_load_state_dict_post_hook(forgive)
