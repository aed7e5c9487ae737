"""The house rules that a reader cannot check by eye: which way imports point, and what they cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT

PACKAGES = ("navagent", "envs", "policies", "eval")
TOP_FLOORS = ("navagent.cli", "navagent.train", "navagent.__main__")
HEAVY = {
    "torch",
    "transformers",
    "ray",
    "habitat_sim",
    "habitat",
    "openai",
    "networkx",
    "scipy",
    "numpy",
    "jsonargparse",
}


def _modules() -> list[tuple[str, Path]]:
    files = [file for package in PACKAGES for file in sorted((CHECKOUT / package).rglob("*.py"))]
    return [(".".join(f.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__"), f) for f in files]


def _imports(file: Path) -> list[str]:
    """Every module that a file imports, function bodies included."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize(("module", "file"), _modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_arrows_point_down(module: str, file: Path) -> None:
    if module.startswith(TOP_FLOORS):
        return
    own = module.split(".")[0]
    for imported in _imports(file):
        other = imported.split(".")[0]
        if other not in PACKAGES:
            continue
        assert not imported.startswith(TOP_FLOORS), f"{module} imports {imported}, a top floor"
        assert other in (own, "navagent"), f"{module} imports {imported}: {own} and {other} meet through contracts only"


def test_types_import_nothing_of_ours() -> None:
    assert not [name for name in _imports(CHECKOUT / "navagent" / "types.py") if name.split(".")[0] in PACKAGES]


def test_heavy_packages_are_imported_at_the_top_of_modules_only() -> None:
    for module, file in _modules():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                for inner in ast.walk(node):
                    assert not isinstance(inner, ast.Import | ast.ImportFrom), f"{module}.{node.name} imports inside"


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import navagent", set()),
        ("import navagent, policies, eval", set()),
        ("import envs", {"numpy"}),
        ("import navagent.cli", set()),
        ("import policies.navgpt", {"numpy"}),
        ("import navagent.contracts", {"numpy"}),
    ],
)
def test_importing_costs_only_what_it_needs(statement: str, allowed: set[str]) -> None:
    """Counts modules, not seconds: the benchmarks measure time."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert HEAVY & set(done.stdout.split()) <= allowed


def test_every_public_module_says_what_it_is_for() -> None:
    for module, file in _modules():
        assert ast.get_docstring(ast.parse(file.read_text())), f"{module} has no docstring"


def test_nothing_licensed_is_in_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    for name in tracked.stdout.splitlines():
        assert not name.endswith("_connectivity.json")
        assert "R2R_" not in name
        shipped = name.startswith("policies/weights/")  # trained in houses of our own
        if (CHECKOUT / name).exists() and not shipped:
            assert (CHECKOUT / name).stat().st_size < 1_000_000
