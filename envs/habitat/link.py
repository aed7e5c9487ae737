"""A simulator's two homes, this process or one of another Python, behind one interface."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
import socket
import subprocess
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from envs.habitat import worker
from envs.habitat.advice import advice
from envs.habitat.memory import Frames, anonymous_file
from navagent.errors import ConfigError

START_S = 300.0
"""Seconds in which a worker must have its simulator ready (importing habitat takes some 10, a cold disk more)."""

CALL_S = 120.0
"""Seconds in which a call must be answered; opening a large building takes some 30."""

SIMULATOR = Path(__file__).with_name("simulator.py")
"""habitat-lab and habitat-sim; never imported here, for it runs in either home."""

_LAST_WORDS = 4000
"""Bytes of what a worker printed that are searched for its last words."""

QUIET = {"MAGNUM_LOG": "quiet", "HABITAT_SIM_LOG": "quiet", "GLOG_minloglevel": "2"}
"""Variables that keep habitat-sim from printing pages; those already set stay."""

Frame = Mapping[str, NDArray[Any]]


class SimulatorError(RuntimeError):
    """The simulator broke; the episode is lost, the next `reset` gets a new one."""


@dataclass(frozen=True)
class Simulator:
    """Which simulator to run, and where.

    Attributes:
        file: The Python file that defines it; it imports nothing of ours.
        name: The class, constructed with `settings`. It has `frames` (shape and dtype of each array by name) and
            methods that return a result that JSON knows and a mapping of arrays.
        settings: What JSON knows.
        python: The Python to run it in, or None for this process.
        start_s: Seconds in which it must be ready.
        call_s: Seconds in which a call must be answered.
    """

    file: Path
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    python: str | None = None
    start_s: float = START_S
    call_s: float = CALL_S

    def open(self) -> Link:
        """Return a link to a simulator of one's own, which starts at the first call."""
        return InProcess(self) if self.python is None else Worker(self)

    def versions(self) -> dict[str, str]:
        """Return the versions of Python, habitat-sim, habitat-lab and numpy where the simulator runs.

        Raises:
            ConfigError: There is no such Python.
        """
        if self.python is None:
            return worker.versions()
        script = str(Path(worker.__file__))
        try:
            asked = [self.python, script, "--versions"]
            done = subprocess.run(asked, capture_output=True, text=True, timeout=self.start_s, check=True)
            found: dict[str, str] = json.loads(done.stdout)
        except OSError as error:
            raise _no_python(self.python, error) from error
        except subprocess.TimeoutExpired as error:
            raise ConfigError(f"'{self.python}' did not say its versions within {self.start_s:g} s.") from error
        except (subprocess.CalledProcessError, ValueError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise ConfigError(
                f"'{self.python}' cannot run the worker ({_last_line(said)}): give a Python 3.9 or later with numpy "
                "and habitat, as /path/to/conda/envs/habitat/bin/python."
            ) from error
        return found


def _no_python(python: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"The Python '{python}' cannot be started ({error.strerror}): give the path of one that has habitat-sim, as "
        "/path/to/conda/envs/habitat/bin/python."
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


class Link(ABC):
    """Calls to a simulator. A deep copy is a link to a simulator of its own."""

    @abstractmethod
    def call(self, name: str, **arguments: Any) -> tuple[Any, Frame]:
        """Call a method of the simulator; return its result and its arrays, which stay as they are.

        Raises:
            SimulatorError: It broke, crashed or did not answer in time; the next call starts a new one.
            ValueError: It refuses the arguments.
            ConfigError: It cannot be started.
        """

    @abstractmethod
    def close(self) -> None:
        """End the simulator; the next call starts a new one."""


def _translate(text: str, kinds: list[str]) -> Exception:
    """Return what a simulator's exception means here."""
    if {"ImportError", "FileNotFoundError"} & set(kinds):
        return ConfigError(f"The simulator cannot be used: {text}{advice(text)}")
    if kinds[0] == "ValueError":
        return ValueError(text)
    return SimulatorError(f"{kinds[0]} in the simulator: {text}{advice(text)}")


class InProcess(Link):
    """A simulator in this process."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._made: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> InProcess:
        return InProcess(self._simulator)

    def call(self, name: str, **arguments: Any) -> tuple[Any, Frame]:
        """Call a method; arrays are made contiguous, as a worker's are."""
        try:
            if self._made is None:
                self._made = worker.make_simulator(
                    {
                        "file": str(self._simulator.file),
                        "class": self._simulator.name,
                        "settings": dict(self._simulator.settings),
                    }
                )
            result, arrays = getattr(self._made, name)(**arguments)
        except Exception as error:
            raise _translate(str(error), [cls.__name__ for cls in type(error).__mro__]) from error
        # One contiguous array, whether it came whole or as the list of its rows.
        return result, {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def close(self) -> None:
        """End the simulator."""
        if self._made is not None:
            self._made.close()
            self._made = None


class Worker(Link):
    """A simulator in a process of its own, started at the first call, started anew after a crash.

    Args:
        simulator: What to run; its `python` is set.
        descriptor: An anonymous file for the arrays; by default one of its own.
    """

    def __init__(self, simulator: Simulator, descriptor: int | None = None) -> None:
        self._simulator = simulator
        self._given = descriptor
        self._process: _Process | None = None
        self._frames: Frames | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Worker:
        return Worker(copy.copy(self._simulator))

    def call(self, name: str, **arguments: Any) -> tuple[Any, Frame]:
        """Call a method; the arrays lie in shared memory, copied there once by the worker."""
        if self._process is None:
            self.start()
            assert self._process is not None
            self._frames = Frames(self._process.memory, self._process.shapes)
            self.place(self._frames, 0)
        assert self._frames is not None
        slot = self._frames.free_slot()
        self.ask(name, slot, **arguments)
        result, names = self.answer(name)
        return result, {key: array[0] for key, array in self._frames.read(slot, names).items()}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    # ------------------------------------------------ one call in two halves, for workers that step together
    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None

    def start(self) -> Mapping[str, tuple[tuple[int, ...], str]]:
        """Start the process; return shape and dtype of its arrays.

        Raises:
            ConfigError: It does not come up.
        """
        self._process = _Process(self._simulator, self._given)
        # One that nobody closes ends when it is forgotten.
        weakref.finalize(self, _Process.end, self._process)
        return self._process.shapes

    def place(self, frames: Frames, row: int) -> None:
        """Tell the process where its arrays go."""
        assert self._process is not None
        self._send({"places": frames.places(row), "bytes": frames.bytes}, "start")
        self._receive("start", self._simulator.start_s)

    def ask(self, name: str, slot: int, **arguments: Any) -> None:
        """Send a call."""
        self._send({"call": name, "arguments": arguments, "slot": slot}, name)

    def answer(self, name: str) -> tuple[Any, list[str]]:
        """Wait for the answer to a call; return its result and the names of the arrays that were written."""
        reply = self._receive(name, self._simulator.call_s)
        if "error" in reply:
            raise _translate(str(reply["error"]), list(reply.get("kinds") or ["RuntimeError"]))
        try:
            return reply["result"], list(reply["frames"])
        except (KeyError, TypeError) as error:
            raise self._lost(name, "gave an answer that is not the protocol's and was ended") from error

    def _send(self, message: dict[str, Any], name: str) -> None:
        assert self._process is not None
        try:
            worker.send(self._process.connection, message)
        except OSError as error:
            raise self._lost(name, "ended") from error

    def _receive(self, name: str, seconds: float) -> dict[str, Any]:
        assert self._process is not None
        try:
            return worker.receive(self._process.connection, seconds)
        except EOFError as error:
            raise self._lost(name, "ended") from error
        except TimeoutError as error:
            raise self._lost(name, f"did not answer within {seconds:g} s and was ended") from error
        except worker.GarbageError as error:
            raise self._lost(name, f"gave an answer that is not the protocol's ({error}) and was ended") from error

    def _lost(self, name: str, what: str) -> SimulatorError:
        """Give the process up; return what to raise."""
        assert self._process is not None
        process, self._process = self._process, None
        how = process.end()
        return SimulatorError(f"The simulator's process {what} during '{name}' ({how}).{advice(process.said)}")


class _Process:
    """A running worker whose simulator is ready.

    Attributes:
        shapes: Shape and dtype of its arrays.
        versions: Versions where it runs.
        said: The end of what it printed, once it has ended.

    Raises:
        ConfigError: It does not come up.
    """

    def __init__(self, simulator: Simulator, memory: int | None) -> None:
        assert simulator.python is not None
        self._simulator = simulator
        self._own_memory = memory is None
        self.memory = anonymous_file() if memory is None else memory
        self.connection, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        self.said = ""
        self._log: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        descriptors = (theirs.fileno(), self.memory, lifeline)
        command = [simulator.python, "-u", str(Path(worker.__file__)), *map(str, descriptors)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                env={**QUIET, **os.environ},
                start_new_session=True,  # ctrl-C is for the parent, which ends its workers itself
            )
        except OSError as error:
            self._release()
            raise _no_python(simulator.python, error) from error
        finally:
            theirs.close()
            os.close(lifeline)
        try:
            self.shapes, self.versions = self._shake_hands()
        except BaseException:
            self.end()
            raise

    def _shake_hands(self) -> tuple[dict[str, tuple[tuple[int, ...], str]], dict[str, str]]:
        simulator = self._simulator
        hello = {"protocol": worker.PROTOCOL, "file": str(simulator.file), "class": simulator.name}
        try:
            worker.send(self.connection, {**hello, "settings": dict(simulator.settings)})
            reply = worker.receive(self.connection, simulator.start_s)
        except TimeoutError as error:
            raise ConfigError(
                f"The simulator's worker was not ready within {simulator.start_s:g} s ({self._last_words()})."
            ) from error
        except (EOFError, OSError) as error:
            how = self.end()
            raise ConfigError(
                f"The simulator's worker ended before it was ready ({how}).{advice(self.said)}"
            ) from error
        except worker.GarbageError as error:
            raise ConfigError(f"The simulator's worker does not speak the protocol ({error}).") from error
        if reply.get("protocol") != worker.PROTOCOL:
            raise ConfigError(
                f"The simulator's worker speaks protocol {reply.get('protocol')}, not {worker.PROTOCOL}: its file "
                f"{worker.__file__} belongs to another version of navagent; install this one again."
            )
        if "error" in reply:
            text = str(reply["error"])
            raise ConfigError(f"The simulator cannot be made in {simulator.python}: {text}.{advice(text)}")
        try:
            shapes = {str(name): (tuple(shape), str(dtype)) for name, (shape, dtype) in reply["frames"].items()}
            return shapes, dict(reply["versions"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError("The simulator's worker does not speak the protocol (no frames in its reply).") from error

    def end(self) -> str:
        """End the process if it still runs, free what it held; return how it ended, with its last words."""
        if self._log.closed:
            return "gone"
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # one that crashed has ended already, one that is well ends now
        killed = self._process.poll() is None
        if killed:
            self._process.kill()
        code = self._process.wait()
        last = self._last_words()
        self._release()
        return last if killed or code >= 0 else f"{signal.Signals(-code).name}; {last}"

    def _release(self) -> None:
        self.connection.close()
        os.close(self._lifeline)
        self._log.close()
        if self._own_memory:
            os.close(self.memory)

    def _last_words(self) -> str:
        """Return the last line that the process printed; `said` keeps more, for the reason often stands before it."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LAST_WORDS))
        self.said = self._log.read().decode(errors="replace")
        return f"last words: {_last_line(self.said)}"
