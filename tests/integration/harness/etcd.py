"""What is in etcd, and what has been there: through etcdctl."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Failed, Program

PREFIX = "/tidb/cdc/"
OWNER = PREFIX + "owner/"


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _ctl(endpoint: str, *arguments: str) -> dict:
    argv = ["etcdctl", f"--endpoints={endpoint}", *arguments, "-w", "json"]
    environment = dict(os.environ, ETCDCTL_API="3")
    done = subprocess.run(argv, capture_output=True, env=environment, check=False, timeout=20)
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv)}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def get_prefix(endpoint: str, prefix: str = PREFIX) -> dict[str, str]:
    kvs = _ctl(endpoint, "get", "--prefix", prefix).get("kvs", [])
    return {_text(kv["key"]): _text(kv.get("value", "")) for kv in kvs}


def revision(endpoint: str) -> int:
    """It grows by one with every write."""
    return _ctl(endpoint, "get", "none")["header"]["revision"]


@dataclass(frozen=True)
class Event:
    """One change of one key."""

    revision: int
    key: str
    value: str | None  # None: deleted
    created: int


class History(Program):
    """All changes of our keys from the moment that it was started."""

    def __init__(self, directory: Path, endpoint: str):
        super().__init__("etcd-history", directory / "etcd-history.log")
        self.endpoint = endpoint

    def start(self) -> "History":
        os.environ["ETCDCTL_API"] = "3"
        argv = ["etcdctl", f"--endpoints={self.endpoint}", "watch", "--prefix", PREFIX]
        self.launch([*argv, "--rev=1", "-w", "json"])
        return self

    def events(self) -> list[Event]:
        events = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            if not line.startswith("{"):
                continue
            for event in json.loads(line).get("Events") or []:
                kv = event["kv"]
                deleted = event.get("type", 0) in (1, "DELETE")
                value = None if deleted else _text(kv.get("value", ""))
                created = kv.get("create_revision", 0)
                events.append(Event(kv["mod_revision"], _text(kv["key"]), value, created))
        return events

    def owners(self) -> list[str]:
        """The captures that were the owner, in order: of several candidates the oldest is."""
        candidates: dict[str, Event] = {}
        owners: list[tuple[int, str]] = []  # (create revision of the candidacy, capture)
        for event in self.events():
            if not event.key.startswith(OWNER):
                continue
            if event.value is None:
                candidates.pop(event.key, None)
            else:
                candidates[event.key] = event
            if not candidates:
                continue
            first = min(candidates.values(), key=lambda e: e.created)
            if not owners or owners[-1][0] != first.created:
                owners.append((first.created, first.value or ""))
        return [capture for _, capture in owners]
