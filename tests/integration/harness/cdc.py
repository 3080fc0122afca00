"""The programs under test: the cdc server, its command line, and cdc-replay."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import programs
from .process import Failed, Program, die_with_parent, free_port

# An operator must find the code of an error in the one line that tells it.
ERROR_LINE = re.compile(r"CDC:Err\w+")


@dataclass(frozen=True)
class Ended:
    """A command that ran to its end."""

    argv: list[str]
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"{' '.join(self.argv)}\nexit status {self.status}\n{self.stdout}{self.stderr}"

    def ok(self) -> "Ended":
        if self.status != 0:
            raise Failed(str(self))
        return self

    def json(self):
        """The JSON in the output; the command may say something before it."""
        text = self.ok().stdout
        starts = [i for i in (text.find("{"), text.find("[")) if i >= 0]
        try:
            return json.loads(text[min(starts) :])
        except ValueError:
            raise Failed(f"no JSON in the output of {self}") from None


def run(argv: list[str], deadline_s: float) -> Ended:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline_s,
            preexec_fn=die_with_parent,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"") + (expired.stderr or b"")
        raise Failed(
            f"{' '.join(argv)}: not done within {deadline_s:g} s\n{output.decode(errors='replace')}"
        ) from None
    text = [stream.decode(errors="replace") for stream in (done.stdout, done.stderr)]
    return Ended(argv, done.returncode, *text)


class Cli:
    """`cdc cli ... --pd=...`, as an operator types it."""

    def __init__(self, pd: str):
        self.pd = pd

    def run(self, *args: str, deadline_s: float = 60) -> Ended:
        return run([programs.find("cdc"), "cli", *args, f"--pd={self.pd}"], deadline_s)

    def create(self, sink_uri: str, changefeed_id: str | None = None, *more: str) -> "Changefeed":
        changefeed_id = changefeed_id or f"t-{uuid.uuid4().hex[:12]}"
        arguments = [f"--sink-uri={sink_uri}", f"--changefeed-id={changefeed_id}", "--no-confirm"]
        self.run("changefeed", "create", *arguments, *more).ok()
        return Changefeed(self, changefeed_id)

    def changefeed_ids(self) -> list[str]:
        listed = self.run("changefeed", "list").json() or []
        return sorted(changefeed["id"] for changefeed in listed)


@dataclass(frozen=True)
class Changefeed:
    cli: Cli
    id: str

    def query(self) -> dict:
        return self.cli.run("changefeed", "query", "-c", self.id).json()

    def command(self, verb: str) -> Ended:
        return self.cli.run("changefeed", verb, "-c", self.id).ok()

    def checkpoint_ts(self) -> int:
        return int((self.query().get("status") or {}).get("checkpoint-ts", 0))

    def wait_for(self, ts: int, deadline_s: float) -> None:
        """Until the checkpoint has reached `ts`. A changefeed that has stopped cannot get there;
        one in error gets a while to recover."""
        end = time.monotonic() + deadline_s
        error_since = None
        while True:
            status = self.query()
            info = status.get("info") or {}
            checkpoint = int((status.get("status") or {}).get("checkpoint-ts", 0))
            if checkpoint >= ts:
                return
            in_error = info.get("state") in ("error", "warning")
            error_since = (error_since or time.monotonic()) if in_error else None
            stuck = error_since is not None and time.monotonic() - error_since > 20
            stopped = info.get("state") in ("failed", "stopped", "finished", "removed")
            if stopped or stuck or time.monotonic() > end:
                raise Failed(
                    f"changefeed {self.id}: state {info.get('state')}, checkpoint {checkpoint}, "
                    f"which is {(ts - checkpoint) >> 18} ms short; error {info.get('error')}"
                )
            time.sleep(0.1)


class CdcServer(Program):
    """`cdc server`. restart() keeps address, data directory and log."""

    def __init__(self, directory: Path, pd: str, name: str = "cdc", flags: tuple[str, ...] = ()):
        super().__init__(name, directory / f"{name}.out")
        self.flags = flags
        self.directory = directory
        self.pd = pd
        self.cli = Cli(pd)
        self.address = f"127.0.0.1:{free_port()}"
        self.server_log = directory / f"{name}.log"

    def server_arguments(self) -> list[str]:
        data_dir = self.directory / f"{self.name}-data"
        return [f"--pd={self.pd}", f"--addr={self.address}", f"--data-dir={data_dir}"] + [
            f"--log-file={self.server_log}",
            "--log-level=info",
            *self.flags,
        ]

    def start(self, wait: bool = True) -> "CdcServer":
        self.launch([programs.find("cdc"), "server", *self.server_arguments()])
        if wait:
            self.wait_ready(self._registered, 40)
        return self

    def ensure(self) -> "CdcServer":
        return self if self.alive() else self.start()

    def _registered(self) -> bool:
        """One capture of this address is there, and one is the owner."""
        listed = self.cli.run("capture", "list")
        if listed.status != 0:
            return False
        captures = listed.json() or []
        here = [c for c in captures if c.get("address") == self.address]
        return bool(here) and any(c.get("is-owner") for c in captures)

    def logs(self) -> list[Path]:
        return [self.log, self.server_log]


def replay(recording: Path, sink_uri: str, config: Path, deadline_s: float) -> Ended:
    argv = [programs.find("cdc-replay"), "--recording", str(recording), "--sink-uri", sink_uri]
    return run([*argv, "--config", str(config)], deadline_s)


def write_config(
    path: Path, rules: list[str], force_replicate: bool, ignore_start_ts: list[int]
) -> Path:
    """A changefeed's configuration. A JSON string or list of them is one in TOML, too."""
    path.write_text(
        f"force-replicate = {str(force_replicate).lower()}\n\n[filter]\n"
        f"rules = {json.dumps(rules, ensure_ascii=False)}\n"
        f"ignore-txn-start-ts = {json.dumps(ignore_start_ts)}\n",
        encoding="utf-8",
    )
    return path
