"""What learns and what stays, and how much of it there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch.nn.functional import cross_entropy

transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.errors import ConfigError  # noqa: E402
from navagent.networks import weights  # noqa: E402
from navagent.networks.policy_network import PolicyNetwork  # noqa: E402
from navagent.networks.weights import ModelCard  # noqa: E402
from policies.vlm.architecture import Connector, Language, VLMNetwork  # noqa: E402
from policies.vlm.connectors import connector  # noqa: E402
from tests.policies.vlm.made_up import ACTIONS, LLAMA, SPACE, TINY, build, observed  # noqa: E402
from tests.tiny_models import make_llama  # noqa: E402

LLAMA_7B: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
"""Touvron et al. 2023, arXiv 2302.13971, table 2; the feed-forward size is that of the published weights."""


def _loss(network: PolicyNetwork, seed: int = 0) -> torch.Tensor:
    """Return how badly a network tells bright from dark: the action is the brightness, in four steps."""
    begins = torch.zeros(3, 8, dtype=torch.bool)
    begins[0] = True
    seen = observed(begins, seed=seed)
    wanted = torch.randint(0, ACTIONS, begins.shape, generator=torch.Generator().manual_seed(seed))
    seen["rgb"] = (wanted[..., None, None, None] * 80).expand(seen["rgb"].shape).to(torch.uint8)
    logits, values = network(seen, torch.zeros_like(wanted), network.new_state(8), begins)
    loss: torch.Tensor = cross_entropy(logits.flatten(0, 1), wanted.flatten()) + 0.01 * (values**2).mean()
    return loss


@pytest.mark.parametrize("tuning", ["frozen", "lora", "full"])
def test_gradients_are_where_they_should_be(tuning: Literal["frozen", "lora", "full"]) -> None:
    if tuning == "lora":
        pytest.importorskip("peft", reason="needs peft: pip install peft")
    network = build(language__tuning=tuning, connector__kind="qformer")
    _loss(network).backward()
    learning = {name for name, weights in network.named_parameters() if weights.grad is not None}
    language = {name for name, _ in network.named_parameters() if name.startswith("language.")}
    wanted = {"frozen": set(), "lora": {name for name in language if "lora_" in name}, "full": language}[tuning]
    assert learning & language == wanted
    assert learning - language == {name for name, _ in network.named_parameters()} - language
    assert learning == {name for name, weights in network.named_parameters() if weights.requires_grad}
    assert (tuning == "frozen") == (not wanted)


def test_a_frozen_language_model_is_learned_around() -> None:
    network = build(language__tuning="frozen")
    before = {name: weights.clone() for name, weights in network.named_parameters() if name.startswith("language.")}
    optimizer = torch.optim.Adam([weights for weights in network.parameters() if weights.requires_grad], lr=3e-3)
    first = _loss(network).item()
    for seed in range(25):
        optimizer.zero_grad()
        _loss(network, seed).backward()
        optimizer.step()
    assert _loss(network, 99).item() < 0.5 * first
    assert before
    assert all(torch.equal(weights, before[name]) for name, weights in network.named_parameters() if name in before)


def test_the_size_of_llama_7b_is_the_papers() -> None:
    """On the meta device, where weights have shapes and no numbers."""
    language = Language(config=LLAMA_7B, tuning="frozen", dtype="bfloat16")
    with torch.device("meta"):
        network = VLMNetwork(language=language).build(SPACE, ACTIONS)
        tower = transformers.ViTMAEModel(transformers.ViTMAEConfig(mask_ratio=0.0))
        bridge = connector(Connector(activation="relu"), (1, 1), 768, 4096)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert sizes["language"] + 32_000 * 4096 == 6_738_415_616  # 6.7 B with the output layer, which policies do not have
    assert sum(p.numel() for p in tower.parameters() if p.requires_grad) + 197 * 768 == 85_798_656  # 86 M: ViT-B
    assert sum(p.numel() for p in bridge.parameters()) == 768 * 4096 + 4096 + 4096 * 4096 + 4096
    assert sizes["head"] == (4096 + 1 + 2) * 512 + (512 + 1 + 2) * 512
    learned = {name.split(".")[0] for name, weights in network.named_parameters() if weights.requires_grad}
    assert "language" not in learned
    assert network.new_state(1).dtype == torch.bfloat16
    assert network.new_state(1).shape == (1, 32 * 2 * 32 * 128 * (7 + 32 * 2) + 2)


@pytest.mark.parametrize("tuning", ["frozen", "lora", "full"])
def test_saved_and_loaded_it_acts_the_same(tuning: Literal["frozen", "lora", "full"], tmp_path: Path) -> None:
    """With a checkpoint whose frozen weights are not saved again."""
    if tuning == "lora":
        pytest.importorskip("peft", reason="needs peft: pip install peft")
    folder = str(make_llama(tmp_path / "llama"))
    language = Language(folder, tuning=tuning)
    network = build(language=language)
    with torch.no_grad():
        for part in network.parameters():
            part.add_(torch.randn_like(part) * 0.1 if part.requires_grad else 0)
    torch.save(network.state_dict(), tmp_path / "network.pt")
    other = build(language=language)
    other.load_state_dict(torch.load(tmp_path / "network.pt"))
    assert _loss(network).item() == _loss(other).item()
    saved = [name for name in network.state_dict() if name.startswith("language.model.") and "lora_" not in name]
    assert bool(saved) == (tuning == "full")


def test_a_weights_file_rebuilds_a_policy_with_its_words(tmp_path: Path) -> None:
    """The words of the instructions are in the file: a checkpoint's tokenizer needs them."""
    language = Language(str(make_llama(tmp_path / "llama")))
    network = build(language=language)
    card = ModelCard(replace(TINY, language=language), SPACE, ACTIONS, env="navagent/HouseR2R-v0")
    weights.save(tmp_path / "policy.safetensors", network, card)
    other, read = weights.load(tmp_path / "policy.safetensors")
    assert read.architecture == card.architecture
    assert _loss(other).item() == _loss(network).item()


def test_weights_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    network = build(language=Language(str(make_llama(tmp_path / "one"))))
    other = build(language=Language(str(make_llama(tmp_path / "other", context=512))))
    with pytest.raises(RuntimeError, match="are not those that this network was trained with"):
        other.load_state_dict(network.state_dict())


def test_without_a_checkpoint_everything_is_saved() -> None:
    network, other = build(language__config=LLAMA), build(language__config=LLAMA, language__tuning="frozen")
    assert network.state_dict().keys() == other.state_dict().keys()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "lama"}, r"needs a model_type such as llama, not lama\. Did you mean 'llama'\?"),
        ({"hidden_size": 16}, "needs a model_type such as llama, not None"),
        ({**LLAMA, "hidden_sise": 16}, r"a llama has no option 'hidden_sise'\. Did you mean 'hidden_size'\?"),
        ({**LLAMA, "hidden_size": 15}, "suits no llama .*is not a multiple of the number of attention heads"),
        ({**LLAMA, "hidden_size": "wide"}, "suits no llama .*expected int, got str"),
    ],
)
def test_a_language_model_that_cannot_be_is_one_sentence(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        build(language__config=config)
    assert "\n" not in str(caught.value)


def test_a_language_checkpoint_that_is_absent_says_what_to_download() -> None:
    with pytest.raises(ConfigError, match=r"no/such/folder does not exist\. .*hf download HuggingFaceTB/SmolLM2-135M"):
        build(language__checkpoint="./no/such/folder", language__config=None, language__tuning="frozen")
