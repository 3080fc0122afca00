"""Reads recordings (see ../recordings/README.md): their description and the DDL jobs in them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from state import State, read_lines


@dataclass(frozen=True)
class DdlJob:
    start_ts: int  # of the job: what the filter's ignore-txn-start-ts names
    commit_ts: int
    query: str


@dataclass(frozen=True)
class Recording:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def meta(self) -> dict:
        return json.loads((self.path / "meta.json").read_text(encoding="utf-8"))

    def final_state(self) -> State:
        return State.load(self.path / "final.jsonl.zst")

    def ddl_jobs(self) -> list[DdlJob]:
        """The jobs that were done, in commit order, from their entries in the DDL history."""
        jobs = []
        for line in read_lines(self.path / "txns.jsonl.zst"):
            if _HISTORY_KEY not in line:
                continue
            txn = json.loads(line)
            for kind, key, *value in txn["muts"]:
                if kind == "P" and _HISTORY_KEY in key:
                    job = json.loads(bytes.fromhex(value[0]))
                    jobs.append(DdlJob(_job_start_ts(job), txn["commit_ts"], job["query"]))
        return jobs

    def ddl_start_ts(self, pattern: str) -> list[int]:
        """The start ts of the jobs whose query matches; white space in a query counts as one."""
        matching = re.compile(pattern, re.IGNORECASE)
        return [j.start_ts for j in self.ddl_jobs() if matching.search(" ".join(j.query.split()))]


# The hash of finished DDL jobs in TiDB's meta keys, as memcomparable bytes.
_HISTORY_KEY = (b"m" + b"DDLJobHi" + b"\xff" + b"story").hex()


def _job_start_ts(job: dict) -> int:
    return job.get("start_ts") or job["real_start_ts"]


def all_recordings(root: Path) -> list[Recording]:
    return [Recording(meta.parent) for meta in sorted(root.glob("*/meta.json"))]
