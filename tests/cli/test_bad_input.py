"""Every mistake that a user can make: one sentence, exit code 2, nothing lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import CHECKOUT, environment, navagent_command, run_navagent

CONFIG = str(CHECKOUT / "configs" / "r2r_navgpt.yaml")
NAVGPT = ("eval", "--config", CONFIG)
RANDOM = ("eval", "--env", "R2R", "--policy", "Random")

PLUGIN = """
from policies.baselines import Stop

class Seeing(Stop):
    needs = frozenset({"rgb"})

class Unrelated:
    pass

class Breaking(Stop):
    def __init__(self):
        raise KeyError("x")

class Locked(Stop):
    def __init__(self):
        import threading
        self.lock = threading.Lock()

def spl(trajectory):
    return 1.0
"""

FILES = {
    "plugin.py": PLUGIN,
    "broken.py": "def f(:\n",
    "leaving.py": "raise SystemExit(4)\n",
    "typo.yaml": "env: {class_path: envs.R2R}\npolicy: {class_path: policies.Random}\nepisodess: 5\n",
    "broken.yaml": "policy: [",
    "list.yaml": "- a\n- b\n",
}
"""What the mistakes below refer to."""

A2NAV = ("eval", "--config", str(CHECKOUT / "configs" / "r2r_a2nav.yaml"))
SWIFTSAGE = ("eval", "--config", str(CHECKOUT / "configs" / "r2r_swiftsage.yaml"))

MISTAKES = {
    "no option": (("eval",), "Give --env, --policy", ""),
    "unknown navigator": (
        (*A2NAV, "--policy.navigator", "GrphNavigator"),
        "GrphNavigator cannot be used",
        "Did you mean 'GraphNavigator'? Name one of ours (ChatNavigator, GraphNavigator)",
    ),
    "unknown switch": (
        (*SWIFTSAGE, "--policy.switches", "[stuck,critcal]"),
        "--policy.switches: must be one of",
        "not 'critcal'",
    ),
    "impatient": ((*SWIFTSAGE, "--policy.patience", "0"), "patience, most_plans and most_moves must be at least 1", ""),
    "unknown split": ((*NAVGPT, "--env.split", "val_unsen"), "no split 'val_unsen'", "Did you mean 'val_unseen'?"),
    "unknown policy": ((*RANDOM[:3], "--policy", "NavGTP"), "--policy NavGTP cannot be used", "Did you mean 'NavGPT'?"),
    "unknown module": ((*RANDOM[:3], "--policy", "nope.Mine"), "nope.Mine cannot be used", "No module named 'nope'"),
    "unknown class": ((*RANDOM[:3], "--policy", "plugin.Mine"), "plugin.Mine cannot be used", "no attribute 'Mine'"),
    "not a policy": (
        (*RANDOM[:3], "--policy", "plugin.Unrelated"),
        "plugin.Unrelated cannot be used",
        "a subclass of Policy",
    ),
    "unknown model": (
        (*NAVGPT, "--policy.llm", "OpenAIChatt"),
        "--policy.llm OpenAIChatt cannot",
        "Did you mean 'OpenAIChat'?",
    ),
    "unknown procedure": (
        (*NAVGPT, "--policy.procedure", "StageBean"),
        "--policy.procedure StageBean cannot be used",
        "Did you mean 'StageBeam'?",
    ),
    "unknown memory": ((*NAVGPT, "--policy.memory", "mapp"), "--policy.memory: must be one of 'list', 'map'", "'mapp'"),
    "no tokens": ((*NAVGPT, "--policy.prompt_tokens", "0"), "prompt_tokens must be at least 1", "not 0"),
    "unknown option": ((*RANDOM, "--wrokers", "3"), "no option --wrokers", "Did you mean '--workers'?"),
    "unknown policy option": ((*RANDOM, "--policy.sede", "3"), "has no option 'sede'", "Did you mean 'seed'?"),
    "unknown model option": (
        (*NAVGPT, "--policy.llm", "OpenAIChat", "--policy.llm.modle", "x"),
        "no option 'modle'",
        "Did you mean 'model'?",
    ),
    "ill-typed option": ((*RANDOM, "--workers", "many"), "--workers", "must be a whole number, not 'many'"),
    "ill-typed policy option": ((*RANDOM, "--policy.seed", "x"), "--policy.seed", "expected int, not 'x'"),
    "no such choice": (
        (*NAVGPT, "--policy.style", "haiku"),
        "--policy.style",
        "must be one of 'react', 'json', not 'haiku'",
    ),
    "too many episodes": ((*RANDOM, "--episodes", "31"), "--episodes 31", "30 episodes"),
    "no episodes": ((*RANDOM, "--episodes", "0"), "--episodes", "0"),
    "no policy": (("eval", "--env", "R2R"), "--policy", "--config"),
    "no describer": ((*RANDOM[:3], "--policy", "NavGPT", "--policy.llm", "OfflineChat"), "--policy.describer", "needs"),
    "unknown key in a config": (("eval", "--config", "typo.yaml"), "no option episodess", "Did you mean '--episodes'?"),
    "config that is no YAML": (("eval", "--config", "broken.yaml"), "--config broken.yaml is no YAML", "line 1"),
    "config that is a list": (("eval", "--config", "list.yaml"), "--config list.yaml holds no options", "map option"),
    "negative seed": ((*RANDOM, "--seed", "-1"), "--seed", "must be >=0"),
    "negative policy seed": ((*RANDOM, "--policy.seed", "-5"), "A seed must be at least 0", "-5"),
    "no steps": ((*NAVGPT, "--policy.max_steps", "0"), "max_steps must be at least 1", "0"),
    "long name": ((*RANDOM, "--name", "x" * 300), "--name may have at most 200", "300"),
    "key for its name": (
        (*NAVGPT, "--policy.llm", "OpenAIChat", "--policy.llm.model", "m", "--policy.llm.api_key_env", "sk-secret"),
        "api_key_env takes the *name*",
        "not the key",
    ),
    "address without scheme": (
        (*NAVGPT, "--policy.llm", "OpenAIChat", "--policy.llm.model", "m", "--policy.llm.base_url", "127.0.0.1:1"),
        "base_url takes an address",
        "http://localhost:8000/v1",
    ),
    "plug-in with a syntax error": ((*RANDOM[:3], "--policy", "broken.Mine"), "plug-in broken breaks", "SyntaxError"),
    "plug-in that exits": ((*RANDOM[:3], "--policy", "leaving.Mine"), "plug-in leaving breaks", "(leaving.py, line 1)"),
    "constructor that breaks": ((*RANDOM[:3], "--policy", "plugin.Breaking"), "cannot be constructed", "KeyError: 'x'"),
    "policy that cannot be copied": (
        (*RANDOM[:3], "--policy", "plugin.Locked"),
        "cannot be copied",
        "inherit navagent",
    ),
    "file hidden by ours": (
        (*RANDOM[:3], "--policy", "policies.Mine"),
        "policies is hidden by our package",
        "rename it",
    ),
    "metric with a name of ours": (
        (*RANDOM, "--extra-metrics", "[plugin.spl]"),
        "'spl' is a metric of r2r-1",
        "rename",
    ),
    "absent config": (("eval", "--config", "nope.yaml"), "--config", "nope.yaml"),
    "missing key": (
        (*NAVGPT, "--policy.llm", "OpenAIChat", "--policy.llm.model", "gpt-4o"),
        "OPENAI_API_KEY",
        "set the environment",
    ),
    "mismatch": ((*RANDOM[:3], "--policy", "plugin.Seeing"), "Seeing needs rgb", "R2R does not give"),
    "absent metric": (
        (*RANDOM, "--extra-metrics", "[plugin.nope]"),
        "--extra-metrics plugin.nope",
        "module 'plugin' has no attribute 'nope'",
    ),
    "metric without brackets": ((*RANDOM, "--extra-metrics", "plugin.spl"), "--extra-metrics", "write '[plugin.spl]'"),
    "absent prices": ((*RANDOM, "--prices", "nope.yaml"), "nope.yaml", "cannot be read"),
    "negative budget": ((*RANDOM, "--budget-usd", "-3"), "--budget-usd", "must be >=0"),
    "no run to report": (("report", "."), "is no run", "episodes.jsonl"),
    "no run to compare": (("compare", ".", "."), "is no run", "episodes.jsonl"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(mistake: str, tiny_data: Path, tmp_path: Path) -> None:
    arguments, *said = MISTAKES[mistake]
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    done = run_navagent(*arguments, data=tiny_data, cwd=tmp_path)
    for part in said:
        assert part in done.stderr
    _check_sentence(done)
    assert not list(tmp_path.glob("runs/*/episodes.jsonl"))


def _check_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("navagent ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def test_an_unknown_command_says_which_there_are(tiny_data: Path, tmp_path: Path) -> None:
    done = run_navagent("evaluate", data=tiny_data, cwd=tmp_path)
    assert done.returncode == 2
    assert "eval" in done.stderr
    assert "score" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_absent_data_folder_is_named(tmp_path: Path) -> None:
    done = run_navagent(*RANDOM, data=tmp_path / "absent", cwd=tmp_path)
    _check_sentence(done)
    assert "set NAVAGENT_DATA" in done.stderr


def test_half_a_download_is_named(own_tiny_data: Path, tmp_path: Path) -> None:
    file = own_tiny_data / "r2r" / "R2R_val_unseen.json"
    file.write_text(file.read_text()[:777])
    done = run_navagent(*RANDOM, data=own_tiny_data, cwd=tmp_path)
    _check_sentence(done)
    assert "maybe cut short: fetch it again" in done.stderr


def test_half_a_download_of_texts_is_named(own_tiny_data: Path, tmp_path: Path) -> None:
    file = own_tiny_data / "navgpt" / "objects_list" / "scanB.json"
    file.write_text(file.read_text()[:777])
    done = run_navagent(*NAVGPT, data=own_tiny_data, cwd=tmp_path)
    assert done.returncode in (2, 3)
    assert "objects_list/scanB.json is not whole JSON" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_scan_without_connectivity_is_named(own_tiny_data: Path, tmp_path: Path) -> None:
    (own_tiny_data / "r2r" / "connectivity" / "scanB_connectivity.json").unlink()
    done = run_navagent(*RANDOM, data=own_tiny_data, cwd=tmp_path)
    _check_sentence(done)
    assert "scanB_connectivity.json is missing" in done.stderr


def test_absent_texts_are_named(own_tiny_data: Path, tmp_path: Path) -> None:
    shutil.rmtree(own_tiny_data / "navgpt")
    done = run_navagent(*NAVGPT, data=own_tiny_data, cwd=tmp_path)
    _check_sentence(done)
    assert "navgpt is missing" in done.stderr


def test_an_output_folder_that_cannot_be_made_is_named(tiny_data: Path, tmp_path: Path) -> None:
    """A file in the way refuses even root, whom a read-only mode would not stop."""
    (tmp_path / "file").touch()
    done = run_navagent(*RANDOM, "--runs-dir", "file/runs", data=tiny_data, cwd=tmp_path)
    _check_sentence(done)
    assert "cannot be written" in done.stderr


def test_a_read_only_output_folder_is_named(tiny_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write anywhere (root): the file in the way above stands for it")
    done = run_navagent(*RANDOM, "--runs-dir", str(folder), data=tiny_data, cwd=tmp_path)
    _check_sentence(done)
    assert "Permission denied" in done.stderr


def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(tiny_data: Path, tmp_path: Path) -> None:
    """A limit on the size of a file stands for the disk: the list of episodes outgrows it."""
    limited = ["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "bash", *navagent_command(*RANDOM, "--name", "x")]
    done = subprocess.run(
        limited, env=environment(tiny_data), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (2, 3)
    assert "cannot be written (File too large)" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    kept = (tmp_path / "runs" / "x" / "episodes.jsonl").read_text()
    assert 0 < kept.count("\n") < 30
    again = run_navagent(*RANDOM, "--name", "x", data=tiny_data, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "runs" / "x" / "episodes.jsonl").read_text().count("\n") == 30


def test_a_class_whose_packages_are_absent_says_which(tmp_path: Path) -> None:
    """As after a plain `pip install navagent`, without the extra `vision`."""
    code = "import sys; sys.modules['torch'] = None; from navagent.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ("eval", "--env", "R2R", "--policy", "NavGPT", "--policy.llm", "TransformersChat")
    done = subprocess.run(
        [sys.executable, "-c", code, *options], capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path)
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"navagent eval: TransformersChat needs the package (torch|jinja2), which is not installed: `navagent doctor` "
        r"says how to get it\.\n",
        done.stderr,
    )
