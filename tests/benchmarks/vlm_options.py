"""What the choices of a vision-language policy cost and bring at tiny scale: `python -m tests.benchmarks.vlm_options`.

Every row is imitation of waypoint actions on the same instructions in eight procedural houses (eight pictures of 64 x
32 pixels around the agent, colour and depth), for as many steps with the same seed, and then all of val_seen there:
other paths in the same houses. Frozen and LoRA rows begin with a language model whose weights are random, saved and
loaded as a checkpoint; the pretrained tower is a random SigLIP. They show cost, and what the rest learns around them,
not what real checkpoints bring.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from navagent.train.config import Imitation, Learning, TrainConfig
from navagent.train.evaluation import play_split
from navagent.train.group import Alone
from navagent.train.kinds import new_trainer
from navagent.train.trainer import make_env
from policies.vlm.architecture import SMALL, Connector, History, Language, Plan, Tower, VLMNetwork
from tests.tiny_models import make_siglip, make_tokenizer

HOUSES = {"size": (64, 32), "houses": 8, "residents": 8, "max_steps": 200}
VIEWS = 8
READ = Language(instruction_tokens=64)


def options(folder: Path) -> dict[str, VLMNetwork]:
    """Return what is compared, by what differs from the first: a CNN, one token per view that scores its directions."""
    cnn = Tower(convolutions="normed", views=VIEWS)
    base = VLMNetwork(tower=cnn, connector=Connector(tokens=0), language=READ, context=16, act_from="views")
    slot = replace(base, act_from="slot")
    patches = replace(slot, tower=replace(cnn, features="patches"))
    kept = replace(READ, checkpoint=str(_language(folder / "llama")))
    siglip = Tower(
        kind="pretrained", checkpoints=(str(make_siglip(folder / "siglip")),), features="picture", views=VIEWS
    )
    return {
        "CNN, MLP, 8 tokens, all learned, actions from views": base,
        "ViT": replace(base, tower=replace(cnn, kind="vit", patch=8)),
        "SigLIP (random, frozen)": replace(base, tower=siglip),
        "linear": replace(base, connector=Connector(kind="linear", tokens=0)),
        "fused MLP": replace(base, connector=Connector(kind="fused_mlp", tokens=0)),
        "actions from the slot's last token": slot,
        "the same, 1 token": replace(slot, connector=Connector()),
        "the same, Q-Former, 1 token": replace(patches, connector=Connector(kind="qformer")),
        "the same, Perceiver, 1 token": replace(patches, connector=Connector(kind="perceiver")),
        "the same, Perceiver, 4 tokens": replace(patches, connector=Connector(kind="perceiver", tokens=4)),
        "the same, Q-Former, 1 token, under a plan of 4": replace(
            patches, connector=Connector(kind="qformer"), plan=Plan(tokens=4)
        ),
        "the same, history of 8 pooled into 4 tokens, context 1": replace(
            slot, history=History(kind="attention", frames=8, tokens=4), context=1
        ),
        "language model frozen (random)": replace(base, language=replace(kept, tuning="frozen")),
        "language model with LoRA (random)": replace(base, language=replace(kept, tuning="lora")),
    }


def _language(folder: Path) -> Path:
    """Save a language model of the size of `SMALL` with random weights, and return where."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = transformers.AutoConfig.for_model(**SMALL, vocab_size=len(tokenizer), pad_token_id=1)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def measure(network: VLMNetwork, steps: int, seed: int, folder: Path) -> dict[str, float]:
    """Train and play, and return what a row tells."""
    config = TrainConfig(
        env="navagent/HouseR2RWaypoints-v0",
        env_options=HOUSES,
        agents=32,
        steps=steps,
        seed=seed,
        learning=Learning(
            rollout_steps=16, epochs=1, mini_batches=4, learning_rate=1e-3, max_gradient_norm=1.0, decay=True
        ),
        imitation=Imitation(oracle_share=0.5, mixing="step", label_own=True, softness=0.2, telling_weight=0.3),
        network=network,
        precision="bf16",
        save_seconds=1e9,
        evaluate_options={"split": "val_seen", "houses": 1},
    )
    trainer = new_trainer(config, Alone(), folder)
    rows: list[dict[str, float]] = []
    trainer.run(on_update=lambda row: rows.append(dict(row)))
    weights: list[Any] = list(trainer.network.parameters())
    env = make_env(config, 64, 0, {"split": "val_seen", "trajectories": True})
    played = play_split(env, trainer.network, torch.device("cpu"))
    env.close()
    last = rows[-max(len(rows) // 10, 1) :]
    return {
        "weights": sum(part.numel() for part in weights),
        "learned": sum(part.numel() for part in weights if part.requires_grad),
        "steps/s": statistics.median(row["steps_per_second"] for row in rows[1:]),
        "agreement": statistics.mean(row["agreement"] for row in last),
        "SR": played["sr"],
        "SPL": played["spl"],
        "episodes": played["episodes"],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, nargs="*", help="which, counted from 0; all by default")
    asked = parser.parse_args()
    print("| | weights | learned | steps/s | agreement % | SR % | SPL % |\n|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, network) in enumerate(options(Path(folder)).items()):
            if asked.rows is None or number in asked.rows:
                row = measure(network, asked.steps, asked.seed, Path(folder, f"run_{number}"))
                shares = " | ".join(f"{100 * row[part]:.1f}" for part in ("agreement", "SR", "SPL"))
                sizes = f"{row['weights']:,.0f} | {row['learned']:,.0f} | {row['steps/s']:,.0f}"
                print(f"| {name} | {sizes} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
