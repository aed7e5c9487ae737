"""The process that a simulator runs in, under whatever Python has it: `python worker.py CONNECTION MEMORY LIFELINE`.

It is a script of its own: standard library, numpy and what the simulator's file imports, Python 3.9 and later. The
three arguments are file descriptors that only this process inherits:

- CONNECTION, one end of a socket pair. No address leads to it, so nobody but the parent can talk to the worker: the
  kernel authenticates both ends. Messages are JSON with their length before them, never pickles, so what a broken
  simulator writes can be refused but not run.
- MEMORY, shared memory without a name, which vanishes with the last process that has it. The simulator's arrays are
  copied into it once; the parent reads them where they lie.
- LIFELINE, the reading end of a pipe that the parent holds open. When the parent dies, however, the kernel sends
  this process SIGIO, which ends it, even in the middle of a call into the simulator.

The conversation, parent first:

1. `{"protocol": 1, "file": ..., "class": ..., "settings": {...}}`: construct the class of that file with the settings;
   answered by `{"protocol": 1, "frames": {name: [shape, dtype]}, "versions": {...}}`.
2. `{"places": {name: [offset, stride]}, "bytes": n}`: where each array lies in slot 0, how far slots are apart, how
   large the memory is; answered by `{}`.
3. `{"call": name, "arguments": {...}, "slot": k}`: call a method, which returns a result that JSON knows and arrays;
   (or lists of their rows); answered by `{"result": ..., "frames": [names]}`, the arrays lying in slot k, or by
   `{"error": text, "kinds": the exception's class and its bases}`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import mmap
import os
import platform
import select
import socket
import struct
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

PROTOCOL = 1
"""Changes whenever the conversation does."""

LONGEST = 64 * 2**20
"""Bytes of the longest message; a longer one is garbage."""

PACKAGES = ("habitat-sim", "habitat-lab", "numpy")
"""Packages whose versions can change a score."""

_LENGTH = struct.Struct(">I")

_MODULE = "navagent_simulator"


class GarbageError(Exception):
    """What came is no message of this protocol."""


# ------------------------------------------------------------------------------------------- messages, both ends
def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send a message.

    Raises:
        OSError: The other end is gone.
    """
    body = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket, seconds: float | None = None) -> dict[str, Any]:
    """Wait for a message.

    Args:
        connection: Where from.
        seconds: How long, from the call to the message's last byte; None waits for ever.

    Raises:
        EOFError: The other end is gone.
        TimeoutError: No whole message came in time.
        GarbageError: What came is no message.
    """
    end = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size, end))
    if length > LONGEST:
        raise GarbageError(f"a message of {length:,} bytes was announced")
    body = _read(connection, length, end)
    try:
        message = json.loads(body)
    except ValueError as error:
        raise GarbageError(f"{body[:40]!r} is no JSON") from error
    if not isinstance(message, dict):
        raise GarbageError(f"{body[:40]!r} is no JSON object")
    return message


def _read(connection: socket.socket, count: int, end: float | None) -> bytes:
    chunks: list[bytes] = []
    while count:
        if end is not None:
            # select instead of a socket timeout, which would hold for sending too.
            ready, _, _ = select.select([connection], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
        try:
            chunk = connection.recv(min(count, 2**20))
        except ConnectionError as error:
            raise EOFError from error
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


# --------------------------------------------------------------------------------------------- the worker's end
def die_with_parent(lifeline: int) -> None:
    """Let the kernel end this process when the writing end of the pipe closes.

    SIGIO on the pipe's reading end, whose default is to end the process, comes from the kernel: neither a simulator
    that hangs nor one that holds Python's lock can keep it away. (PR_SET_PDEATHSIG would come too early: when the
    *thread* ends that started the worker.)
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it closed before we listened
        os._exit(1)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a score."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def make_simulator(message: dict[str, Any]) -> Any:
    """Construct the simulator that a first message asks for."""
    spec = importlib.util.spec_from_file_location(_MODULE, message["file"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{message['file']} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return getattr(module, message["class"])(message["settings"])


class Memory:
    """The worker's view of the shared memory.

    Args:
        descriptor: The memory.
        frames: Shape and dtype of each array.
        message: The second message.
    """

    def __init__(self, descriptor: int, frames: dict[str, Any], message: dict[str, Any]) -> None:
        self._map = mmap.mmap(descriptor, message["bytes"])
        self._frames = frames
        self._places = message["places"]
        self._slots: dict[tuple[str, int], np.ndarray[Any, Any]] = {}

    def write(self, slot: int, arrays: dict[str, Any]) -> list[str]:
        """Copy arrays into a slot, the one copy on their way; return their names."""
        for name, array in arrays.items():
            place = self._slots.get((name, slot))
            if place is None:
                shape, dtype = self._frames[name]
                offset, stride = self._places[name]
                place = np.ndarray(tuple(shape), dtype, self._map, offset + slot * stride)
                self._slots[name, slot] = place
            rows = zip(place, array) if isinstance(array, list) else [(place, array)]  # noqa: B905 (Python 3.9)
            for target, part in rows:
                if part.shape != target.shape or part.dtype != target.dtype:
                    raise TypeError(
                        f"{name} is {part.dtype} {part.shape}, not {target.dtype} {target.shape} as announced"
                    )
                np.copyto(target, part)
        return list(arrays)


def serve(connection: socket.socket, descriptor: int) -> None:
    """Answer the parent until it is gone."""
    first = receive(connection)
    if first.get("protocol") != PROTOCOL:
        send(connection, {"protocol": PROTOCOL})
        return
    try:
        simulator = make_simulator(first)
    except BaseException as error:
        send(connection, {"protocol": PROTOCOL, **_failure(error)})
        return
    frames = {name: [list(shape), str(np.dtype(dtype))] for name, (shape, dtype) in simulator.frames.items()}
    send(connection, {"protocol": PROTOCOL, "frames": frames, "versions": versions()})
    memory = Memory(descriptor, frames, receive(connection))
    send(connection, {})
    while True:
        send(connection, _answer(simulator, memory, receive(connection)))


def _answer(simulator: Any, memory: Memory, message: dict[str, Any]) -> dict[str, Any]:
    try:
        result, arrays = getattr(simulator, message["call"])(**message["arguments"])
        return {"result": result, "frames": memory.write(message["slot"], arrays)}
    except Exception as error:
        return _failure(error)


def _failure(error: BaseException) -> dict[str, Any]:
    kinds = [cls.__name__ for cls in type(error).__mro__]
    return {"error": " ".join(f"{error}".split()) or kinds[0], "kinds": kinds}


def main(arguments: list[str]) -> None:
    """Run the worker; with `--versions`, print the versions as JSON instead."""
    if arguments == ["--versions"]:
        print(json.dumps(versions()))
        return
    number, memory, lifeline = map(int, arguments)
    die_with_parent(lifeline)
    try:
        serve(socket.socket(fileno=number), memory)
    except (EOFError, ConnectionError):
        return  # the parent closed the connection: the work is done


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose other modules are none of the simulator's
    main(sys.argv[1:])
