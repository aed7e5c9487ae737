"""The worker's protocol, with a small simulator in place of habitat-sim."""

from __future__ import annotations

import ast
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.habitat import worker
from envs.habitat.link import SIMULATOR, Link, Simulator, SimulatorError, Worker
from navagent.errors import ConfigError
from tests.command_line import CHECKOUT
from tests.envs.habitat import stand_in

EPISODE = {
    "episode_id": "1",
    "start_position": [0.0, 0.5, 0.0],
    "start_rotation": [0.0, 0.0, 0.0, 1.0],
    "goals": [{"position": [0.0, 0.5, -5.0]}],
}

FORWARD = 1


def simulator(python: str | None = sys.executable, **settings: Any) -> Simulator:
    """Return the stand-in; `call_s` and `start_s` may be among the settings."""
    limits = {name: settings.pop(name) for name in ("call_s", "start_s") if name in settings}
    return Simulator(Path(stand_in.__file__), "StandIn", {"rgb": 8, "depth": 6, **settings}, python, **limits)


@pytest.fixture(params=[None, sys.executable], ids=["in process", "worker"])
def link(request: pytest.FixtureRequest) -> Iterator[Link]:
    opened = simulator(request.param).open()
    yield opened
    opened.close()


def pid_of(link: Link) -> int:
    assert isinstance(link, Worker)
    assert link._process is not None
    return link._process._process.pid


def is_gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


# ------------------------------------------------------------------------------------------- one interface
def test_both_homes_give_the_same(link: Link) -> None:
    state, frames = link.call("reset", episode=EPISODE)
    assert state["position"] == [0.0, 0.5, 0.0]
    assert frames["rgb"].shape == (8, 8, 3)
    assert frames["rgb"].dtype == np.uint8
    assert frames["depth"].dtype == np.float32
    assert frames["depth"][0, 0] == 5.0
    state, frames = link.call("step", action=FORWARD)
    assert state["position"] == pytest.approx([0.0, 0.5, -0.25])
    assert frames["depth"][0, 0] == 4.75
    assert link.call("distances", positions=[[0, 0, 0], [3, 0, 4]], goal=[0, 0, 0]) == ([0.0, 5.0], {})


def test_pictures_stay_as_they_are_for_as_long_as_they_are_held(link: Link) -> None:
    link.call("reset", episode=EPISODE)
    held = [link.call("step", action=FORWARD)[1]["rgb"][2:4, ::2] for _ in range(20)]
    assert [int(part[0, 0, 1]) for part in held] == list(range(1, 21))


def test_arrays_reach_us_without_a_copy_unless_many_are_held() -> None:
    link = simulator().open()
    link.call("reset", episode=EPISODE)
    addresses = {link.call("step", action=FORWARD)[1]["rgb"].ctypes.data for _ in range(20)}
    assert len(addresses) <= 3
    array = link.call("step", action=FORWARD)[1]["rgb"]
    assert not array.flags.owndata
    held = [link.call("step", action=FORWARD)[1]["rgb"] for _ in range(8)]
    assert any(part.base is not None and part.base.flags.owndata for part in held)
    link.close()
    assert int(array[0, 0, 1]) == 21  # outlives the worker


def test_a_copy_has_a_simulator_of_its_own(link: Link) -> None:
    link.call("reset", episode=EPISODE)
    twin = copy.deepcopy(link)
    twin.call("reset", episode=EPISODE)
    twin.call("step", action=FORWARD)
    assert link.call("step", action=FORWARD)[0]["position"] == pytest.approx([0.0, 0.5, -0.25])
    twin.close()


def test_an_exception_is_one_sentence_and_the_simulator_goes_on(link: Link) -> None:
    link.call("reset", episode=EPISODE)
    with pytest.raises(SimulatorError, match=r"KeyError in the simulator: 'start_position'|goals"):
        link.call("reset", episode={})
    assert link.call("reset", episode=EPISODE)[0]["position"] == [0.0, 0.5, 0.0]


def test_python_39_reads_the_files_that_run_beside_habitat() -> None:
    for file in (Path(worker.__file__), SIMULATOR, Path(stand_in.__file__)):
        tree = ast.parse(file.read_text(), feature_version=(3, 9))
        roots = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not roots & {"navagent", "envs", "policies", "eval"}, file


def test_a_python_39_runs_the_worker() -> None:
    python = shutil.which("python3.9")
    if python is None or subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode != 0:
        pytest.skip("there is no Python 3.9 with numpy here")
    link = simulator(python).open()
    link.call("reset", episode=EPISODE)
    assert link.call("step", action=FORWARD)[0]["position"] == pytest.approx([0.0, 0.5, -0.25])
    link.close()


# ------------------------------------------------------------------------------------------------- faults
def test_a_crash_is_one_sentence_and_the_next_reset_has_a_new_worker(tmp_path: Path) -> None:
    link = simulator(fault="crash", marker=str(tmp_path / "once")).open()
    link.call("reset", episode=EPISODE)
    link.call("step", action=FORWARD)
    link.call("step", action=FORWARD)
    expected = r"process ended during 'step' \(SIGKILL; last words: Segmentation fault, said the simulator\)\."
    with pytest.raises(SimulatorError, match=expected):
        link.call("step", action=FORWARD)
    link.call("reset", episode=EPISODE)
    for _ in range(5):
        state, _ = link.call("step", action=FORWARD)
    assert state["position"] == pytest.approx([0.0, 0.5, -1.25])
    link.close()


def test_kill_from_outside_is_a_crash_too() -> None:
    link = simulator().open()
    link.call("reset", episode=EPISODE)
    os.kill(pid_of(link), signal.SIGKILL)
    with pytest.raises(SimulatorError, match="SIGKILL"):
        link.call("step", action=FORWARD)
    assert link.call("reset", episode=EPISODE)[0]["position"] == [0.0, 0.5, 0.0]
    link.close()


@pytest.mark.parametrize("fault", ["hang", "hang with the lock"])
def test_a_hang_ends_in_time(fault: str) -> None:
    link = simulator(fault=fault, at=1, call_s=0.5).open()
    link.call("reset", episode=EPISODE)
    pid = pid_of(link)
    with pytest.raises(SimulatorError, match=r"did not answer within 0\.5 s and was ended during 'step'"):
        link.call("step", action=FORWARD)
    assert is_gone(pid)


def test_garbage_on_the_connection_is_refused() -> None:
    link = simulator(fault="garbage", at=1, call_s=20).open()
    link.call("reset", episode=EPISODE)
    pid = pid_of(link)
    with pytest.raises(SimulatorError, match=r"not the protocol's \(a message of [\d,]+ bytes was announced\)"):
        link.call("step", action=FORWARD)
    assert is_gone(pid)


def test_an_array_of_another_shape_is_refused(link: Link) -> None:
    broken = simulator(fault="wrong shape", at=1).open()
    broken.call("reset", episode=EPISODE)
    with pytest.raises(SimulatorError, match=r"rgb is uint8 \(9, 9, 3\), not uint8 \(8, 8, 3\)"):
        broken.call("step", action=FORWARD)
    broken.close()


def test_a_slow_start_is_waited_for() -> None:
    link = simulator(fault="slow start", seconds=1.0, start_s=30.0).open()
    assert link.call("reset", episode=EPISODE)[0]["position"] == [0.0, 0.5, 0.0]
    link.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fault": "slow start", "seconds": 60, "start_s": 0.5}, r"was not ready within 0\.5 s"),
        ({"fault": "no start"}, r"No module named 'habitat_sim'\. That Python lacks habitat-sim.*environment\.yml"),
        ({"fault": "crash at start"}, r"ended before it was ready \(SIGABRT; last words: Windowless.*--env\.gpu -1"),
        ({"python": "/nowhere/python"}, r"The Python '/nowhere/python' cannot be started \(No such file"),
    ],
)
def test_what_cannot_start_says_why(settings: dict[str, Any], message: str) -> None:
    link = simulator(**settings).open()
    with pytest.raises(ConfigError, match=message):
        link.call("reset", episode=EPISODE)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ('worker.send(s, {"protocol": 0})', r"speaks protocol 0, not 1"),
        ('worker.send(s, {"hello": 1})', r"speaks protocol None, not 1"),
        ('worker.send(s, {"protocol": 1, "frames": 3})', r"does not speak the protocol \(no frames"),
        ('s.sendall(b"\\0\\0\\0\\4abcd")', r"does not speak the protocol \(b'abcd' is no JSON\)"),
        ('s.sendall(b"\\0\\0\\0\\0013")', r"does not speak the protocol \(b'3' is no JSON object\)"),
    ],
)
def test_a_worker_of_another_version_is_refused(
    reply: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "worker.py"
    other.write_text(
        f"import sys, socket, time\nsys.path.insert(0, {str(CHECKOUT)!r})\nfrom envs.habitat import worker\n"
        f"s = socket.socket(fileno=int(sys.argv[1]))\nworker.receive(s)\n{reply}\ntime.sleep(60)\n"
    )
    monkeypatch.setattr(worker, "__file__", str(other))
    link = simulator().open()
    with pytest.raises(ConfigError, match=message):
        link.call("reset", episode=EPISODE)


def test_half_a_message_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "worker.py"
    other.write_text(
        "import sys, socket, time\ns = socket.socket(fileno=int(sys.argv[1]))\n"
        "s.sendall(b'\\0\\0\\1\\0{')\ntime.sleep(60)\n"
    )
    monkeypatch.setattr(worker, "__file__", str(other))
    with pytest.raises(ConfigError, match=r"was not ready within 0\.5 s"):
        simulator(start_s=0.5).open().call("reset", episode=EPISODE)


@pytest.mark.parametrize("fault", ["", "hang", "hang with the lock"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_dies_with_its_parent(fault: str, how: signal.Signals) -> None:
    """Also in the middle of a call, and of one that holds Python's lock."""
    code = f"""
import sys, threading, time
sys.path.insert(0, {str(CHECKOUT)!r})
from tests.envs.habitat.test_link import EPISODE, pid_of, simulator
link = simulator(fault={fault!r}, at=1).open()
# From a thread that ends: the worker must not end with it.
thread = threading.Thread(target=link.call, args=("reset",), kwargs={{"episode": EPISODE}})
thread.start(); thread.join()
print(pid_of(link), flush=True)
threading.Thread(target=link.call, args=("step",), kwargs={{"action": 1}}, daemon=True).start()
time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)
    assert not is_gone(pid, 0.1)
    parent.send_signal(how)
    parent.wait(10)
    parent.stdout.close()
    assert is_gone(pid)


def test_closing_ends_the_worker() -> None:
    link = simulator().open()
    link.call("reset", episode=EPISODE)
    pid = pid_of(link)
    link.close()
    assert is_gone(pid)
    link.close()


# ----------------------------------------------------------------------------------------------- versions
def test_versions_are_those_of_the_simulators_python() -> None:
    assert simulator().versions() == simulator(None).versions()
    assert simulator().versions()["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("python", "message"),
    [("/nowhere/python", "cannot be started"), ("/bin/true", "cannot run the worker"), (os.devnull, "cannot be st")],
)
def test_a_python_that_is_none_is_named(python: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        simulator(python).versions()


def test_the_version_question_needs_no_habitat() -> None:
    done = subprocess.run([sys.executable, worker.__file__, "--versions"], capture_output=True, check=True, text=True)
    assert "python" in json.loads(done.stdout)
