"""How fast a vision-language policy acts and learns: `python -m tests.benchmarks.vlm_speed small`.

Acting with keys and values that are kept is compared with reading the whole episode anew at every step. On a GPU,
`llama-7b --device cuda --dtype bfloat16 --peak-tflops 989` (an H200's) also tells the share of its peak; a forward pass
counts 2 operations per weight of the language model and token, the learner's 4: weights are frozen, but gradients pass
through them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from navagent.instructions import InstructionSpace
from navagent.networks.policy_network import PolicyNetwork
from policies.vlm.architecture import SMALL, Language, VLMNetwork

SIZES: dict[str, dict[str, Any]] = {
    "small": SMALL,
    "llama-7b": {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
}
WORDS, READ, SIDE, ACTIONS = 120, 40, 64, 4
"""Size of the vocabulary, words of an instruction, pixels of a picture's sides, actions."""

SPACE = spaces.Dict(
    {
        "rgb": spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8),
        "instruction": InstructionSpace([str(word) for word in range(WORDS)], READ),
    }
)


def main() -> None:
    """Measure and print."""
    options = _options()
    device = torch.device(options.device)
    language = Language(config=SIZES[options.size], tuning="frozen", dtype=options.dtype)
    with device:
        network = VLMNetwork(language=language, context=options.steps).build(SPACE, ACTIONS)
        seen = {
            "rgb": torch.randint(0, 256, (options.steps, options.agents, SIDE, SIDE, 3), dtype=torch.uint8),
            "instruction": torch.randint(3, WORDS, (1, options.agents, READ)).repeat(options.steps, 1, 1),
        }
        begins = torch.zeros(options.steps, options.agents, dtype=torch.bool)
        begins[0] = True
        last = torch.zeros(begins.shape, dtype=torch.int64)
    weights = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    learned = sum(p.numel() for p in network.parameters() if p.requires_grad)
    print(f"{sum(weights.values()):,} weights, {learned:,} learned; {options.agents} agents, {options.steps} steps")
    count = begins.numel()
    tokens = count + options.agents * READ
    told = [
        ("act, keys and values kept", lambda: _act(network, seen, last, begins), 2 * tokens),
        ("act, everything read anew", lambda: _act_anew(network, seen, last, begins), None),
        ("learn", lambda: _learn(network, seen, last, begins), 6 * tokens),
    ]
    for name, run, operations in told:
        seconds = _seconds(run, device, options.repeats)
        line = f"{name:28s} {count / seconds:10,.1f} steps/s"
        if operations is not None and options.peak_tflops:
            line += f"  {operations * weights['language'] / seconds / options.peak_tflops / 1e12:6.1%} of the peak"
        print(line)


@torch.no_grad()
def _act(network: PolicyNetwork, seen: dict[str, torch.Tensor], last: torch.Tensor, begins: torch.Tensor) -> None:
    state = network.new_state(begins.shape[1])
    for step in range(len(begins)):
        now = {name: values[step] for name, values in seen.items()}
        _, _, state = network.step(now, last[step], state, begins[step])


@torch.no_grad()
def _act_anew(network: PolicyNetwork, seen: dict[str, torch.Tensor], last: torch.Tensor, begins: torch.Tensor) -> None:
    state = network.new_state(begins.shape[1])
    for step in range(1, len(begins) + 1):
        network({name: values[:step] for name, values in seen.items()}, last[:step], state, begins[:step])


def _learn(network: PolicyNetwork, seen: dict[str, torch.Tensor], last: torch.Tensor, begins: torch.Tensor) -> None:
    logits, values = network(seen, last, network.new_state(begins.shape[1]), begins)
    torch.autograd.backward(torch.log_softmax(logits, dim=-1)[..., 0].mean() + values.mean())


def _seconds(run: Callable[[], None], device: torch.device, repeats: int) -> float:
    """Return the least wall time after a warm-up."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="the device's, in the dtype")
    return parser.parse_args()


if __name__ == "__main__":
    main()
