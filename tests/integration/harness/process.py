"""Programs that a test run starts: each logs to a file and ends with the run, whatever happens."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(AssertionError):
    """A program of the test run did not do its part; the message holds the end of its log."""


def die_with_parent() -> None:
    """To run in a child before exec: the kernel kills it when the parent is gone. Holds for the
    thread that started the child, so programs are started from the main thread."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, probe: Callable[[], T], deadline_s: float, every_s: float = 0.05) -> T:
    """The first true result of probe(); Failed when there is none within the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        if result := probe():
            return result
        if time.monotonic() > end:
            raise Failed(f"not within {deadline_s:g} s: {what}")
        time.sleep(every_s)


class Program:
    """A server process. start() it, stop() it; a second start() continues the same log.

    Not thread-safe. All programs that were ever started are in `Program.started`, so that a failed
    test can show their logs.
    """

    started: list["Program"] = []

    def __init__(self, name: str, log: Path):
        self.name = name
        self.log = log
        self.process: subprocess.Popen | None = None

    def launch(self, argv: list[str], env: dict[str, str] | None = None) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"TZ": "UTC"} | (env or {}),
                preexec_fn=die_with_parent,
            )
        if self not in Program.started:
            Program.started.append(self)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, probe: Callable[[], T], deadline_s: float) -> T:
        def check():
            if not self.alive():
                status = self.process.returncode if self.process else None
                raise Failed(f"{self.name} ended with status {status}\n{self.tail()}")
            return probe()

        try:
            return wait_until(f"{self.name} is ready", check, deadline_s)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.tail()}") from None

    def stop(self, patience_s: float = 10) -> int | None:
        """Asks the program to end, kills it if it does not; its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def logs(self) -> list[Path]:
        return [self.log]

    def tail(self, lines: int = 25) -> str:
        parts = []
        for path in self.logs():
            if path.exists():
                last = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
                parts.append(f"--- {self.name}: {path}\n" + "\n".join(last))
        return "\n".join(parts)
