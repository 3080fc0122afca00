"""The simulated TiKV cluster, and its control endpoint."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from . import programs
from .process import Failed, Program


class Simulator(Program):
    """tikv-simulator, on free ports."""

    def __init__(self, directory: Path, recording: Path, *flags: str, name: str = "simulator"):
        super().__init__(name, directory / f"{name}.log")
        self.directory = directory / name
        self.recording = recording
        self.flags = flags
        self.pd = ""
        self.control = ""

    def start(self) -> "Simulator":
        ready = self.directory.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        self.launch(
            [programs.find("tikv-simulator"), f"--data-dir={self.directory}"]
            + [f"--{port}-port=0" for port in ("pd", "store", "control")]
            + [f"--ready-file={ready}", f"--recording={self.recording}", *self.flags]
        )
        addresses = self.wait_ready(lambda: ready.exists() and json.loads(ready.read_text()), 60)
        self.pd, self.control = addresses["pd"], addresses["control"]
        return self

    def logs(self) -> list[Path]:
        return [self.log]

    def get(self, path: str, **parameters):
        return self._call("GET", path, parameters)

    def post(self, path: str, **parameters):
        return self._call("POST", path, parameters)

    def status(self) -> dict:
        return self.get("/status")

    def now_ts(self) -> int:
        return self.get("/ts")["ts"]

    def rows(self, table: int, ts: int) -> dict[int, int]:
        """The stored rows of a load table: k by id."""
        return dict(self.get("/rows", table=table, ts=ts))

    def _call(self, method: str, path: str, parameters: dict):
        url = f"{self.control}{path}?{urllib.parse.urlencode(parameters)}"
        body = b"" if method == "POST" else None
        try:
            request = urllib.request.Request(url, data=body, method=method)
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {url}: {error.read().decode()}") from None
