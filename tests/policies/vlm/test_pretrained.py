"""Pretrained vision towers: tiny random checkpoints of the real architectures, loaded by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from gymnasium import spaces

transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.errors import ConfigError  # noqa: E402
from policies.vlm.architecture import Tower  # noqa: E402
from policies.vlm.pretrained import PretrainedTower  # noqa: E402
from tests.policies.vlm.made_up import SPACE, build, by_steps, observed  # noqa: E402
from tests.tiny_models import SIDE, make_clip, make_llama, make_siglip  # noqa: E402

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE, "patch_size": 14}


def _make_dinov2(folder: Path) -> Path:
    torch.manual_seed(1)
    transformers.Dinov2Model(transformers.Dinov2Config(mlp_ratio=2, **SIZE)).save_pretrained(folder)
    return folder


def _make_mae(folder: Path) -> Path:
    torch.manual_seed(2)
    decoder = {"decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2}
    config = transformers.ViTMAEConfig(intermediate_size=64, decoder_intermediate_size=32, **decoder, **SIZE)
    transformers.ViTMAEForPreTraining(config).save_pretrained(folder)
    return folder


MAKERS = {"siglip": make_siglip, "clip": make_clip, "dinov2": _make_dinov2, "vit_mae": _make_mae}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("towers")
    return {name: str(make(root / name)) for name, make in MAKERS.items()}


def _tower(folders: dict[str, str], *names: str, **options: Any) -> PretrainedTower:
    checkpoints = tuple(folders[name] for name in names)
    return PretrainedTower(Tower("pretrained", checkpoints, **{"features": "patches", **options}), SPACE)


def _pictures(count: int = 2) -> dict[str, torch.Tensor]:
    return {"rgb": observed(torch.ones(count, 1, dtype=torch.bool))["rgb"][:, 0]}


@pytest.mark.parametrize("kind", MAKERS)
def test_features_are_the_models_own(kind: str, folders: dict[str, str]) -> None:
    """Patch by patch in their order, from the layer that is asked for."""
    classes = {"siglip": "SiglipVisionModel", "clip": "CLIPVisionModel", "dinov2": "Dinov2Model"}
    tower = _tower(folders, kind, layer=-1)
    assert tower.grid == (2, 2)
    assert tower.output_size == 32
    frozen = tower.towers[0]
    seen: list[torch.Tensor] = []
    frozen.model.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda _, args, kwargs: seen.append(args[0] if args else kwargs["pixel_values"]), with_kwargs=True
    )
    found = tower(_pictures())
    if kind == "vit_mae":
        model = transformers.ViTMAEModel.from_pretrained(folders[kind], mask_ratio=0.0).eval()
        wanted = model(seen[0], noise=torch.arange(4.0).expand(2, -1)).last_hidden_state[:, 1:]
    else:
        model = getattr(transformers, classes[kind]).from_pretrained(folders[kind]).eval()
        wanted = model(seen[0]).last_hidden_state[:, -4:]
    assert torch.allclose(found, wanted, atol=1e-6)
    assert torch.equal(tower(_pictures()), found)
    assert not any(weights.requires_grad for weights in tower.parameters())
    assert not torch.allclose(_tower(folders, kind, layer=-2)(_pictures()), found, atol=1e-3)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_picture_is_one_vector(kind: str, folders: dict[str, str]) -> None:
    tower = _tower(folders, kind, features="picture")
    found = tower(_pictures())
    assert found.shape == (2, 1, 32)
    assert tower.grid == (1, 1)
    assert (found[0] - found[1]).abs().max() > 1e-6


def test_the_last_layer_but_one_is_what_the_last_one_reads(folders: dict[str, str]) -> None:
    tower = _tower(folders, "clip", layer=-2)
    read: list[torch.Tensor] = []
    last = tower.towers[0].model.encoder.layers[-1]  # type: ignore[index, union-attr]
    last.register_forward_pre_hook(lambda _, args: read.append(args[0]))  # type: ignore[union-attr]
    assert torch.equal(tower(_pictures()), read[0][:, 1:])


def test_pictures_are_prepared_as_the_checkpoints_processor_does(folders: dict[str, str]) -> None:
    tower = _tower(folders, "siglip")
    seen: list[torch.Tensor] = []
    tower.towers[0].model.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda _, args: seen.append(args[0])
    )
    smooth = np.indices((40, 40)).sum(axis=0)[..., None] * np.array([3, 2, 1]) % 256
    picture = smooth.astype(np.uint8)
    tower({"rgb": torch.from_numpy(picture)[None]})
    processor = transformers.SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    wanted = processor(PIL.Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    assert (seen[0] - wanted).abs().max() < 0.05  # Pillow rounds to whole levels, of 2 / 255


def test_towers_are_fused_patch_by_patch(folders: dict[str, str]) -> None:
    fused = _tower(folders, "siglip", "dinov2")
    alone = [_tower(folders, name)(_pictures()) for name in ("siglip", "dinov2")]
    assert fused.output_size == 64
    assert torch.equal(fused(_pictures()), torch.cat(alone, dim=-1))


def test_another_picture_size_makes_more_patches(folders: dict[str, str]) -> None:
    for name in MAKERS:
        tower = _tower(folders, name, image_size=42)
        assert tower.grid == (3, 3)
        assert tower(_pictures()).shape == (2, 9, 32)


def test_a_whole_pretrained_policy_gives_the_same_both_ways(folders: dict[str, str], tmp_path: Path) -> None:
    """Tower, language model and tokenizer from folders; depth goes with the other sensors."""
    checkpoints = (folders["siglip"], folders["dinov2"])
    network = build(
        tower=Tower("pretrained", checkpoints, features="patches"),
        connector__kind="fused_mlp",
        connector__tokens=4,
        language__config=None,
        language__checkpoint=str(make_llama(tmp_path / "llama")),
    )
    begins = torch.zeros(4, 2, dtype=torch.bool)
    begins[0], begins[2, 1] = True, True
    seen, last = observed(begins), torch.zeros(begins.shape, dtype=torch.int64)
    probabilities, _, states = by_steps(network, seen, last, network.new_state(2), begins)
    rest = {name: part[1:] for name, part in seen.items()}
    logits, _ = network(rest, last[1:], states[1], begins[1:])
    assert torch.allclose(torch.log_softmax(logits, dim=-1), probabilities[1:], atol=1e-5)
    other = build(
        tower=Tower("pretrained", checkpoints, features="patches"),
        connector__kind="fused_mlp",
        connector__tokens=4,
        language__config=None,
        language__checkpoint=str(tmp_path / "llama"),
    )
    other.load_state_dict(network.state_dict())
    assert not [name for name in network.state_dict() if name.startswith("tower.") and "fingerprint" not in name]


def test_an_absent_tower_names_what_to_download(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist\. Vision towers to download are .*siglip-base-patch16-224"):
        PretrainedTower(Tower("pretrained", (str(tmp_path / "none"),)), SPACE)


def test_what_is_no_tower_is_refused(folders: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="of the wrong kind: a llama is none of siglip, clip, dinov2"):
        PretrainedTower(Tower("pretrained", (str(make_llama(tmp_path)),)), SPACE)
    with pytest.raises(ValueError, match=r"tower\.layer must be from -2 to -1"):
        _tower(folders, "clip", layer=-3)
    with pytest.raises(ValueError, match="needs rgb"):
        PretrainedTower(Tower("pretrained", (folders["clip"],)), spaces.Dict({"depth": SPACE["depth"]}))
