"""VC-1's and MAE's files: a random one in their naming, and the transformer's arithmetic written out once more."""

from __future__ import annotations

import argparse
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from navagent.errors import ConfigError  # noqa: E402
from policies.vlm.architecture import Tower  # noqa: E402
from policies.vlm.pretrained import PretrainedTower  # noqa: E402
from tests.policies.vlm.made_up import SPACE, observed  # noqa: E402

WIDTH, HEADS, DEPTH, PATCH, ROWS = 384, 6, 2, 8, 3
"""ViT-S's width and heads; everything else is small."""

Weights = dict[str, Tensor]


def _weights() -> Weights:
    """Weights under timm's names, none of them what a model begins with."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 0.05) -> Tensor:
        return torch.randn(*shape, generator=random) * scale

    weights = {
        "cls_token": normal(1, 1, WIDTH),
        "pos_embed": normal(1, ROWS * ROWS + 1, WIDTH, scale=0.5),
        "patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": normal(WIDTH),
        "norm.weight": 1 + normal(WIDTH),
        "norm.bias": normal(WIDTH),
    }
    layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH), "mlp.fc1": (100, WIDTH)}
    for block in range(DEPTH):
        for name, shape in {**layers, "mlp.fc2": (WIDTH, 100)}.items():
            weights[f"blocks.{block}.{name}.weight"] = normal(*shape)
            weights[f"blocks.{block}.{name}.bias"] = normal(shape[0])
        for name in ("norm1", "norm2"):
            weights[f"blocks.{block}.{name}.weight"] = 1 + normal(WIDTH)
            weights[f"blocks.{block}.{name}.bias"] = normal(WIDTH)
    return weights


def _hidden(weights: Weights, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The last layer but one, and the last one normed, by the papers (Dosovitskiy et al. 2021, equations 1 to 4)."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-6)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    squares = functional.unfold(pictures, PATCH, stride=PATCH).transpose(1, 2)
    kernel = weights["patch_embed.proj.weight"].flatten(1)
    patches = squares @ kernel.T + weights["patch_embed.proj.bias"] + weights["pos_embed"][:, 1:]
    first = (weights["cls_token"] + weights["pos_embed"][:, :1]).expand(len(pictures), -1, -1)
    x = torch.cat([first, patches], dim=1)
    before = x
    for block in range(DEPTH):
        before, name = x, f"blocks.{block}"
        parts = linear(f"{name}.attn.qkv", norm(f"{name}.norm1", x))
        read = []
        for head in range(HEADS):
            size = WIDTH // HEADS
            query, key, value = (parts[..., i * WIDTH + head * size :][..., :size] for i in range(3))
            read.append(torch.softmax(query @ key.transpose(1, 2) / math.sqrt(size), dim=-1) @ value)
        x = x + linear(f"{name}.attn.proj", torch.cat(read, dim=-1))
        inner = linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", x))
        x = x + linear(f"{name}.mlp.fc2", inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2))))
    return before, norm("norm", x)


def _write(file: Path, weights: Weights, **beside: Any) -> str:
    torch.save({"model": weights, **beside}, file)
    return str(file)


def _tower(checkpoint: str, **options: Any) -> PretrainedTower:
    return PretrainedTower(Tower("pretrained", (checkpoint,), **{"features": "patches", **options}), SPACE)


def _pictures() -> dict[str, Tensor]:
    return {"rgb": observed(torch.ones(2, 1, dtype=torch.bool))["rgb"][:, 0]}


def test_features_are_those_of_the_arithmetic_written_out(tmp_path: Path) -> None:
    weights = _weights()
    decoder = {"mask_token": torch.zeros(1, 1, 4), "decoder_pred.weight": torch.zeros(3, 4)}
    checkpoint = _write(tmp_path / "vc1.pth", weights | decoder, epoch=182, args=argparse.Namespace(lr=1e-3))
    whole, patches, last = (
        _tower(checkpoint, features="picture"),
        _tower(checkpoint),
        _tower(checkpoint, layer=-1),
    )
    seen: list[Tensor] = []
    patches.towers[0].model.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda _, args: seen.append(args[0])
    )
    found = patches(_pictures())
    assert seen[0].shape[2:] == (ROWS * PATCH, ROWS * PATCH)
    before, after = _hidden(weights, seen[0])
    assert patches.grid == (ROWS, ROWS)
    assert torch.allclose(found, before[:, 1:], atol=1e-5)
    assert torch.allclose(last(_pictures()), after[:, 1:], atol=1e-5)
    # What VC-1 itself gives: the class token of the last layer, normed (`handle_outcome` with use_cls).
    assert torch.allclose(whole(_pictures())[:, 0], after[:, 0], atol=1e-5)
    assert not any(part.requires_grad for part in patches.parameters())


def test_pictures_are_normalised_as_vc1_does(tmp_path: Path) -> None:
    tower = _tower(_write(tmp_path / "vc1.pth", _weights())).towers[0]
    assert tower.mean.tolist() == pytest.approx([0.485, 0.456, 0.406])  # type: ignore[operator]
    assert tower.deviation.tolist() == pytest.approx([0.229, 0.224, 0.225])  # type: ignore[operator]


def test_a_saved_network_names_its_file_and_refuses_another(tmp_path: Path) -> None:
    weights = _weights()
    tower = _tower(_write(tmp_path / "one.pth", weights))
    assert not [name for name in tower.state_dict() if "fingerprint" not in name]
    (tmp_path / "one.pth").rename(tmp_path / "renamed.pth")
    _tower(str(tmp_path / "renamed.pth")).load_state_dict(tower.state_dict())
    other = _tower(_write(tmp_path / "two.pth", weights | {"cls_token": weights["cls_token"] + 1}))
    with pytest.raises(RuntimeError, match="not those that this network was trained with"):
        other.load_state_dict(tower.state_dict())


def _without(name: str) -> Callable[[Weights], Weights]:
    return lambda weights: {key: part for key, part in weights.items() if key != name}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without("norm.weight"), r"\(it lacks norm\.weight\)"),
        (_without("blocks.1.attn.qkv.bias"), r"\(it lacks blocks\.1\.attn\.qkv\.bias\)"),
        (lambda known: known | {"fc_norm.weight": torch.ones(WIDTH)}, r"\(it has fc_norm\.weight, which"),
        (lambda known: known | {"blocks.0.ls1.gamma": torch.ones(WIDTH)}, r"\(it has blocks\.0\.ls1\.gamma, which"),
        (lambda known: known | {"norm.bias": torch.ones(7)}, r"its norm\.bias is \(7,\), not \(384,\)"),
        (lambda known: known | {"patch_embed.proj.weight": torch.ones(32, 3, 8, 8)}, "no ViT of 32 features is known"),
        (lambda known: known | {"pos_embed": torch.ones(1, 9, WIDTH)}, "its 8 patches make no square"),
        (lambda _: {}, "it lacks cls_token"),
    ],
)
def test_a_file_with_other_weights_is_one_sentence(
    change: Callable[[Weights], Weights], reason: str, tmp_path: Path
) -> None:
    checkpoint = _write(tmp_path / "strange.pth", change(_weights()))
    with pytest.raises(ConfigError, match=f"strange.pth is no encoder that MAE or VC-1 published .*{reason}") as caught:
        _tower(checkpoint)
    assert "\n" not in str(caught.value)


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harmed"),))


def test_damaged_and_harmful_files_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "vc1.pth"
    for content in (b"", b"<html>not found</html>", pickle.dumps({"model": _Harmful()})):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="is no PyTorch file that holds weights and nothing to run"):
            _tower(str(file))
    torch.save({"model": _Harmful()}, file)
    with pytest.raises(ConfigError, match="is no PyTorch file that holds weights and nothing to run"):
        _tower(str(file))
    assert not (tmp_path / "harmed").exists()
    torch.save([1, 2], file)
    with pytest.raises(ConfigError, match="it has no weights under 'model'"):
        _tower(str(file))
