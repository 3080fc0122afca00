"""TiKV's Java client as a reader of a change feed."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess

from .cdc import run
from .process import Failed
from .programs import REPOSITORY

_SOURCE = REPOSITORY / "simulator" / "tests" / "java"
_LIBRARIES = REPOSITORY / "build" / "simulator-java"


def _libraries() -> str:
    """The class path; fetched once per version, by one test process at a time."""
    pom, stamp = _SOURCE / "pom.xml", _LIBRARIES / "pom.xml"
    _LIBRARIES.mkdir(parents=True, exist_ok=True)
    with open(_LIBRARIES / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
            done = subprocess.run(
                ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies"]
                + [f"-DoutputDirectory={_LIBRARIES}/lib", "-DincludeScope=runtime"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise Failed(f"cannot fetch TiKV's client: {done.stdout}{done.stderr}")
            shutil.copy(pom, stamp)
    return f"{_LIBRARIES}/lib/*"


def read_feed(pd: str, start_key: str, end_key: str, start_ts: int, until_ts: int) -> list[dict]:
    """The rows of a range of keys (in hex) that are sent until `until_ts` is resolved."""
    pd = pd.removeprefix("http://")
    program = ["java", "-cp", _libraries(), str(_SOURCE / "FeedReader.java")]
    output = run([*program, pd, start_key, end_key, str(start_ts), str(until_ts)], 120).ok().stdout
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if not rows or rows.pop()["type"] != "END":
        raise Failed(f"the reader did not come to the end: {output}")
    return rows
